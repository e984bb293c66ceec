//! Gaps, restarts, idle edges, marks; and that the answer is the same wherever the rows lie.

use serde_json::{Value, json};

use crate::bench::{Bench, LATEST, Writer, by_id, demo, ids};

const EDGE: &str = "11.1.1.2 > 10.1.1.7:5432";
const ID: &str = "edge:n9,11.1.1.2,-,10.1.1.7:5432,TCP";

fn row(bench: &Bench, more: &str) -> Value {
    let table = bench.get(&format!("edges?of={ID}{more}"));
    assert_eq!(table["total"], 1, "{table}");
    table["rows"][0].clone()
}

#[test]
fn an_edge_that_was_idle_for_long_counts_from_its_last_value() {
    let bench = Bench::start();
    let n9 = Writer { bench: &bench, node: "n9" };
    n9.reports(LATEST - 7_200_000, LATEST);
    n9.edge(EDGE, LATEST - 7_200_000, 0, 0);
    n9.edge(EDGE, LATEST - 7_190_000, 1_000, 50);
    n9.edge(EDGE, LATEST - 20_000, 1_600, 50);
    let check = || {
        let row = row(&bench, &format!("&at={}", LATEST - 20_000));
        assert_eq!((&row["bytes_in"], &row["rate_bytes_in"]), (&json!(600), &json!(60.0)));
        assert_eq!(row["first"], LATEST - 7_200_000);
    };
    check();
    bench.store.flush().unwrap();
    check();
    assert_eq!(bench.get("edges?from=-10000")["total"], 0, "idle in the last interval");
    let series = bench.get(&format!("series?id={ID}&from=-40000"));
    assert_eq!(series["bytes_in"], json!([0.0, 60.0, 0.0, 0.0]));
}

#[test]
fn counters_that_begin_anew_count_in_full() {
    let bench = Bench::start();
    let n9 = Writer { bench: &bench, node: "n9" };
    n9.reports(LATEST - 600_000, LATEST);
    for (ago, value) in [(60_000, 9_000), (50_000, 9_500), (40_000, 100), (30_000, 300)] {
        n9.edge(EDGE, LATEST - ago, value, value);
    }
    assert_eq!(row(&bench, "")["bytes_in"], 500 + 100 + 200);
    bench.store.flush().unwrap();
    assert_eq!(row(&bench, "&from=-70000")["bytes_in"], 500 + 100 + 200);
}

#[test]
fn a_silence_is_a_gap_unless_the_agent_kept_its_intervals() {
    let bench = Bench::start();
    let n9 = Writer { bench: &bench, node: "n9" };
    let begin = LATEST - 600_000;
    n9.reports(begin, begin + 100_000);
    n9.even(EDGE, begin, begin + 300_000, (1_000, 100));
    // Twenty intervals come at once; the agent kept them all.
    n9.report(begin + 300_000, 7, (begin + 300_000) / 10_000);
    // Then a silence of which only one sum is left.
    n9.loss("collector-intervals-merged", LATEST, 29, 0);
    // Packets go up too: one counter that fell would be a new beginning of all.
    n9.edge(EDGE, LATEST, 90_000, 9_000);
    n9.report(LATEST, 7, LATEST / 10_000);
    let series = bench.get(&format!("series?id={ID}&from=-600000"));
    let values = series["bytes_in"].as_array().unwrap();
    assert!(values[..30].iter().all(|value| *value == 100.0), "{values:?}");
    assert!(values[30..].iter().all(Value::is_null), "{values:?}");
    assert_eq!(series["totals"]["bytes_in"], 90_000, "no byte is lost");
    let kinds: Vec<&str> = series["losses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["no-report", "missed-intervals"]);
    let longer = bench.get(&format!("series?id={ID}&from=-600000&points=2"));
    assert_eq!(longer["range"]["step"], 300_000);
}

#[test]
fn a_node_that_reports_no_more_is_stale_with_its_edges() {
    let bench = Bench::start();
    demo(&bench);
    let n9 = Writer { bench: &bench, node: "n9" };
    n9.reports(LATEST - 3_600_000, LATEST - 720_000);
    n9.even(
        "11.1.1.9 > 100.1.1.4:8080 > 10.1.1.15:80",
        LATEST - 3_600_000,
        LATEST - 720_000,
        (500, 5),
    );
    let mut agent = crate::live::agent("n9");
    agent.state = svcflow_map::document::NodeState::Unreachable;
    agent.message = Some("It has not answered for 12 minutes: connection refused.".to_owned());
    agent.remedy = Some("Start it.".to_owned());
    bench.set_agents(vec![agent], &[]);
    let map = bench.get("map");
    let edge = by_id(&map["edges"], "clients~service:default:db");
    assert_eq!((&edge["state"], &edge["state_since"]), (&json!("stale"), &json!(LATEST - 720_000)));
    assert_eq!((&edge["rates"], &edge["totals"]["bytes_in"]), (&json!(null), &json!(0)));
    let notice = &map["losses"][0];
    assert_eq!(
        (&notice["kind"], &notice["severity"]),
        (&json!("node-unreachable"), &json!("error"))
    );
    assert_eq!((&notice["ongoing"], &notice["first"]), (&json!(true), &json!(LATEST - 720_000)));
    assert_eq!(notice["remedy"], "Start it.");
    assert_eq!(by_id(&map["nodes"], "service:default:app")["state"], "ok");
    // As it was before.
    let past = bench.get(&format!("map?until={}", LATEST - 900_000));
    assert_eq!(by_id(&past["edges"], "clients~service:default:db")["state"], "ok");
    assert_eq!(past["losses"], json!([]));
}

#[test]
fn an_edge_without_counters_is_unknown() {
    let bench = Bench::start();
    demo(&bench);
    let n1 = Writer { bench: &bench, node: "n1" };
    n1.marks("11.1.1.2 > 10.1.1.15:9100", LATEST - 3_000_000, true);
    let table = bench.get("edges?filter=port:9100");
    let row = &table["rows"][0];
    assert_eq!((&row["state"], &row["rate_bytes_in"]), (&json!("unknown"), &json!(null)));
    assert_eq!(row["marks"], json!(["direction-unknown", "uncounted"]));
    n1.marks("11.1.1.2 > 10.1.1.15:9100", LATEST + 10_000, false);
    n1.report(LATEST + 10_000, 7, LATEST / 10_000 + 1);
    Writer { bench: &bench, node: "n2" }.report(LATEST + 10_000, 7, LATEST / 10_000 + 1);
    bench.set_now(LATEST + 13_000);
    assert_eq!(bench.get("edges?filter=port:9100")["total"], 0, "the mark went");
}

#[test]
fn the_last_interval_counts_once_all_have_reported_or_time_is_up() {
    let bench = Bench::start();
    demo(&bench);
    let latest = || bench.get("edges")["range"]["latest"].as_i64().unwrap();
    assert_eq!(latest(), LATEST);
    Writer { bench: &bench, node: "n1" }.report(LATEST + 10_000, 7, LATEST / 10_000 + 1);
    bench.set_now(LATEST + 13_000);
    assert_eq!(latest(), LATEST, "n2 is still awaited");
    bench.set_now(LATEST + 20_000);
    assert_eq!(latest(), LATEST + 10_000);
}

#[test]
fn another_database_of_the_same_name_is_another() {
    let bench = Bench::start();
    demo(&bench);
    assert_eq!(bench.get("edges")["total"], 8);
    bench.store.drop_database("telegraf").unwrap();
    bench
        .store
        .create_database("telegraf", svcflow_store::PolicySpec::new("autogen", None))
        .unwrap();
    bench.set_now(LATEST + 4_100);
    assert_eq!(bench.get("edges")["total"], 0);
    let n9 = Writer { bench: &bench, node: "n9" };
    n9.reports(LATEST - 100_000, LATEST);
    n9.even(EDGE, LATEST - 100_000, LATEST, (10, 10));
    assert_eq!(ids(&bench.get("edges")["rows"]), [ID]);
}

#[test]
fn nodes_whose_counters_others_wrote_are_shown() {
    let bench = Bench::start();
    Writer { bench: &bench, node: "n9" }.even(EDGE, LATEST - 600_000, LATEST, (1_000, 10));
    let row = row(&bench, "");
    assert_eq!(
        (&row["bytes_in"], &row["rate_bytes_in"], &row["state"]),
        (&json!(30_000), &json!(100.0), &json!("ok"))
    );
}

/// Rows in heads, in small chunks, in merged ones: the answers are the same.
#[test]
fn it_does_not_matter_where_the_rows_lie() {
    let bench = Bench::start();
    let n9 = Writer { bench: &bench, node: "n9" };
    let begin = LATEST - 40_000_000;
    n9.reports(begin, LATEST);
    for provider in 1..=5 {
        let text = format!("11.1.1.2 > 100.1.1.3:8080 > 10.1.1.{provider}:80");
        n9.even(&text, begin, LATEST, (1_000 * provider, 10 * provider));
    }
    let asked = [
        "map?expand=service:100.1.1.3:8080/TCP".to_owned(),
        "map?from=-36000000".to_owned(),
        format!(
            "map?from={}&until={}&at={}",
            begin + 1_005_000,
            LATEST - 3_333,
            LATEST - 20_000_000
        ),
        "edges?from=-30000000&sort=provider".to_owned(),
        "series?id=all&from=-36000000&points=100".to_owned(),
        "series?id=service:100.1.1.3:8080/TCP!10.1.1.3&from=-36000000&points=7".to_owned(),
    ];
    let answers = || -> Vec<Value> { asked.iter().map(|asked| bench.get(asked)).collect() };
    let before = answers();
    assert_eq!(before[1]["all"]["totals"]["bytes_in"], 3_600 * 15_000);
    bench.store.flush().unwrap();
    bench.set_now(LATEST + 4_100);
    let flushed = answers();
    while bench.store.merge().unwrap() {}
    bench.set_now(LATEST + 5_200);
    for (place, (before, after)) in before.iter().zip(flushed.iter().chain(&answers())).enumerate()
    {
        close(before, after, &asked[place]);
    }
}

/// Equal, but that curves are sums of floats in another order.
fn close(a: &Value, b: &Value, what: &str) {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) if x != y => {
            let (x, y) = (x.as_f64().unwrap(), y.as_f64().unwrap());
            assert!((x - y).abs() <= 1e-5 * x.abs(), "{what}: {x} {y}");
        }
        (Value::Array(x), Value::Array(y)) => {
            assert_eq!(x.len(), y.len(), "{what}");
            x.iter().zip(y).for_each(|(x, y)| close(x, y, what));
        }
        (Value::Object(x), Value::Object(y)) => {
            assert_eq!(x.len(), y.len(), "{what}");
            x.iter().for_each(|(key, value)| close(value, &y[key], &format!("{what}.{key}")));
        }
        _ => assert_eq!(a, b, "{what}"),
    }
}
