//! What all requests of the API share, and what one answer is made of.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use svcflow_map::document::{Hello, Node, Notice, Severity, Waiting};
use svcflow_map::{Asked, Context, Grid, Homes, Millis, Window, notices};
use svcflow_model::Timestamp;
use svcflow_topology::document::{ServicesDocument, services};
use svcflow_topology::{Names, Snapshot};
use tokio::sync::Semaphore;

use super::answer::{Answer, Slots};
use super::fault::Fault;
use super::live::Ticks;
use super::store::{Index, Known, Reading, read};
use super::{Agents, Api, page};
use crate::app::App;

/// Answers that are made at the same time; more wait for their turn.
const AT_ONCE: usize = 4;
/// Windows that are remembered: some 10 MB each where there are 20,000 edges.
const WINDOWS: usize = 4;
/// Answers that are remembered.
const ANSWERS: usize = 16;

/// What is known of the store at one moment differs from that of another by this.
type WindowKey = (u64, Millis, Millis, Millis);

/// What all requests share.
pub(super) struct Shared {
    pub(super) app: Arc<App>,
    database: String,
    grid: Grid,
    names: Names,
    agents: Arc<dyn Agents>,
    pub(super) started: Millis,
    index: Mutex<Arc<Index>>,
    windows: Slots<WindowKey, Reading>,
    provided: Slots<(usize, Millis), ServicesDocument>,
    pub(super) answers: Slots<AnswerKey, Answer>,
    pub(super) turns: Arc<Semaphore>,
    pub(super) ticks: Ticks,
}

/// A question, and all that its answer hangs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AnswerKey {
    pub(super) question: String,
    pub(super) version: u64,
    pub(super) names: usize,
    /// States of agents change without a new interval: an answer is good for a second.
    pub(super) second: i64,
}

impl Shared {
    pub(super) fn new(app: Arc<App>, api: Api) -> Self {
        let grid = Grid::new(api.interval);
        Self {
            started: millis(app.now()),
            app,
            database: api.database,
            grid,
            names: api.names,
            agents: api.agents,
            index: Mutex::new(Arc::new(Index::new(grid))),
            windows: Slots::new(WINDOWS),
            provided: Slots::new(WINDOWS),
            answers: Slots::new(ANSWERS),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            ticks: Ticks::default(),
        }
    }

    /// The newest names.
    pub(super) fn names(&self) -> Arc<Snapshot> {
        self.names.snapshot()
    }

    /// Now, as names have it.
    pub(super) fn timestamp(&self) -> Timestamp {
        Timestamp(self.app.now())
    }

    pub(super) fn now(&self) -> Millis {
        millis(self.app.now())
    }

    /// What the store knows now; blocks. Whoever comes meanwhile waits and then finds it done.
    pub(super) fn known(&self) -> Result<Known, Fault> {
        let mut index = self.index.lock();
        let known = Known::of(&index, self.app.store(), &self.database, self.now())?;
        *index = Arc::clone(&known.index);
        Ok(known)
    }

    /// Everything that an answer is made of, as of one moment; blocks.
    pub(super) fn view(&self) -> Result<View<'_>, Fault> {
        if self.app.elsewhere().is_some() {
            return Err(Fault::unavailable(
                "this server keeps its data in another engine, which the map can't read",
                Some(
                    "Query the data with InfluxQL, or let the server keep it: leave `store` out of its configuration.",
                ),
            ));
        }
        let known = self.known()?;
        let now = known.clock.now;
        let agents = self.agents.agents(now);
        let lives = agents.iter().flat_map(|agent| {
            let node: Arc<str> = agent.node.name.as_str().into();
            agent.lives.iter().map(move |network| (*network, Arc::clone(&node)))
        });
        let homes = Homes::new(lives);
        let agents = agents.into_iter().map(|agent| agent.node).collect();
        Ok(View { shared: self, known, names: self.names.snapshot(), homes, agents })
    }

    pub(super) fn hello(&self, known: &Known) -> Hello {
        Hello {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: self.started,
            now: known.clock.now,
            latest: known.clock.latest,
            interval: self.grid.interval(),
            page: page::version().to_owned(),
        }
    }
}

/// Everything of one moment.
pub(super) struct View<'s> {
    pub(super) shared: &'s Shared,
    pub(super) known: Known,
    pub(super) names: Arc<Snapshot>,
    pub(super) homes: Homes,
    pub(super) agents: Vec<Node>,
}

impl View<'_> {
    /// A question asked now.
    pub(super) fn key(&self, question: String) -> AnswerKey {
        AnswerKey {
            question,
            version: self.known.index.version,
            names: Arc::as_ptr(&self.names) as usize,
            second: self.known.clock.now / 1_000,
        }
    }

    pub(super) fn window(&self, asked: Asked) -> Result<Window, Fault> {
        Ok(Window::of(asked, self.known.clock)?)
    }

    /// What the store holds of a window.
    pub(super) fn read(&self, window: Window) -> Result<Arc<Reading>, Fault> {
        let key = (self.known.index.version, window.span.from, window.span.until, window.at);
        self.shared.windows.get(key, || {
            let began = Instant::now();
            let reading = read(&self.known, window)?;
            let edges = reading.readings.edges.len();
            tracing::debug!(
                "read {edges} edges of {} ms in {:?}",
                window.span.length(),
                began.elapsed()
            );
            Ok(reading)
        })
    }

    /// Who is behind the named services.
    pub(super) fn provided(&self, at: Millis) -> Arc<ServicesDocument> {
        let key = (Arc::as_ptr(&self.names) as usize, at);
        let make = || {
            Ok::<_, std::convert::Infallible>(services(
                &self.names,
                Timestamp(at.saturating_mul(1_000_000)),
                &[],
            ))
        };
        match self.shared.provided.get(key, make) {
            Ok(provided) => provided,
        }
    }

    pub(super) fn context<'v>(&'v self, provided: &'v ServicesDocument) -> Context<'v> {
        Context { names: &self.names, provided, homes: &self.homes }
    }

    /// What there is to say of a window.
    pub(super) fn notices(&self, window: &Window, faults: &[String]) -> Vec<Notice> {
        let histories = self.known.index.histories();
        let told = notices(window, histories, &self.agents, &self.names, self.shared.started);
        let damaged = faults.iter().map(|fault| Notice {
            kind: "store".to_owned(),
            severity: Severity::Error,
            node: None,
            count: None,
            bytes: None,
            first: window.span.from,
            last: window.span.until,
            ongoing: true,
            message: format!("A part of the range can't be read: {fault}"),
            remedy: Some(
                "Restore the file from a backup, or delete it: the rest stays readable.".to_owned(),
            ),
        });
        damaged.chain(told).chain(self.strangers(window)).collect()
    }

    fn strangers(&self, window: &Window) -> Option<Notice> {
        let count = self.known.index.strangers();
        (count > 0).then(|| Notice {
            kind: "foreign-series".to_owned(),
            severity: Severity::Info,
            node: None,
            count: Some(count),
            bytes: None,
            first: window.clock.earliest.unwrap_or(window.span.from),
            last: window.span.until,
            ongoing: true,
            message: format!(
                "{count} series of httpjson_svcstats are not shown: they lack tags that tell edges apart, as \
                 those that Telegraf writes do"
            ),
            remedy: Some("Query them with InfluxQL; the map shows what svcflow's collector stores.".to_owned()),
        })
    }

    /// What one waits for where nothing was ever counted.
    pub(super) fn waiting(&self) -> Option<Waiting> {
        if self.known.clock.latest.is_some() {
            return None;
        }
        let (now, grid) = (self.known.clock.now, self.shared.grid);
        let well =
            self.agents.iter().any(|agent| agent.state == svcflow_map::document::NodeState::Ok);
        let agents = self.shared.agents.count() as u64;
        let message = match (agents, well) {
            (0, _) => "No agent is asked: nothing can be counted yet.",
            (_, true) => "Nothing has been counted yet: the first interval is still running.",
            (_, false) => "Nothing has been counted yet: no agent has answered.",
        };
        let remedy = if agents == 0 {
            "Start an agent on each node (svcflow agent --config /etc/svcflow.toml) and name them in the server's \
             configuration: [collector] agents = [\"NODE:4000\"]. On one host: svcflow standalone."
        } else {
            "See that an agent runs on each node: svcflow agent --config /etc/svcflow.toml. What each of them \
             reports is on the page Nodes."
        };
        Some(Waiting {
            agents,
            // A look closes an interval, and the collector asks a moment after.
            first_at: well.then(|| grid.time(grid.floor(now) + 1)),
            message: message.to_owned(),
            remedy: remedy.to_owned(),
        })
    }
}

const fn millis(nanos: i64) -> Millis {
    nanos.div_euclid(1_000_000)
}
