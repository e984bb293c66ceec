//! The old page over svcflow: what contiv-ui's visualization tab asks for and how it reads the answers
//! (contracts.md 3 and 6), fed from a real server over the lab's live traffic.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use support::program::Program;
use support::{agent, amount, edge};
use svcflow_agent::{BoxError, Config, Options, kernel_source, start_with};
use svcflow_lab::standin::contiv::{Shape, netmaster, svcstats};
use svcflow_lab::standin::{Reply, StandIn};
use svcflow_lab::{Lab, Lifetime, Plan, Target, Topology, Transfer};
use svcflow_model::{Counters, EdgeRow, Protocol};
use svcflow_source::{Preference, TrafficSource};

const EVERY_EDGE: &str = "SELECT BytesIn, BytesOut, EndpointIP, ProviderIP FROM httpjson_svcstats \
                          WHERE time > now() - 1m GROUP BY * LIMIT 1";

type Link = (String, String);

/// The page's data, read as it reads it. A missing key is `undefined` there and breaks it: here it panics.
#[derive(Debug)]
struct Page {
    ancestors: BTreeMap<String, Vec<String>>,
    children: BTreeMap<String, Vec<String>>,
    labels: BTreeMap<String, BTreeMap<String, String>>,
    selectors: BTreeMap<String, BTreeMap<String, String>>,
    /// From an endpoint to a provider.
    links: BTreeSet<Link>,
    /// From an endpoint to a service.
    services: BTreeSet<Link>,
}

impl Page {
    fn load(server: &Program) -> Self {
        let document = server.get("/visualization/services");
        let part = |name: &str| document[name].clone();
        let mut page = Self {
            ancestors: serde_json::from_value(part("ancestors_struct")).unwrap(),
            children: serde_json::from_value(part("children_struct")).unwrap(),
            labels: serde_json::from_value(part("labels")).unwrap(),
            selectors: serde_json::from_value(part("serviceSelectors")).unwrap(),
            links: BTreeSet::new(),
            services: BTreeSet::new(),
        };
        let query: String = form_urlencoded::byte_serialize(EVERY_EDGE.as_bytes()).collect();
        let answer = server.get(&format!("/visualization/influx/query?db=telegraf&q={query}"));
        let series = answer["results"][0]["series"].as_array().cloned().unwrap_or_default();
        for one in &series {
            let tag = |name: &str| one["tags"][name].as_str().unwrap().to_owned();
            let row = one["values"][0].as_array().unwrap();
            assert!(row[1].is_u64() && row[2].is_u64(), "BytesIn, BytesOut: {one}");
            page.links.insert((tag("EndpointIP"), tag("ProviderIP")));
            page.services.insert((tag("EndpointIP"), tag("ServiceIP")));
        }
        page
    }

    /// The width of each link, in and out: what the curves of its last minute add up to.
    fn widths(&self, server: &Program) -> BTreeMap<Link, (u64, u64)> {
        let statement = |field: &str, (endpoint, provider): &Link| {
            format!(
                "SELECT sum({field}) FROM httpjson_svcstats WHERE time > now() - 1m AND (EndpointIP='{endpoint}' ) AND \
                 (ProviderIP='{provider}' ) GROUP BY time(10s) fill(0) LIMIT 6"
            )
        };
        let both = |link| [statement("BytesIn", link), statement("BytesOut", link)];
        let statements: Vec<String> = self.links.iter().flat_map(both).collect();
        let document = post(server, &statements.join("; ")).json();
        let sum = |result: &Value| {
            let values = result["series"][0]["values"].as_array().cloned().unwrap_or_default();
            values.iter().map(|it| it[1].as_u64().unwrap()).sum::<u64>()
        };
        let sums: Vec<u64> = document["results"].as_array().unwrap().iter().map(sum).collect();
        assert_eq!(sums.len(), 2 * self.links.len());
        self.links.iter().cloned().zip(sums.chunks(2).map(|two| (two[0], two[1]))).collect()
    }

    /// The services and the containers within, as the page opens them.
    fn is_the_demo(&self) {
        let top: BTreeSet<&str> = self.children["topLevel"].iter().map(String::as_str).collect();
        assert_eq!(top, BTreeSet::from(["default:app-db", "default:app-svc"]));
        assert_eq!(self.children["default:app-svc"].len(), 14);
        assert_eq!(self.children["default:app-db"].len(), 3);
        let selectors = |tier: &str| {
            let pairs = [("tier", tier), ("release", "stable"), ("environment", "prod")];
            pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect()
        };
        for (service, tier) in [("default:app-svc", "web"), ("default:app-db", "db")] {
            let selectors: BTreeMap<String, String> = selectors(tier);
            assert_eq!(self.selectors[service], selectors);
            for child in &self.children[service] {
                assert_eq!(self.ancestors[child], [service.to_owned()]);
                let mut labels = selectors.clone();
                labels.insert("version".to_owned(), "1.0".to_owned());
                assert_eq!(self.labels[child], labels);
            }
        }
    }
}

/// Bytes in and out of each endpoint with something.
fn sums(rows: &[EdgeRow], of: impl Fn(&EdgeRow) -> String) -> BTreeMap<Link, (u64, u64)> {
    let mut sums = BTreeMap::<_, (u64, u64)>::new();
    for row in rows {
        let sum = sums.entry((row.endpoint.to_string(), of(row))).or_default();
        *sum = (sum.0 + row.bytes_in, sum.1 + row.bytes_out);
    }
    sums
}

fn by_provider(rows: &[EdgeRow]) -> BTreeMap<Link, (u64, u64)> {
    sums(rows, |row| row.provider.to_string())
}

fn post(server: &Program, query: &str) -> support::program::Answer {
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("db", "telegraf")
        .append_pair("q", query)
        .finish();
    server.ask("POST", "/visualization/influx/query", &form, &body)
}

fn transfer(client: &str, service: &str, connections: u32) -> Transfer {
    Transfer {
        client: client.parse().unwrap(),
        target: Target::Service(service.to_owned()),
        protocol: Protocol::TCP,
        bytes_out: 10_000,
        bytes_in: 1_000_000,
        connections,
        lifetime: Lifetime::Short,
        datagram: 1_000,
    }
}

/// Every client to its service, and the first one to both.
fn plan() -> Plan {
    let app = ["11.1.1.1", "11.1.1.2", "11.1.1.3"].map(|it| transfer(it, "default:app-svc", 20));
    let db = ["11.1.1.1", "11.1.1.4"].map(|it| transfer(it, "default:app-db", 6));
    Plan { transfers: app.into_iter().chain(db).collect() }
}

fn permitted() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        assert!(std::env::var_os("CI").is_none(), "CI must run the namespace tests as root");
        eprintln!("skipped: this test needs root: run `sudo make test`");
    }
    root
}

/// The page with every service, container and edge that there is.
fn drawn(server: &Program, truth: &[EdgeRow]) -> Page {
    let services: BTreeSet<Link> =
        sums(truth, |row| row.service.unwrap().to_string()).into_keys().collect();
    let page = server.until("drawn", |server| {
        let page = Page::load(server);
        (page.children.len() == 3 && page.services == services).then_some(page)
    });
    page.is_the_demo();
    page
}

#[test]
fn the_old_page_draws_the_demo_through_netplugin() {
    if !permitted() {
        return;
    }
    let lab = Lab::build(Topology::demo()).unwrap();
    let truth: Arc<Mutex<Vec<EdgeRow>>> = Arc::default();
    let told = Arc::clone(&truth);
    let plugin = StandIn::start(move |target| match target {
        "/svcstats" => Reply::ok(svcstats(&told.lock().unwrap(), Shape::Object)),
        _ => Reply::status(404, "404 page not found"),
    });
    let plugin = plugin.unwrap();
    let master = StandIn::start(|target| netmaster(&Topology::demo(), target)).unwrap();
    let (plugin_url, master_url) = (plugin.url(), master.url());
    let args =
        ["agent", "--source", "contiv", "--netplugin", &plugin_url, "--netmaster", &master_url];
    let more = ["--interval", "200ms", "--listen", "127.0.0.1:0", "--node", "n1"];
    let agent = Program::start(&[&args[..], &more[..]].concat(), "listening on");
    let folder = tempfile::tempdir().unwrap();
    let server = Program::server(folder.path(), &Program::collecting(&[&agent.url]));
    // What ran before the first look is the baseline.
    let sequence = |it: &Program| it.get("/api/v1/edges")["sequence"].as_u64();
    agent.until("looking", |it| sequence(it).filter(|it| *it > 0));
    let rows = lab.run(&plan()).unwrap().expected;
    truth.lock().unwrap().clone_from(&rows);
    let page = drawn(&server, &rows);
    // Netplugin splits by provider what comes in; what goes out to one of several it knows by service only, and
    // that stands beside the providers, once.
    let nobody = "0.0.0.0";
    let expected = |widths: &BTreeMap<Link, (u64, u64)>| {
        let split =
            |(link, sum): (&Link, &(u64, u64))| (link.1 != nobody).then(|| (link.clone(), sum.0));
        let incoming: BTreeMap<Link, u64> = widths.iter().filter_map(split).collect();
        let mut outgoing = BTreeMap::<String, u64>::new();
        for ((endpoint, _), sum) in widths {
            *outgoing.entry(endpoint.clone()).or_default() += sum.1;
        }
        (incoming, outgoing)
    };
    let truth = expected(&by_provider(&rows));
    server.until("exact", |server| (expected(&page.widths(server)) == truth).then_some(()));
    let unsplit: Vec<&Link> = page.links.iter().filter(|link| link.1 == nobody).collect();
    assert_eq!(unsplit.len(), 4, "each of the four asked several providers: {unsplit:?}");
    the_pages_questions(&server, &rows);
}

#[test]
fn the_old_page_draws_the_demo_as_the_kernel_counts_it() {
    if !permitted() {
        return;
    }
    let lab = Arc::new(Lab::build(Topology::demo()).unwrap());
    let config = Config {
        node: "n1".to_owned(),
        interval: Duration::from_millis(200),
        enable_conntrack_accounting: true,
        ..Config::default()
    };
    let (inside, mut open) = (Arc::clone(&lab), kernel_source(Preference::Auto));
    let opener = move || -> Result<Box<dyn TrafficSource>, BoxError> {
        inside.nodes()[0].namespace().enter_current_thread()?;
        open()
    };
    let agent = support::serving(start_with(opener, Options::new(config)).unwrap());
    let master = StandIn::start(|target| netmaster(&Topology::demo(), target)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let collecting = Program::collecting(&[&agent.url]);
    let settings = format!("[names]\nnetmaster = {:?}\n{collecting}", master.url());
    let server = Program::server(folder.path(), &settings);
    let rows = lab.run(&plan()).unwrap().expected;
    let page = drawn(&server, &rows);
    let truth = by_provider(&rows);
    assert_eq!(page.links, truth.keys().cloned().collect());
    // Counted over several looks: what the page adds up are cumulative counts. Their last is the truth.
    let counted = |server: &Program| {
        let query = "SELECT last(BytesIn), last(BytesOut) FROM httpjson_svcstats GROUP BY *";
        let mut sums = BTreeMap::<Link, (u64, u64)>::new();
        for series in server.query(query) {
            let tag = |name: &str| series["tags"][name].as_str().unwrap().to_owned();
            let value = |column: usize| series["values"][0][column].as_u64().unwrap();
            let sum = sums.entry((tag("EndpointIP"), tag("ProviderIP"))).or_default();
            *sum = (sum.0 + value(1), sum.1 + value(2));
        }
        sums
    };
    server.until("exact", |server| (counted(server) == truth).then_some(()));
    // The JSON API says the same, with names.
    let edges = server.get("/api/v1/edges?limit=0");
    let mut shown = BTreeMap::<_, (u64, u64)>::new();
    for row in edges["rows"].as_array().unwrap() {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        let sum = shown.entry((text("endpoint"), text("provider"))).or_default();
        let count = |name: &str| row[name].as_u64().unwrap();
        *sum = (sum.0 + count("bytes_in"), sum.1 + count("bytes_out"));
        assert!(["default:app-svc", "default:app-db"].contains(&&*text("service_name")), "{row}");
    }
    assert_eq!(shown, truth);
}

/// The two forms that it posts, spacing as it sends them.
fn the_pages_questions(server: &Program, rows: &[EdgeRow]) {
    let post = |query: &str| post(server, query);
    let row = rows.first().unwrap();
    let (endpoint, provider) = (row.endpoint, row.provider);
    let answer = post(&format!(
        "SELECT sum(BytesIn) from httpjson_svcstats WHERE time > now() - 1m AND (EndpointIP='{endpoint}' OR \
         EndpointIP='9.9.9.9' ) AND (ProviderIP='{provider}' )GROUP BY time(120s) LIMIT 1; SELECT sum(BytesIn) from \
         httpjson_svcstats WHERE time > now() - 15s AND (ProviderIP='{endpoint}' ) AND (EndpointIP='{provider}' \
         )GROUP BY time(20s) fill(0) LIMIT 1"
    ));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["x-influxdb-version"], "1.6.7");
    assert!(answer.headers.contains_key("request-id"));
    let document = answer.json();
    let first = &document["results"][0]["series"][0];
    assert_eq!(
        (&first["name"], &first["columns"]),
        (&json!("httpjson_svcstats"), &json!(["time", "sum"]))
    );
    assert_eq!(first["values"].as_array().unwrap().len(), 1, "{document}");
    assert_eq!(document["results"][1], json!({"statement_id": 1}), "no data is no series");
    let answer = post(&format!(
        "SELECT sum(BytesOut) FROM httpjson_svcstats WHERE time > now() - 1m AND (EndpointIP='{endpoint}' ) AND \
         (ProviderIP='{provider}' ) GROUP BY time(10s) fill(0) LIMIT 6; SELECT sum(BytesIn) FROM httpjson_svcstats \
         WHERE time > now() - 1m AND (EndpointIP='{endpoint}' ) AND (ProviderIP='{provider}' ) GROUP BY time(10s) \
         fill(0) LIMIT 6"
    ));
    let document = answer.json();
    for result in document["results"].as_array().unwrap() {
        let values = result["series"][0]["values"].as_array().unwrap();
        assert_eq!(values.len(), 6, "{document}");
        assert!(values.iter().all(|it| it[1].is_number()), "filled with 0: {document}");
    }
    let refused = post("SELECT FROM");
    assert_eq!(refused.status, 400);
    assert!(refused.json()["error"].as_str().unwrap().starts_with("error parsing query"));
}

/// Pages of other origins, preflights, methods, wrong routes.
#[test]
fn the_routes_of_the_page_are_as_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let node = agent("n1", vec![(edge("11.1.1.2", None, "10.1.1.5:80"), amount(1))]);
    let open =
        format!("allow_origins = [\"http://ui.example\"]\n{}", Program::collecting(&[&node.url]));
    let server = Program::server(folder.path(), &open);
    for route in [
        "/services",
        "/visualization/services",
        "/visualization/influx/query?db=telegraf&q=SHOW+DATABASES",
        "/11.1.1.2",
    ] {
        let allowed = server.until("there", |it| {
            let answer = it.ask("GET", route, &[("Origin", "http://ui.example")], "");
            (answer.status == 200).then_some(answer)
        });
        assert_eq!(allowed.headers["access-control-allow-origin"], "http://ui.example", "{route}");
        assert!(allowed.headers["content-type"].starts_with("application/json"), "{route}");
        let foreign = server.ask("GET", route, &[("Origin", "http://evil.example")], "");
        assert_eq!(foreign.status, 403, "{route}");
    }
    let preflight = [("Origin", "http://ui.example"), ("Access-Control-Request-Method", "POST")];
    let answer = server.ask("OPTIONS", "/visualization/influx/query", &preflight, "");
    assert_eq!(answer.status, 200);
    assert!(answer.headers["access-control-allow-methods"].contains("POST"));
    assert_eq!(server.ask("GET", "/visualization/influx/query", &[], "").status, 400, "no query");
    assert_eq!(server.ask("POST", "/services", &[], "").status, 405);
    for wrong in ["/nothing", "/visualization/nothing", "/11.1.1.2/x", "/%ff"] {
        assert_eq!(server.ask("GET", wrong, &[], "").status, 404, "{wrong}");
    }
    let unknown = server.ask("GET", "/11.9.9.9", &[], "");
    assert_eq!(unknown.status, 404);
    assert!(unknown.json()["error"].as_str().unwrap().contains("11.9.9.9"));
    let wrong = server.ask("GET", "/11.1.1.2?service=x", &[], "");
    assert_eq!(wrong.status, 400);
    assert!(wrong.json()["error"].as_str().unwrap().contains("an address or none"));
}

/// One endpoint to several services on one node, several providers a service, one provider in two services, two
/// ports of one service, IPv6, another node: complete in every interface of the server and the agent.
#[test]
fn nothing_is_left_out_in_any_interface() {
    let first = [
        edge("11.1.1.2", Some("100.1.1.3:8080"), "10.1.1.5:80"),
        edge("11.1.1.2", Some("100.1.1.3:8080"), "10.1.1.6:80"),
        edge("11.1.1.2", Some("100.1.1.3:8443"), "10.1.1.5:443"),
        edge("11.1.1.2", Some("100.1.1.4:8080"), "10.1.1.5:80"),
        edge("11.1.1.2", None, "10.1.1.5:80"),
        edge("fd11:1:1::2", Some("[fd64:1:1::3]:8080"), "[fd10:1:1::5]:80"),
    ];
    let counted: Vec<_> = (1..).zip(first).map(|(n, edge)| (edge, amount(n))).collect();
    let node1 = agent("n1", counted.clone());
    // The same client on another node, as when it moved.
    let moved = edge("11.1.1.2", Some("100.1.1.3:8080"), "10.1.1.7:80");
    let node2 = agent("n2", vec![(moved, amount(100))]);
    let folder = tempfile::tempdir().unwrap();
    let names = folder.path().join("names.toml");
    let text = "[[service]]\nname = \"a\"\ntenant = \"t\"\naddresses = [\"100.1.1.3\"]\nselectors = { tier = \"web\" }\n\
                [[service]]\nname = \"b\"\naddresses = [\"100.1.1.4\"]\nselectors = { tier = \"web\", empty = \"\" }\n\
                providers = [\"10.1.1.5\", \"10.1.1.9\"]\n\
                [[service]]\nname = \"nobody\"\naddresses = [\"100.1.1.9\"]\n\
                [[owner]]\nname = \"web-1\"\naddresses = [\"10.1.1.5\"]\nlabels = { tier = \"web\", odd = \"a:b=c\" }\n";
    std::fs::write(&names, text).unwrap();
    let settings =
        format!("[names]\nfile = {names:?}\n{}", Program::collecting(&[&node1.url, &node2.url]));
    let server = Program::server(folder.path(), &settings);

    let services = server.until("whole", |it| {
        let services = it.get("/services");
        // Each node is asked on its own.
        let there = services["children_struct"]["topLevel"].as_array()?.len() == 4
            && services["ancestors_struct"]["10.1.1.7"].is_array();
        there.then_some(services)
    });
    let expected = json!({
        "ancestors_struct": {
            "10.1.1.5": ["b", "t:a"], "10.1.1.6": ["t:a"], "10.1.1.7": ["t:a"], "10.1.1.9": ["b"],
            "fd10:1:1::5": ["[fd64:1:1::3]:8080"]
        },
        "children_struct": {
            "[fd64:1:1::3]:8080": ["fd10:1:1::5"], "b": ["10.1.1.5", "10.1.1.9"], "nobody": [],
            "t:a": ["10.1.1.5", "10.1.1.6", "10.1.1.7"], "topLevel": ["[fd64:1:1::3]:8080", "b", "nobody", "t:a"]
        },
        "labels": {
            "10.1.1.5": {"odd": "a:b=c", "tier": "web"}, "10.1.1.6": {}, "10.1.1.7": {}, "10.1.1.9": {}, "fd10:1:1::5": {}
        },
        "serviceSelectors": {
            "[fd64:1:1::3]:8080": {}, "b": {"empty": "", "tier": "web"}, "nobody": {}, "t:a": {"tier": "web"}
        }
    });
    assert_eq!(services, expected);
    assert_eq!(server.get("/visualization/services"), expected);

    let all: Vec<_> = counted.iter().map(|(edge, counters)| ("n1", *edge, *counters)).collect();
    let all = [all, vec![("n2", moved, amount(100))]].concat();
    let row = |service: &str, provider: &str, all: &[Counters]| {
        let mut sum = Counters::ZERO;
        all.iter().for_each(|counters| sum.add(counters));
        let mut row = json!({
            "EndpointIP": "11.1.1.2", "ServiceIP": service, "ProviderIP": provider,
            "BytesIn": sum.bytes_in, "BytesOut": sum.bytes_out,
            "PacketsIn": sum.packets_in, "PacketsOut": sum.packets_out
        });
        if service.is_empty() {
            row.as_object_mut().unwrap().remove("ServiceIP");
        }
        row
    };
    // Ports are added up, nodes come together.
    let of_server = json!([
        row("", "10.1.1.5", &[amount(5)]),
        row("100.1.1.3", "10.1.1.5", &[amount(1), amount(3)]),
        row("100.1.1.3", "10.1.1.6", &[amount(2)]),
        row("100.1.1.3", "10.1.1.7", &[amount(100)]),
        row("100.1.1.4", "10.1.1.5", &[amount(4)]),
    ]);
    assert_eq!(server.get("/11.1.1.2"), of_server);
    assert_eq!(server.get("/11.1.1.2?service=100.1.1.4"), of_server[4]);
    assert_eq!(server.get("/11.1.1.2?service=none"), of_server[0]);
    assert_eq!(server.get("/11.1.1.2?service=100.1.1.3&provider=10.1.1.6"), of_server[2]);
    let ports = server.get("/11.1.1.2?service=100.1.1.3&provider=10.1.1.5&ports=1");
    assert_eq!(ports.as_array().unwrap().len(), 2);
    assert_eq!(
        (&ports[1]["ServicePort"], &ports[1]["ProviderPort"]),
        (&json!("8443"), &json!("443"))
    );
    assert_eq!(server.get("/fd11:1:1::2")["ServiceIP"], "fd64:1:1::3");
    assert_eq!(server.get("/fd11%3A1%3A1%3A%3A2")["ProviderIP"], "fd10:1:1::5");

    // InfluxDB's interface: a series an edge, everything in tags.
    let query = "SELECT last(BytesIn), last(BytesOut), last(PacketsIn), last(PacketsOut) FROM httpjson_svcstats GROUP BY *";
    let mut seen = Vec::new();
    for series in server.query(query) {
        let tag = |name: &str| series["tags"][name].as_str().unwrap_or_default().to_owned();
        let values: Vec<u64> = series["values"][0].as_array().unwrap()[1..]
            .iter()
            .map(|it| it.as_u64().unwrap())
            .collect();
        seen.push((
            [
                tag("Node"),
                tag("EndpointIP"),
                tag("ServiceIP"),
                tag("ServicePort"),
                tag("ProviderIP"),
                tag("ProviderPort"),
            ],
            values,
        ));
    }
    let mut expected: Vec<_> = all
        .iter()
        .map(|(node, edge, it)| {
            let service =
                edge.service.map(|service| service.address.to_string()).unwrap_or_default();
            let port = edge.service.map(|service| service.port.to_string()).unwrap_or_default();
            let tags = [
                (*node).to_owned(),
                edge.endpoint.to_string(),
                service,
                port,
                edge.provider.to_string(),
                edge.provider_port.to_string(),
            ];
            (tags, vec![it.bytes_in, it.bytes_out, it.packets_in, it.packets_out])
        })
        .collect();
    seen.sort();
    expected.sort();
    assert_eq!(seen, expected);

    // The JSON API and the agents.
    let edges = server.get("/api/v1/edges?limit=0&from=-60000");
    assert_eq!(edges["total"], 7, "{edges}");
    assert_eq!(node1.get("/api/v1/edges")["edges"].as_array().unwrap().len(), 6);
    assert_eq!(node1.get("/11.1.1.2").as_array().unwrap().len(), 4);
    assert_eq!(node1.get("/endpoints").as_array().unwrap().len(), 5);
    let stats = node1.get("/svcstats");
    let services = stats["11.1.1.2"]["SvcStats"].as_object().unwrap();
    let keys: Vec<&str> = services.keys().map(String::as_str).collect();
    assert_eq!(keys, ["100.1.1.3", "100.1.1.3:8443:TCP", "100.1.1.4"]);
}

/// Netmaster, asked by the server itself, fails in its ways: the last names stay, with their age.
#[test]
fn a_netmaster_that_fails_takes_no_names_with_it() {
    let master = StandIn::start(|target| netmaster(&Topology::demo(), target)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let node =
        agent("n1", vec![(edge("11.1.1.2", Some("100.1.1.3:8080"), "10.1.1.5:80"), amount(1))]);
    let settings =
        format!("[names]\nnetmaster = {:?}\n{}", master.url(), Program::collecting(&[&node.url]));
    let server = Program::server(folder.path(), &settings);
    let whole = |services: &Value| {
        services["children_struct"]["topLevel"] == json!(["default:app-db", "default:app-svc"])
    };
    server.until("named", |it| whole(&it.get("/services")).then_some(()));
    master.answer(|_| Reply::ok("<html>gateway</html>"));
    let source = server.until("stale", |it| {
        let sources = it.get("/api/v1/topology")["sources"].clone();
        let contiv = sources.as_array()?.iter().find(|it| it["name"] == "contiv")?.clone();
        (contiv["state"] == "stale").then_some(contiv)
    });
    assert!(source["since"].as_i64().unwrap() > 1_600_000_000_000, "{source}");
    assert!(whole(&server.get("/services")));
    // A start without Netmaster has the names of before.
    drop(server);
    drop(master);
    let server = Program::server(folder.path(), &settings);
    assert!(whole(&server.get("/services")), "taken up from the store");
}
