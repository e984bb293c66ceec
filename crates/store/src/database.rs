//! One database: its schema, and the data of its policies.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::index::MeasurementId;
use crate::memtable::Memtable;
use crate::schema::{PolicyId, PolicySchema, Schema};
use crate::{Error, FieldId, FieldType, PolicySpec, SeriesId};

pub(crate) struct Database {
    pub(crate) schema: RwLock<Arc<Schema>>,
    pub(crate) data: RwLock<HashMap<PolicyId, Arc<PolicyData>>>,
}

/// A policy's rows.
#[derive(Default)]
pub(crate) struct PolicyData {
    pub(crate) heads: RwLock<Memtable>,
}

impl Database {
    pub(crate) fn new() -> Self {
        Self { schema: RwLock::default(), data: RwLock::default() }
    }

    pub(crate) fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.schema.read())
    }

    pub(crate) fn data(&self, policy: PolicyId) -> Option<Arc<PolicyData>> {
        self.data.read().get(&policy).map(Arc::clone)
    }

    pub(crate) fn add_policy(&self, id: PolicyId, spec: PolicySpec, default: bool) {
        let mut schema = self.schema.write();
        let schema = Arc::make_mut(&mut schema);
        let name: Arc<str> = spec.name.as_str().into();
        if default {
            schema.default = Some(Arc::clone(&name));
        }
        let policy = PolicySchema { id, spec, fields: HashMap::new() };
        schema.policies.insert(name, Arc::new(policy));
        self.data.write().insert(id, Arc::default());
    }

    pub(crate) fn series(
        &self,
        measurement: &str,
        tags: &[(&str, &str)],
    ) -> Result<SeriesId, Error> {
        if let Some(id) = self.schema.read().index.find(measurement, tags) {
            return Ok(id);
        }
        check_names(measurement, tags)?;
        let mut schema = self.schema.write();
        let index = Arc::make_mut(&mut Arc::make_mut(&mut schema).index);
        if let Some(id) = index.find(measurement, tags) {
            return Ok(id);
        }
        let id = index.next_series()?;
        index.insert(id, measurement, tags);
        Ok(id)
    }

    pub(crate) fn measurement_of(&self, series: SeriesId) -> Result<MeasurementId, Error> {
        let found = self.schema.read().index.measurement_of(series);
        found.ok_or(Error::SeriesNotFound { series: series.get() })
    }

    pub(crate) fn field(
        &self,
        policy: PolicyId,
        series: SeriesId,
        name: &str,
        kind: FieldType,
    ) -> Result<FieldId, Error> {
        let measurement = self.measurement_of(series)?;
        if let Some(id) = find_field(&self.schema.read(), policy, measurement, name, kind)? {
            return Ok(id);
        }
        if name.is_empty() {
            return Err(Error::NameInvalid { what: "a field without a name" });
        }
        let mut schema = self.schema.write();
        if let Some(id) = find_field(&schema, policy, measurement, name, kind)? {
            return Ok(id);
        }
        let too_many = Error::TooManyFields {
            measurement: schema.index.measurement_name(measurement).to_owned(),
        };
        let schema = Arc::make_mut(&mut schema);
        let found = schema.policies.values_mut().find(|it| it.id == policy);
        let policy = found.ok_or_else(|| Error::PolicyNotFound { name: String::new() })?;
        let fields = Arc::make_mut(policy).fields.entry(measurement).or_default();
        let fields = Arc::make_mut(fields);
        let id = fields.next(kind).ok_or(too_many)?;
        fields.insert(name, id);
        Ok(id)
    }
}

fn find_field(
    schema: &Schema,
    policy: PolicyId,
    measurement: MeasurementId,
    name: &str,
    given: FieldType,
) -> Result<Option<FieldId>, Error> {
    let policy = schema.policy_by_id(policy);
    let Some(fields) = policy.and_then(|policy| policy.fields.get(&measurement)) else {
        return Ok(None);
    };
    fields.find(name, given).map_err(|there| Error::FieldTypeConflict {
        measurement: schema.index.measurement_name(measurement).to_owned(),
        field: name.to_owned(),
        there,
        given,
    })
}

fn check_names(measurement: &str, tags: &[(&str, &str)]) -> Result<(), Error> {
    let fault = if measurement.is_empty() {
        "a measurement without a name"
    } else if tags.iter().any(|(key, value)| key.is_empty() || value.is_empty()) {
        "a tag without a key or a value"
    } else if !tags.is_sorted_by(|one, other| one.0 < other.0) {
        "tags that aren't sorted by key, each once"
    } else {
        return Ok(());
    };
    Err(Error::NameInvalid { what: fault })
}
