//! One agent's task: ask, open, wait for the others' answers of the round, close, store, hand on.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use svcflow_agent::{Cidr, SamplesDocument};
use svcflow_model::{Relation, Timestamp};
use svcflow_transport::Token;
use tokio::sync::watch;

use crate::collector::Shared;
use crate::node::{Fault, Node, Opened, check_name};
use crate::ownership::NodeId;
use crate::point::Batch;
use crate::scrape::{After, Answer, Failed, chain};
use crate::status::{AgentState, seconds};
use crate::target::Target;
use crate::timing::Skew;

/// Where the store fails, it is tried again after this, and then after twice as long.
const RETRY_FIRST: Duration = Duration::from_millis(500);
/// And at most after this.
const RETRY_MAX: Duration = Duration::from_secs(30);
/// An agent whose last stored interval is older than so many may have much to say.
const BEHIND: u32 = 30;
/// Answers that are fetched in one round where an agent has more to say; the rest comes in the next.
const ANSWERS_MAX: usize = 64;
/// Agents that said they are older than their last answer this often in a row are shown as late: a
/// refused connection is a fact, a time-out may be a hiccup.
const TIMEOUTS_LATE: u32 = 3;

pub(crate) struct AgentTask {
    shared: Arc<Shared>,
    target: Target,
    token: Option<Token>,
    speaks: Option<Speaks>,
}

/// The node that the target speaks for.
struct Speaks {
    id: NodeId,
    node: Node,
    /// How often each sink had missed something when it last got everything.
    whole_at: Vec<u64>,
    /// The same of the store.
    stored_whole_at: u64,
}

impl AgentTask {
    pub(crate) fn new(shared: Arc<Shared>, target: Target) -> Self {
        let token = shared.token(&target).cloned();
        Self { shared, target, token, speaks: None }
    }

    pub(crate) async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        loop {
            let moment = self.shared.plan.next(self.target.key(), self.shared.now());
            tokio::select! {
                () = self.shared.sleep_until(moment) => {}
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
            self.round(moment).await;
        }
    }

    async fn round(&mut self, moment: Timestamp) {
        let mut answers = false;
        for _ in 0..ANSWERS_MAX {
            match self.step(moment, &mut answers).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(failed) => return self.failed(failed),
            }
        }
    }

    /// Asks once; says whether to ask again. `answers`: whether the agent answered in this round.
    async fn step(&mut self, moment: Timestamp, answers: &mut bool) -> Result<bool, Failed> {
        let shared = Arc::clone(&self.shared);
        // Whoever is new, or failed last time, is asked for little first: who is known says what is
        // still to come, and one that hangs keeps no place of those that have much to say.
        let well = *answers || shared.board.may_answer(self.target.key());
        let Some(speaks) = self.speaks.as_ref().filter(|_| well) else {
            let answer = self.ask(After::Latest).await?;
            *answers = true;
            let speaks = self.speaks_for(&answer.document.node).await?;
            speaks.node.check(&answer.document).map_err(faulty)?;
            return Ok(true);
        };
        *answers = true;
        let late = shared.settings.interval.saturating_mul(BEHIND);
        let behind = speaks.node.last().is_none_or(|last| shared.now().since(last) > late);
        let _place = if behind { Some(shared.behind.acquire().await) } else { None };
        let answer = self.ask(speaks.node.position().map_or(After::Nothing, After::This)).await?;
        self.take(&answer, moment).await
    }

    fn failed(&self, failed: Failed) {
        self.shared.board.change(self.target.key(), |entry| {
            let long = entry.missed + 1 >= TIMEOUTS_LATE;
            let state = match failed.state {
                AgentState::Late if long => AgentState::Unreachable,
                state => state,
            };
            entry.failed(state, failed.reason);
        });
    }

    async fn ask(&self, after: After<'_>) -> Result<Answer, Failed> {
        let key = self.target.key();
        if !self.shared.may_show_token(&self.target) {
            return Err(Failed::faulty(
                "its token would go over the network in the clear: use https:// or `tls = true`, \
                 or say `insecure = true` where the network is trusted",
            ));
        }
        let well = self.shared.board.may_answer(key);
        let places = if well { &self.shared.well } else { &self.shared.troubled };
        // The semaphores are never closed.
        let _place = places.acquire().await;
        self.shared.board.change(key, |entry| entry.document.scrapes += 1);
        let asked = self.shared.agents.ask(&self.target, self.token.as_ref(), after);
        let patience = self.shared.settings.timeout;
        let answer = tokio::time::timeout(patience, asked).await;
        let answer = answer.unwrap_or_else(|_| Err(Failed::late(patience)))?;
        check_name(&answer.document.node).map_err(faulty)?;
        self.shared.board.change(key, |entry| {
            entry.document.answer_bytes += answer.bytes as u64;
            entry.document.node = Some(answer.document.node.clone());
            entry.document.source = Some(answer.document.source.clone());
            entry.document.lives.clone_from(&answer.document.lives);
            let skew = Skew::measure(answer.asked, answer.answered, answer.document.now);
            entry.document.clock_skew_seconds = Some(seconds(skew.ahead));
        });
        Ok(answer)
    }

    /// Stores an answer; says whether the agent has more.
    async fn take(&mut self, answer: &Answer, moment: Timestamp) -> Result<bool, Failed> {
        let document = &answer.document;
        let (shared, key) = (Arc::clone(&self.shared), Arc::clone(self.target.key()));
        let same = self.speaks.as_ref().is_some_and(|it| **it.node.name() == *document.node);
        let speaks = self.speaks_for(&document.node).await?;
        if !same {
            // It was asked for what came after another node's position.
            return Ok(true);
        }
        let id = speaks.id;
        recall(&shared, &mut speaks.node, document).await?;
        let opened = speaks.node.open(document, answer.asked, answer.answered).map_err(faulty)?;
        tell(&shared, id, &opened, &document.lives);
        if shared.board.len() > 1 && opened.samples().any(|(_, _, r)| is_unsure(r)) {
            shared.sleep_until(shared.plan.settle(&key, moment)).await;
        }
        let batch = {
            let mut witnesses = shared.witnesses();
            speaks.node.close(&opened, &key, |at, sample, relation| {
                witnesses.account(id, at, &sample.edge, relation, sample.marks)
            })
        };
        let stored = opened.last().is_some();
        let more = document.more && stored;
        if stored {
            self.store(Arc::new(batch)).await;
        }
        self.took();
        Ok(more)
    }

    fn took(&self) {
        let Some(speaks) = &self.speaks else { return };
        let now = self.shared.now();
        self.shared.board.change(self.target.key(), |entry| entry.took(&speaks.node, now));
    }

    /// The node of this name, if no other target speaks for it.
    async fn speaks_for(&mut self, name: &str) -> Result<&mut Speaks, Failed> {
        let same = self.speaks.as_ref().is_some_and(|speaks| **speaks.node.name() == *name);
        if !same && self.speaks.take().is_some() {
            self.release();
        }
        let (name, key): (Arc<str>, _) = (name.into(), self.target.key());
        let now = self.shared.now();
        let claimed = self.shared.claims().claim(&name, key, now);
        let id = claimed.map_err(|holder| {
            self.speaks = None;
            duplicate(&name, &holder)
        })?;
        let speaks = match self.speaks.take() {
            Some(speaks) => speaks,
            None => self.remember(id, &name).await?,
        };
        Ok(self.speaks.insert(speaks))
    }

    fn release(&self) {
        let held = self.shared.claims().release(self.target.key());
        let mut witnesses = self.shared.witnesses();
        held.into_iter().for_each(|node| witnesses.left(node));
    }

    async fn remember(&self, id: NodeId, name: &Arc<str>) -> Result<Speaks, Failed> {
        let shared = &self.shared;
        let remembered = shared.history.load(name).await;
        let remembered = remembered.map_err(|error| shared.waits_for_store(&error))?;
        if let Some(before) = &remembered.target
            && before != self.target.key()
            && shared.board.may_answer(before)
        {
            shared.claims().reserve(name, Arc::clone(before), shared.now());
            return Err(duplicate(name, before));
        }
        let node = Node::restore(Arc::clone(name), shared.terms, remembered, shared.now());
        // Whatever a sink missed of it before this start: it gets everything once.
        let whole_at = vec![u64::MAX; shared.sinks.len()];
        Ok(Speaks { id, node, whole_at, stored_whole_at: shared.history.missed() })
    }

    /// Stores a batch, and everything where the store missed something, and hands it on.
    async fn store(&mut self, batch: Arc<Batch>) {
        self.commit(Arc::clone(&batch)).await;
        let missed = self.shared.history.missed();
        let speaks = self.speaks.as_mut().filter(|speaks| speaks.stored_whole_at != missed);
        let whole = speaks.and_then(|speaks| {
            speaks.stored_whole_at = missed;
            speaks.node.whole()
        });
        if let Some(whole) = whole {
            self.commit(Arc::new(whole)).await;
        }
        let Some(speaks) = &mut self.speaks else { return };
        for (sink, whole_at) in self.shared.sinks.iter().zip(&mut speaks.whole_at) {
            sink.keep(Arc::clone(&batch)).await;
            // After the batch, whose points are older: a sink may want rising times.
            let missed = sink.missed();
            if *whole_at != missed
                && let Some(whole) = speaks.node.whole()
            {
                sink.keep(Arc::new(whole)).await;
                *whole_at = missed;
            }
        }
    }
}

impl AgentTask {
    /// Commits a batch, however long that takes: meanwhile the agent keeps what comes.
    async fn commit(&self, batch: Arc<Batch>) {
        let mut wait = RETRY_FIRST;
        while let Err(error) = self.shared.history.commit(Arc::clone(&batch)).await {
            self.shared.totals.store_failed();
            let why = chain(&error);
            tracing::error!("can't store what {} said, trying again: {why}", self.target);
            self.shared.board.change(self.target.key(), |entry| {
                entry.document.state = AgentState::Late;
                entry.document.reason = Some(format!("waits for the store: {why}"));
            });
            tokio::time::sleep(wait).await;
            wait = wait.saturating_mul(2).min(RETRY_MAX);
        }
        self.shared.totals.stored(batch.points.len());
    }
}

/// Edges that come back after long are as they were stored, not new.
async fn recall(
    shared: &Shared,
    node: &mut Node,
    document: &SamplesDocument,
) -> Result<(), Failed> {
    if shared.history.idle_after().is_none() || node.position().is_none() {
        return Ok(());
    }
    let unknown = node.unknown(document);
    if unknown.is_empty() {
        return Ok(());
    }
    let name = Arc::clone(node.name());
    let found = shared.history.look_up(&name, unknown).await;
    let found = found.map_err(|error| shared.waits_for_store(&error))?;
    node.learn(&found, shared.now());
    Ok(())
}

/// Whether another node's answer may show that the edge is that node's.
fn is_unsure(relation: Relation) -> bool {
    relation != Relation::TranslatedHere
}

/// Tells the others what this answer shows of connections and addresses.
fn tell(shared: &Shared, id: NodeId, opened: &Opened<'_>, lives: &[String]) {
    let networks: Vec<(IpAddr, u8)> = lives
        .iter()
        .filter_map(|text| text.parse::<Cidr>().ok())
        .map(|network| (network.address, network.prefix))
        .collect();
    let mut witnesses = shared.witnesses();
    witnesses.lives(id, &networks);
    for (at, sample, _) in opened.samples() {
        witnesses.saw(id, at, &sample.edge);
    }
}

fn duplicate(name: &str, holder: &str) -> Failed {
    let reason = format!(
        "it says it is {name}, and so does {holder}: give each agent a `node` of its own, or list \
         an agent once"
    );
    Failed { state: AgentState::Duplicate, reason }
}

fn faulty(fault: Fault) -> Failed {
    let state = match fault {
        Fault::LeftEpoch(_) => AgentState::Duplicate,
        Fault::Name | Fault::Networks(_) | Fault::Order { .. } => AgentState::Faulty,
    };
    Failed { state, reason: fault.to_string() }
}
