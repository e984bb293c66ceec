//! What queries cost, without HTTP: the graph's query and the outline's over 20,000 series, one sum of rates
//! over an hour of 5,000 series, and one series over a week.
//!
//! `cargo bench -p svcflow-query`, or with names of queries behind `--`
#![expect(clippy::print_stdout, reason = "a benchmark's figures are its output")]
#![expect(clippy::cast_precision_loss, reason = "figures")]

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};
use svcflow_influxql::Statement;
use svcflow_query::{Cancel, Engine, Limits, ResultSink, SeriesFrame, Session, SinkClosed};
use svcflow_store::{FieldType, FieldValue, Options, PolicySpec, Store};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const START: i64 = 1_790_000_000_000_000_000;
const STEP: i64 = 10_000_000_000;
const FIELDS: [&str; 4] = ["BytesIn", "BytesOut", "PacketsIn", "PacketsOut"];

fn main() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(folder.path(), Options::default())?;
    let (week, hour) = (60_480_i64, 360_i64);
    fill(&store, "telegraf", 20_000, 60)?;
    fill(&store, "hour", 5_000, hour)?;
    one_series(&store, "telegraf", week)?;
    let engine = Engine::new(store.clone(), Limits::default());
    let from = |steps: i64| START - steps * STEP;
    for settled in [false, true] {
        if settled && std::env::var_os("UNSETTLED").is_some() {
            break;
        }
        if settled {
            store.flush()?;
            while store.merge()? {}
        }
        println!("{}", if settled { "settled" } else { "as written" });
        let graph = "SELECT BytesOut, BytesIn, EndpointIP, ProviderIP FROM httpjson_svcstats \
             WHERE time > now() - 1m GROUP BY * LIMIT 1";
        report(&engine, "telegraf", "graph", graph)?;
        let between = format!("time >= {} AND time < {}", from(hour), START + STEP);
        let outline = format!(
            "SELECT sum(r) FROM (SELECT non_negative_derivative(last(BytesOut), 1s) AS r \
             FROM httpjson_svcstats WHERE {between} GROUP BY time(10s), *) \
             WHERE {between} GROUP BY time(10s), ServiceIP"
        );
        report(&engine, "hour", "sum of rates", &outline)?;
        let total = outline.replace(", ServiceIP", "");
        report(&engine, "hour", "sum of rates, all together", &total)?;
        let mean = format!(
            "SELECT mean(BytesOut), max(BytesIn) FROM httpjson_svcstats WHERE {between} \
             GROUP BY time(1m), Node"
        );
        report(&engine, "hour", "mean and max by node", &mean)?;
        let all = "SELECT count(BytesOut), last(BytesIn) FROM httpjson_svcstats";
        report(&engine, "hour", "count of all", all)?;
        report(&engine, "hour", "everything", "SELECT * FROM httpjson_svcstats")?;
        let everything = "SELECT * FROM httpjson_svcstats GROUP BY *";
        report(&engine, "hour", "everything by series", everything)?;
        let week = format!(
            "SELECT BytesOut FROM httpjson_svcstats WHERE EndpointIP = 'week' AND time >= {}",
            from(week)
        );
        report(&engine, "telegraf", "a week", &week)?;
        let hours = week.replace("SELECT BytesOut", "SELECT mean(BytesOut)");
        let hours = format!("{hours} AND time <= {START} GROUP BY time(1h) fill(previous)");
        report(&engine, "telegraf", "hours of a week", &hours)?;
        report(&engine, "telegraf", "series", "SHOW SERIES")?;
        let values = "SHOW TAG VALUES WITH KEY = ServiceIP WHERE Node = 'node-3'";
        report(&engine, "telegraf", "tag values", values)?;
    }
    drop(store);
    Ok(())
}

/// Counts what comes.
#[derive(Default)]
struct Counts {
    frames: usize,
    rows: usize,
}

impl ResultSink for Counts {
    fn frame(&mut self, frame: &SeriesFrame<'_>) -> Result<(), SinkClosed> {
        self.frames += usize::from(!frame.continues);
        self.rows += frame.rows.len();
        Ok(())
    }
}

fn report(engine: &Engine, database: &str, what: &str, text: &str) -> Outcome<()> {
    if std::env::args().skip(1).any(|it| !it.starts_with('-'))
        && !std::env::args().any(|it| it == what)
    {
        return Ok(());
    }
    let session = Session { database: database.into(), now: START + 1, ..Session::default() };
    let parsed = svcflow_influxql::parse(text)?;
    let Some(statement): Option<&Statement> = parsed.first() else { return Ok(()) };
    let repeat = std::env::var("REPEAT").ok().and_then(|it| it.parse().ok()).unwrap_or(9);
    let (mut wall, mut own) = (Vec::new(), Vec::new());
    let mut counts = Counts::default();
    for _ in 0..repeat {
        counts = Counts::default();
        let (started, before) = (Instant::now(), cpu());
        engine.execute(statement, &session, &mut counts, &Cancel::default())?;
        own.push(cpu() - before);
        wall.push(started.elapsed().as_secs_f64());
    }
    wall.sort_by(f64::total_cmp);
    own.sort_by(f64::total_cmp);
    let least = |times: &[f64]| times.first().copied().unwrap_or(f64::NAN) * 1e3;
    let median = |times: &[f64]| times.get(times.len() / 2).copied().unwrap_or(f64::NAN) * 1e3;
    println!(
        "  {what}: {:.2} ms (at least {:.2}), {:.2} ms of CPU ({:.2}); {} series, {} rows",
        median(&wall),
        least(&wall),
        median(&own),
        least(&own),
        counts.frames,
        counts.rows
    );
    Ok(())
}

/// Seconds of CPU that the process has used.
fn cpu() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

fn fill(store: &Store, database: &str, count: usize, samples: i64) -> Outcome<()> {
    store.create_database(database, PolicySpec::new("autogen", None))?;
    let mut series = Vec::new();
    let mut fields = Vec::new();
    let mut batch = store.batch(database, None)?;
    for number in 0..count {
        let endpoint = format!("11.1.{}.{}", number / 250 % 250, number % 250);
        let provider = format!("10.1.{}.{}", number % 7, number / 40 % 250);
        let service = format!("100.1.1.{}", number / 4 % 50);
        let node = format!("node-{}", number % 20);
        let tags = [
            ("EndpointIP", endpoint.as_str()),
            ("Node", &node),
            ("Protocol", "TCP"),
            ("ProviderIP", &provider),
            ("ServiceIP", &service),
        ];
        series.push(batch.series("httpjson_svcstats", &tags)?);
    }
    if let Some(first) = series.first() {
        for name in FIELDS {
            fields.push(batch.field(*first, name, FieldType::Integer)?);
        }
    }
    batch.commit()?;
    for sample in 0..samples {
        let mut batch = store.batch(database, None)?;
        for (number, id) in (0_i64..).zip(&series) {
            let value = |(at, field)| {
                let rate = 1 + (number * 7 + at) % 1000;
                (field, FieldValue::Integer(sample * rate * 100 + sample * number % 17))
            };
            let values: Vec<_> = (0_i64..).zip(fields.iter().copied()).map(value).collect();
            batch.push(*id, START - (samples - 1 - sample) * STEP, &values)?;
        }
        batch.commit()?;
    }
    Ok(())
}

fn one_series(store: &Store, database: &str, samples: i64) -> Outcome<()> {
    let mut batch = store.batch(database, None)?;
    let id = batch.series("httpjson_svcstats", &[("EndpointIP", "week")])?;
    let field = batch.field(id, "BytesOut", FieldType::Integer)?;
    for sample in 0..samples {
        let value = FieldValue::Integer(sample * 1000 + sample % 7);
        batch.push(id, START - (samples - 1 - sample) * STEP, &[(field, value)])?;
    }
    batch.commit()?;
    Ok(())
}
