//! What a database consists of, its data apart: series, policies, and fields with their types.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::index::{Index, MeasurementId};
use crate::run::Run;
use crate::{Error, FieldId, FieldType, Policy, PolicySpec, Rollup, TimeRange};

/// A database of the store. Counted up, never used again after a drop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct DatabaseId(pub(crate) u32);

/// A policy of the store. Counted up, never used again after a drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PolicyId(pub(crate) u32);

/// One database's. Writers change a copy while snapshots hold the old one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schema {
    pub(crate) index: Arc<Index>,
    pub(crate) policies: BTreeMap<Arc<str>, Arc<PolicySchema>>,
    pub(crate) default: Option<Arc<str>>,
    /// Goes up whenever a series is dropped: ids from before may be void.
    pub(crate) generation: u64,
    /// Deletions that chunks on disk may not know of yet, by number.
    pub(crate) deletes: Arc<Vec<Delete>>,
}

/// Rows that were deleted: those of these series and this range that are older than the deletion.
#[derive(Clone, Debug)]
pub(crate) struct Delete {
    /// Counted up over all deletions of the store.
    pub(crate) number: u64,
    pub(crate) range: TimeRange,
    pub(crate) series: RoaringBitmap,
}

/// One policy's.
#[derive(Clone, Debug)]
pub(crate) struct PolicySchema {
    pub(crate) id: PolicyId,
    pub(crate) spec: PolicySpec,
    pub(crate) rollup: Option<Rollup>,
    pub(crate) fields: HashMap<MeasurementId, Arc<Fields>>,
}

/// The fields of a measurement in one policy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    ids: BTreeMap<Arc<str>, FieldId>,
    /// The same, as a set.
    known: Vec<FieldId>,
}

impl Delete {
    /// Whether the run may have rows that were deleted.
    pub(crate) fn concerns(&self, run: &Run) -> bool {
        run.identity.deletes < self.number
            && run.span.overlaps(&self.range)
            && !run.series.is_disjoint(&self.series)
    }
}

impl Schema {
    /// The policy of this name; without one, the default.
    pub(crate) fn policy(&self, name: Option<&str>) -> Result<&Arc<PolicySchema>, Error> {
        let name = name.or(self.default.as_deref()).unwrap_or_default();
        self.policies.get(name).ok_or_else(|| Error::PolicyNotFound { name: name.to_owned() })
    }

    pub(crate) fn policy_by_id(&self, id: PolicyId) -> Option<&Arc<PolicySchema>> {
        self.policies.values().find(|policy| policy.id == id)
    }

    pub(crate) fn put_field(
        &mut self,
        policy: PolicyId,
        measurement: MeasurementId,
        id: FieldId,
        name: &str,
    ) {
        if let Some(policy) = self.policies.values_mut().find(|it| it.id == policy) {
            let fields = Arc::make_mut(policy).fields.entry(measurement).or_default();
            Arc::make_mut(fields).insert(name, id);
        }
    }

    /// Forgets the fields of measurements that have no series any more.
    pub(crate) fn forget_measurements(&mut self) {
        let index = &self.index;
        for policy in self.policies.values_mut() {
            if policy.fields.keys().any(|id| !index.has_measurement(*id)) {
                Arc::make_mut(policy).fields.retain(|id, _| index.has_measurement(*id));
            }
        }
    }

    pub(crate) fn list(&self) -> Vec<Policy> {
        let default = |name: &str| self.default.as_deref() == Some(name);
        let policy = |it: &Arc<PolicySchema>| Policy {
            spec: it.spec.clone(),
            rollup: it.rollup.clone(),
            default: default(&it.spec.name),
        };
        let mut policies: Vec<_> = self.policies.values().collect();
        policies.sort_unstable_by_key(|policy| policy.id);
        policies.into_iter().map(policy).collect()
    }
}

impl Fields {
    /// The field of this name; a type other than its own is an error that names that one.
    pub(crate) fn find(&self, name: &str, kind: FieldType) -> Result<Option<FieldId>, FieldType> {
        match self.ids.get(name) {
            Some(id) if id.field_type() == kind => Ok(Some(*id)),
            Some(id) => Err(id.field_type()),
            None => Ok(None),
        }
    }

    /// The id that the next new field of this type gets: beyond all that were given out.
    pub(crate) fn next(&self, kind: FieldType) -> Option<FieldId> {
        FieldId::new(self.known.last().map_or(0, |last| last.index() + 1), kind)
    }

    pub(crate) fn insert(&mut self, name: &str, id: FieldId) {
        if let Err(at) = self.known.binary_search(&id) {
            self.known.insert(at, id);
            self.ids.insert(name.into(), id);
        }
    }

    pub(crate) fn has(&self, id: FieldId) -> bool {
        self.known.binary_search(&id).is_ok()
    }

    /// Sorted by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, FieldId)> {
        self.ids.iter().map(|(name, id)| (name, *id))
    }
}
