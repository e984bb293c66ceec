//! What the look thread publishes and HTTP reads.

use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use svcflow_model::{Epoch, Interval, Losses, Relation, Sample, Timestamp};
use svcflow_topology::{Journal, Names, NamesDocument, ServicesDocument, document, observed};

use crate::clock::{Clock, rfc3339};
use crate::document::{
    EdgeDocument, EdgeNames, EdgesDocument, HealthDocument, IntervalDocument, Rate, SampleDocument,
    SamplesDocument, SourceDocument,
};
use crate::local::Locals;
use crate::ring::{ANSWER_SAMPLES_MAX, Page, Ring};

/// An edge as the last look left it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EdgeView {
    /// The edge, its counters and marks.
    pub sample: Sample,
    /// How the node stands to it.
    pub relation: Relation,
    /// Speed over the last interval; `None` before the second look.
    pub rate: Option<Rate>,
}

impl EdgeView {
    /// Whether its counters are unknown: nothing was counted because accounting was off (case 8).
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.sample.marks.uncounted && self.sample.counters.is_zero()
    }
}

/// One look, published: never changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The node's name.
    pub node: String,
    /// The run of counters.
    pub epoch: Epoch,
    /// The interval that the look closed; 0 before the first.
    pub sequence: u64,
    /// When the look ended.
    pub at: Timestamp,
    /// All edges, in order.
    pub edges: Vec<EdgeView>,
    /// What was lost since the epoch began.
    pub losses: Losses,
    /// Where the numbers come from.
    pub source: SourceDocument,
    /// What the agent did to the host and found out about itself.
    pub notes: Vec<String>,
    /// Which addresses live here.
    pub locals: Arc<Locals>,
    /// The agent's own figures.
    pub figures: Figures,
    /// Why the last look failed.
    pub failure: Option<String>,
}

/// The look thread's own figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Looks that succeeded.
    pub looks: u64,
    /// Looks that failed.
    pub failures: u64,
    /// Time of the last look.
    pub last: Duration,
    /// Time of all looks.
    pub total: Duration,
}

/// Asks the look thread for something.
pub(crate) enum Command {
    /// A look, and its snapshot to whom it concerns. Unless `force`, a look of the last second will do.
    Look { force: bool, reply: Box<dyn FnOnce(Arc<Snapshot>) + Send> },
    /// A last look, then the end.
    Shutdown,
}

pub(crate) struct Published {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) ring: Ring,
    /// The epoch before, for a reader that has not seen its end.
    pub(crate) previous: Option<Previous>,
}

/// An epoch that the agent ended itself, without a gap.
pub(crate) struct Previous {
    pub(crate) epoch: Epoch,
    pub(crate) sequence: u64,
    pub(crate) ring: Ring,
}

impl Published {
    /// The previous epoch, where a reader of it has not seen its end.
    fn rest_of_previous(&self, after: u64, epoch: Option<Epoch>) -> Option<&Previous> {
        self.previous
            .as_ref()
            .filter(|previous| epoch == Some(previous.epoch) && after < previous.sequence)
    }
}

/// What HTTP reads; the look thread replaces it at each look.
pub struct Shared {
    pub(crate) interval: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) names: Names,
    pub(crate) journal: Option<Journal>,
    /// Tells this run's journal from another's.
    pub(crate) run: u64,
    pub(crate) published: RwLock<Published>,
    pub(crate) commands: SyncSender<Command>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("snapshot", &self.snapshot()).finish_non_exhaustive()
    }
}

fn related(interval: &Interval, locals: &Locals) -> IntervalDocument {
    let sample = |sample: &Sample| SampleDocument::new(sample, locals.relation(&sample.edge));
    IntervalDocument {
        sequence: interval.sequence,
        at: interval.at,
        samples: interval.samples.iter().map(sample).collect(),
    }
}

impl Shared {
    /// The last look.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.read(|published| Arc::clone(&published.snapshot))
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&Published) -> T) -> T {
        read(&self.published.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn write<T>(&self, write: impl FnOnce(&mut Published) -> T) -> T {
        write(&mut self.published.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks for a look; the thread's queue is short, and where it is full looks are due anyway.
    pub(crate) fn ask(&self, command: Command) -> Result<(), TrySendError<Command>> {
        self.commands.try_send(command)
    }

    /// The edges document.
    #[must_use]
    pub fn edges(&self, snapshot: &Snapshot) -> EdgesDocument {
        let names = self.names.snapshot();
        let edge = |view: &EdgeView| EdgeDocument {
            row: svcflow_model::EdgeRow::of(&snapshot.node, &view.sample),
            relation: view.relation,
            marks: view.sample.marks,
            rate: view.rate,
            names: EdgeNames::of(&view.sample.edge, &names, snapshot.at),
        };
        EdgesDocument {
            node: snapshot.node.clone(),
            epoch: snapshot.epoch,
            sequence: snapshot.sequence,
            at: rfc3339(snapshot.at),
            interval_seconds: self.interval.as_secs_f64(),
            source: snapshot.source.clone(),
            edges: snapshot.edges.iter().map(edge).collect(),
            losses: snapshot.losses.clone(),
        }
    }

    /// Who this is and where it stands, without an interval: what a reader asks first that doesn't
    /// know what it has of this node.
    #[must_use]
    pub fn greeting(&self) -> SamplesDocument {
        let latest = self.read(|published| published.snapshot.sequence);
        SamplesDocument {
            intervals: Vec::new(),
            gap: None,
            more: false,
            ..self.samples(latest, None)
        }
    }

    /// The intervals after `after`. A reader of another epoch, or one that is ahead of this one, gets
    /// everything from the epoch's beginning; a reader of the epoch before gets the rest of that first.
    #[must_use]
    pub fn samples(&self, after: u64, epoch: Option<Epoch>) -> SamplesDocument {
        let now = self.clock.now();
        let (snapshot, of, page) = self.read(|published| {
            let snapshot = Arc::clone(&published.snapshot);
            if let Some(previous) = published.rest_of_previous(after, epoch) {
                let page = previous.ring.page(after, ANSWER_SAMPLES_MAX);
                let of = (previous.epoch, None, previous.sequence);
                return (snapshot, of, Page { more: true, ..page });
            }
            let foreign = epoch.is_some_and(|epoch| epoch != snapshot.epoch);
            let after = if foreign || after > snapshot.sequence { 0 } else { after };
            let follows = published.previous.as_ref().map(|previous| previous.epoch);
            let of = (snapshot.epoch, follows, snapshot.sequence);
            (snapshot, of, published.ring.page(after, ANSWER_SAMPLES_MAX))
        });
        let (epoch, follows, sequence) = of;
        let intervals = page.intervals.iter();
        SamplesDocument {
            node: snapshot.node.clone(),
            epoch,
            follows,
            sequence,
            now,
            interval_seconds: self.interval.as_secs_f64(),
            intervals: intervals.map(|interval| related(interval, &snapshot.locals)).collect(),
            gap: page.gap,
            more: page.more,
            losses: snapshot.losses.clone(),
            lives: snapshot.locals.networks().iter().map(ToString::to_string).collect(),
            source: snapshot.source.clone(),
        }
    }

    /// Services and their providers as Contiv's page reads them: what is named, and what translation shows.
    #[must_use]
    pub fn services(&self) -> ServicesDocument {
        let snapshot = self.snapshot();
        let views = snapshot.edges.iter().filter(|view| !view.sample.marks.remainder);
        let seen = observed::services(views.map(|view| &view.sample.edge));
        document::services(&self.names.snapshot(), self.clock.now(), &seen)
    }

    /// What became of names after a record of a run of this agent's; of another run everything. Nothing where the
    /// names are somebody else's, who tells of them.
    #[must_use]
    pub fn names(&self, run: Option<u64>, after: u64) -> NamesDocument {
        let after = if run == Some(self.run) { after } else { 0 };
        let page = self.journal.as_ref().map(|journal| journal.after(after)).unwrap_or_default();
        let names = self.names.snapshot();
        let sources = self.journal.as_ref().map(|_| names.sources().to_vec());
        NamesDocument {
            node: self.snapshot().node.clone(),
            run: self.run,
            sequence: page.sequence,
            records: page.records,
            more: page.more,
            now: self.clock.now(),
            sources: sources.unwrap_or_default(),
        }
    }

    /// What is wrong with the sources of names, a sentence each.
    fn faults_of_names(&self) -> Vec<String> {
        let (names, now) = (self.names.snapshot(), self.clock.now());
        names.sources().iter().filter_map(|source| source.fault(now)).collect()
    }

    /// Whether looks come as they should.
    #[must_use]
    pub fn health(&self) -> HealthDocument {
        let snapshot = self.snapshot();
        let age = self.clock.now().since(snapshot.at);
        let late = age > self.interval.saturating_mul(3).max(Duration::from_secs(3));
        let reason = snapshot.failure.clone().or_else(|| {
            late.then(|| {
                "no look for three intervals: the kernel does not answer or the host is overloaded; \
                 see the log, and raise `interval`"
                    .to_owned()
            })
        });
        let notes = snapshot.notes.iter().chain(&snapshot.source.blind_spots).cloned();
        let notes = notes.chain(self.faults_of_names()).collect();
        HealthDocument {
            status: if reason.is_some() { "failing" } else { "ok" }.to_owned(),
            reason,
            node: snapshot.node.clone(),
            epoch: snapshot.epoch,
            sequence: snapshot.sequence,
            age_seconds: age.as_secs_f64(),
            notes,
        }
    }
}
