//! The running collector: a task that finds agents, and a task for each agent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use svcflow_agent::{Clock, rfc3339};
use svcflow_model::Timestamp;
use svcflow_transport::Token;
use tokio::sync::{Semaphore, watch};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};

use crate::agent_task::AgentTask;
use crate::claims::Claims;
use crate::discovery::Discovery;
use crate::history::{History, HistoryError};
use crate::metrics::Totals;
use crate::names::{Gatherer, names_of};
use crate::node::Terms;
use crate::ownership::Witnesses;
use crate::scrape::{Agents, Failed, chain};
use crate::shard::Shard;
use crate::sink::Sink;
use crate::status::{AgentState, Board, NodesDocument};
use crate::target::Target;
use crate::timing::{Plan, nanoseconds};

/// Agents are looked for at least this often.
const DISCOVERY_MAX: Duration = Duration::from_secs(5);
/// Agents that are asked at the same moment. Those that failed last time have places of their own:
/// however many hang, the others don't wait for them.
const ASKED_AT_ONCE: usize = 256;
/// Agents with an hour to catch up answer with some 30 MB each: so many at once.
const BEHIND_AT_ONCE: usize = 8;
/// A stop waits so long for answers that are being stored.
const STOP_MAX: Duration = Duration::from_secs(10);
/// Translations are remembered for as long as agents keep intervals.
const REMEMBERED: Duration = Duration::from_secs(2 * 3_600);

/// How agents are asked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Time between two questions.
    pub interval: Duration,
    /// How long one answer may take.
    pub timeout: Duration,
    /// Clocks may be off by this much without being corrected.
    pub clock_tolerance: Duration,
    /// Edges out of sight this long are forgotten; no longer than the store keeps them.
    pub forget_after: Duration,
    /// This server's share.
    pub shard: Shard,
    /// What agents are shown.
    pub token: Option<Token>,
    /// What some are shown instead, by their key.
    pub tokens: BTreeMap<String, Token>,
    /// Whether a token may go over the network in the clear.
    pub insecure: bool,
}

/// What a collector needs besides its settings.
pub struct Parts {
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Asks agents.
    pub agents: Arc<dyn Agents>,
    /// Finds them.
    pub discovery: Discovery,
    /// Where samples go first.
    pub history: Arc<dyn History>,
    /// Where else they go.
    pub sinks: Vec<Arc<Sink>>,
    /// Where the names go that agents know.
    pub names: Gatherer,
}

/// What the tasks share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) agents: Arc<dyn Agents>,
    clock: Arc<dyn Clock>,
    pub(crate) plan: Plan,
    pub(crate) terms: Terms,
    pub(crate) history: Arc<dyn History>,
    pub(crate) sinks: Vec<Arc<Sink>>,
    pub(crate) names: Gatherer,
    pub(crate) board: Board,
    pub(crate) totals: Totals,
    witnesses: Mutex<Witnesses>,
    claims: Mutex<Claims>,
    faults: Mutex<BTreeMap<String, String>>,
    pub(crate) well: Semaphore,
    pub(crate) troubled: Semaphore,
    /// For those that have much to say, until it is stored.
    pub(crate) behind: Semaphore,
}

impl Shared {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn witnesses(&self) -> MutexGuard<'_, Witnesses> {
        self.witnesses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn claims(&self) -> MutexGuard<'_, Claims> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until a moment of our clock, and never much longer than an interval, so that a clock
    /// that was set back stops nothing.
    pub(crate) async fn sleep_until(&self, moment: Timestamp) {
        let most = self.settings.interval.saturating_mul(2);
        tokio::time::sleep(moment.since(self.now()).min(most)).await;
    }

    /// Not the agent's fault, but nothing of it can be stored.
    pub(crate) fn waits_for_store(&self, error: &HistoryError) -> Failed {
        self.totals.store_failed();
        let reason = format!("waits for the store: {}", chain(error));
        Failed { state: AgentState::Late, reason }
    }

    /// What a target is shown.
    pub(crate) fn token(&self, target: &Target) -> Option<&Token> {
        self.settings.tokens.get(&**target.key()).or(self.settings.token.as_ref())
    }

    /// Whether asking a target shows its token to nobody else.
    pub(crate) fn may_show_token(&self, target: &Target) -> bool {
        self.token(target).is_none() || target.is_private() || self.settings.insecure
    }

    fn release(&self, target: &str) {
        let held = self.claims().release(target);
        let mut witnesses = self.witnesses();
        held.into_iter().for_each(|node| witnesses.left(node));
    }
}

/// A running collector. Dropping it ends its tasks; what was stored is whole at any moment.
pub struct Collector {
    shared: Arc<Shared>,
    manager: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Collector {
    /// Starts to collect, on the running tokio runtime.
    #[must_use]
    pub fn start(settings: Settings, parts: Parts) -> Self {
        let interval = settings.interval;
        let shared = Arc::new(Shared {
            agents: parts.agents,
            clock: parts.clock,
            plan: Plan { interval },
            terms: Terms {
                interval,
                tolerance: settings.clock_tolerance,
                forget_after: settings.forget_after,
                idle_after: parts.history.idle_after().unwrap_or(settings.forget_after),
            },
            history: parts.history,
            sinks: parts.sinks,
            names: parts.names,
            board: Board::default(),
            totals: Totals::default(),
            witnesses: Mutex::new(Witnesses::new(interval.saturating_mul(2))),
            claims: Mutex::new(Claims::new(interval.saturating_mul(3))),
            faults: Mutex::default(),
            well: Semaphore::new(ASKED_AT_ONCE),
            troubled: Semaphore::new(ASKED_AT_ONCE),
            behind: Semaphore::new(BEHIND_AT_ONCE),
            settings,
        });
        let (stop, stopped) = watch::channel(false);
        let manager = Manager {
            shared: Arc::clone(&shared),
            discovery: parts.discovery,
            running: BTreeMap::new(),
            tasks: JoinSet::new(),
            pruned: shared.now(),
        };
        let manager = tokio::spawn(manager.run(stopped));
        Self { shared, manager, stop }
    }

    /// Every agent and sink as it is now.
    #[must_use]
    pub fn nodes(&self) -> NodesDocument {
        let now = self.shared.now();
        NodesDocument {
            at: rfc3339(now),
            interval_seconds: self.shared.settings.interval.as_secs_f64(),
            shard: self.shared.settings.shard.to_string(),
            nodes: self.shared.board.nodes(now, self.shared.settings.interval),
            sinks: {
                let sinks = self.shared.sinks.iter().map(|sink| sink.document());
                self.shared.history.document().into_iter().chain(sinks).collect()
            },
            discovery_faults: self.shared.faults.lock().map(|it| it.clone()).unwrap_or_default(),
        }
    }

    /// The same and more as OpenMetrics text.
    #[must_use]
    pub fn metrics(&self) -> String {
        let (remembered, unremembered) = {
            let witnesses = self.shared.witnesses();
            (witnesses.len(), witnesses.unremembered())
        };
        crate::metrics::text(&self.nodes(), &self.shared.totals, remembered, unremembered)
    }

    /// Stops asking. Answers that are being stored are stored first.
    pub async fn shutdown(self) {
        let Self { shared, manager, stop } = self;
        let _ = stop.send(true);
        if let Err(error) = manager.await {
            tracing::error!("the collector's task ended early: {error}");
        }
        for sink in &shared.sinks {
            sink.close().await;
        }
        shared.history.close().await;
    }
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector")
            .field("agents", &self.shared.board.len())
            .finish_non_exhaustive()
    }
}

struct Manager {
    shared: Arc<Shared>,
    discovery: Discovery,
    running: BTreeMap<Arc<str>, (Target, [AbortHandle; 2])>,
    tasks: JoinSet<()>,
    pruned: Timestamp,
}

impl Manager {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let every = self.shared.settings.interval.min(DISCOVERY_MAX);
        loop {
            self.look(&stopped).await;
            self.prune();
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                _ = stopped.wait_for(|stopped| *stopped) => break,
            }
        }
        // Tasks see the stop between two answers. One that waits for its store waits in vain: what it
        // holds comes again from the agent after the next start.
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_MAX, ended).await.is_err() {
            self.tasks.abort_all();
        }
    }

    async fn look(&mut self, stopped: &watch::Receiver<bool>) {
        let found = self.discovery.look().await;
        let faults = self.discovery.faults().map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
        if let Ok(mut shown) = self.shared.faults.lock() {
            *shown = faults;
        }
        let gone: Vec<_> = self
            .running
            .iter()
            .filter(|(key, (target, _))| found.get(*key) != Some(target))
            .map(|(key, _)| Arc::clone(key))
            .collect();
        for key in gone {
            if let Some((target, tasks)) = self.running.remove(&key) {
                tracing::info!("agent {target} is asked no longer");
                tasks.iter().for_each(AbortHandle::abort);
                self.shared.names.left(&key, self.shared.now()).await;
                self.shared.board.remove(&key);
                self.shared.release(&key);
            }
        }
        for (key, target) in found {
            if !self.running.contains_key(&key) {
                tracing::info!("agent {target} is asked from now on");
                self.shared.board.add(&target);
                let task = AgentTask::new(Arc::clone(&self.shared), target.clone());
                let names = names_of(Arc::clone(&self.shared), target.clone(), stopped.clone());
                let tasks = [self.tasks.spawn(task.run(stopped.clone())), self.tasks.spawn(names)];
                self.running.insert(key, (target, tasks));
            }
        }
        // A task that ended by itself has a fault of ours: its agent is taken up anew.
        while let Some(ended) = self.tasks.try_join_next() {
            if let Err(error) = ended
                && error.is_panic()
            {
                tracing::error!("an agent's task ended early, please report it: {error}");
                self.running.retain(|_, (_, tasks)| {
                    let ended = tasks.iter().any(AbortHandle::is_finished);
                    if ended {
                        tasks.iter().for_each(AbortHandle::abort);
                    }
                    !ended
                });
            }
        }
    }

    fn prune(&mut self) {
        let now = self.shared.now();
        if now.since(self.pruned) >= self.shared.settings.interval {
            self.pruned = now;
            let before = now.0.saturating_sub(nanoseconds(REMEMBERED));
            self.shared.witnesses().prune(Timestamp(before));
        }
    }
}
