//! A server with the API over a store that is filled by hand, and a client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use svcflow_map::document::Node;
use svcflow_model::{Cidr, Timestamp};
use svcflow_server::{Agent, Agents, Api, Config, Server, bind};
use svcflow_store::{FieldType, FieldValue, Options, PolicySpec, Store};
use svcflow_topology::{Facts, Limits, Names, Owner, OwnerKind, Service, Topology, Update};
use tokio::sync::oneshot;

/// Data ends here unless a test goes on: a multiple of ten seconds.
pub(crate) const LATEST: i64 = 1_790_000_000_000;
const SECOND: i64 = 1_000_000_000;

/// Agents that a test sets.
#[derive(Clone, Default)]
pub(crate) struct SetAgents(Arc<Mutex<Vec<Agent>>>);

impl Agents for SetAgents {
    fn agents(&self, _: i64) -> Vec<Agent> {
        self.0.lock().clone()
    }

    fn count(&self) -> usize {
        self.0.lock().len()
    }
}

pub(crate) struct Bench {
    pub(crate) address: SocketAddr,
    pub(crate) store: Store,
    pub(crate) names: Names,
    agents: SetAgents,
    now: Arc<AtomicI64>,
    _folder: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Bench {
    pub(crate) fn start() -> Self {
        Self::start_with(|_, _| {})
    }

    pub(crate) fn start_with(change: impl FnOnce(&mut Config, &tempfile::TempDir)) -> Self {
        Self::start_every(Duration::from_secs(10), change)
    }

    /// Of agents that look this often.
    pub(crate) fn start_every(
        interval: Duration,
        change: impl FnOnce(&mut Config, &tempfile::TempDir),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Options::default()).unwrap();
        store.create_database("telegraf", PolicySpec::new("autogen", None)).unwrap();
        let mut config = Config { data: folder.path().to_owned(), ..Config::default() };
        change(&mut config, &folder);
        let now = Arc::new(AtomicI64::new((LATEST + 3_000) * 1_000_000));
        let clock = Arc::clone(&now);
        let (names, agents) = (Names::default(), SetAgents::default());
        let api = Api {
            database: "telegraf".to_owned(),
            interval,
            names: names.clone(),
            agents: Arc::new(agents.clone()),
        };
        let engine = svcflow_query::Engine::new(store.clone(), svcflow_query::Limits::default());
        let clock = Arc::new(move || clock.load(Ordering::SeqCst));
        let server = Server::new(&config, store.clone(), Box::new(engine), clock).unwrap();
        let server = server.with_api(api);
        let (stop, stopped) = oneshot::channel::<()>();
        let (bound, address) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
                bound.send(listener.local_addr().unwrap()).unwrap();
                server.serve(listener, async { drop(stopped.await) }).await.unwrap();
            });
        });
        let address = address.recv().unwrap();
        let (stop, thread) = (Some(stop), Some(thread));
        Self { address, store, names, agents, now, _folder: folder, stop, thread }
    }

    pub(crate) fn set_now(&self, millis: i64) {
        self.now.store(millis * 1_000_000, Ordering::SeqCst);
    }

    pub(crate) fn set_agents(&self, agents: Vec<Node>, lives: &[(&str, &str)]) {
        let agent = |node: Node| {
            let of = lives.iter().filter(|(name, _)| *name == node.name);
            let lives = of.map(|(_, network)| network.parse::<Cidr>().unwrap()).collect();
            Agent { node, lives }
        };
        *self.agents.0.lock() = agents.into_iter().map(agent).collect();
    }

    pub(crate) fn name(&self, facts: Facts) {
        let mut topology = Topology::new(Limits::default());
        let source = topology.add_source("static").unwrap();
        let at = Timestamp((LATEST - 86_400_000) * 1_000_000);
        topology.apply(source, Update::Listed { at, facts });
        self.names.publish(topology.snapshot());
    }

    /// Asks; the status, the headers and the body.
    pub(crate) fn ask(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        let mut stream = self.connect(target, headers, true);
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        Answer::of(&bytes)
    }

    pub(crate) fn connect(&self, target: &str, headers: &[(&str, &str)], close: bool) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut request = format!("GET {target} HTTP/1.1\r\nHost: {}\r\n", self.address);
        if close {
            request += "Connection: close\r\n";
        }
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{request}\r\n").as_bytes()).unwrap();
        stream
    }

    /// A document, which must be there.
    #[track_caller]
    pub(crate) fn get(&self, target: &str) -> Value {
        let answer = self.ask(&format!("/api/v1/{target}"), &[]);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.json()
    }

    /// What a refused question is told: status, message, position.
    #[track_caller]
    pub(crate) fn refused(&self, target: &str) -> (u16, String, Option<u64>) {
        let answer = self.ask(&format!("/api/v1/{target}"), &[]);
        let error = &answer.json()["error"];
        let message = error["message"].as_str().unwrap().to_owned();
        (answer.status, message, error["position"].as_u64())
    }

    pub(crate) fn stop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn of(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        };
        Self { status, headers: lines.map(header).collect(), body: bytes[end + 4..].to_vec() }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(there, _)| there == name);
        found.map_or("", |(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        if self.header("content-encoding") == "gzip" {
            let mut text = String::new();
            flate2::read::GzDecoder::new(&*self.body).read_to_string(&mut text).unwrap();
            return text;
        }
        String::from_utf8(self.body.clone()).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text()).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }
}

/// Events of `live`, as they come.
pub(crate) struct Events(BufReader<TcpStream>);

impl Events {
    pub(crate) fn of(bench: &Bench) -> (Self, String) {
        let mut reader = BufReader::new(bench.connect("/api/v1/live", &[], false));
        let mut head = String::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if line == "\r\n" {
                return (Self(reader), head.to_ascii_lowercase());
            }
            head += &line;
        }
    }

    /// The next event's name and data, and the lines before; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<(String, Value, String)> {
        let (mut name, mut data, mut all) = (String::new(), None, String::new());
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            let line = line.trim_end();
            all += &format!("{line}\n");
            if let Some(value) = line.strip_prefix("event: ") {
                value.clone_into(&mut name);
            } else if let Some(value) = line.strip_prefix("data: ") {
                data = Some(serde_json::from_str(value).unwrap());
            } else if line.is_empty()
                && let Some(data) = data.take()
            {
                return Some((name, data, all));
            }
        }
    }
}

/// Writes what the collector would.
pub(crate) struct Writer<'b> {
    pub(crate) bench: &'b Bench,
    pub(crate) node: &'static str,
}

/// An edge's tags without the node's: `"11.1.1.2 > 100.1.1.3:8080 > 10.1.1.7:80"`.
pub(crate) fn tags(text: &str, node: &str) -> Vec<(&'static str, String)> {
    let parts: Vec<&str> = text.split(" > ").collect();
    let socket = |text: &str| text.parse::<SocketAddr>().unwrap();
    let provider = socket(parts[parts.len() - 1]);
    let mut tags = vec![
        ("EndpointIP", parts[0].to_owned()),
        ("Node", node.to_owned()),
        ("Protocol", "TCP".to_owned()),
        ("ProviderIP", provider.ip().to_string()),
        ("ProviderPort", provider.port().to_string()),
    ];
    if parts.len() == 3 {
        let service = socket(parts[1]);
        tags.push(("ServiceIP", service.ip().to_string()));
        tags.push(("ServicePort", service.port().to_string()));
    }
    tags
}

impl Writer<'_> {
    fn write(
        &self,
        measurement: &str,
        tags: &[(&'static str, String)],
        at: i64,
        fields: &[(&str, FieldValue<'_>)],
    ) {
        let tags: Vec<(&str, &str)> =
            tags.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let mut batch = self.bench.store.batch("telegraf", None).unwrap();
        let series = batch.series(measurement, &tags).unwrap();
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (batch.field(series, name, value.field_type()).unwrap(), *value))
            .collect();
        batch.push(series, at * 1_000_000, &fields).unwrap();
        batch.commit().unwrap();
    }

    /// Counters of an edge at an instant, milliseconds.
    pub(crate) fn edge(&self, text: &str, at: i64, bytes_in: i64, bytes_out: i64) {
        self.edge_with(&tags(text, self.node), at, bytes_in, bytes_out);
    }

    pub(crate) fn edge_with(
        &self,
        tags: &[(&'static str, String)],
        at: i64,
        bytes_in: i64,
        bytes_out: i64,
    ) {
        let packets = |bytes| FieldValue::Integer(bytes / 100);
        self.write(
            "httpjson_svcstats",
            tags,
            at,
            &[
                ("BytesIn", FieldValue::Integer(bytes_in)),
                ("BytesOut", FieldValue::Integer(bytes_out)),
                ("PacketsIn", packets(bytes_in)),
                ("PacketsOut", packets(bytes_out)),
            ],
        );
    }

    /// Integers of these fields, at instants in milliseconds.
    pub(crate) fn rows(
        &self,
        measurement: &str,
        tags: &[(&'static str, String)],
        fields: &[&str],
        rows: impl Iterator<Item = (i64, Vec<i64>)>,
    ) {
        self.rows_in(None, measurement, tags, fields, rows);
    }

    pub(crate) fn rows_in(
        &self,
        policy: Option<&str>,
        measurement: &str,
        tags: &[(&'static str, String)],
        fields: &[&str],
        rows: impl Iterator<Item = (i64, Vec<i64>)>,
    ) {
        let tags: Vec<(&str, &str)> =
            tags.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let mut batch = self.bench.store.batch("telegraf", policy).unwrap();
        let series = batch.series(measurement, &tags).unwrap();
        let field = |name: &&str| batch.field(series, name, FieldType::Integer).unwrap();
        let fields: Vec<_> = fields.iter().map(field).collect();
        for (at, values) in rows {
            let values = values.into_iter().map(FieldValue::Integer);
            let row: Vec<_> = fields.iter().copied().zip(values).collect();
            batch.push(series, at * 1_000_000, &row).unwrap();
        }
        batch.commit().unwrap();
    }

    /// A report of the node.
    pub(crate) fn report(&self, at: i64, epoch: i64, sequence: i64) {
        let tags = [("Node", self.node.to_owned())];
        let fields =
            [("Epoch", FieldValue::Integer(epoch)), ("Sequence", FieldValue::Integer(sequence))];
        self.write("svcflow_nodes", &tags, at, &fields);
    }

    /// A report at each interval from the one instant to the other, both included.
    pub(crate) fn reports(&self, from: i64, until: i64) {
        let mut batch = self.bench.store.batch("telegraf", None).unwrap();
        let series = batch.series("svcflow_nodes", &[("Node", self.node)]).unwrap();
        let epoch = batch.field(series, "Epoch", FieldType::Integer).unwrap();
        let sequence = batch.field(series, "Sequence", FieldType::Integer).unwrap();
        for slot in from / 10_000..=until / 10_000 {
            let values = [(epoch, FieldValue::Integer(7)), (sequence, FieldValue::Integer(slot))];
            batch.push(series, slot * 10 * SECOND, &values).unwrap();
        }
        batch.commit().unwrap();
    }

    pub(crate) fn marks(&self, text: &str, at: i64, uncounted: bool) {
        let fields = [
            ("DirectionUnknown", FieldValue::Boolean(true)),
            ("Uncounted", FieldValue::Boolean(uncounted)),
        ];
        self.write("svcflow_marks", &tags(text, self.node), at, &fields);
    }

    pub(crate) fn loss(&self, kind: &str, at: i64, count: i64, bytes: i64) {
        let tags = [("Kind", kind.to_owned()), ("Node", self.node.to_owned())];
        let fields = [("Bytes", FieldValue::Integer(bytes)), ("Count", FieldValue::Integer(count))];
        self.write("svcflow_losses", &tags, at, &fields);
    }

    /// An edge that adds the same in each interval from the one instant to the other.
    pub(crate) fn even(&self, text: &str, from: i64, until: i64, each: (i64, i64)) {
        let tags = tags(text, self.node);
        let tags: Vec<(&str, &str)> =
            tags.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let mut batch = self.bench.store.batch("telegraf", None).unwrap();
        let series = batch.series("httpjson_svcstats", &tags).unwrap();
        let fields = ["BytesIn", "BytesOut", "PacketsIn", "PacketsOut"]
            .map(|name| batch.field(series, name, FieldType::Integer).unwrap());
        for slot in from / 10_000..=until / 10_000 {
            let n = slot - from / 10_000;
            let values = [each.0 * n, each.1 * n, n * 2, n];
            let row: Vec<_> = fields
                .iter()
                .zip(values)
                .map(|(field, value)| (*field, FieldValue::Integer(value)))
                .collect();
            batch.push(series, slot * 10 * SECOND, &row).unwrap();
        }
        batch.commit().unwrap();
    }
}

/// Two services, of which the first asks the second; names for all; an hour of data on two nodes.
pub(crate) fn demo(bench: &Bench) {
    let n1 = Writer { bench, node: "n1" };
    let from = LATEST - 3_600_000;
    n1.reports(from, LATEST);
    Writer { bench, node: "n2" }.reports(from, LATEST);
    for client in 1..=3 {
        for provider in 1..=2 {
            let text = format!("11.1.1.{client} > 100.1.1.3:8080 > 10.1.1.{provider}:80");
            n1.even(&text, from, LATEST, (10_000 * client * provider, 1_000 * client));
        }
    }
    for provider in 1..=2 {
        let text = format!("10.1.1.{provider} > 100.1.1.4:8080 > 10.1.1.15:80");
        n1.even(&text, from, LATEST, (7_000 * provider, 700));
    }
    bench.name(facts());
}

pub(crate) fn facts() -> Facts {
    let owner = |address: &str, name: &str, tier: &str, node: &str| Owner {
        identity: name.to_owned(),
        name: name.to_owned(),
        kind: OwnerKind::Container,
        addresses: vec![address.parse().unwrap()],
        labels: [("tier", tier)].into_iter().collect(),
        node: Some(node.to_owned()),
        since: None,
    };
    let service = |name: &str, address: &str, tier: &str| Service {
        identity: name.to_owned(),
        tenant: "default".to_owned(),
        name: name.to_owned(),
        addresses: vec![address.parse().unwrap()],
        ports: vec!["8080:80:TCP".parse().unwrap()],
        selectors: [("tier", tier)].into_iter().collect(),
        ..Service::default()
    };
    Facts {
        owners: vec![
            owner("10.1.1.1", "app-1", "web", "n1"),
            owner("10.1.1.2", "app-2", "web", "n1"),
            owner("10.1.1.15", "db-1", "db", "n2"),
            owner("11.1.1.0/24", "clients", "client", "n1"),
        ],
        services: vec![service("app", "100.1.1.3", "web"), service("db", "100.1.1.4", "db")],
        faults: vec![],
    }
}

/// The card, member or edge of this id.
#[track_caller]
pub(crate) fn by_id<'v>(list: &'v Value, id: &str) -> &'v Value {
    let all = list.as_array().unwrap();
    let found = all.iter().find(|it| it["id"] == id);
    found.unwrap_or_else(|| panic!("no {id} among {:?}", ids(list)))
}

pub(crate) fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect()
}
