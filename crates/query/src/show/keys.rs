//! `SHOW TAG KEYS`, `SHOW TAG VALUES` and `SHOW FIELD KEYS`

use std::collections::{BTreeMap, BTreeSet};

use svcflow_influxql::{ShowFieldKeys, ShowTagKeys, ShowTagValues, TagKeyFilter};
use svcflow_store::{Measurement, RoaringBitmap, Snapshot};

use super::output::{Table, paged, texts};
use super::scope::{Scoped, in_time};
use super::tags::{TAG_KEY, holds_for, only};
use super::{Context, matching};
use crate::exec::{policy_named, store_error};
use crate::plan::{MEASUREMENT_NAME, Node, Split, split};
use crate::{QueryError, ResultSink};

pub(super) fn tag_keys(
    context: &Context<'_>,
    show: &ShowTagKeys,
    sink: &mut dyn ResultSink,
) -> Result<(), QueryError> {
    let condition = KeyCondition::new(context, show.condition.as_ref())?;
    let scoped = Scoped::find(context, show.scope.database.as_deref(), &show.scope.from)?;
    for measurement in scoped.measurements.iter().filter(|it| condition.names(it)) {
        let condition = &condition.rest;
        let series = condition.series(context, &scoped.snapshot, measurement)?;
        let has =
            |key: &&str| measurement.tag_values(key).any(|(_, those)| !those.is_disjoint(&series));
        let keys = paged(measurement.tag_keys().filter(has), &show.page);
        if !keys.is_empty() {
            let values = [texts(keys)];
            Table { name: measurement.name(), tags: &[], columns: &["tagKey"], values: &values }
                .put_out(sink)?;
        }
    }
    Ok(())
}

pub(super) fn tag_values(
    context: &Context<'_>,
    show: &ShowTagValues,
    sink: &mut dyn ResultSink,
) -> Result<(), QueryError> {
    let condition = KeyCondition::new(context, show.condition.as_ref())?;
    let scoped = Scoped::find(context, show.scope.database.as_deref(), &show.scope.from)?;
    for measurement in scoped.measurements.iter().filter(|it| condition.names(it)) {
        context.budget.go_on()?;
        let series = condition.rest.series(context, &scoped.snapshot, measurement)?;
        let whole = series.len() == measurement.series_all().len();
        let pairs = measurement
            .tag_keys()
            .filter(|key| is_wanted(&show.with, key) && condition.keys(key))
            .flat_map(|key| {
                measurement.tag_values(key).map(move |(value, those)| (key, value, those))
            })
            .filter(|(_, _, those)| whole || !those.is_disjoint(&series));
        let pairs = paged(pairs, &show.page);
        if !pairs.is_empty() {
            let keys = texts(pairs.iter().map(|(key, _, _)| *key));
            let values = texts(pairs.iter().map(|(_, value, _)| *value));
            let values = [keys, values];
            let columns = ["key", "value"];
            Table { name: measurement.name(), tags: &[], columns: &columns, values: &values }
                .put_out(sink)?;
        }
    }
    Ok(())
}

/// Whether a key is meant.
pub(super) fn is_wanted(with: &TagKeyFilter, key: &str) -> bool {
    match with {
        TagKeyFilter::Equal(wanted) => wanted == key,
        TagKeyFilter::NotEqual(other) => other != key,
        TagKeyFilter::In(wanted) => wanted.iter().any(|wanted| wanted == key),
        TagKeyFilter::Matches(regex) => regex.is_match(key),
        TagKeyFilter::NotMatches(regex) => !regex.is_match(key),
    }
}

pub(super) fn field_keys(
    context: &Context<'_>,
    show: &ShowFieldKeys,
    sink: &mut dyn ResultSink,
) -> Result<(), QueryError> {
    let scope = &show.scope;
    let named = scope.from.iter().find_map(|from| from.database.as_deref());
    let scoped = Scoped::find(context, named.or(scope.database.as_deref()), &scope.from)?;
    let policy = scope.from.iter().find_map(|from| from.retention_policy.as_deref());
    let policy = policy.unwrap_or(&context.session.retention_policy);
    let policy = policy_named(&scoped.snapshot, policy)?;
    for measurement in &scoped.measurements {
        let fields = measurement.fields(Some(&policy.spec.name)).map_err(store_error)?;
        let fields = paged(fields, &show.page);
        if !fields.is_empty() {
            let names = texts(fields.iter().map(|field| std::sync::Arc::clone(&field.name)));
            let kinds = texts(fields.iter().map(|field| field.field_type().to_string()));
            let columns = ["fieldKey", "fieldType"];
            let values = [names, kinds];
            Table { name: measurement.name(), tags: &[], columns: &columns, values: &values }
                .put_out(sink)?;
        }
    }
    Ok(())
}

/// A condition of tags and of time.
pub(super) struct Condition(Split);

impl Condition {
    pub(super) fn new(
        context: &Context<'_>,
        condition: Option<&svcflow_influxql::Expr>,
    ) -> Result<Self, QueryError> {
        let condition = condition.map(Node::try_from).transpose()?;
        Ok(Self(split(condition.as_ref(), context.session.now, None)?))
    }

    /// The series of a measurement for which it holds.
    pub(super) fn series(
        &self,
        context: &Context<'_>,
        snapshot: &Snapshot,
        measurement: &Measurement,
    ) -> Result<RoaringBitmap, QueryError> {
        let there = in_time(context, snapshot, measurement, self.0.bounds)?;
        let Some(condition) = &self.0.condition else { return Ok(there) };
        let fields = all_fields(snapshot, measurement)?;
        Ok(there & matching(measurement, &fields, condition)?)
    }
}

/// A condition of `SHOW TAG KEYS` or `SHOW TAG VALUES`, which InfluxDB takes apart: what it says of measurements,
/// of keys, and of series are asked one after the other, however they were joined.
struct KeyCondition {
    names: Option<Node>,
    keys: Option<Node>,
    rest: Condition,
}

impl KeyCondition {
    fn new(
        context: &Context<'_>,
        condition: Option<&svcflow_influxql::Expr>,
    ) -> Result<Self, QueryError> {
        let mut rest = Condition::new(context, condition)?;
        let whole = rest.0.condition.take();
        let part = |counts: &dyn Fn(&str) -> bool| whole.as_ref().and_then(|it| only(it, &counts));
        rest.0.condition = part(&|name| name != MEASUREMENT_NAME && name != TAG_KEY);
        let (names, keys) = (part(&|name| name == MEASUREMENT_NAME), part(&|name| name == TAG_KEY));
        Ok(Self { names, keys, rest })
    }

    fn names(&self, measurement: &Measurement) -> bool {
        self.names.as_ref().is_none_or(|condition| holds_for(condition, measurement.name()))
    }

    fn keys(&self, key: &str) -> bool {
        self.keys.as_ref().is_none_or(|condition| holds_for(condition, key))
    }
}

/// The names of a measurement's fields, in all policies.
pub(crate) fn all_fields(
    snapshot: &Snapshot,
    measurement: &Measurement,
) -> Result<BTreeSet<String>, QueryError> {
    let mut names = BTreeMap::new();
    for policy in snapshot.policies() {
        for field in measurement.fields(Some(&policy.spec.name)).map_err(store_error)? {
            names.insert(field.name.to_string(), ());
        }
    }
    Ok(names.into_keys().collect())
}
