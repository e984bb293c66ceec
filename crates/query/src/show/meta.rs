//! `SHOW DATABASES`, `SHOW RETENTION POLICIES` and others that don't look at series.

use std::time::Duration;

use super::Context;
use super::output::{Table, texts};
use super::scope::database_named;
use crate::exec::store_error;
use crate::{Column, QueryError, ResultSink, Values};

pub(super) fn databases(
    context: &Context<'_>,
    sink: &mut dyn ResultSink,
) -> Result<(), QueryError> {
    let values = [texts(context.store.databases())];
    Table { name: "databases", tags: &[], columns: &["name"], values: &values }.put_out(sink)
}

pub(super) fn policies(
    context: &Context<'_>,
    database: Option<&str>,
    sink: &mut dyn ResultSink,
) -> Result<(), QueryError> {
    let database = database_named(context, database)?;
    let policies = context.store.policies(database).map_err(store_error)?;
    let kept = |duration: Option<Duration>| go_duration(duration.unwrap_or_default());
    let replicas = policies.iter().map(|policy| i64::from(policy.spec.replicas)).collect();
    let values = [
        texts(policies.iter().map(|policy| policy.spec.name.as_str())),
        texts(policies.iter().map(|policy| kept(policy.spec.duration))),
        texts(policies.iter().map(|policy| go_duration(policy.spec.shard_duration))),
        Column::valid(Values::Integer(replicas)),
        Column::valid(Values::Boolean(policies.iter().map(|policy| policy.default).collect())),
    ];
    let columns = ["name", "duration", "shardGroupDuration", "replicaN", "default"];
    Table { name: "", tags: &[], columns: &columns, values: &values }.put_out(sink)
}

/// There are none; InfluxDB lists the databases all the same.
pub(super) fn continuous_queries(
    context: &Context<'_>,
    sink: &mut dyn ResultSink,
) -> Result<(), QueryError> {
    for database in context.store.databases() {
        let values = [texts::<&str>([]), texts::<&str>([])];
        let columns = ["name", "query"];
        Table { name: &database, tags: &[], columns: &columns, values: &values }.put_out(sink)?;
    }
    Ok(())
}

pub(super) fn queries(context: &Context<'_>, sink: &mut dyn ResultSink) -> Result<(), QueryError> {
    let running = context.queries.running();
    let ids = running.iter().map(|query| i64::try_from(query.id).unwrap_or(i64::MAX)).collect();
    let status = |killed: bool| if killed { "killed" } else { "running" };
    let values = [
        Column::valid(Values::Integer(ids)),
        texts(running.iter().map(|query| query.text.as_str())),
        texts(running.iter().map(|query| query.database.as_str())),
        texts(running.iter().map(|query| rough_duration(query.duration))),
        texts(running.iter().map(|query| status(query.killed))),
    ];
    let columns = ["qid", "query", "database", "duration", "status"];
    Table { name: "", tags: &[], columns: &columns, values: &values }.put_out(sink)
}

pub(super) fn diagnostics(
    context: &Context<'_>,
    module: Option<&str>,
    sink: &mut dyn ResultSink,
) -> Result<(), QueryError> {
    let wanted = |name: &str| module.is_none_or(|module| module == name);
    let uptime = go_duration(context.queries.uptime());
    let pid = i64::from(std::process::id());
    let tables: [(&str, &[&str], Vec<Column>); 3] = [
        (
            "build",
            &["Branch", "Version"],
            vec![texts(["svcflow"]), texts([env!("CARGO_PKG_VERSION")])],
        ),
        (
            "runtime",
            &["GOARCH", "GOOS"],
            vec![texts([std::env::consts::ARCH]), texts([std::env::consts::OS])],
        ),
        (
            "system",
            &["PID", "uptime"],
            vec![Column::valid(Values::Integer(vec![pid])), texts([uptime])],
        ),
    ];
    for (name, columns, values) in tables.iter().filter(|(name, ..)| wanted(name)) {
        Table { name, tags: &[], columns, values }.put_out(sink)?;
    }
    Ok(())
}

/// A duration as Go prints it, to the second: `168h0m0s`.
fn go_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

/// A duration in the unit that suits it, as InfluxDB shows those of queries.
fn rough_duration(duration: Duration) -> String {
    match duration.as_micros() {
        0..1_000 => format!("{}\u{b5}s", duration.as_micros()),
        1_000..1_000_000 => format!("{}ms", duration.as_millis()),
        _ => go_duration(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_in_go() {
        let text = |seconds| go_duration(Duration::from_secs(seconds));
        assert_eq!(text(0), "0s");
        assert_eq!(text(7 * 24 * 3600), "168h0m0s");
        assert_eq!(text(90), "1m30s");
        assert_eq!(rough_duration(Duration::from_micros(90)), "90µs");
        assert_eq!(rough_duration(Duration::from_millis(90)), "90ms");
    }
}
