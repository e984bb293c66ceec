//! What is served, against contracts.md and cases 8, 18 and 19.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly; clippy.toml exempts test functions but not their helpers"
)]

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::{Bench, config, contiv_example, counters, edge, get, request, start};
use svcflow_agent::{EdgesDocument, Options};
use svcflow_model::{Connection, LossKind, Protocol, Relation, Timestamp};
use svcflow_topology::{Facts, Journal, Limits, NamesDocument, Owner, OwnerKind, Topology, Update};

fn contiv() -> Bench {
    start(contiv_example(), config())
}

#[tokio::test]
async fn svcstats_is_contivs_own_document() {
    let total = json!({"PacketsIn": 4, "BytesIn": 272, "PacketsOut": 6, "BytesOut": 408});
    let expected = json!({"11.1.1.2": {
        "EndpointIP": "11.1.1.2", "VrfName": "default", "PortStats": total,
        "SvcStats": {"100.1.1.3": {
            "ServiceIP": "100.1.1.3", "ServiceVRF": "", "Protocol": "TCP", "SvcPort": "8080", "ProvPort": "80",
            "SvcStats": total,
            "ProvStats": {
                "11.1.1.2": {"ProviderIP": "11.1.1.2", "ServiceIP": "", "ServiceVrf": "",
                             "PacketsIn": 0, "BytesIn": 0, "PacketsOut": 6, "BytesOut": 408},
                "10.1.1.5": {"ProviderIP": "10.1.1.5", "ServiceIP": "", "ServiceVrf": "",
                             "PacketsIn": 4, "BytesIn": 272, "PacketsOut": 0, "BytesOut": 0}}}}}});
    let answer = get(&contiv(), "/svcstats").await;
    assert_eq!((answer.status, answer.json()), (200, expected));
}

#[tokio::test]
async fn a_second_port_and_a_second_provider_keep_their_totals() {
    let strings = contiv_example();
    strings.set(edge("11.1.1.2", Some("100.1.1.3:8080"), "10.1.1.6:80"), counters(30, 40, 3, 4));
    strings.set(edge("11.1.1.2", Some("100.1.1.3:8443"), "10.1.1.5:443"), counters(1, 2, 1, 1));
    let document = get(&start(strings, config()), "/svcstats").await.json();
    let services = &document["11.1.1.2"]["SvcStats"];
    let keys: Vec<_> = services.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["100.1.1.3", "100.1.1.3:8443:TCP"]);
    let providers = &services["100.1.1.3"]["ProvStats"];
    assert_eq!(providers["11.1.1.2"]["BytesOut"], 448, "the outgoing total stands once");
    assert_eq!(providers["10.1.1.6"]["BytesIn"], 30);
    assert_eq!(services["100.1.1.3:8443:TCP"]["SvcPort"], "8443");
}

#[tokio::test]
async fn one_row_is_an_object_and_several_are_an_array_of_flat_ones() {
    let bench = contiv();
    let one = json!({"EndpointIP": "11.1.1.2", "ServiceIP": "100.1.1.3", "ProviderIP": "10.1.1.5",
                     "BytesIn": 272, "BytesOut": 408, "PacketsIn": 4, "PacketsOut": 6});
    assert_eq!(get(&bench, "/11.1.1.2?service=100.1.1.3").await.json(), one);
    assert_eq!(get(&bench, "/11.1.1.2?provider=10.1.1.5").await.json(), one);
    let both = get(&bench, "/11.1.1.2").await.json();
    assert_eq!(both.as_array().unwrap().len(), 2);
    for row in both.as_array().unwrap() {
        assert!(row.as_object().unwrap().values().all(|v| v.is_string() || v.is_number()));
    }
    assert_eq!(both[0].get("ServiceIP"), None, "a direct edge has no service: {both}");
    let ports = get(&bench, "/11.1.1.2?service=100.1.1.3&ports=1").await.json();
    let expected = (&json!("8080"), &json!("80"), &json!("TCP"));
    assert_eq!((&ports["ServicePort"], &ports["ProviderPort"], &ports["Protocol"]), expected);
}

#[tokio::test]
async fn all_endpoints_are_one_array_and_direct_edges_can_be_asked_for() {
    let strings = contiv_example();
    strings.set(edge("11.1.1.9", Some("100.1.1.3:8080"), "10.1.1.5:80"), counters(1, 2, 3, 4));
    let bench = start(strings, config());
    let all = get(&bench, "/endpoints").await.json();
    let endpoints: Vec<_> = all.as_array().unwrap().iter().map(|it| &it["EndpointIP"]).collect();
    assert_eq!(endpoints, ["11.1.1.2", "11.1.1.2", "11.1.1.9"]);
    let direct = get(&bench, "/11.1.1.2?service=none").await.json();
    assert_eq!((direct.get("ServiceIP"), &direct["ProviderIP"]), (None, &json!("8.8.8.8")));
    let none = get(&bench, "/endpoints?service=9.9.9.9&ports=1").await;
    assert_eq!((none.status, none.json()), (200, json!([])));
    assert_eq!(get(&bench, "/endpoints?service=x").await.status, 400);
}

#[tokio::test]
async fn what_was_sent_to_nobody_known_has_no_provider_in_svcstats() {
    let strings = contiv_example();
    strings.set(edge("11.1.1.2", Some("100.1.1.3:8080"), "0.0.0.0:80"), counters(0, 50, 0, 5));
    let document = get(&start(strings, config()), "/svcstats").await.json();
    let providers = &document["11.1.1.2"]["SvcStats"]["100.1.1.3"]["ProvStats"];
    assert_eq!(providers.as_object().unwrap().len(), 2, "{providers}");
    assert_eq!(providers["11.1.1.2"]["BytesOut"], 458);
}

#[tokio::test]
async fn ports_are_summed_unless_asked_for() {
    let strings = contiv_example();
    strings.set(edge("11.1.1.2", Some("100.1.1.3:8443"), "10.1.1.5:443"), counters(1, 2, 3, 4));
    let bench = start(strings, config());
    let sum = get(&bench, "/11.1.1.2?service=100.1.1.3").await.json();
    assert_eq!((&sum["BytesIn"], &sum["PacketsOut"]), (&json!(273), &json!(10)));
    let apart = get(&bench, "/11.1.1.2?service=100.1.1.3&ports=1").await.json();
    assert_eq!(apart.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_not_there_is_404_and_what_is_not_understood_is_400_both_in_json() {
    let bench = contiv();
    for target in [
        "/9.9.9.9",
        "/nonsense",
        "/",
        "/%ff%00",
        "/11.1.1.2/x",
        "/favicon.ico",
        "/11.1.1.2?service=1.1.1.1",
        "/api/v1/nothing",
        "/../../etc/passwd",
    ] {
        let answer = get(&bench, target).await;
        assert_eq!(answer.status, 404, "{target}");
        assert!(answer.json()["error"].is_string(), "{target}");
    }
    for target in [
        "/11.1.1.2?service=x",
        "/11.1.1.2?ports=maybe",
        "/11.1.1.2?color=red",
        "/11.1.1.2?ports=1&ports=1",
        "/api/v1/edges?limit=-1",
        "/api/v1/edges?limit=99999999999999999999",
        "/api/v1/edges?sort=%00",
        "/api/v1/edges?protocol=999",
        "/api/v1/edges?endpoint=%ff%fe",
        "/api/v1/edges?service=1.1.1.1:99999",
        "/api/v1/edges?fresh=2",
        "/api/v1/edges?=&&&=",
        "/api/v1/samples?after=-1",
        "/api/v1/samples?after=1e9",
        "/api/v1/samples?epoch=x",
    ] {
        let answer = get(&bench, target).await;
        assert_eq!(answer.status, 400, "{target}: {}", answer.body);
        assert!(answer.json()["error"].is_string(), "{target}");
    }
    let posted = request(&bench.agent.shared(), "POST", "/svcstats").await;
    assert_eq!(posted.status, 405);
}

#[tokio::test]
async fn services_are_what_translation_shows() {
    let strings = contiv_example();
    strings.set(edge("11.1.1.2", Some("100.1.1.4:8080"), "10.1.1.5:80"), counters(1, 1, 1, 1));
    let bench = start(strings, config());
    let expected = json!({
        "ancestors_struct": {"10.1.1.5": ["100.1.1.3:8080", "100.1.1.4:8080"]},
        "children_struct": {"topLevel": ["100.1.1.3:8080", "100.1.1.4:8080"],
                            "100.1.1.3:8080": ["10.1.1.5"], "100.1.1.4:8080": ["10.1.1.5"]},
        "labels": {"10.1.1.5": {}},
        "serviceSelectors": {"100.1.1.3:8080": {}, "100.1.1.4:8080": {}}});
    assert_eq!(get(&bench, "/services").await.json(), expected);
    assert_eq!(get(&bench, "/visualization/services").await.json(), expected);
}

#[tokio::test]
async fn the_edges_document_is_read_back_by_its_own_types() {
    let bench = contiv();
    let answer = get(&bench, "/api/v1/edges?sort=bytes&limit=1").await;
    let document: EdgesDocument = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((document.node.as_str(), document.sequence), ("node-1", 1));
    assert_eq!(document.at, "2026-01-01T00:00:00.000Z");
    assert_eq!(document.edges.len(), 1);
    assert_eq!(document.edges[0].relation, Relation::TranslatedHere);
    assert_eq!(document.edges[0].rate, None, "one look shows no speed");
    let direct = get(&bench, "/api/v1/edges?service=none").await.json();
    assert_eq!(direct["edges"][0]["relation"], "client-node");
    assert_eq!(direct["edges"][0]["service"], Value::Null);
    let none = get(&bench, "/api/v1/edges?provider=10.1.1.5:81&protocol=tcp").await.json();
    assert_eq!(none["edges"], json!([]));
}

fn uncounted() -> Connection {
    let address = |text: &str| text.parse().unwrap();
    Connection {
        id: 1,
        zone: 0,
        protocol: Protocol::TCP,
        original_source: address("11.1.1.9"),
        original_destination: address("100.1.1.3"),
        original_source_port: 40_000,
        original_destination_port: 8_080,
        reply_source: address("10.1.1.5"),
        reply_destination: address("11.1.1.9"),
        reply_source_port: 80,
        reply_destination_port: 40_000,
        destination_translated: true,
        offloaded: false,
        direction_unknown: false,
        counters: None,
    }
}

#[tokio::test]
async fn uncounted_traffic_is_unknown_not_zero() {
    let bench = start(support::Strings::default(), config());
    bench.strings.script.lock().unwrap().connections.push(uncounted());
    let _ = bench.agent.look_now();
    let edges = get(&bench, "/api/v1/edges").await.json();
    assert_eq!(edges["edges"][0]["marks"]["uncounted"], true, "{edges}");
    assert_eq!(get(&bench, "/svcstats").await.json(), json!({}));
    assert_eq!(get(&bench, "/11.1.1.9").await.status, 404);
    let metrics = get(&bench, "/metrics").await.body;
    assert!(!metrics.contains("11.1.1.9"), "no series says zero");
    assert!(metrics.contains("svcflow_edges_marked{node=\"node-1\",mark=\"uncounted\"} 1"));
}

/// Where sets count edges nobody follows connections: that is unknown, too, not zero.
#[tokio::test]
async fn connections_are_counted_where_they_are_followed() {
    for (source, live) in [("conntrack", json!(1)), ("nftables", json!(null))] {
        let clock = std::sync::Arc::new(svcflow_agent::ManualClock::at(support::START));
        let strings = support::Strings::default();
        strings.script.lock().unwrap().connections.push(uncounted());
        let options = support::options(config(), &clock);
        let agent = svcflow_agent::start(strings.source(source), options).unwrap();
        let _ = agent.look_now();
        let bench = Bench { strings, clock, agent };
        let edges = get(&bench, "/api/v1/edges").await.json();
        assert_eq!(edges["source"]["connections"], live, "{source}");
        let metrics = get(&bench, "/metrics").await.body;
        let told = metrics.contains("svcflow_connections{node=\"node-1\"} 1\n");
        assert_eq!(told, live == json!(1), "{metrics}");
    }
}

#[tokio::test]
async fn metrics_are_openmetrics() {
    let strings = contiv_example();
    strings.script.lock().unwrap().losses.push((LossKind::SetFull, 3));
    let hostile = svcflow_agent::Config { node: "no\"de\\1\n".to_owned(), ..config() };
    let bench = start(strings, hostile);
    let answer = get(&bench, "/metrics").await;
    assert!(answer.head.contains("application/openmetrics-text; version=1.0.0"));
    check_openmetrics(&answer.body);
    assert!(answer.body.contains(
        "svcflow_edge_bytes_total{node=\"no\\\"de\\\\1\\n\",endpoint=\"11.1.1.2\",service=\"100.1.1.3\",\
         service_port=\"8080\",provider=\"10.1.1.5\",provider_port=\"80\",protocol=\"TCP\",\
         relation=\"translated-here\",direction=\"in\"} 272\n"
    ));
    assert!(answer.body.contains(",kind=\"set-full\"} 3\n"));
}

/// The rules of OpenMetrics 1.0 that a scraper stumbles over.
fn check_openmetrics(text: &str) {
    let body = text.strip_suffix("# EOF\n").expect("ends with # EOF");
    let (mut family, mut kind) = (String::new(), String::new());
    let (mut families, mut series) = (BTreeSet::new(), BTreeSet::new());
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (word, name, value) =
                (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            if word == "TYPE" {
                assert!(families.insert(name.to_owned()), "{name} comes twice");
                (family, kind) = (name.to_owned(), value.to_owned());
            }
            assert_eq!(name, family, "metadata stands with its family");
            assert!(word != "UNIT" || name.ends_with(&format!("_{value}")), "{line}");
            continue;
        }
        let (id, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(series.insert(id.to_owned()), "{id} comes twice");
        let (name, labels) = id.split_once('{').unwrap();
        let suffixes: &[&str] = match kind.as_str() {
            "counter" => &["_total"],
            "gauge" => &[""],
            "info" => &["_info"],
            "summary" => &["_count", "_sum"],
            other => panic!("unknown type {other}"),
        };
        assert!(
            suffixes.iter().any(|s| name == format!("{family}{s}")),
            "{name} is not of {family}"
        );
        check_labels(labels.strip_suffix('}').unwrap());
    }
}

fn check_labels(mut labels: &str) {
    while !labels.is_empty() {
        let (name, rest) = labels.split_once("=\"").unwrap();
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        let mut escaped = false;
        let end = rest.find(|c| {
            let closes = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        });
        let rest = &rest[end.expect("a label's value is closed") + 1..];
        labels = rest.strip_prefix(',').unwrap_or(rest);
    }
}

/// A server asks for what is new; names that are somebody else's are told by nobody twice.
#[tokio::test]
async fn names_are_told_after_a_record_of_a_run() {
    let clock = std::sync::Arc::new(svcflow_agent::ManualClock::at(support::START));
    let (mut topology, journal) = (Topology::new(Limits::default()), Journal::default());
    let source = topology.add_source("docker").unwrap();
    let options = Options { journal: Some(journal.clone()), ..support::options(config(), &clock) };
    let names = options.names.clone();
    let agent = svcflow_agent::start(contiv_example().source("nftables"), options).unwrap();
    let _ = agent.look_now();
    let bench = Bench { strings: contiv_example(), clock, agent };
    let mut tell = |at: i64, name: &str| {
        let owner = Owner {
            identity: "c1".to_owned(),
            name: name.to_owned(),
            kind: OwnerKind::Container,
            addresses: vec!["10.1.1.5".parse().unwrap()],
            labels: [("version", name)].into_iter().collect(),
            node: None,
            since: None,
        };
        let facts = Facts { owners: vec![owner], ..Facts::default() };
        topology.apply(source, Update::Listed { at: Timestamp(at), facts });
        names.publish(topology.snapshot());
        journal.note(topology.take_records());
    };
    tell(support::START.0 - 2, "one");
    let read = |text: &str| serde_json::from_str::<NamesDocument>(text).unwrap();
    let first = read(&get(&bench, "/api/v1/names").await.body);
    assert_eq!((first.records.len(), first.sequence, first.more), (1, 1, false));
    assert_eq!((first.sources.len(), &*first.node), (1, "node-1"));
    tell(support::START.0 - 1, "two");
    let new = read(&get(&bench, &format!("/api/v1/names?run={}&after=1", first.run)).await.body);
    assert_eq!(new.records.len(), 2, "one ended, two began");
    let other = read(&get(&bench, "/api/v1/names?run=7&after=3").await.body);
    assert_eq!((other.records.len(), other.run), (2, first.run), "another run's: everything");
    assert_eq!(get(&bench, "/api/v1/names?after=x").await.status, 400);
    let edges = get(&bench, "/api/v1/edges?provider=10.1.1.5").await.json();
    assert_eq!(edges["edges"][0]["provider_name"], "two");
    assert_eq!(edges["edges"][0].get("endpoint_name"), None, "nobody named it");
    // The same filter as a server's.
    for filter in ["name:tw*", "version=two", "version%20in%20(one,two)%2010.1.0.0/16"] {
        let selected = get(&bench, &format!("/api/v1/edges?filter={filter}")).await.json();
        assert_eq!(selected["edges"], edges["edges"], "{filter}");
    }
    let none = get(&bench, "/api/v1/edges?filter=version=one").await.json();
    assert_eq!(none["edges"], json!([]), "a name that it had before");
    assert_eq!(get(&bench, "/api/v1/edges?filter=a%20in%20(").await.status, 400);

    let others = read(&get(&contiv(), "/api/v1/names").await.body);
    assert_eq!((others.records.len(), others.sources.len()), (0, 0));
}
