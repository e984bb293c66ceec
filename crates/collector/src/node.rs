//! One node: an agent's answer in, points to store out. No I/O, no clock.
//!
//! An answer is taken in two steps. [`Node::open`] checks it and gives every interval its time;
//! meanwhile other nodes' answers of the same round may come in. [`Node::close`] then credits each
//! increase to the account that its owner decides.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use svcflow_agent::{IntervalDocument, SamplesDocument};
use svcflow_model::{Counters, Edge, Epoch, Marks, Relation, Sample, Timestamp};

use crate::counters::{Account, EdgeMemory, NodeCounters, Position, Standing};
use crate::losses::{LossBook, Missing};
use crate::ownership::Why;
use crate::point::{Batch, EpochPoint, LossPoint, NodePoint, Point, What};
use crate::timing::{NodeTime, Skew};

/// An answer's names may be this long.
const NAME_MAX: usize = 255;
/// So many networks may live on a node: a route for each of its containers, and more.
const NETWORKS_MAX: usize = 20_000;
/// Offsets are stored anew this often, so that they outlive the retention of what they belong to.
const OFFSETS_EVERY: Duration = Duration::from_secs(24 * 3_600);

/// What a store remembers of a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remembered {
    /// Where its batches stand.
    pub position: Option<Position>,
    /// The latest time of its points.
    pub last: Option<Timestamp>,
    /// When the running epoch's first point was stored; `None` where that is no longer known.
    pub epoch_began: Option<Timestamp>,
    /// Where it was read.
    pub target: Option<Arc<str>>,
    /// Its edges, and when each was last stored.
    pub edges: Vec<(Edge, EdgeMemory, Timestamp)>,
    /// Edges whose marks were stored.
    pub marks: Vec<(Edge, Marks)>,
    /// Its losses.
    pub losses: Vec<(Arc<str>, LossPoint)>,
}

/// How long and how precisely things are remembered.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Time between two answers.
    pub interval: Duration,
    /// Clocks may be off by this much without being corrected.
    pub tolerance: Duration,
    /// As long as the store keeps what it was given.
    pub forget_after: Duration,
    /// Edges out of sight this long are not held in memory: where one comes back, the store is asked.
    pub idle_after: Duration,
}

/// Why an answer can't be taken. Shown to people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Its node's name can't be a tag.
    #[error("its name is empty, longer than 255 bytes, or holds a backslash or control characters")]
    Name,
    /// Its intervals are not in order, or beyond the sequence that it states.
    #[error("its intervals are out of order: {before} is followed by {after}, of {of}")]
    Order {
        /// A sequence.
        before: u64,
        /// The one after it.
        after: u64,
        /// The latest that it says there is.
        of: u64,
    },
    /// It says that so many networks live on it.
    #[error("it says that {0} networks live on its node: more than {NETWORKS_MAX} can't be")]
    Networks(usize),
    /// Its epoch was left: two agents take turns under one name, or one address leads to two.
    #[error("its epoch {0} came before the running one: two agents take turns at one address")]
    LeftEpoch(u64),
}

/// What is shown of a node besides what is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Intervals that were taken.
    pub intervals: u64,
    /// Samples in them.
    pub samples: u64,
    /// Answers whose gap was stated, or that began a new epoch.
    pub gaps: u64,
    /// When the last gap was found.
    pub last_gap: Option<Timestamp>,
    /// Intervals stored at another time than their own, because a clock was set back.
    pub retimed: u64,
    /// Increases that went apart.
    pub apart: u64,
}

/// One node's memory.
#[derive(Clone, Debug)]
pub struct Node {
    name: Arc<str>,
    terms: Terms,
    counters: NodeCounters,
    time: NodeTime,
    losses: LossBook,
    known: HashMap<Edge, Known>,
    epoch_began: Option<Timestamp>,
    target: Option<Arc<str>>,
    offsets_stored: Option<Timestamp>,
    /// Offsets of edges that were learnt, which are to be stored with what is credited to them.
    moved: Vec<(Edge, Counters)>,
    figures: Figures,
}

/// What is known of an edge besides its counters.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// As stored last.
    marks: Marks,
    /// Why it last went apart.
    why: Option<Why>,
    /// When it last changed; restored ones count from the restoration.
    seen: Timestamp,
}

/// An answer whose intervals have their times, and whose edges' owners are yet to be found.
#[derive(Debug)]
pub struct Opened<'d> {
    document: &'d SamplesDocument,
    intervals: Vec<(Timestamp, &'d IntervalDocument)>,
    /// The last time that was stored before them.
    before: Option<Timestamp>,
    standing: Standing,
    rewound: bool,
    skew: Skew,
    now: Timestamp,
}

impl<'d> Opened<'d> {
    /// Every sample with its interval's time.
    pub fn samples(&self) -> impl Iterator<Item = (Timestamp, Sample, Relation)> + 'd {
        self.intervals.clone().into_iter().flat_map(|(time, interval)| {
            interval.samples.iter().map(move |it| (time, it.sample(), it.relation))
        })
    }

    /// The latest interval's time.
    #[must_use]
    pub fn last(&self) -> Option<Timestamp> {
        self.intervals.last().map(|(time, _)| *time)
    }
}

/// When an increase is stored, and when an edge that is new with it was still at zero.
#[derive(Clone, Copy)]
struct Moment {
    time: Timestamp,
    previous: Option<Timestamp>,
}

impl Node {
    /// Goes on from what a store remembers, or from nothing.
    #[must_use]
    pub fn restore(name: Arc<str>, terms: Terms, remembered: Remembered, now: Timestamp) -> Self {
        let mut node = Self {
            name,
            terms,
            counters: NodeCounters::restore(remembered.position.clone(), []),
            time: NodeTime::new(terms.interval, terms.tolerance, remembered.last),
            losses: LossBook::restore(remembered.losses.iter().cloned()),
            known: HashMap::new(),
            epoch_began: remembered.epoch_began,
            target: remembered.target.clone(),
            offsets_stored: None,
            moved: Vec::new(),
            figures: Figures::default(),
        };
        node.learn(&remembered, now);
        node
    }

    /// The edges of an answer that are not in memory: new ones, or out of sight for long.
    #[must_use]
    pub fn unknown(&self, document: &SamplesDocument) -> Vec<Edge> {
        let samples = document.intervals.iter().flat_map(|interval| &interval.samples);
        let edges = samples.map(|sample| sample.sample().edge);
        let unknown: BTreeSet<_> = edges.filter(|edge| !self.counters.knows(edge)).collect();
        unknown.into_iter().collect()
    }

    /// Takes up edges as they were stored.
    pub fn learn(&mut self, remembered: &Remembered, now: Timestamp) {
        for (edge, memory, last) in &remembered.edges {
            // Offsets move with the epoch only for edges in memory: this one's did not.
            let earlier = self.epoch_began.is_some_and(|began| *last < began);
            let memory = if earlier { memory.before_its_epoch() } else { *memory };
            if earlier {
                self.moved.push((*edge, memory.offset));
            }
            self.counters.learn(*edge, memory);
            let known = Known { marks: Marks::default(), why: None, seen: now };
            self.known.entry(*edge).or_insert(known);
        }
        for (edge, marks) in &remembered.marks {
            let known = Known { marks: *marks, why: None, seen: now };
            self.known.entry(*edge).or_insert(known).marks = *marks;
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What to ask the agent for: the epoch and the last interval taken.
    #[must_use]
    pub fn position(&self) -> Option<&Position> {
        self.counters.position()
    }

    /// Its losses so far.
    #[must_use]
    pub fn losses(&self) -> &LossBook {
        &self.losses
    }

    /// Its figures so far.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.figures
    }

    /// How many edges are remembered.
    #[must_use]
    pub fn edges(&self) -> usize {
        self.counters.len()
    }

    /// Nanoseconds by which its agent's times are corrected.
    #[must_use]
    pub fn correction(&self) -> i64 {
        self.time.correction()
    }

    /// The last time that was stored.
    #[must_use]
    pub fn last(&self) -> Option<Timestamp> {
        self.time.last()
    }

    /// Whether an answer can be taken.
    ///
    /// # Errors
    /// Where it can't.
    pub fn check(&self, document: &SamplesDocument) -> Result<(), Fault> {
        check(document)?;
        match self.counters.standing(document.epoch, document.sequence) {
            Standing::LeftEpoch => Err(Fault::LeftEpoch(document.epoch.0)),
            _ => Ok(()),
        }
    }

    /// Checks an answer, asked for and come at these times of ours, and times its intervals.
    ///
    /// # Errors
    /// Where it can't be taken; the node is then as it was.
    pub fn open<'d>(
        &mut self,
        document: &'d SamplesDocument,
        asked: Timestamp,
        answered: Timestamp,
    ) -> Result<Opened<'d>, Fault> {
        self.check(document)?;
        let standing = self.counters.standing(document.epoch, document.sequence);
        let at = self.counters.position();
        let rewound =
            at.is_some_and(|at| at.epoch == document.epoch && document.sequence < at.sequence);
        if rewound {
            self.counters.rewind();
        }
        let skew = Skew::measure(asked, answered, document.now);
        self.time.adjust(skew);
        let before = self.time.last();
        let after = self.taken_of(document.epoch);
        let new = document.intervals.iter().filter(|interval| interval.sequence > after);
        let mut intervals = Vec::new();
        for interval in new {
            let (time, moved) = self.time.place(interval.at, answered);
            self.figures.retimed += u64::from(moved);
            intervals.push((time, interval));
        }
        Ok(Opened { document, intervals, before, standing, rewound, skew, now: answered })
    }

    /// Credits an answer's increases to the accounts that `account` names, and gives what to store.
    pub fn close(
        &mut self,
        opened: &Opened<'_>,
        target: &Arc<str>,
        mut account: impl FnMut(Timestamp, &Sample, Relation) -> (Account, Option<Why>),
    ) -> Batch {
        self.state_gaps(opened);
        let mut points = Vec::new();
        if let (Some((time, _)), true) = (opened.intervals.first(), self.begins(opened, target)) {
            self.target = Some(Arc::clone(target));
            let what = self.epoch_point(opened.document.epoch, target);
            points.push(Point { time: *time, what });
        }
        if let Some((time, _)) = opened.intervals.first() {
            let moved = self.moved.drain(..).map(|(edge, offset)| What::Offset(edge, offset));
            points.extend(moved.map(|what| Point { time: *time, what }));
        }
        let mut previous = opened.before;
        for (time, interval) in &opened.intervals {
            let moment = Moment { time: *time, previous: self.zero_at(previous, opened.now) };
            self.credit(opened.document.epoch, moment, interval, &mut account, &mut points);
            previous = Some(*time);
        }
        self.losses.take(&opened.document.losses);
        if let Some(time) = opened.last() {
            self.record(opened, time, target, &mut points);
        }
        points.sort_by_key(|point| point.time);
        Batch { node: Arc::clone(&self.name), points }
    }

    /// Everything as it stands, for a sink that missed something: cumulative values at the last time.
    #[must_use]
    pub fn whole(&self) -> Option<Batch> {
        let time = self.time.last()?;
        let mut points = Vec::new();
        for (edge, memory) in self.counters.edges() {
            let known = self.known.get(edge);
            let why = known.and_then(|known| known.why);
            let owned = memory.owned.map(|it| What::Traffic(*edge, it));
            let apart = memory.apart.map(|it| What::Apart(*edge, it, why));
            points.extend(owned.into_iter().chain(apart).map(|what| Point { time, what }));
        }
        let marked = self.known.iter().filter(|(_, known)| known.marks != Marks::default());
        let marks = marked.map(|(edge, known)| What::Marks(*edge, known.marks));
        let losses = self.losses.iter().map(|(kind, loss)| What::Loss(Arc::clone(kind), *loss));
        points.extend(marks.chain(losses).map(|what| Point { time, what }));
        Some(Batch { node: Arc::clone(&self.name), points })
    }

    fn taken_of(&self, epoch: Epoch) -> u64 {
        self.counters.position().filter(|at| at.epoch == epoch).map_or(0, |at| at.sequence)
    }

    /// Whether an epoch begins here, or goes on at another target.
    fn begins(&mut self, opened: &Opened<'_>, target: &Arc<str>) -> bool {
        let new = matches!(opened.standing, Standing::First | Standing::NewEpoch);
        if new {
            self.epoch_began = opened.intervals.first().map(|(time, _)| *time);
        }
        new || self.target.as_ref() != Some(target)
    }

    fn epoch_point(&self, epoch: Epoch, target: &Arc<str>) -> What {
        // Unknown: as long ago as can be, so that nothing is taken for new that was only forgotten.
        let began = self.epoch_began.unwrap_or(Timestamp(0));
        What::Epoch(EpochPoint { epoch, began, target: Arc::clone(target) })
    }

    /// Where an edge that is new begins at zero: at the time before, so that its first increase is an
    /// increase to whoever reads differences. Not where the edge may only have been forgotten.
    fn zero_at(&self, previous: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let began = self.epoch_began?;
        previous.filter(|_| now.since(began) < self.terms.forget_after)
    }

    fn credit(
        &mut self,
        epoch: Epoch,
        moment: Moment,
        interval: &IntervalDocument,
        account: &mut impl FnMut(Timestamp, &Sample, Relation) -> (Account, Option<Why>),
        points: &mut Vec<Point>,
    ) {
        let Moment { time, previous } = moment;
        let mut samples = Vec::with_capacity(interval.samples.len());
        for it in &interval.samples {
            let sample = it.sample();
            let (account, why) = account(time, &sample, it.relation);
            let fresh = Known { marks: Marks::default(), why, seen: time };
            let known = self.known.entry(sample.edge).or_insert(fresh);
            if known.marks != sample.marks {
                points.push(Point { time, what: What::Marks(sample.edge, sample.marks) });
            }
            *known = Known { marks: sample.marks, why: why.or(known.why), seen: time };
            samples.push((sample, account));
        }
        let pairs = samples.iter().map(|(sample, account)| (sample, *account));
        let applied = self.counters.apply(epoch, interval.sequence, pairs);
        self.figures.intervals += 1;
        self.figures.samples += samples.len() as u64;
        self.losses.missing(Missing::CounterFell, applied.fell);
        for credit in applied.credits {
            let what = |counters| match credit.account {
                Account::Owned => What::Traffic(credit.edge, counters),
                Account::Apart => {
                    let why = self.known.get(&credit.edge).and_then(|known| known.why);
                    What::Apart(credit.edge, counters, why)
                }
            };
            if let Some(time) = previous.filter(|_| credit.first) {
                points.push(Point { time, what: what(Counters::ZERO) });
            }
            points.push(Point { time, what: what(credit.stored) });
            self.figures.apart += u64::from(credit.account == Account::Apart);
        }
        let offsets = applied.offsets.into_iter();
        points.extend(offsets.map(|it| Point { time, what: What::Offset(it.edge, it.offset) }));
    }

    /// What goes into every batch, and once a day the offsets.
    fn record(
        &mut self,
        opened: &Opened<'_>,
        time: Timestamp,
        target: &Arc<str>,
        points: &mut Vec<Point>,
    ) {
        let changes = self.losses.take_changes().into_iter();
        points.extend(changes.map(|(kind, loss)| Point { time, what: What::Loss(kind, loss) }));
        let due = self.offsets_stored.is_none_or(|last| time.since(last) >= OFFSETS_EVERY);
        if due {
            let moved = self.counters.edges().filter(|(_, it)| it.offset != Counters::ZERO);
            let offsets = moved.map(|(edge, it)| What::Offset(*edge, it.offset));
            let epoch = self.epoch_point(opened.document.epoch, target);
            points.extend(offsets.chain([epoch]).map(|what| Point { time, what }));
            self.offsets_stored = Some(time);
            // After their offsets are stored once more: a forgotten edge's offset is never older than it.
            self.forget(opened.now);
        }
        let Some(at) = self.counters.position() else { return };
        let point = NodePoint {
            epoch: at.epoch,
            sequence: at.sequence,
            edges: self.counters.len() as u64,
            skew_seconds: seconds(opened.skew.ahead),
            lag_seconds: seconds(opened.now.0.saturating_sub(time.0)),
        };
        points.push(Point { time, what: What::Node(point) });
    }

    fn forget(&mut self, now: Timestamp) {
        let old = |known: &Known| now.since(known.seen) >= self.terms.idle_after;
        self.counters.forget(|edge| self.known.get(edge).is_none_or(old));
        let after = self.terms.idle_after;
        self.known.retain(|_, known| now.since(known.seen) < after);
    }

    fn state_gaps(&mut self, opened: &Opened<'_>) {
        let document = opened.document;
        let follows = self.counters.position().is_some_and(|at| {
            document.follows == Some(at.epoch) && opened.standing == Standing::NewEpoch
        });
        if opened.standing == Standing::NewEpoch && !follows {
            self.losses.new_epoch();
            self.missing(Missing::EpochChanged, 1, opened.now);
        }
        if opened.rewound {
            self.missing(Missing::Rewound, 1, opened.now);
        }
        let Some((_, first)) = opened.intervals.first() else { return };
        let expected = self.taken_of(document.epoch) + 1;
        let skipped = first.sequence.saturating_sub(expected);
        // Before the first contact nothing was expected, and a rewound agent is counted already.
        if skipped > 0 && opened.standing != Standing::First && !opened.rewound {
            let stated = document.gap.is_some_and(|gap| gap.to == first.sequence);
            let what = if stated { Missing::IntervalsMerged } else { Missing::IntervalsMissing };
            self.missing(what, skipped, opened.now);
        }
    }

    fn missing(&mut self, what: Missing, count: u64, now: Timestamp) {
        self.losses.missing(what, count);
        self.figures.gaps += 1;
        self.figures.last_gap = Some(now);
    }
}

/// Whether a node can have this name: it becomes a tag.
///
/// # Errors
/// Where it can't.
pub fn check_name(name: &str) -> Result<(), Fault> {
    let odd = name.chars().any(|c| c.is_control() || c == '\\');
    if name.is_empty() || name.len() > NAME_MAX || odd { Err(Fault::Name) } else { Ok(()) }
}

fn check(document: &SamplesDocument) -> Result<(), Fault> {
    check_name(&document.node)?;
    if document.lives.len() > NETWORKS_MAX {
        return Err(Fault::Networks(document.lives.len()));
    }
    let mut before = 0;
    for interval in &document.intervals {
        let after = interval.sequence;
        if after <= before && before > 0 || after > document.sequence {
            return Err(Fault::Order { before, after, of: document.sequence });
        }
        before = after;
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "shown to people, in seconds")]
fn seconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / 1e9
}
