//! A node's memory and the store: killed at any moment, and edges that come back after days.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may fail loudly; clippy.toml exempts test functions but not their helpers"
)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use support::{START, Script, TEN, counters, nanoseconds, settings, web};
use svcflow_collector::counters::Account;
use svcflow_collector::history::{Embedded, History};
use svcflow_collector::node::{Node, Terms};
use svcflow_collector::point::{Batch, What};
use svcflow_model::{Edge, Relation, Timestamp};
use svcflow_store::{FieldType, FieldValue, Options, PolicyChange, PolicySpec, Store};

const HERE: Relation = Relation::TranslatedHere;
const DAY: i64 = 24 * 360;

struct Life {
    history: Embedded,
    node: Node,
    _folder: tempfile::TempDir,
    /// What was stored of each edge last; it must never fall.
    stored: BTreeMap<Edge, u64>,
}

fn terms(history: &Embedded) -> Terms {
    let it = settings();
    Terms {
        interval: it.interval,
        tolerance: it.clock_tolerance,
        forget_after: it.forget_after,
        idle_after: history.idle_after().unwrap(),
    }
}

async fn restored(history: &Embedded, at: Timestamp) -> Node {
    let remembered = history.load("n").await.unwrap();
    Node::restore("n".into(), terms(history), remembered, at)
}

impl Life {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Options::default()).unwrap();
        store.create_database("telegraf", PolicySpec::new("autogen", None)).unwrap();
        let history = Embedded::new(store, "telegraf").unwrap();
        let node = restored(&history, START).await;
        Self { history, node, _folder: folder, stored: BTreeMap::new() }
    }

    /// What a task of the collector does with an answer, up to the commit.
    async fn take(&mut self, script: &mut Script, n: i64) -> Batch {
        let at = Timestamp(START.0 + n * nanoseconds(TEN));
        script.look(at);
        let document = script.document(at, self.node.position());
        let unknown = self.node.unknown(&document);
        let found = self.history.look_up("n", unknown).await.unwrap();
        self.node.learn(&found, at);
        let opened = self.node.open(&document, at, at).unwrap();
        self.node.close(&opened, &"agent:4000".into(), |_, _, _| (Account::Owned, None))
    }

    async fn commit(&mut self, batch: Batch) {
        for point in &batch.points {
            if let What::Traffic(edge, counters) = &point.what {
                let before = self.stored.insert(*edge, counters.bytes_in).unwrap_or(0);
                assert!(counters.bytes_in >= before, "{edge} fell from {before}: {counters:?}");
            }
        }
        self.history.commit(Arc::new(batch)).await.unwrap();
    }

    async fn tick(&mut self, script: &mut Script, n: i64) -> Batch {
        let batch = self.take(script, n).await;
        self.commit(batch.clone()).await;
        batch
    }

    async fn crash(&mut self, n: i64) {
        self.node = restored(&self.history, Timestamp(START.0 + n * nanoseconds(TEN))).await;
    }

    fn fell(&self) -> bool {
        self.node.losses().iter().any(|(kind, _)| &**kind == "collector-counter-fell")
    }
}

#[tokio::test]
async fn an_edge_that_comes_back_after_days_goes_on() {
    for restart in [false, true] {
        for new_epoch in [false, true] {
            let (mut life, mut script) = (Life::new().await, Script::new("n", 1));
            script.count(web(1), HERE, counters(1_000, 10));
            life.tick(&mut script, 1).await;
            script.restart(2);
            script.count(web(1), HERE, counters(500, 10));
            life.tick(&mut script, 2).await;
            let totals = script.totals.clone();
            // For five days another edge is busy, and the agent may begin anew.
            for day in 0..10 {
                if day == 6 && new_epoch {
                    script.restart(3);
                }
                script.count(web(2), HERE, counters(100, 10));
                life.tick(&mut script, 3 + day * DAY / 2).await;
            }
            assert_eq!(life.node.edges(), 1, "the first is out of memory");
            if restart {
                life.crash(5 * DAY).await;
                assert_eq!(life.node.edges(), 1, "and need not be read at a start");
            }
            if !new_epoch {
                script.totals.extend(totals);
            }
            script.count(web(1), HERE, counters(70, 10));
            let batch = life.tick(&mut script, 5 * DAY).await;
            let case = format!("restart {restart}, new epoch {new_epoch}");
            assert_eq!(life.stored[&web(1)], 1_570, "{case}");
            assert!(!life.fell(), "{case}");
            let zero = batch.points.iter().any(|point| {
                matches!(&point.what, What::Traffic(edge, it) if *edge == web(1) && it.is_zero())
            });
            assert!(!zero, "it is not new: {case}");
        }
    }
}

/// Fields' ids are a policy's own: those of the default policy of before are not good for another one.
#[tokio::test]
async fn what_is_stored_in_another_default_policy_has_its_own_fields() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Options::default()).unwrap();
    store.create_database("telegraf", PolicySpec::new("autogen", None)).unwrap();
    let history = Embedded::new(store.clone(), "telegraf").unwrap();
    let node = restored(&history, START).await;
    let _folder = tempfile::tempdir().unwrap();
    let mut life = Life { history, node, _folder, stored: BTreeMap::new() };
    let mut script = Script::new("n", 1);
    script.count(web(1), HERE, counters(1_000, 10));
    life.tick(&mut script, 1).await;
    // Somebody else has written to it already, in an order of their own.
    store.create_policy("telegraf", PolicySpec::new("other", None), false).unwrap();
    let mut theirs = store.batch("telegraf", Some("other")).unwrap();
    let series = theirs.series("httpjson_svcstats", &[]).unwrap();
    for name in ["PacketsOut", "Extra"] {
        let field = theirs.field(series, name, FieldType::Integer).unwrap();
        theirs.push(series, START.0, &[(field, FieldValue::Integer(1))]).unwrap();
    }
    theirs.commit().unwrap();
    let change = PolicyChange { default: true, ..PolicyChange::default() };
    store.alter_policy("telegraf", "other", &change).unwrap();
    script.count(web(1), HERE, counters(70, 10));
    life.tick(&mut script, 2).await;
    let found = life.history.look_up("n", vec![web(1)]).await.unwrap();
    let memory = found.edges.first().map(|(_, memory, _)| memory.owned);
    assert_eq!(memory, Some(Some(counters(1_070, 20))));
    drop((life, store));
    let store = Store::open(folder.path(), Options::default()).unwrap();
    assert_eq!(store.stats().damage, []);
}

#[derive(Clone, Debug)]
enum Step {
    Commit,
    CrashAfter,
    CrashBefore,
    AgentRestarts,
    Days(u8),
}

fn step() -> impl Strategy<Value = (Step, Vec<(u8, u16)>)> {
    let step = prop_oneof![
        5 => Just(Step::Commit),
        2 => Just(Step::CrashAfter),
        2 => Just(Step::CrashBefore),
        1 => Just(Step::AgentRestarts),
        1 => (1..4_u8).prop_map(Step::Days),
    ];
    (step, prop::collection::vec((0..4_u8, any::<u16>()), 0..3))
}

proptest! {
    // Each commit waits for the disk.
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("SVCFLOW_LONG").is_some() { 500 } else { 24 }))]
    #[test]
    fn killed_at_any_moment_it_neither_loses_nor_doubles(
        steps in prop::collection::vec(step(), 1..40)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut life, mut script) = (Life::new().await, Script::new("n", 1));
            let mut true_totals: BTreeMap<Edge, u64> = BTreeMap::new();
            // What the agent counted and no stored batch holds yet: gone where it restarts.
            let mut pending: BTreeMap<Edge, u64> = BTreeMap::new();
            let mut n = 0;
            for (step, traffic) in steps {
                n += 1;
                for (host, bytes) in traffic {
                    script.count(web(host), HERE, counters(u64::from(bytes), 1));
                    *pending.entry(web(host)).or_default() += u64::from(bytes);
                }
                match step {
                    Step::AgentRestarts => {
                        script.restart(script.epoch + 1);
                        pending.clear();
                    }
                    Step::Days(days) => n += i64::from(days) * DAY,
                    Step::CrashBefore => {
                        life.take(&mut script, n).await;
                        life.crash(n).await;
                    }
                    Step::Commit | Step::CrashAfter => {
                        life.tick(&mut script, n).await;
                        for (edge, bytes) in std::mem::take(&mut pending) {
                            *true_totals.entry(edge).or_default() += bytes;
                        }
                        if matches!(step, Step::CrashAfter) {
                            life.crash(n).await;
                        }
                    }
                }
            }
            life.tick(&mut script, n + 1).await;
            for (edge, bytes) in pending {
                *true_totals.entry(edge).or_default() += bytes;
            }
            true_totals.retain(|_, bytes| *bytes > 0);
            life.stored.retain(|_, bytes| *bytes > 0);
            assert_eq!(life.stored, true_totals);
            assert!(!life.fell());
        });
    }
}
