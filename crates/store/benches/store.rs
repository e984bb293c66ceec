//! What the store costs, in one run: writing `SERIES` (20,000) x `SAMPLES` (360) points of four integer
//! counters in batches of 20,000, each durable before the next, and reading them.
//!
//! `cargo bench -p svcflow-store`
#![expect(clippy::print_stdout, reason = "a benchmark's figures are its output")]

use std::time::{Duration, Instant};

use svcflow_store::{FieldId, FieldType, FieldValue, Options, PolicySpec, SeriesId, Store};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const BATCH: usize = 20_000;
const START: i64 = 1_790_000_000_000_000_000;
const STEP: i64 = 10_000_000_000;
const NAMES: [&str; 4] = ["BytesIn", "BytesOut", "PacketsIn", "PacketsOut"];

fn main() -> Outcome<()> {
    let (count, samples) = (setting("SERIES", 20_000), setting("SAMPLES", 360));
    let folder = tempfile::tempdir()?;
    let store = Store::open(folder.path(), Options::default())?;
    store.create_database("telegraf", PolicySpec::new("autogen", None))?;
    let mut counters = Counters::new(&store, count)?;
    let mut spent = Duration::ZERO;
    let mut longest = Duration::ZERO;
    for points in counters.points(samples) {
        let started = Instant::now();
        write(&store, &points)?;
        spent += started.elapsed();
        longest = longest.max(started.elapsed());
    }
    let points = (count * samples) as f64;
    println!(
        "{count} series x {samples}: {:.2} M points/s, {:.1} ms the longest batch",
        points / spent.as_secs_f64() / 1e6,
        longest.as_secs_f64() * 1e3
    );
    println!("{:.0} MB resident", resident()? / 1e6);
    println!("{:.2} bytes a point on disk", size(folder.path())? as f64 / points);
    drop(store);
    let started = Instant::now();
    let store = Store::open(folder.path(), Options::default())?;
    println!("start: {:.2} s", started.elapsed().as_secs_f64());
    println!("{:.0} MB resident", resident()? / 1e6);
    drop(store);
    Ok(())
}

/// A point: whose, when, what.
type Point = (SeriesId, i64, [(FieldId, FieldValue<'static>); 4]);

fn write(store: &Store, points: &[Point]) -> Outcome<()> {
    let mut batch = store.batch("telegraf", None)?;
    for (series, time, fields) in points {
        batch.push(*series, *time, fields)?;
    }
    Ok(batch.commit()?)
}

/// Cumulative counters of every series.
struct Counters {
    series: Vec<(SeriesId, [i64; 4])>,
    fields: [FieldId; 4],
    seed: u64,
}

impl Counters {
    fn new(store: &Store, count: usize) -> Outcome<Self> {
        let mut batch = store.batch("telegraf", None)?;
        let mut series = Vec::new();
        let started = Instant::now();
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
                ("ProviderPort", "80"),
                ("ServiceIP", &service),
                ("ServicePort", "8080"),
            ];
            series.push((batch.series("httpjson_svcstats", &tags)?, [0; 4]));
        }
        println!(
            "{count} series made in {:.1} ms, {:.0} MB resident",
            started.elapsed().as_secs_f64() * 1e3,
            resident()? / 1e6
        );
        let (first, _) = *series.first().ok_or("no series")?;
        let mut fields = Vec::new();
        for name in NAMES {
            fields.push(batch.field(first, name, FieldType::Integer)?);
        }
        let fields = fields.try_into().map_err(|_| "four fields")?;
        Ok(Self { series, fields, seed: 1 })
    }

    /// Batches of points, time after time.
    fn points(&mut self, samples: usize) -> impl Iterator<Item = Vec<Point>> {
        let total = self.series.len() * samples;
        let mut at = 0;
        std::iter::from_fn(move || {
            let mut points = Vec::with_capacity(BATCH);
            while points.len() < BATCH && at < total {
                points.push(self.point(at));
                at += 1;
            }
            (!points.is_empty()).then_some(points)
        })
    }

    fn point(&mut self, at: usize) -> Point {
        let mut random = |most: u64| {
            self.seed ^= self.seed << 13;
            self.seed ^= self.seed >> 7;
            self.seed ^= self.seed << 17;
            (self.seed % most).cast_signed()
        };
        let (index, sample) = (at % self.series.len(), at / self.series.len());
        let steps = [random(100_000), random(100_000), random(100), random(100)];
        let Some((series, counters)) = self.series.get_mut(index) else {
            return (SeriesId::new(0), 0, self.fields.map(|field| (field, FieldValue::Integer(0))));
        };
        let mut values = steps.into_iter().zip(counters).map(|(step, counter)| {
            *counter += step;
            FieldValue::Integer(*counter)
        });
        let value =
            self.fields.map(|field| (field, values.next().unwrap_or(FieldValue::Integer(0))));
        (*series, START + sample as i64 * STEP, value)
    }
}

/// Bytes of resident memory.
fn resident() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0)
}

/// Bytes of all files below.
fn size(folder: &std::path::Path) -> Outcome<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { size(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}
