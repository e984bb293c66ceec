//! For those who keep Telegraf: with both of its JSON plugins (a stand-in that reads the made configuration as
//! Telegraf does) and with ours, every edge arrives.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Agent, agent, amount, edge};
use svcflow_lab::standin::contiv::{Shape, svcstats};
use svcflow_lab::standin::{Reply, StandIn};
use svcflow_model::{Counters, Edge, EdgeRow};
use toml::Table;

const BINARY: &str = env!("CARGO_BIN_EXE_svcflow");

fn svcflow(args: &[&str]) -> Output {
    Command::new(BINARY).args(args).output().unwrap()
}

fn printed(args: &[&str]) -> String {
    let output = svcflow(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// One endpoint with several services, several providers a service, one provider in two services, two ports of
/// one service, direct edges, IPv6; two nodes.
fn edges() -> [Vec<(Edge, Counters)>; 2] {
    let first = [
        edge("11.1.1.2", Some("100.1.1.3:8080"), "10.1.1.5:80"),
        edge("11.1.1.2", Some("100.1.1.3:8080"), "10.1.1.6:80"),
        edge("11.1.1.2", Some("100.1.1.3:8443"), "10.1.1.5:443"),
        edge("11.1.1.2", Some("100.1.1.4:8080"), "10.1.1.5:80"),
        edge("11.1.1.2", None, "10.1.1.5:80"),
        edge("11.1.1.3", None, "8.8.8.8:53"),
        edge("fd11:1:1::2", Some("[fd64:1:1::3]:8080"), "[fd10:1:1::5]:80"),
    ];
    let second = [edge("11.1.2.1", Some("100.1.1.3:8080"), "10.1.1.5:80")];
    let counted = |edges: &[Edge]| (1..).zip(edges).map(|(n, edge)| (*edge, amount(n))).collect();
    [counted(&first), counted(&second)]
}

fn agents() -> [Agent; 2] {
    let [first, second] = edges();
    [agent("node1", first), agent("node2", second)]
}

/// EndpointIP, ServiceIP or nothing, ProviderIP.
type Tags = (String, String, String);

/// What must arrive: what is summed over ports, by Telegraf's three tags.
fn expected() -> BTreeMap<Tags, Counters> {
    let mut sums = BTreeMap::<Tags, Counters>::new();
    for (edge, counters) in edges().iter().flatten() {
        let service = edge.service.map_or(String::new(), |it| it.address.to_string());
        let tags = (edge.endpoint.to_string(), service, edge.provider.to_string());
        sums.entry(tags).or_default().add(counters);
    }
    sums
}

/// What Telegraf's `http` and `httpjson` inputs make of a configuration: an answer is an object or an array of
/// objects; texts become tags where they are named, all others are dropped; numbers become fields.
fn telegraf(conf: &str, arrays: bool) -> BTreeMap<Tags, Counters> {
    let conf: Table = conf.parse().unwrap();
    let mut points = BTreeMap::new();
    for (plugin, list) in [("http", "urls"), ("httpjson", "servers")] {
        let inputs = conf["inputs"].get(plugin).and_then(|it| it.as_array());
        for input in inputs.into_iter().flatten() {
            let name = match plugin {
                "http" => input["name_override"].as_str().unwrap().to_owned(),
                _ => format!("httpjson_{}", input["name"].as_str().unwrap()),
            };
            assert_eq!(name, "httpjson_svcstats");
            for url in input[list].as_array().unwrap() {
                let text =
                    ureq::get(url.as_str().unwrap()).call().unwrap().body_mut().read_to_string();
                let objects = match serde_json::from_str(&text.unwrap()).unwrap() {
                    Value::Array(all) if arrays => all,
                    one @ Value::Object(_) => vec![one],
                    other => panic!("no Telegraf of that time takes {other}"),
                };
                for object in objects {
                    let (tags, counters) = point(&object, input["tag_keys"].as_array().unwrap());
                    assert!(points.insert(tags, counters).is_none(), "twice: {object}");
                }
            }
        }
    }
    points
}

fn point(object: &Value, tag_keys: &[toml::Value]) -> (Tags, Counters) {
    let tag = |key: &str| {
        assert!(tag_keys.iter().any(|it| it.as_str() == Some(key)));
        object.get(key).map_or(String::new(), |it| it.as_str().unwrap().to_owned())
    };
    let field = |key: &str| object[key].as_u64().unwrap();
    let counters = Counters {
        bytes_in: field("BytesIn"),
        bytes_out: field("BytesOut"),
        packets_in: field("PacketsIn"),
        packets_out: field("PacketsOut"),
    };
    ((tag("EndpointIP"), tag("ServiceIP"), tag("ProviderIP")), counters)
}

#[test]
fn with_the_http_plugin_every_edge_arrives() {
    let [first, second] = agents();
    let conf = printed(&["telegraf-config", "--node", &first.url, "--node", &second.url]);
    assert_eq!(telegraf(&conf, true), expected());
}

#[test]
fn with_the_oldest_httpjson_plugin_every_edge_arrives() {
    let [first, second] = agents();
    let nodes = ["--node", &first.url, "--node", &second.url];
    let args = [&["telegraf-config", "--plugin", "httpjson"], &nodes[..]].concat();
    assert_eq!(telegraf(&printed(&args), false), expected());
}

#[test]
fn a_users_own_file_is_built_on_and_a_broken_one_is_named() {
    let [first, _second] = agents();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("telegraf.conf");
    let mine = "[agent]\n  hostname = \"mine\"\n\n[[inputs.cpu]]\n";
    std::fs::write(&file, mine).unwrap();
    let path = file.to_str().unwrap();
    let conf = printed(&["telegraf-config", "--node", &first.url, "--base", path]);
    assert!(conf.starts_with(mine), "{conf}");
    let [edges, _] = edges();
    assert_eq!(telegraf(&conf, true).len(), edges.len() - 1, "two ports of one are summed");
    std::fs::write(&file, "[agent\n").unwrap();
    let broken = svcflow(&["telegraf-config", "--node", &first.url, "--base", path]);
    let line = String::from_utf8(broken.stderr).unwrap();
    assert!(!broken.status.success() && line.contains("telegraf.conf can't be built on"), "{line}");
    assert!(!svcflow(&["telegraf-config"]).status.success(), "no node, no configuration");
}

#[test]
fn nodes_come_from_a_registry() {
    let [first, _second] = agents();
    let port = first.url.rsplit(':').next().unwrap().to_owned();
    let keys = r#"["contiv.io/service/netplugin/127.0.0.1:9002"]"#;
    let consul = StandIn::start(move |_| Reply::ok(keys)).unwrap();
    let conf = printed(&["telegraf-config", "--consul", &consul.url(), "--port", &port]);
    assert!(conf.contains(&format!("\"{}/endpoints\"", first.url)), "{conf}");
}

#[test]
fn endpoints_of_an_agent_and_of_a_netplugin() {
    let [first, _second] = agents();
    let lines = printed(&["endpoints", &first.url]);
    assert_eq!(lines, "11.1.1.2\n11.1.1.3\nfd11:1:1::2\n");
    let json = printed(&["endpoints", &first.url, "--json"]);
    assert_eq!(json, "[\"11.1.1.2\",\"11.1.1.3\",\"fd11:1:1::2\"]\n");
    let urls = printed(&["endpoints", &format!("{}/", first.url), "--telegraf"]);
    assert!(urls.starts_with(&format!("\"{}/11.1.1.2\",\n", first.url)), "{urls}");
    let [edges, _] = edges();
    let rows: Vec<_> = edges.iter().map(|(edge, it)| EdgeRow::new("n", edge, it)).collect();
    for shape in [Shape::Object, Shape::Array] {
        let body = svcstats(&rows, shape);
        let netplugin = StandIn::start(move |target| match target {
            "/svcstats" => Reply::ok(body.clone()),
            _ => Reply::status(404, "404 page not found"),
        });
        let lines = printed(&["endpoints", &netplugin.unwrap().url()]);
        assert_eq!(lines, "11.1.1.2\nfd11:1:1::2\n", "direct edges have no place there");
    }
}

/// Our plugin under way.
struct Plugin {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Plugin {
    fn start(url: &str, args: &[&str]) -> Self {
        let mut child = Command::new(BINARY)
            .args(["telegraf-plugin", "--agent", url])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = std::sync::mpsc::channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            out.lines().map_while(Result::ok).try_for_each(|it| sender.send(it))
        });
        Self { child, lines }
    }

    fn lines(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.lines.recv_timeout(Duration::from_secs(60)).unwrap()).collect()
    }

    fn ask(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    /// Closes its input, as a parent that dies does, and waits for its end.
    fn end(mut self) -> String {
        drop(self.child.stdin.take());
        let end = Instant::now() + Duration::from_secs(60);
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "it outlives its parent");
            std::thread::sleep(Duration::from_millis(20));
        }
        let output = self.child.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn our_plugin_prints_every_edge_when_told_and_ends_with_its_parent() {
    let [first, _second] = agents();
    let [edges, _] = edges();
    let mut plugin = Plugin::start(&first.url, &["--on-signal"]);
    assert!(plugin.lines.recv_timeout(Duration::from_millis(500)).is_err(), "nobody asked");
    plugin.ask();
    let mut lines = plugin.lines(edges.len());
    lines.sort();
    let expected = "httpjson_svcstats,EndpointIP=11.1.1.2,Node=node1,Protocol=TCP,ProviderIP=10.1.1.5,\
                    ProviderPort=80,ServiceIP=100.1.1.3,ServicePort=8080 \
                    BytesIn=1000,BytesOut=100,PacketsIn=10,PacketsOut=1 ";
    assert!(lines.iter().any(|line| line.starts_with(expected)), "{lines:#?}");
    let direct = "httpjson_svcstats,EndpointIP=11.1.1.3,Node=node1,Protocol=TCP,ProviderIP=8.8.8.8,ProviderPort=53 ";
    assert!(lines.iter().any(|line| line.starts_with(direct)), "{lines:#?}");
    let time = lines[0].rsplit(' ').next().unwrap();
    assert_eq!(time.len(), 19, "nanoseconds: {time}");
    let id = rustix::process::Pid::from_child(&plugin.child);
    rustix::process::kill_process(id, rustix::process::Signal::USR1).unwrap();
    assert_eq!(plugin.lines(edges.len()).len(), edges.len());
    assert_eq!(plugin.end(), "");
}

#[test]
fn our_plugin_prints_at_an_interval_of_its_own_and_survives_an_agent_that_is_away() {
    let [first, second] = agents();
    let plugin = Plugin::start(&first.url, &["--interval", "200ms", "--integers"]);
    let [edges, _] = edges();
    let lines = plugin.lines(2 * edges.len());
    assert!(lines.iter().all(|line| line.contains("i,PacketsIn=")), "{lines:#?}");
    assert_eq!(plugin.end(), "");
    let url = second.url.clone();
    drop(second);
    let mut away = Plugin::start(&url, &["--on-signal"]);
    let mut said = BufReader::new(away.child.stderr.take().unwrap()).lines().map_while(Result::ok);
    away.ask();
    away.ask();
    assert!(said.any(|line| line.contains("no agent answers")), "it says what is wrong");
    assert_eq!(away.end(), "");
}
