//! `SHOW … CARDINALITY`. Always counted: where InfluxDB estimates, the column is called as there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use svcflow_influxql::{Cardinality, Dimension, ShowCardinality};
use svcflow_store::{Measurement, RoaringBitmap, SeriesId, Snapshot};

use super::Context;
use super::keys::{Condition, all_fields, is_wanted};
use super::output::Table;
use super::scope::{Scoped, database_named};
use crate::plan::{Node, has_time};
use crate::{Column, QueryError, ResultSink, Values};

pub(super) fn cardinality(
    context: &Context<'_>,
    show: &ShowCardinality,
    sink: &mut dyn ResultSink,
) -> Result<(), QueryError> {
    let condition = show.condition.as_ref().map(Node::try_from).transpose()?;
    if condition.as_ref().is_some_and(has_time) {
        let what = what(&show.of);
        let text = format!("SHOW {what} EXACT CARDINALITY doesn't support time in WHERE clause");
        return Err(QueryError::Invalid(text));
    }
    let plain = !show.exact && show.scope.from.is_empty() && condition.is_none();
    if plain
        && show.group_by.is_empty()
        && matches!(show.of, Cardinality::Series | Cardinality::Measurement)
    {
        return total(context, show, sink);
    }
    let condition = Condition::new(context, show.condition.as_ref())?;
    let scoped = Scoped::find(context, show.scope.database.as_deref(), &show.scope.from)?;
    let keys = group_keys(&scoped, &show.group_by)?;
    let mut groups: BTreeMap<(Arc<str>, Vec<Arc<str>>), BTreeSet<String>> = BTreeMap::new();
    for measurement in &scoped.measurements {
        context.budget.go_on()?;
        let series = condition.series(context, &scoped.snapshot, measurement)?;
        for (tags, those) in grouped(measurement, &series, &keys) {
            let things = things(&show.of, &scoped.snapshot, measurement, &those)?;
            // Measurements are counted together.
            let name = match show.of {
                Cardinality::Measurement => Arc::default(),
                _ => measurement.name().into(),
            };
            groups.entry((name, tags)).or_default().extend(things);
        }
    }
    for ((name, tags), things) in groups {
        if things.is_empty() || show.page.offset > 0 {
            continue;
        }
        let tags: Vec<(&str, &str)> =
            keys.iter().zip(&tags).map(|(key, value)| (&**key, &**value)).collect();
        let count = i64::try_from(things.len()).unwrap_or(i64::MAX);
        put_out(&name, &tags, "count", count, sink)?;
    }
    Ok(())
}

const fn what(of: &Cardinality) -> &'static str {
    match of {
        Cardinality::Series => "SERIES",
        Cardinality::Measurement => "MEASUREMENT",
        Cardinality::TagKey => "TAG KEY",
        Cardinality::TagValues(_) => "TAG VALUES",
        Cardinality::FieldKey => "FIELD KEY",
    }
}

fn total(
    context: &Context<'_>,
    show: &ShowCardinality,
    sink: &mut dyn ResultSink,
) -> Result<(), QueryError> {
    let database = database_named(context, show.scope.database.as_deref())?;
    let count = context.store.read(database).map_or(0, |snapshot| match show.of {
        Cardinality::Series => snapshot.series_count(),
        _ => snapshot.measurements().count(),
    });
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    put_out("", &[], "cardinality estimation", count, sink)
}

fn put_out(
    name: &str,
    tags: &[(&str, &str)],
    column: &str,
    count: i64,
    sink: &mut dyn ResultSink,
) -> Result<(), QueryError> {
    let values = [Column::valid(Values::Integer(vec![count]))];
    Table { name, tags, columns: &[column], values: &values }.put_out(sink)
}

/// The tags that are grouped by, sorted.
fn group_keys(scoped: &Scoped, by: &[Dimension]) -> Result<Vec<Arc<str>>, QueryError> {
    let mut keys: BTreeSet<Arc<str>> = BTreeSet::new();
    let all = || scoped.measurements.iter().flat_map(Measurement::tag_keys);
    for dimension in by {
        match dimension {
            Dimension::Tag(tag) => {
                keys.insert(tag.name.as_str().into());
            }
            Dimension::Wildcard(_) => keys.extend(all().map(Into::into)),
            Dimension::Regex(regex, _) => {
                keys.extend(all().filter(|key| regex.is_match(key)).map(Into::into));
            }
            Dimension::Time(_) | Dimension::Other(_) => {
                let text = "only tag dimensions allowed";
                return Err(QueryError::Invalid(text.into()));
            }
        }
    }
    Ok(keys.into_iter().collect())
}

fn grouped(
    measurement: &Measurement,
    series: &RoaringBitmap,
    keys: &[Arc<str>],
) -> BTreeMap<Vec<Arc<str>>, RoaringBitmap> {
    let mut groups: BTreeMap<Vec<Arc<str>>, RoaringBitmap> = BTreeMap::new();
    if keys.is_empty() {
        return BTreeMap::from([(Vec::new(), series.clone())]);
    }
    for id in series {
        let value =
            |key: &Arc<str>| measurement.tag(SeriesId::new(id), key).unwrap_or_default().into();
        groups.entry(keys.iter().map(value).collect()).or_default().insert(id);
    }
    groups
}

/// What is counted.
fn things(
    of: &Cardinality,
    snapshot: &Snapshot,
    measurement: &Measurement,
    series: &RoaringBitmap,
) -> Result<BTreeSet<String>, QueryError> {
    if series.is_empty() {
        return Ok(BTreeSet::new());
    }
    let used =
        |key: &&str| measurement.tag_values(key).any(|(_, those)| !those.is_disjoint(series));
    Ok(match of {
        Cardinality::Series => {
            series.iter().map(|id| super::series::key(measurement, id)).collect()
        }
        Cardinality::Measurement => BTreeSet::from([measurement.name().to_owned()]),
        Cardinality::TagKey => measurement.tag_keys().filter(used).map(str::to_owned).collect(),
        Cardinality::TagValues(with) => measurement
            .tag_keys()
            .filter(|key| is_wanted(with, key))
            .flat_map(|key| measurement.tag_values(key))
            .filter(|(_, those)| !those.is_disjoint(series))
            .map(|(value, _)| value.to_owned())
            .collect(),
        Cardinality::FieldKey => all_fields(snapshot, measurement)?,
    })
}
