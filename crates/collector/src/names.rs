//! The names that agents know (containers of their engines, files on their hosts), for the whole cluster.
//!
//! Each agent is asked for what became of its names since the last answer ([`NamesDocument`]). Here they become
//! sources of names like any other. What several agents say of the same thing (endpoints of one Netmaster) counts
//! once, and lasts for as long as one of them says so; everything else is told apart by its node.

mod kept;
mod state;

use std::sync::{Arc, Mutex, PoisonError};

use svcflow_model::Timestamp;
use svcflow_topology::sources::{Source, Teller, Watching};
use svcflow_topology::{NamesDocument, Record, Update};
use tokio::sync::{mpsc, watch};

use crate::collector::Shared;
use crate::scrape::RecordOf;
use crate::target::Target;
pub use kept::{Kept, POLICY};
use state::{SOURCES, State};

/// Answers that may wait for the names' hub; agents with more to say wait.
const WAITING_MAX: usize = 64;
/// Answers that are fetched in one round; the rest comes in the next.
const ANSWERS_MAX: usize = 64;

/// Takes what agents say of names, and tells it on. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct Gatherer {
    state: Arc<Mutex<State>>,
    told: Vec<mpsc::Sender<Update>>,
}

impl Gatherer {
    /// The gatherer and the sources of what it gathers, the first in precedence first. `known` is the stored
    /// history, of any source: what ended while nobody asked ends when its agent is asked again.
    #[must_use]
    pub fn new(known: &[Record]) -> (Self, Vec<Box<dyn Source>>) {
        let mut told = Vec::new();
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        for name in SOURCES {
            let (sender, inbox) = mpsc::channel(WAITING_MAX);
            told.push(sender);
            sources.push(Box::new(Gathered { name, inbox }));
        }
        (Self { state: Arc::new(Mutex::new(State::new(known))), told }, sources)
    }

    /// The record after which an agent is to be asked.
    pub(crate) fn position(&self, agent: &str) -> Option<RecordOf> {
        self.state(|state| state.position(agent))
    }

    /// Takes an agent's answer.
    pub(crate) async fn take(&self, agent: &str, document: NamesDocument) {
        let updates = self.state(|state| state.take(agent, document));
        self.tell(updates).await;
    }

    /// An agent is asked no longer: what only it named ends.
    pub(crate) async fn left(&self, agent: &str, at: Timestamp) {
        let updates = self.state(|state| state.left(agent, at));
        self.tell(updates).await;
    }

    async fn tell(&self, updates: Vec<(usize, Update)>) {
        for (source, update) in updates {
            if let Some(told) = self.told.get(source) {
                // Where nobody listens no names are wanted.
                let _ = told.send(update).await;
            }
        }
    }

    fn state<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Gatherer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gatherer").finish_non_exhaustive()
    }
}

/// What all agents' sources of one kind say.
struct Gathered {
    name: &'static str,
    inbox: mpsc::Receiver<Update>,
}

impl Source for Gathered {
    fn name(&self) -> &str {
        self.name
    }

    fn is_quiet(&self) -> bool {
        true
    }

    fn watch(mut self: Box<Self>, teller: Teller) -> Watching {
        Box::pin(async move {
            while let Some(update) = self.inbox.recv().await {
                teller.tell(update).await;
            }
            // The collector has stopped: what it said stays.
            std::future::pending::<()>().await;
        })
    }
}

/// Asks an agent for names, for as long as it is asked at all. Its samples never wait for this.
pub(crate) async fn names_of(
    shared: Arc<Shared>,
    target: Target,
    mut stopped: watch::Receiver<bool>,
) {
    let mut last = None;
    loop {
        let moment = shared.plan.next(target.key(), shared.now());
        tokio::select! {
            () = shared.sleep_until(moment) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        if !shared.board.may_answer(target.key()) || !shared.may_show_token(&target) {
            continue;
        }
        let failed = ask(&shared, &target).await.err();
        if failed != last
            && let Some(reason) = &failed
        {
            tracing::warn!("no new names from agent {target}: {reason}");
        }
        last = failed;
    }
}

async fn ask(shared: &Shared, target: &Target) -> Result<(), String> {
    for _ in 0..ANSWERS_MAX {
        let after = shared.names.position(target.key());
        let asked = shared.agents.names(target, shared.token(target), after);
        let patience = shared.settings.timeout;
        let answer = tokio::time::timeout(patience, asked).await;
        let answer = answer.map_err(|_| format!("it did not answer within {patience:?}"))?;
        // An agent of an older version knows no names.
        let Some(document) = answer.map_err(|failed| failed.reason)? else { return Ok(()) };
        let more = document.more;
        shared.names.take(target.key(), document).await;
        if !more {
            break;
        }
    }
    Ok(())
}
