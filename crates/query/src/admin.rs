//! Statements that change something.

use std::time::Duration;

use svcflow_influxql as ql;
use svcflow_influxql::{RetentionDuration, Statement};
use svcflow_store::{
    Measurement, Order, PolicyChange, PolicySpec, RoaringBitmap, ScanRequest, Snapshot, TimeRange,
    default_shard_duration,
};

use crate::QueryError;
use crate::exec::store_error;
use crate::plan::{MAX_TIME, MIN_TIME, Node, has_time, split};
use crate::show::{Context, Scoped, is_named, matching};

/// The name of a database's first policy, where none is given.
const AUTOGEN: &str = "autogen";
const HOUR: Duration = Duration::from_secs(3600);

/// Whether a statement changes something, so that it shouldn't come by GET.
#[must_use]
pub const fn changes(statement: &Statement) -> bool {
    !matches!(statement, Statement::Select(_) | Statement::Explain(_) | Statement::Show(_))
}

/// Carries out a statement that changes something.
pub(crate) fn change(context: &Context<'_>, statement: &Statement) -> Result<(), QueryError> {
    let store = context.store;
    match statement {
        Statement::CreateDatabase(create) => create_database(context, create),
        Statement::DropDatabase { name } => store.drop_database(name).map_err(store_error),
        Statement::CreateRetentionPolicy(create) => create_policy(context, create),
        Statement::AlterRetentionPolicy(alter) => alter_policy(context, alter),
        Statement::DropRetentionPolicy(drop) => {
            // As InfluxDB has it: a policy of a database that isn't there isn't there either.
            match store.drop_policy(&drop.database, &drop.name).map_err(store_error) {
                Err(QueryError::DatabaseNotFound(_)) => Ok(()),
                other => other,
            }
        }
        Statement::DropMeasurement { name } => {
            let database = &context.session.database;
            store.drop_measurement(database, name).map_err(store_error)
        }
        Statement::DropSeries(drop) => drop_series(context, drop),
        Statement::Delete(delete) => self::delete(context, delete),
        Statement::KillQuery { id, .. } => {
            if context.queries.kill(*id) {
                return Ok(());
            }
            Err(QueryError::Refused(format!("no such query id: {id}")))
        }
        other => Err(QueryError::NotImplemented(unsupported(other).into())),
    }
}

const fn unsupported(statement: &Statement) -> &'static str {
    match statement {
        Statement::DropShard { .. } => {
            "there are no shards to drop: use DELETE, or a retention policy's duration"
        }
        Statement::CreateContinuousQuery(_) | Statement::DropContinuousQuery(_) => {
            "continuous queries aren't supported"
        }
        Statement::CreateSubscription(_) | Statement::DropSubscription(_) => {
            "subscriptions aren't supported: list the targets under `sinks` in the server's configuration"
        }
        Statement::CreateUser(_)
        | Statement::DropUser { .. }
        | Statement::SetPassword(_)
        | Statement::Grant(_)
        | Statement::GrantAdmin { .. }
        | Statement::Revoke(_)
        | Statement::RevokeAdmin { .. } => {
            "users and what they may do are kept in the server's configuration"
        }
        _ => "this statement isn't supported",
    }
}

fn invalid<T>(text: &str) -> Result<T, QueryError> {
    Err(QueryError::Refused(text.into()))
}

const fn kept(duration: RetentionDuration) -> Option<Duration> {
    match duration {
        RetentionDuration::Infinite => None,
        RetentionDuration::For(duration) => Some(length(duration)),
    }
}

const fn length(duration: ql::Duration) -> Duration {
    Duration::from_nanos(duration.0.unsigned_abs())
}

/// A shard's width as InfluxDB makes it: its own choice for nothing, and an hour for less.
fn shard(width: Option<ql::Duration>, duration: Option<Duration>) -> Duration {
    match width.map(length) {
        None | Some(Duration::ZERO) => default_shard_duration(duration),
        Some(width) => width.max(HOUR),
    }
}

/// Checks what InfluxDB checks, in its words.
fn check_policy(duration: Option<Duration>, shard: Duration) -> Result<(), QueryError> {
    match duration {
        Some(duration) if duration < HOUR => {
            invalid("retention policy duration must be at least 1h0m0s")
        }
        Some(duration) if duration < shard => {
            invalid("retention policy duration must be greater than the shard duration")
        }
        _ => Ok(()),
    }
}

/// Checks the name of a database or a policy: InfluxDB makes folders of them (`ValidName` in its `services/meta`).
fn check_name(name: &str) -> Result<(), QueryError> {
    let printed = |c: char| c == ' ' || !(c.is_control() || c.is_whitespace());
    if matches!(name, "" | "." | "..") || name.contains(['/', '\\']) || !name.chars().all(printed) {
        return invalid("invalid name");
    }
    Ok(())
}

fn create_database(context: &Context<'_>, create: &ql::CreateDatabase) -> Result<(), QueryError> {
    let store = context.store;
    check_name(&create.name)?;
    let Some(policy) = &create.policy else {
        return store
            .create_database(&create.name, PolicySpec::new(AUTOGEN, None))
            .map_err(store_error);
    };
    let name = policy.name.as_deref().unwrap_or(AUTOGEN);
    check_name(name)?;
    let duration = policy.duration.and_then(kept);
    let spec = PolicySpec {
        replicas: policy.replication.unwrap_or(1),
        shard_duration: shard(policy.shard_duration, duration),
        ..PolicySpec::new(name, duration)
    };
    check_policy(spec.duration, spec.shard_duration)?;
    // One that is there must have such a default policy.
    if let Ok(policies) = store.policies(&create.name) {
        let same = policies.iter().any(|policy| policy.default && policy.spec == spec);
        return if same {
            Ok(())
        } else {
            invalid("retention policy conflicts with an existing policy")
        };
    }
    store.create_database(&create.name, spec).map_err(store_error)
}

fn create_policy(
    context: &Context<'_>,
    create: &ql::CreateRetentionPolicy,
) -> Result<(), QueryError> {
    check_name(&create.name)?;
    let duration = kept(create.duration);
    let spec = PolicySpec {
        replicas: create.replication,
        shard_duration: shard(create.shard_duration, duration),
        ..PolicySpec::new(&create.name, duration)
    };
    let there = context.store.policies(&create.database).map_err(store_error)?;
    check_policy(spec.duration, spec.shard_duration)?;
    if there.iter().any(|policy| policy.spec.name == spec.name && policy.spec != spec) {
        return invalid("retention policy already exists");
    }
    context.store.create_policy(&create.database, spec, create.default).map_err(store_error)
}

fn alter_policy(context: &Context<'_>, alter: &ql::AlterRetentionPolicy) -> Result<(), QueryError> {
    let there = context.store.policies(&alter.database).map_err(store_error)?;
    let Some(policy) = there.iter().find(|policy| policy.spec.name == alter.name) else {
        return Err(QueryError::PolicyNotFound(alter.name.clone()));
    };
    let duration = alter.duration.map(kept);
    let resulting = duration.unwrap_or(policy.spec.duration);
    let width = alter.shard_duration.map(|width| shard(Some(width), resulting));
    check_policy(resulting, width.unwrap_or(policy.spec.shard_duration))?;
    let change = PolicyChange {
        duration,
        shard_duration: width,
        replicas: alter.replication,
        default: alter.default,
    };
    context.store.alter_policy(&alter.database, &alter.name, &change).map_err(store_error)
}

/// The database of a session; InfluxDB looks for one of no name where there is none.
fn scoped(context: &Context<'_>, from: &[ql::Measurement]) -> Result<Scoped, QueryError> {
    match Scoped::find(context, None, from) {
        Err(QueryError::DatabaseRequired) => Err(QueryError::DatabaseNotFound(String::new())),
        Ok(mut scoped) => {
            // `FROM ""` is no measurement here, instead of all.
            let named = |name: &str| from.is_empty() || from.iter().any(|it| is_named(it, name));
            scoped.measurements.retain(|measurement| named(measurement.name()));
            Ok(scoped)
        }
        other => other,
    }
}

fn drop_series(context: &Context<'_>, drop: &ql::DropSeries) -> Result<(), QueryError> {
    let condition = drop.condition.as_ref().map(Node::try_from).transpose()?;
    if condition.as_ref().is_some_and(has_time) {
        return invalid("DROP SERIES doesn't support time in WHERE clause");
    }
    let scoped = scoped(context, &drop.from)?;
    let mut series = RoaringBitmap::new();
    for measurement in &scoped.measurements {
        series |= selected(&scoped.snapshot, measurement, condition.as_ref())?;
    }
    context.store.drop_series(&context.session.database, &series).map_err(store_error)
}

fn delete(context: &Context<'_>, delete: &ql::Delete) -> Result<(), QueryError> {
    let condition = delete.condition.as_ref().map(Node::try_from).transpose()?;
    let split = split(condition.as_ref(), context.session.now, None)?;
    let scoped = scoped(context, &delete.from)?;
    let range = TimeRange {
        first: split.bounds.min.unwrap_or(MIN_TIME),
        last: split.bounds.max.unwrap_or(MAX_TIME),
    };
    let database = &context.session.database;
    let mut series = RoaringBitmap::new();
    for measurement in &scoped.measurements {
        series |= selected(&scoped.snapshot, measurement, split.condition.as_ref())?;
    }
    if series.is_empty() || range.is_empty() {
        return Ok(());
    }
    context.store.delete(database, &series, range).map_err(store_error)?;
    // A series of which nothing is left is none any more.
    let snapshot = context.store.read(database).map_err(store_error)?;
    let mut gone = RoaringBitmap::new();
    for measurement in &scoped.measurements {
        gone |= without_rows(&snapshot, measurement, &(&series & measurement.series_all()))?;
    }
    if gone.is_empty() {
        return Ok(());
    }
    // Unless somebody writes to it just now.
    context.store.drop_empty_series(database, &snapshot, &gone).map_err(store_error)
}

/// The series of a measurement that are to go.
fn selected(
    snapshot: &Snapshot,
    measurement: &Measurement,
    condition: Option<&Node>,
) -> Result<RoaringBitmap, QueryError> {
    let Some(condition) = condition else { return Ok(measurement.series_all().clone()) };
    let fields = crate::show::all_fields(snapshot, measurement)?;
    let mut of_field = false;
    condition.walk(&mut |node| {
        of_field |= matches!(node, Node::Reference(name) if fields.contains(&name.name));
    });
    if of_field {
        return invalid("fields not supported in WHERE clause during deletion");
    }
    matching(measurement, &fields, condition)
}

/// Those of the series that have no rows, in whichever policy.
fn without_rows(
    snapshot: &Snapshot,
    measurement: &Measurement,
    series: &RoaringBitmap,
) -> Result<RoaringBitmap, QueryError> {
    let mut left = series.clone();
    let mut block = svcflow_store::Block::default();
    for policy in snapshot.policies() {
        let name = Some(policy.spec.name.as_str());
        let fields = measurement.fields(name).map_err(store_error)?;
        let fields: Vec<_> = fields.iter().map(|field| field.id).collect();
        if fields.is_empty() || left.is_empty() {
            continue;
        }
        let wanted = left.clone();
        let request = ScanRequest {
            policy: name,
            series: &wanted,
            fields: &fields,
            range: TimeRange { first: MIN_TIME, last: MAX_TIME },
            order: Order::Ascending,
        };
        let mut scan = snapshot.scan(&request).map_err(store_error)?;
        while let Some(series) = scan.next_series().map_err(store_error)? {
            while let Some(chunk) = scan.next_chunk().map_err(store_error)? {
                chunk.decode(&mut block).map_err(store_error)?;
                if block.rows() > 0 {
                    left.remove(series.get());
                    break;
                }
            }
        }
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_can_be_folders() {
        for name in ["a", "a b", "é", "...", ".a", " ", "a.b"] {
            assert!(check_name(name).is_ok(), "{name:?}");
        }
        for name in ["", ".", "..", "a/b", "a\\b", "a\nb", "a\tb", "a\u{a0}b", "/"] {
            assert_eq!(check_name(name).unwrap_err().to_string(), "invalid name", "{name:?}");
        }
    }
}
