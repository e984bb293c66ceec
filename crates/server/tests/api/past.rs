//! What is older than the default policy keeps is answered from what it was summed up to: the same bytes, none twice,
//! none lost, in steps no finer than it is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use svcflow_store::{PolicyChange, PolicySpec, Rollup};

use crate::bench::{Bench, Writer, by_id, tags};

const MINUTE: i64 = 60_000;
const BUCKET: i64 = 10 * MINUTE;
const DAY: i64 = 24 * 60 * MINUTE;

const EVEN: (&str, &str) =
    ("11.1.1.2 > 100.1.1.3:8080 > 10.1.1.7:80", "edge:n9,11.1.1.2,100.1.1.3:8080,10.1.1.7:80,TCP");
const ODD: (&str, &str) = ("11.1.1.3 > 10.1.1.8:5432", "edge:n9,11.1.1.3,-,10.1.1.8:5432,TCP");
const IDLE: (&str, &str) = ("11.1.1.4 > 10.1.1.9:5432", "edge:n9,11.1.1.4,-,10.1.1.9:5432,TCP");

/// Ninety days of one node that looks each minute.
struct Past {
    bench: Bench,
    /// Now, and the first instant of the day before which only sums are kept once they are.
    now: i64,
    seam: i64,
    /// Values of an edge that goes up unevenly and begins anew twice.
    odd: Vec<(i64, i64)>,
}

impl Past {
    fn start() -> Self {
        let bench = Bench::start_every(Duration::from_secs(60), |_, _| {});
        let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        // Noon: whenever today the store itself looks for what has expired, it finds the same.
        let now = i64::try_from(today).unwrap() / DAY * DAY + DAY / 2;
        bench.set_now(now + 3_000);
        let day = PolicyChange {
            shard_duration: Some(Duration::from_secs(86_400)),
            ..PolicyChange::default()
        };
        bench.store.alter_policy("telegraf", "autogen", &day).unwrap();
        bench.store.create_policy("telegraf", PolicySpec::new("year", None), false).unwrap();
        let rollup = Rollup { into: "year".to_owned(), every: Duration::from_secs(600) };
        bench.store.set_rollup("telegraf", "autogen", Some(rollup)).unwrap();
        let mut past = Self { bench, now, seam: now / DAY * DAY - 30 * DAY, odd: Vec::new() };
        past.fill();
        past.bench.store.flush().unwrap();
        past
    }

    fn fill(&mut self) {
        let n9 = Writer { bench: &self.bench, node: "n9" };
        let from = self.now - 90 * DAY;
        let minutes = || (0..=90 * 24 * 60).map(|minute| (minute, from + minute * MINUTE));
        // Away for two hours, 40 days ago, and then another run.
        let away = self.now - 40 * DAY;
        let is_there = |at: i64| at <= away || at > away + 120 * MINUTE;
        let reports = minutes().filter(|(_, at)| is_there(*at)).map(|(minute, at)| {
            let run = if at <= away { (7, minute) } else { (8, (at - away) / MINUTE - 120) };
            (at, vec![run.0, run.1])
        });
        n9.rows("svcflow_nodes", &[("Node", "n9".to_owned())], &["Epoch", "Sequence"], reports);
        let counters = ["BytesIn", "BytesOut", "PacketsIn", "PacketsOut"];
        let edge = |(text, _): (&str, &str), rows: &mut dyn Iterator<Item = (i64, i64)>| {
            let rows =
                rows.map(|(at, bytes)| (at, vec![bytes, bytes / 10, bytes / 100, bytes / 100]));
            n9.rows("httpjson_svcstats", &tags(text, "n9"), &counters, rows);
        };
        let there = || minutes().filter(|(_, at)| is_there(*at));
        edge(EVEN, &mut there().map(|(minute, at)| (at, minute * 6_000)));
        let (mut value, mut random) = (5_000_000, 1_u64);
        for (minute, at) in there() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Anew within a bucket, past which it is higher at once; and at its first row.
            let anew = [20 * 24 * 60 + 3, 35 * 24 * 60].contains(&minute);
            value = if anew { 100 } else { value + i64::try_from(random >> 44).unwrap() };
            if minute == 20 * 24 * 60 + 4 {
                value += 2_000_000_000_000;
            }
            self.odd.push((at, value));
        }
        edge(ODD, &mut self.odd.iter().copied());
        let idle = [(60 * DAY, 0), (60 * DAY - MINUTE, 1_000), (DAY, 1_600)];
        edge(IDLE, &mut idle.iter().map(|(ago, value)| (self.now - ago, *value)));
        n9.loss("collector-intervals-merged", self.now - 50 * DAY, 3, 500);
    }

    /// Drops what is older than 30 days, summed up.
    fn expire(&self) {
        let month = PolicyChange {
            duration: Some(Some(Duration::from_secs(30 * 86_400))),
            ..PolicyChange::default()
        };
        self.bench.store.alter_policy("telegraf", "autogen", &month).unwrap();
        let now = UNIX_EPOCH + Duration::from_millis(self.now.unsigned_abs());
        assert!(self.bench.store.retain(now).unwrap() > 50);
        let snapshot = self.bench.store.read("telegraf").unwrap();
        assert_eq!(snapshot.begins(None).unwrap(), Some(self.seam * 1_000_000));
        // An answer is good for a second.
        self.bench.set_now(self.now + 4_100);
    }

    /// The end of a bucket, so many behind the last one before the seam.
    fn bucket(&self, behind: i64) -> i64 {
        self.seam - MINUTE + behind * BUCKET
    }

    fn totals(&self, id: &str, (from, until): (i64, i64)) -> (Value, Value) {
        let table = self.bench.get(&format!("edges?of={id}&from={from}&until={until}"));
        assert_eq!(table["total"], 1, "{table}");
        (table["rows"][0]["bytes_in"].clone(), table["range"].clone())
    }

    /// What the uneven edge added, counted apart.
    fn added(&self, (from, until): (i64, i64)) -> i64 {
        let steps = self.odd.windows(2).filter(|pair| from < pair[1].0 && pair[1].0 <= until);
        let added = |before: i64, now: i64| if now < before { now } else { now - before };
        steps.map(|pair| added(pair[0].1, pair[1].1)).sum()
    }

    /// Ranges before, over and behind the seam, that begin and end with buckets where there are only these.
    fn ranges(&self) -> Vec<(i64, i64)> {
        let bucket = |behind| self.bucket(behind);
        vec![
            (bucket(-60 * 144), bucket(-20 * 144)),
            (bucket(-3), bucket(-2)),
            (bucket(-1), bucket(0)),
            (bucket(-1), self.seam + 3 * MINUTE),
            (bucket(0), self.seam + 3 * MINUTE),
            (self.seam, self.seam + 5 * MINUTE),
            (bucket(-6), self.seam + 6 * BUCKET),
            (bucket(-30 * 144), self.now),
            (bucket(-70 * 144), self.now),
            (self.now - 30 * MINUTE, self.now),
        ]
    }
}

#[test]
fn totals_are_the_same_before_across_and_behind_the_seam() {
    let past = Past::start();
    let check = |resolution: i64| {
        for range in past.ranges() {
            let (odd, said) = past.totals(ODD.1, range);
            assert_eq!(odd, past.added(range), "{range:?}");
            let coarse = resolution > MINUTE && range.0 < past.bucket(0);
            assert_eq!(said["resolution"], if coarse { resolution } else { MINUTE }, "{range:?}");
            assert_eq!((&said["from"], &said["until"]), (&json!(range.0.max(0)), &json!(range.1)));
        }
    };
    check(MINUTE);
    let recent = past.bench.get("map");
    past.expire();
    check(BUCKET);
    // What is summed up before it is dropped is in both for a moment.
    let n9 = Writer { bench: &past.bench, node: "n9" };
    let twice = (0..6).map(|bucket| (past.seam + bucket * BUCKET, vec![7_000_000; 2]));
    n9.rows_in(
        Some("year"),
        "httpjson_svcstats",
        &tags(ODD.0, "n9"),
        &["BytesIn", "BytesIn_increase"],
        twice,
    );
    past.bench.set_now(past.now + 5_100);
    check(BUCKET);
    past.bench.store.flush().unwrap();
    past.bench.set_now(past.now + 6_200);
    check(BUCKET);
    // And what is recent is as it was.
    let mut now = past.bench.get("map");
    now["range"]["earliest"] = recent["range"]["earliest"].clone();
    assert_eq!(now, recent);
    assert_eq!(now["range"]["resolution"], MINUTE);
}

#[test]
fn a_range_that_begins_in_a_bucket_is_widened_to_it_and_steps_are_no_finer() {
    let past = Past::start();
    past.expire();
    let day = past.seam - 20 * DAY;
    let (_, range) = past.totals(EVEN.1, (day, day + 25 * MINUTE));
    assert_eq!(range["from"], day - MINUTE);
    assert_eq!(range["until"], day + 29 * MINUTE);
    assert_eq!((&range["step"], &range["resolution"]), (&json!(BUCKET), &json!(BUCKET)));
    // 6,000 bytes a minute.
    let bench = &past.bench;
    let row = &bench.get(&format!("edges?of={}&from={day}&until={}", EVEN.1, day + DAY))["rows"][0];
    assert_eq!((&row["rate_bytes_in"], &row["state"]), (&json!(100.0), &json!("ok")));
    // Two hours around the seam: steps of ten minutes on either side.
    let (from, until) = (past.seam - 60 * MINUTE, past.seam + 60 * MINUTE);
    let target = format!("series?id={}&from={from}&until={until}&points=2000", EVEN.1);
    let series = bench.get(&target);
    assert_eq!(series["range"]["step"], BUCKET);
    assert_eq!(series["times"], json!((0..12).map(|n| from + n * BUCKET).collect::<Vec<_>>()));
    all_near(&series["bytes_in"], 100.0, 1e-9);
    // No one query reads both; what lies before is in the sums.
    assert_eq!(series["influxql"], Value::Null);
    let (from, until) = (past.seam - 180 * MINUTE - MINUTE, past.seam - 61 * MINUTE);
    let target = format!("series?id={}&from={from}&until={until}&points=2000", EVEN.1);
    let series = bench.get(&target);
    let query = series["influxql"].as_str().unwrap();
    let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let answer = bench.ask(&format!("/query?db=telegraf&q={query}"), &[]).json();
    let rows = answer["results"][0]["series"][0]["values"].as_array().unwrap();
    let asked: Vec<Option<f64>> = rows.iter().map(|row| row[1].as_f64()).collect();
    assert_eq!(asked.len(), 11, "{answer}");
    assert_eq!(json!(asked), series["bytes_in"]);
    // From the seam on as fine as ever.
    let until = past.seam + 60 * MINUTE;
    let target = format!("series?id={}&from={}&until={until}&points=2000", EVEN.1, past.seam);
    assert_eq!(bench.get(&target)["range"]["step"], MINUTE);
}

#[test]
fn sixty_and_ninety_days_are_shown() {
    let past = Past::start();
    past.expire();
    let bench = &past.bench;
    let map = bench.get(&format!("map?from={}", -60 * DAY));
    assert_eq!(map["range"]["resolution"], BUCKET);
    let range = (map["range"]["from"].as_i64().unwrap(), past.now);
    let odd = past.added(range);
    let even = past.totals(EVEN.1, range).0.as_i64().unwrap();
    assert_eq!(map["all"]["totals"]["bytes_in"], odd + even + 1_600);
    assert_eq!(map["range"]["earliest"], past.now - 90 * DAY + BUCKET - MINUTE);
    let card = by_id(&map["nodes"], "service:100.1.1.3:8080/TCP");
    assert_eq!(card["served"]["totals"]["bytes_in"], even);
    // Rates are those of now.
    assert_eq!(map["range"]["step"], MINUTE);

    let series = bench.get(&format!("series?id={}&from={}&points=400", EVEN.1, -90 * DAY));
    assert_eq!(series["range"]["step"], 6 * 3_600_000);
    let values = series["bytes_in"].as_array().unwrap();
    assert_eq!(values.len(), 360);
    // Before the first bucket nothing is known; what ran in the two hours away was counted. Where in their bucket
    // three intervals were merged isn't known.
    assert!(values[0].is_null(), "{values:?}");
    all_near(&json!(values[1..]), 100.0, 2e-3);
    let odd = bench.get(&format!("series?id={}&from={}&points=400", ODD.1, -60 * DAY));
    let sum: f64 = odd["bytes_in"].as_array().unwrap().iter().filter_map(Value::as_f64).sum();
    let sum = sum * odd["range"]["step"].as_f64().unwrap() / 1e3;
    let total = odd["totals"]["bytes_in"].as_f64().unwrap();
    assert!((sum / total - 1.0).abs() < 0.02, "{sum} {total}");

    // Within the two hours away no step is known; those around are.
    let away = past.now - 40 * DAY;
    let (from, until) = (away - 60 * MINUTE, away + 180 * MINUTE);
    let series = bench.get(&format!("series?id={}&from={from}&until={until}&points=100", EVEN.1));
    let values = series["bytes_in"].as_array().unwrap();
    assert_eq!(series["times"][0], from);
    all_near(&json!(values[..6]), 100.0, 1e-9);
    assert!(values[6..19].iter().all(Value::is_null), "{values:?}");
    all_near(&json!(values[19..]), 100.0, 1e-9);
}

#[test]
fn edges_that_were_idle_losses_and_the_table_reach_back() {
    let past = Past::start();
    past.expire();
    let bench = &past.bench;
    // Its value before is summed up.
    let (idle, _) = past.totals(IDLE.1, (past.now - 2 * DAY, past.now));
    assert_eq!(idle, 600);
    let (from, until) = (past.bucket(-40 * 144), past.bucket(-1));
    assert_eq!(past.totals(IDLE.1, (from, until)).0, 1_000);
    let target = format!(
        "/api/v1/edges?format=csv&columns=endpoint,bytes_in,first,last&sort=endpoint&from={from}&until={until}"
    );
    let csv = bench.ask(&target, &[]).text();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 4, "{csv}");
    let odd = format!("11.1.1.3,{},", past.added((from, until)));
    assert!(lines[2].starts_with(&odd), "{csv}\n{odd}");
    assert!(lines[3].starts_with("11.1.1.4,1000,"), "{csv}");

    let (from, until) = (past.now - 51 * DAY, past.now - 49 * DAY);
    bench.set_agents(vec![crate::live::agent("n9")], &[]);
    let nodes = bench.get(&format!("nodes?from={from}&until={until}"));
    assert_eq!(by_name(&nodes["nodes"], "n9")["losses"][0]["count"], 3, "{nodes}");
    let nodes = bench.get(&format!("nodes?from={}&until={}", from - 5 * DAY, from));
    assert_eq!(by_name(&nodes["nodes"], "n9")["losses"], json!([]));
}

fn by_name<'v>(nodes: &'v Value, name: &str) -> &'v Value {
    nodes.as_array().unwrap().iter().find(|node| node["name"] == name).unwrap()
}

/// That every value is known and as far from `expected` as this at most, of it.
#[track_caller]
fn all_near(values: &Value, expected: f64, off: f64) {
    for value in values.as_array().unwrap() {
        let near = value.as_f64().is_some_and(|value| (value / expected - 1.0).abs() <= off);
        assert!(near, "{values}");
    }
}
