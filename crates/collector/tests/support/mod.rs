//! A cluster without a socket: agents that a test scripts, time that tokio moves, a store in memory.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may fail loudly; clippy.toml exempts test functions but not their helpers"
)]

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use svcflow_agent::{
    Clock, Gap, IntervalDocument, SampleDocument, SamplesDocument, SourceDocument,
};
use svcflow_collector::counters::Position;
use svcflow_collector::discovery::{Discovery, Places, system_resolver};
use svcflow_collector::history::{Embedded, History, HistoryError, Later};
use svcflow_collector::node::Remembered;
use svcflow_collector::point::Batch;
use svcflow_collector::scrape::{After, Agents, Answer, Failed};
use svcflow_collector::shard::Shard;
use svcflow_collector::sink::Sink;
use svcflow_collector::status::{AgentState, NodeDocument};
use svcflow_collector::target::{Scheme, Target};
use svcflow_collector::{Collector, Parts, Settings};
use svcflow_model::{
    Counters, Edge, Epoch, Losses, Marks, Protocol, Relation, Sample, Service, Timestamp,
};
use svcflow_store::{Block, FieldValue, Options, Order, PolicySpec, ScanRequest, Store, TimeRange};
use svcflow_transport::Token;
use tokio::time::Instant;

/// 2026-01-01T00:00:00Z.
pub(crate) const START: Timestamp = Timestamp(1_767_225_600_000_000_000);
pub(crate) const TEN: Duration = Duration::from_secs(10);

/// Our clock: tokio's time, which a test with paused time moves.
pub(crate) struct TokioClock(Instant);

impl TokioClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Instant::now()))
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp(START.0 + nanoseconds(self.0.elapsed()))
    }
}

pub(crate) fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap()
}

pub(crate) fn edge(endpoint: &str, service: Option<&str>, provider: &str) -> Edge {
    let service = service.map(|text| {
        let socket: std::net::SocketAddr = text.parse().unwrap();
        Service { address: socket.ip(), port: socket.port() }
    });
    let provider: std::net::SocketAddr = provider.parse().unwrap();
    Edge {
        endpoint: endpoint.parse().unwrap(),
        service,
        provider: provider.ip(),
        provider_port: provider.port(),
        protocol: Protocol::TCP,
    }
}

pub(crate) fn web(host: u8) -> Edge {
    edge(&format!("11.1.1.{host}"), Some("100.1.1.3:8080"), "10.1.1.5:80")
}

pub(crate) fn counters(bytes_in: u64, bytes_out: u64) -> Counters {
    Counters { bytes_in, bytes_out, packets_in: bytes_in / 100, packets_out: bytes_out / 100 }
}

/// One agent: it looks every ten seconds of our clock, counts what the test says, and misbehaves on
/// demand.
pub(crate) struct Script {
    pub(crate) node: String,
    pub(crate) epoch: u64,
    pub(crate) follows: Option<u64>,
    /// How far its clock is ahead of ours.
    pub(crate) ahead: Duration,
    /// What it counted, and what was not yet closed into an interval.
    pub(crate) totals: BTreeMap<Edge, (Counters, Relation, Marks)>,
    pub(crate) changed: Vec<Edge>,
    pub(crate) intervals: Vec<IntervalDocument>,
    /// Intervals up to this one are merged.
    pub(crate) merged: u64,
    pub(crate) lives: Vec<String>,
    pub(crate) losses: Losses,
    pub(crate) fault: Fault,
    pub(crate) looks: bool,
    pub(crate) asked: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    Refuses,
    Hangs,
    Slow(Duration),
    Garbage,
}

impl Script {
    pub(crate) fn new(node: &str, epoch: u64) -> Self {
        Self {
            node: node.to_owned(),
            epoch,
            follows: None,
            ahead: Duration::ZERO,
            totals: BTreeMap::new(),
            changed: Vec::new(),
            intervals: Vec::new(),
            merged: 0,
            lives: Vec::new(),
            losses: Losses::default(),
            fault: Fault::None,
            looks: true,
            asked: 0,
        }
    }

    pub(crate) fn count(&mut self, edge: Edge, relation: Relation, more: Counters) {
        let total = self.totals.entry(edge).or_insert((Counters::ZERO, relation, Marks::default()));
        total.0.add(&more);
        total.1 = relation;
        if !self.changed.contains(&edge) {
            self.changed.push(edge);
        }
    }

    pub(crate) fn restart(&mut self, epoch: u64) {
        self.epoch = epoch;
        self.follows = None;
        self.totals.clear();
        self.changed.clear();
        self.intervals.clear();
        self.merged = 0;
    }

    fn sequence(&self) -> u64 {
        self.intervals.last().map_or(0, |interval| interval.sequence)
    }

    /// Closes the interval that ended at `at` of our clock.
    pub(crate) fn look(&mut self, at: Timestamp) {
        if !self.looks {
            return;
        }
        let changed = std::mem::take(&mut self.changed);
        let samples = changed.iter().map(|edge| self.sample(edge)).collect();
        let at = Timestamp(at.0 + nanoseconds(self.ahead) + 12_000_000);
        let sequence = self.sequence() + 1;
        self.intervals.push(IntervalDocument { sequence, at, samples });
    }

    fn sample(&self, edge: &Edge) -> SampleDocument {
        let (counters, relation, marks) = self.totals[edge];
        SampleDocument::new(&Sample { edge: *edge, counters, marks }, relation)
    }

    pub(crate) fn document(&self, now: Timestamp, position: Option<&Position>) -> SamplesDocument {
        let same = position.filter(|at| at.epoch == Epoch(self.epoch));
        let after = same.map_or(0, |at| at.sequence);
        let after = if after > self.sequence() { 0 } else { after };
        let mut intervals: Vec<_> = self
            .intervals
            .iter()
            .filter(|i| i.sequence > after.max(self.merged))
            .cloned()
            .collect();
        let mut gap = None;
        if after < self.merged {
            let at = self.intervals.iter().find(|i| i.sequence == self.merged).unwrap().at;
            let mut base: BTreeMap<Edge, SampleDocument> = BTreeMap::new();
            for interval in self.intervals.iter().filter(|i| i.sequence <= self.merged) {
                base.extend(interval.samples.iter().map(|s| (s.sample().edge, *s)));
            }
            let samples = base.into_values().collect();
            intervals.insert(0, IntervalDocument { sequence: self.merged, at, samples });
            gap = Some(Gap { from: after + 1, to: self.merged });
        }
        SamplesDocument {
            node: self.node.clone(),
            epoch: Epoch(self.epoch),
            follows: self.follows.map(Epoch),
            sequence: self.sequence(),
            now: Timestamp(now.0 + nanoseconds(self.ahead)),
            interval_seconds: 10.0,
            intervals,
            gap,
            more: false,
            losses: self.losses.clone(),
            lives: self.lives.clone(),
            source: SourceDocument::default(),
        }
    }
}

pub(crate) type Shared = Arc<Mutex<Script>>;

/// Agents by target.
#[derive(Clone, Default)]
pub(crate) struct Fakes(pub(crate) Arc<Mutex<HashMap<String, Shared>>>, Option<Arc<TokioClock>>);

impl Agents for Fakes {
    fn ask<'a>(
        &'a self,
        target: &'a Target,
        _: Option<&'a Token>,
        after: After<'a>,
    ) -> Later<'a, Result<Answer, Failed>> {
        Box::pin(async move {
            let clock = self.1.as_ref().unwrap();
            let found = self.0.lock().unwrap().get(&**target.key()).cloned();
            let unreachable =
                || Failed { state: AgentState::Unreachable, reason: "refused".to_owned() };
            let script = found.ok_or_else(unreachable)?;
            let asked = clock.now();
            let fault = {
                let mut script = script.lock().unwrap();
                script.asked += 1;
                script.fault.clone()
            };
            match fault {
                Fault::None => {}
                Fault::Refuses => return Err(unreachable()),
                Fault::Hangs => std::future::pending().await,
                Fault::Slow(time) => tokio::time::sleep(time).await,
                Fault::Garbage => {
                    let reason = "its answer can't be read".to_owned();
                    return Err(Failed { state: AgentState::Faulty, reason });
                }
            }
            let answered = clock.now();
            let document = match after {
                After::This(position) => script.lock().unwrap().document(answered, Some(position)),
                After::Nothing => script.lock().unwrap().document(answered, None),
                After::Latest => SamplesDocument {
                    intervals: Vec::new(),
                    gap: None,
                    ..script.lock().unwrap().document(answered, None)
                },
            };
            Ok(Answer { document, asked, answered, bytes: 1_000 })
        })
    }
}

/// The embedded store, which fails on demand.
pub(crate) struct Flaky {
    inner: Embedded,
    pub(crate) broken: AtomicBool,
    /// Commits that the store's own thread works on, which paused time doesn't wait for.
    working: AtomicUsize,
}

impl History for Flaky {
    fn load<'a>(&'a self, node: &'a str) -> Later<'a, Result<Remembered, HistoryError>> {
        self.inner.load(node)
    }

    fn idle_after(&self) -> Option<Duration> {
        self.inner.idle_after()
    }

    fn look_up<'a>(
        &'a self,
        node: &'a str,
        edges: Vec<Edge>,
    ) -> Later<'a, Result<Remembered, HistoryError>> {
        self.inner.look_up(node, edges)
    }

    fn commit(&self, batch: Arc<Batch>) -> Later<'_, Result<(), HistoryError>> {
        if self.broken.load(Ordering::SeqCst) {
            return Box::pin(async { Err(HistoryError::new("the disk is full")) });
        }
        self.working.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let committed = self.inner.commit(batch).await;
            self.working.fetch_sub(1, Ordering::SeqCst);
            committed
        })
    }
}

/// A collector, its agents and its store.
pub(crate) struct Cluster {
    pub(crate) clock: Arc<TokioClock>,
    pub(crate) fakes: Fakes,
    pub(crate) history: Arc<Flaky>,
    pub(crate) store: Store,
    pub(crate) targets: Vec<String>,
    pub(crate) sinks: Vec<Arc<Sink>>,
    pub(crate) collector: Option<Collector>,
    folder: tempfile::TempDir,
}

pub(crate) fn settings() -> Settings {
    Settings {
        interval: TEN,
        timeout: Duration::from_secs(4),
        clock_tolerance: Duration::from_secs(2),
        forget_after: Duration::from_secs(30 * 24 * 3_600),
        shard: Shard::WHOLE,
        token: None,
        tokens: BTreeMap::new(),
        insecure: false,
    }
}

impl Cluster {
    /// Agents `node-1`, `node-2` … at the targets `agent-1:4000` …
    pub(crate) fn new(agents: u64) -> Self {
        let clock = TokioClock::new();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Options::default()).unwrap();
        store.create_database("telegraf", PolicySpec::new("autogen", None)).unwrap();
        let inner = Embedded::new(store.clone(), "telegraf").unwrap();
        let history =
            Arc::new(Flaky { inner, broken: AtomicBool::new(false), working: AtomicUsize::new(0) });
        let fakes = Fakes(Arc::default(), Some(Arc::clone(&clock)));
        let mut cluster = Self {
            clock,
            fakes,
            history,
            store,
            targets: Vec::new(),
            sinks: Vec::new(),
            collector: None,
            folder,
        };
        for n in 1..=agents {
            cluster.add(&format!("agent-{n}:4000"), Script::new(&format!("node-{n}"), n * 1_000));
        }
        cluster
    }

    pub(crate) fn add(&mut self, target: &str, script: Script) -> Shared {
        let script = Arc::new(Mutex::new(script));
        self.fakes.0.lock().unwrap().insert(target.to_owned(), Arc::clone(&script));
        self.targets.push(target.to_owned());
        script
    }

    pub(crate) fn agent(&self, n: usize) -> Shared {
        self.fakes.0.lock().unwrap()[&format!("agent-{n}:4000")].clone()
    }

    pub(crate) fn start(&mut self) {
        let parse = |text: &String| Target::parse(text, Scheme::Http).unwrap();
        let places =
            Places { agents: self.targets.iter().map(parse).collect(), ..Places::default() };
        let parts = Parts {
            clock: self.clock.clone(),
            agents: Arc::new(self.fakes.clone()),
            discovery: Discovery::new(places, Scheme::Http, Shard::WHOLE, system_resolver()),
            history: self.history.clone(),
            sinks: self.sinks.clone(),
            names: svcflow_collector::Gatherer::new(&[]).0,
        };
        self.collector = Some(Collector::start(settings(), parts));
    }

    /// As `kill -9` would: nothing is finished.
    pub(crate) async fn crash(&mut self) {
        drop(self.collector.take());
        tokio::task::yield_now().await;
    }

    /// Every agent looks at the end of this interval, and the collector takes what they say.
    pub(crate) async fn tick(&self) {
        let now = self.clock.now();
        let due = Timestamp(now.0 - now.0.rem_euclid(nanoseconds(TEN)) + nanoseconds(TEN));
        tokio::time::sleep(due.since(now)).await;
        let scripts: Vec<_> = self.fakes.0.lock().unwrap().values().cloned().collect();
        scripts.iter().for_each(|script| script.lock().unwrap().look(due));
        tokio::time::sleep(Duration::from_secs(9)).await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        while self.history.working.load(Ordering::SeqCst) > 0 {
            std::thread::sleep(Duration::from_micros(200));
            tokio::task::yield_now().await;
        }
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn node(&self, target: &str) -> NodeDocument {
        let nodes = self.collector.as_ref().unwrap().nodes().nodes;
        nodes.into_iter().find(|node| node.target == target).unwrap()
    }

    pub(crate) fn state(&self, n: usize) -> AgentState {
        self.node(&format!("agent-{n}:4000")).state
    }

    /// The rows of an edge: time in seconds since the start, and `BytesIn`, `BytesOut`.
    pub(crate) fn rows(&self, measurement: &str, node: &str, edge: &Edge) -> Vec<(i64, i64, i64)> {
        let integer = |value: Option<FieldValue<'_>>| match value {
            Some(FieldValue::Integer(value)) => value,
            other => panic!("no integer: {other:?}"),
        };
        let mut rows = Vec::new();
        self.scan(measurement, node, edge, &["BytesIn", "BytesOut"], |time, block, at| {
            let value = |column: usize| integer(block.columns[column].get(at));
            rows.push((time, value(0), value(1)));
        });
        rows
    }

    /// An edge's marks: time, and the names of those that are set.
    pub(crate) fn marks(&self, node: &str, edge: &Edge) -> Vec<(i64, String)> {
        const NAMES: [&str; 4] = ["Uncounted", "Undercounted", "DirectionUnknown", "Remainder"];
        let mut rows = Vec::new();
        self.scan("svcflow_marks", node, edge, &NAMES, |time, block, at| {
            let set = |i: &usize| block.columns[*i].get(at) == Some(FieldValue::Boolean(true));
            let set: Vec<_> = (0..4).filter(set).map(|i| NAMES[i]).collect();
            rows.push((time, set.join(" ")));
        });
        rows
    }

    fn scan(
        &self,
        measurement: &str,
        node: &str,
        edge: &Edge,
        names: &[&str],
        mut row: impl FnMut(i64, &Block, usize),
    ) {
        let snapshot = self.store.read("telegraf").unwrap();
        let Some(found) = snapshot.measurement(measurement) else { return };
        let mut series = found.series_with("Node", node);
        series &= found.series_with("EndpointIP", &edge.endpoint.to_string());
        series &= found.series_with("ProviderIP", &edge.provider.to_string());
        let service = edge.service.map(|s| s.address.to_string()).unwrap_or_default();
        series &= found.series_with("ServiceIP", &service);
        let fields = found.fields(None).unwrap();
        let id = |name: &&str| fields.iter().find(|field| &*field.name == *name).unwrap().id;
        let ids: Vec<_> = names.iter().map(id).collect();
        let request = ScanRequest {
            policy: None,
            series: &series,
            fields: &ids,
            range: TimeRange::ALL,
            order: Order::Ascending,
        };
        let mut scan = snapshot.scan(&request).unwrap();
        let mut block = Block::default();
        while scan.next_series().unwrap().is_some() {
            while let Some(chunk) = scan.next_chunk().unwrap() {
                chunk.decode(&mut block).unwrap();
                for (at, time) in block.times.iter().enumerate() {
                    row((time - START.0) / 1_000_000_000, &block, at);
                }
            }
        }
    }

    /// An edge's stored values must never go down; gives the last `BytesIn`.
    pub(crate) fn total(&self, node: &str, edge: &Edge) -> i64 {
        let mut last = (i64::MIN, 0, 0);
        for row in self.rows("httpjson_svcstats", node, edge) {
            assert!(row.0 > last.0 && row.1 >= last.1 && row.2 >= last.2, "{last:?} then {row:?}");
            last = row;
        }
        last.1
    }
}
