//! What is shown of ordinary traffic.

use serde_json::json;

use crate::bench::{Bench, LATEST, Writer, by_id, demo, ids};

#[test]
fn the_map_of_the_demo_is_whole() {
    let bench = Bench::start();
    demo(&bench);
    let map = bench.get("map?expand=service:default:app");
    assert_eq!(
        map["range"],
        json!({
            "from": LATEST - 300_000, "until": LATEST, "at": LATEST, "step": 10_000, "interval": 10_000, "resolution": 10_000,
            "earliest": LATEST - 3_600_000, "latest": LATEST
        })
    );
    assert_eq!(ids(&map["nodes"]), ["clients", "service:default:app", "service:default:db"]);
    let app = by_id(&map["nodes"], "service:default:app");
    assert_eq!(app["served"]["totals"]["bytes_in"], 30 * 180_000);
    assert_eq!(app["served"]["totals"]["packets_in"], 6 * 30 * 2);
    assert_eq!(app["served"]["rates"]["bytes_in"], 18_000.0);
    assert_eq!(app["spark"].as_array().unwrap().len(), 30);
    assert_eq!(app["spark"][0], 19_200.0);
    let members = &app["members"];
    assert_eq!(ids(members), ["service:default:app!10.1.1.1", "service:default:app!10.1.1.2"]);
    assert_eq!((&members[0]["name"], &members[0]["node"]), (&json!("app-1"), &json!("n1")));
    assert_eq!(map["all"]["totals"]["bytes_in"], 30 * 201_000);
    assert_eq!((&map["waiting"], &map["losses"]), (&json!(null), &json!([])));
    assert_eq!(by_id(&map["edges"], "clients~service:default:app!10.1.1.2")["count"], 3);
}

#[test]
fn the_table_is_the_same_as_json_and_as_csv() {
    let bench = Bench::start();
    demo(&bench);
    let table = bench.get("edges?filter=tier%3Ddb&sort=endpoint");
    assert_eq!((&table["total"], &table["offset"]), (&json!(2), &json!(0)));
    assert_eq!(
        table["rows"][0],
        json!({
            "id": "edge:n1,10.1.1.1,100.1.1.4:8080,10.1.1.15:80,TCP", "node": "n1",
            "endpoint": "10.1.1.1", "endpoint_name": "app-1",
            "service": "100.1.1.4", "service_port": 8080, "service_name": "default:db",
            "provider": "10.1.1.15", "provider_port": 80, "provider_name": "db-1", "protocol": "TCP",
            "relation": "translated-here",
            "rate_bytes_in": 700.0, "rate_bytes_out": 70.0, "rate_packets_in": 0.2, "rate_packets_out": 0.1,
            "bytes_in": 210_000, "bytes_out": 21_000, "packets_in": 60, "packets_out": 30,
            "state": "ok", "marks": [], "first": LATEST - 3_600_000, "last": LATEST
        })
    );
    let columns = "id,bytes_in,rate_bytes_out,first";
    let asked = format!("/api/v1/edges?filter=tier%3Ddb&sort=endpoint&columns={columns}");
    let csv = bench.ask(&asked, &[("Accept", "text/csv")]);
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(
        csv.text(),
        format!(
            "{columns}\r\n\"edge:n1,10.1.1.1,100.1.1.4:8080,10.1.1.15:80,TCP\",210000,70,2026-09-21T13:13:20.000Z\r\n\
             \"edge:n1,10.1.1.2,100.1.1.4:8080,10.1.1.15:80,TCP\",420000,70,2026-09-21T13:13:20.000Z\r\n"
        )
    );
    let by_parameter = bench.ask(&format!("{asked}&format=csv"), &[]);
    assert_eq!(by_parameter.text(), csv.text());
    let page = bench.get("edges?limit=3&offset=6");
    assert_eq!((page["rows"].as_array().unwrap().len(), &page["total"]), (2, &json!(8)));
    assert_eq!(bench.get("edges?limit=0")["rows"].as_array().unwrap().len(), 8);
}

#[test]
fn a_series_has_aligned_columns() {
    let bench = Bench::start();
    demo(&bench);
    let series = bench.get("series?id=service:default:app");
    assert_eq!((&series["name"], &series["side"]), (&json!("default:app"), &json!("served")));
    assert_eq!(series["range"]["step"], 10_000);
    for column in ["times", "bytes_in", "bytes_out", "packets_in", "packets_out"] {
        assert_eq!(series[column].as_array().unwrap().len(), 30, "{column}");
    }
    assert_eq!(
        (&series["times"][0], &series["bytes_in"][29]),
        (&json!(LATEST - 300_000), &json!(18_000.0))
    );
    assert_eq!(series["totals"]["bytes_in"], 30 * 180_000);
    let hour = bench.get("series?id=all&from=-3600000&points=60");
    assert_eq!((&hour["range"]["step"], &hour["bytes_in"][3]), (&json!(60_000), &json!(20_100.0)));
    assert_eq!(hour["average"]["bytes_in"], 20_100.0);
    let nothing = bench.get("series?id=service:nobody");
    assert!(nothing["bytes_in"].as_array().unwrap().iter().all(serde_json::Value::is_null));
}

#[test]
fn graph_topology_and_nodes_are_there() {
    let bench = Bench::start();
    demo(&bench);
    Writer { bench: &bench, node: "n1" }.loss("ended-unseen", LATEST - 60_000, 3, 12_288);
    Writer { bench: &bench, node: "n1" }.report(LATEST + 10_000, 7, LATEST / 10_000 + 1);
    bench.set_now(LATEST + 15_000);
    let graph = bench.get("graph");
    assert_eq!(graph["vertices"]["id"].as_array().unwrap().len(), 2 + 6);
    assert_eq!(graph["links"]["from"].as_array().unwrap().len(), 3 + 2 + 2 + 1);
    let topology = bench.get("topology");
    assert_eq!(ids(&topology["services"]), ["service:default:app", "service:default:db"]);
    assert_eq!(topology["services"][0]["providers"], json!(["10.1.1.1", "10.1.1.2"]));
    assert_eq!(topology["owners"][3]["address"], "11.1.1.0/24");
    assert_eq!(topology["sources"][0]["state"], "ok");
    assert_eq!(bench.get("topology?at=1000")["owners"], json!([]));
    bench.set_agents(vec![crate::live::agent("n1")], &[]);
    let nodes = bench.get("nodes?from=-3600000");
    assert_eq!(nodes["nodes"][0]["name"], "n1");
    let loss = &nodes["nodes"][0]["losses"][0];
    assert_eq!(
        (&loss["kind"], &loss["times"]),
        (&json!("ended-unseen"), &json!([[LATEST - 60_000, 3]]))
    );
    assert_eq!(loss["message"], "n1: 3 connections ended unseen (about 12 kB)");
    assert_eq!(bench.get("map")["losses"][0]["kind"], "ended-unseen");
}

#[test]
fn an_empty_store_says_what_it_waits_for() {
    let bench = Bench::start();
    let map = bench.get("map");
    assert_eq!((&map["range"]["latest"], &map["range"]["earliest"]), (&json!(null), &json!(null)));
    assert_eq!((&map["nodes"], &map["waiting"]["agents"]), (&json!([]), &json!(0)));
    assert!(map["waiting"]["remedy"].as_str().unwrap().contains("svcflow agent"));
    bench.set_agents(vec![crate::live::agent("n1")], &[]);
    bench.set_now(LATEST + 5_500);
    let map = bench.get("map");
    assert_eq!(map["waiting"]["first_at"], LATEST + 10_000);
    for route in ["edges", "graph", "series?id=all", "topology", "nodes"] {
        bench.get(route);
    }
    bench.store.drop_database("telegraf").unwrap();
    assert_eq!(bench.get("edges")["total"], 0, "also without the database");
}

#[test]
fn what_lives_on_a_node_is_ours() {
    let bench = Bench::start();
    demo(&bench);
    let n1 = Writer { bench: &bench, node: "n1" };
    n1.even("10.9.1.1 > 100.1.1.3:8080 > 10.1.1.1:80", LATEST - 100_000, LATEST, (10, 10));
    assert!(ids(&bench.get("map")["nodes"]).contains(&"outside"));
    bench.set_agents(vec![crate::live::agent("n1")], &[("n1", "10.9.0.0/16")]);
    bench.set_now(LATEST + 4_500);
    let map = bench.get("map?expand=clients");
    assert!(!ids(&map["nodes"]).contains(&"outside"));
    let member = by_id(&by_id(&map["nodes"], "clients")["members"], "clients!10.9.1.1");
    assert_eq!(member["node"], "n1");
}

#[test]
fn series_of_others_are_said_and_not_shown() {
    let bench = Bench::start();
    demo(&bench);
    let telegraf = [
        ("EndpointIP", "11.1.1.1".to_owned()),
        ("ProviderIP", "10.1.1.1".to_owned()),
        ("ServiceIP", "100.1.1.3".to_owned()),
        ("host", "n1".to_owned()),
    ];
    Writer { bench: &bench, node: "n1" }.edge_with(&telegraf, LATEST, 5, 5);
    let map = bench.get("map");
    assert_eq!(map["all"]["totals"]["bytes_in"], 30 * 201_000);
    let notice = &map["losses"][0];
    assert_eq!((&notice["kind"], &notice["count"]), (&json!("foreign-series"), &json!(1)));
}
