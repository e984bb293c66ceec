//! What the store costs, in one run: writing `SERIES` (20,000) x `SAMPLES` (360) points of four integer
//! counters in batches of 20,000, each durable before the next, and reading them.
//!
//! `cargo bench -p svcflow-store`
#![expect(clippy::print_stdout, reason = "a benchmark's figures are its output")]

use std::path::Path;
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};
use svcflow_store::{
    Block, FieldId, FieldType, FieldValue, Options, Order, PolicySpec, RoaringBitmap, ScanRequest,
    SeriesId, Snapshot, Store, TimeRange,
};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const BATCH: usize = 20_000;
const START: i64 = 1_790_000_000_000_000_000;
const STEP: i64 = 10_000_000_000;
const NAMES: [&str; 4] = ["BytesIn", "BytesOut", "PacketsIn", "PacketsOut"];
const DATABASE: &str = "telegraf";

fn main() -> Outcome<()> {
    let (count, samples) = (setting("SERIES", 20_000), setting("SAMPLES", 360));
    let folder = tempfile::tempdir()?;
    let store = Store::open(folder.path(), Options::default())?;
    store.create_database(DATABASE, PolicySpec::new("autogen", None))?;
    let mut counters = Counters::new(&store, count)?;
    write_all(&store, &mut counters, samples)?;
    println!("{:.0} MB resident", resident()? / 1e6);
    let last = START + STEP * (samples as i64 - 1);
    let all: RoaringBitmap = (0..count).filter_map(|id| u32::try_from(id).ok()).collect();
    let some: RoaringBitmap = all.iter().take(5_000).collect();
    let minute = TimeRange { first: last - 6 * STEP + 1, last };
    let field = [counters.fields[1]];
    read(&store, "the last minute of all, one field", &all, &field, minute)?;
    settle(&store, folder.path(), count * samples)?;
    read(&store, "the last minute of all, one field", &all, &field, minute)?;
    read(&store, "one field of 5,000 series", &some, &field, TimeRange::ALL)?;
    read(&store, "one field of all", &all, &field, TimeRange::ALL)?;
    read(&store, "four fields of all", &all, &counters.fields, TimeRange::ALL)?;
    summaries(&store, "summaries of all, one field", &all, &field)?;
    let week = a_week(&store, last)?;
    settle(&store, folder.path(), count * samples + 60_480)?;
    let one: RoaringBitmap = [week.get()].into_iter().collect();
    read(&store, "a week of one series, four fields", &one, &counters.fields, TimeRange::ALL)?;
    let twelve: RoaringBitmap = [12].into_iter().collect();
    read(&store, "an hour of one series, four fields", &twelve, &counters.fields, TimeRange::ALL)?;
    drop(store);
    start(folder.path())
}

/// Writes all points, batch after batch.
fn write_all(store: &Store, counters: &mut Counters, samples: usize) -> Outcome<()> {
    let (mut wall, mut own, mut longest) = (0.0, 0.0, 0.0_f64);
    let (mut points, mut peak) = (0, 0.0_f64);
    let mut made = 0.0;
    let all = cpu(ClockId::ProcessCPUTime);
    loop {
        let making = cpu(ClockId::ThreadCPUTime);
        let Some(batch) = counters.next_batch(samples) else { break };
        made += cpu(ClockId::ThreadCPUTime) - making;
        let (started, before) = (Instant::now(), cpu(ClockId::ThreadCPUTime));
        write(store, &batch)?;
        let took = started.elapsed().as_secs_f64();
        own += cpu(ClockId::ThreadCPUTime) - before;
        wall += took;
        longest = longest.max(took);
        points += batch.len();
        peak = peak.max(resident()?);
    }
    let all = cpu(ClockId::ProcessCPUTime) - all - made;
    let million = points as f64 / 1e6;
    println!(
        "{} series x {samples}: {:.2} M points/s, {:.2} us of the writer's CPU a point, {:.2} us of all; \
         the longest batch {:.1} ms; {:.0} MB resident at most",
        counters.series.len(),
        million / wall,
        own / million,
        all / million,
        longest * 1e3,
        peak / 1e6
    );
    Ok(())
}

/// Seals and merges until there is nothing left to do.
fn settle(store: &Store, folder: &Path, points: usize) -> Outcome<()> {
    let (started, before) = (Instant::now(), cpu(ClockId::ProcessCPUTime));
    store.flush()?;
    while store.merge()? {}
    let spent = cpu(ClockId::ProcessCPUTime) - before;
    let stats = store.stats();
    for damage in &stats.damage {
        println!("{damage}");
    }
    println!(
        "settled in {:.2} s, {spent:.2} s of CPU: {:.3} bytes a point on disk, {} runs, {:.0} rows a chunk, {:.0} MB resident",
        started.elapsed().as_secs_f64(),
        size(folder)? as f64 / points as f64,
        stats.runs,
        stats.rows as f64 / stats.chunks as f64,
        resident()? / 1e6
    );
    Ok(())
}

fn scan(
    snapshot: &Snapshot,
    series: &RoaringBitmap,
    fields: &[FieldId],
    range: TimeRange,
) -> Outcome<usize> {
    let order = Order::Ascending;
    let mut scan = snapshot.scan(&ScanRequest { policy: None, series, fields, range, order })?;
    let mut block = Block::default();
    let mut rows = 0;
    while scan.next_series()?.is_some() {
        while let Some(chunk) = scan.next_chunk()? {
            chunk.decode(&mut block)?;
            rows += block.rows();
        }
    }
    Ok(rows)
}

fn read(
    store: &Store,
    what: &str,
    series: &RoaringBitmap,
    fields: &[FieldId],
    range: TimeRange,
) -> Outcome<()> {
    let snapshot = store.read(DATABASE)?;
    report(what, || scan(&snapshot, series, fields, range))
}

fn report(what: &str, mut work: impl FnMut() -> Outcome<usize>) -> Outcome<()> {
    let (mut wall, mut own) = (Vec::new(), Vec::new());
    let mut count = 0;
    for _ in 0..9 {
        let (started, before) = (Instant::now(), cpu(ClockId::ThreadCPUTime));
        count = work()?;
        own.push(cpu(ClockId::ThreadCPUTime) - before);
        wall.push(started.elapsed().as_secs_f64());
    }
    wall.sort_by(f64::total_cmp);
    own.sort_by(f64::total_cmp);
    let median = |times: &[f64]| times.get(times.len() / 2).copied().unwrap_or(f64::NAN) * 1e3;
    println!("{what}: {:.2} ms, {:.2} ms of CPU, {count}", median(&wall), median(&own));
    Ok(())
}

/// Goes through chunks without decoding them.
fn summaries(store: &Store, what: &str, series: &RoaringBitmap, fields: &[FieldId]) -> Outcome<()> {
    let snapshot = store.read(DATABASE)?;
    let (range, order) = (TimeRange::ALL, Order::Ascending);
    report(what, || {
        let mut scan =
            snapshot.scan(&ScanRequest { policy: None, series, fields, range, order })?;
        let mut rows = 0;
        while scan.next_series()?.is_some() {
            while let Some(chunk) = scan.next_chunk()? {
                let count = chunk.summary(0).map_or(0, |summary| summary.count);
                rows += usize::try_from(count)?;
            }
        }
        Ok(rows)
    })
}

/// A series with a week of points, written day by day.
fn a_week(store: &Store, last: i64) -> Outcome<SeriesId> {
    let mut id = SeriesId::new(0);
    for day in 0..7 {
        let mut batch = store.batch(DATABASE, None)?;
        id = batch.series("httpjson_svcstats", &[("EndpointIP", "week")])?;
        let mut fields = Vec::new();
        for name in NAMES {
            fields.push(batch.field(id, name, FieldType::Integer)?);
        }
        for sample in day * 8_640..(day + 1) * 8_640_i64 {
            let value = |(at, field): (i64, &FieldId)| {
                (*field, FieldValue::Integer(sample * 1_000 + sample % 7 * (at + 1)))
            };
            let values: Vec<_> = (0..).zip(&fields).map(value).collect();
            batch.push(id, last - (60_479 - sample) * STEP, &values)?;
        }
        batch.commit()?;
    }
    Ok(id)
}

fn start(folder: &Path) -> Outcome<()> {
    let (started, before) = (Instant::now(), cpu(ClockId::ProcessCPUTime));
    let store = Store::open(folder, Options::default())?;
    let spent = cpu(ClockId::ProcessCPUTime) - before;
    println!("start: {:.3} s, {spent:.3} s of CPU", started.elapsed().as_secs_f64());
    drop(store);
    Ok(())
}

fn cpu(clock: ClockId) -> f64 {
    std::time::Duration::try_from(clock_gettime(clock)).unwrap_or_default().as_secs_f64()
}

/// A point: whose, when, what.
type Point = (SeriesId, i64, [(FieldId, FieldValue<'static>); 4]);

fn write(store: &Store, points: &[Point]) -> Outcome<()> {
    let mut batch = store.batch(DATABASE, None)?;
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
    /// How many points were made.
    at: usize,
}

impl Counters {
    fn new(store: &Store, count: usize) -> Outcome<Self> {
        let mut batch = store.batch(DATABASE, None)?;
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
        Ok(Self { series, fields, seed: 1, at: 0 })
    }

    /// The next batch of points, time after time.
    fn next_batch(&mut self, samples: usize) -> Option<Vec<Point>> {
        let end = (self.at + BATCH).min(self.series.len() * samples);
        let points: Vec<Point> = (self.at..end).map(|at| self.point(at)).collect();
        self.at = end;
        (!points.is_empty()).then_some(points)
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
