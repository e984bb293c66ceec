use svcflow_model::{
    Baseline, Edge, EdgeReading, Epoch, LossKind, Losses, Marks, Observation, ObservationSink,
    Origin, Sample, Timestamp,
};

use crate::Limits;
use crate::connections::{Connections, Context};
use crate::edges::EdgeTable;
use crate::hash::Keyed;
use crate::readings::{BASELINE_LOOKS, Readings};
use crate::state::State;

/// Turns what a source saw into edges' cumulative counters and a statement of what was lost.
///
/// Odd sequences are defined: a reading or connection outside a look is an incomplete look of its own;
/// a look that begins while one runs ends that as incomplete; an end without a beginning is nothing;
/// without an origin, first readings are baselines.
#[derive(Clone, Debug)]
pub struct Accounting {
    epoch: Epoch,
    limits: Limits,
    keyed: Keyed,
    edges: EdgeTable,
    readings: Readings,
    connections: Connections,
    losses: Losses,
    origin: Option<Origin>,
    /// Whether the restored state's run followed connections, whose baselines are gone.
    had_connections: bool,
    resumed: bool,
    look: u32,
    looking: bool,
    complete_looks: u32,
    expire_next: Option<Timestamp>,
}

impl Accounting {
    /// Begins an epoch with nothing counted.
    #[must_use]
    pub fn new(epoch: Epoch, limits: Limits) -> Self {
        Self::seeded(epoch, limits, Keyed::random(epoch))
    }

    fn seeded(epoch: Epoch, limits: Limits, keyed: Keyed) -> Self {
        Self {
            epoch,
            limits,
            edges: EdgeTable::new(keyed.clone(), limits),
            readings: Readings::new(keyed.clone(), limits),
            connections: Connections::new(keyed.clone(), limits),
            keyed,
            losses: Losses::default(),
            origin: None,
            had_connections: false,
            resumed: false,
            look: 0,
            looking: false,
            complete_looks: 0,
            expire_next: None,
        }
    }

    /// Goes on from a kept state. Whoever published more than the state holds must call
    /// [`begin_epoch`](Self::begin_epoch) next, or its consumers see counters go down.
    #[must_use]
    pub fn restore(state: State, limits: Limits) -> Self {
        let mut new = Self::seeded(state.epoch, limits, Keyed::seeded(state.seed));
        let mut places = Vec::with_capacity(state.edges.len());
        for edge in &state.edges {
            places.push(new.edges.load(edge));
        }
        for retired in &state.retired {
            new.edges.load_retired(retired);
        }
        let place = |at: u32| places.get(usize::try_from(at).ok()?).copied();
        new.readings.load(&state.readings, &mut new.edges, place);
        new.readings.baseline_looks = state.baseline_looks;
        new.complete_looks = u32::from(state.baseline_looks < BASELINE_LOOKS);
        new.losses = state.losses;
        new.origin = state.origin;
        new.had_connections = state.had_connections;
        new.resumed = true;
        new.look = state.looks;
        new
    }

    /// What is needed to go on after a crash. A running look is not part of it.
    #[must_use]
    pub fn state(&self) -> State {
        let (placed, retired) = self.edges.save();
        let mut readings = self.readings.save();
        let mut places = hashbrown::HashMap::<u32, u32, foldhash::fast::RandomState>::default();
        places.extend((0_u32..).zip(&placed).map(|(new, (old, _))| (*old, new)));
        for reading in &mut readings {
            reading.edge = places.get(&reading.edge).copied().unwrap_or(u32::MAX);
        }
        State {
            epoch: self.epoch,
            seed: self.keyed.seed(),
            origin: self.origin,
            baseline_looks: self.readings.baseline_looks,
            had_connections: self.had_connections,
            looks: self.look,
            edges: placed.into_iter().map(|(_, edge)| edge).collect(),
            retired,
            readings,
            losses: self.losses.clone(),
        }
    }

    /// The epoch that the counters belong to.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The origin that was last stated.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        self.origin
    }

    /// All edges, the remainder included where it was needed.
    pub fn edges(&self) -> impl Iterator<Item = Sample> + '_ {
        self.edges.samples()
    }

    /// How many edges there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.edges.len()
    }

    /// Whether there is no edge.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Edges whose counters or marks changed since the last call, with cumulative values.
    pub fn take_changes(&mut self) -> Vec<Sample> {
        self.edges.take_changes()
    }

    /// Everything that was lost so far.
    #[must_use]
    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    /// How many connections are known to live.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.live()
    }

    /// How many connections of one edge are known to live.
    #[must_use]
    pub fn connections_of(&self, edge: &Edge) -> u32 {
        self.edges.live(edge)
    }

    /// Whether so many edges expired that their totals fill their table. From then on nothing expires
    /// and new edges fold, until the owner begins a new epoch.
    #[must_use]
    pub fn wants_epoch(&self) -> bool {
        self.edges.retired() >= self.limits.retired()
    }

    /// Begins a new epoch: all counters carry on from zero, expired edges are forgotten, baselines
    /// stay. Gives the changes of the old epoch that were not yet taken: publish them under it.
    pub fn begin_epoch(&mut self, epoch: Epoch) -> Vec<Sample> {
        let rest = self.take_changes();
        self.edges.begin_epoch();
        self.epoch = epoch;
        rest
    }

    fn begin_look(&mut self, at: Timestamp) {
        if self.looking {
            self.end_look(false, at);
        }
        self.looking = true;
        self.look = self.look.wrapping_add(1);
    }

    fn end_look(&mut self, complete: bool, at: Timestamp) {
        if !self.looking {
            return;
        }
        self.looking = false;
        let first = self.complete_looks == 0;
        self.readings.end_look(complete, first, &mut self.edges, &mut self.losses, at);
        let (connections, mut context) = self.split(at);
        connections.end_look(complete, &mut context);
        if complete {
            self.complete_looks = self.complete_looks.saturating_add(1);
            self.expire(at);
        } else if first && self.connections.open && self.connections.live() > 0 {
            // The baseline goes on into the next look, and with it what runs between them.
            self.losses.record(LossKind::EpochGap, 1, 0, at);
        }
    }

    fn expire(&mut self, at: Timestamp) {
        if self.expire_next.is_some_and(|next| at < next) {
            return;
        }
        let every = i64::try_from((self.limits.edge_expiry / 16).as_nanos()).unwrap_or(i64::MAX);
        self.expire_next = Some(Timestamp(at.0.saturating_add(every)));
        self.readings.expire(self.look, &mut self.edges, at);
        self.edges.expire(at);
    }

    fn split(&mut self, at: Timestamp) -> (&mut Connections, Context<'_>) {
        let Self { connections, edges, losses, look, .. } = self;
        (connections, Context { edges, losses, look: *look, at })
    }

    fn origin_is(&mut self, origin: Origin, baseline: Baseline, at: Timestamp) {
        let resumed = std::mem::take(&mut self.resumed);
        if self.origin == Some(origin) {
            if resumed && self.had_connections {
                self.losses.record(LossKind::EpochGap, 1, 0, at);
            } else if resumed && baseline == Baseline::Zero {
                self.connections.open = false;
            }
            return;
        }
        self.end_look(false, at);
        if self.origin.is_some() {
            self.losses.record(LossKind::EpochGap, 1, 0, at);
        }
        self.origin = Some(origin);
        self.readings.clear(&mut self.edges, at);
        self.connections.clear(&mut self.edges, at);
        self.readings.baseline_looks = match baseline {
            Baseline::Zero => 0,
            Baseline::FirstLook => 1,
            Baseline::FirstReading => BASELINE_LOOKS,
        };
        self.connections.open = baseline != Baseline::Zero;
        self.complete_looks = 0;
    }

    fn read(&mut self, reading: &EdgeReading, at: Timestamp) {
        self.readings.read(reading, self.look, &mut self.edges, &mut self.losses, at);
    }

    /// Does something that belongs into a look: in the running one, or in one of its own.
    fn in_look(&mut self, at: Timestamp, act: impl FnOnce(&mut Self)) {
        let alone = !self.looking;
        if alone {
            self.begin_look(at);
        }
        act(self);
        if alone {
            self.end_look(false, at);
        }
    }
}

impl ObservationSink for Accounting {
    fn observe(&mut self, at: Timestamp, observation: &Observation) {
        match observation {
            Observation::Origin { origin, baseline } => self.origin_is(*origin, *baseline, at),
            Observation::LookBegan => self.begin_look(at),
            Observation::Edge(reading) => self.in_look(at, |it| it.read(reading, at)),
            Observation::Connection(connection) => self.in_look(at, |it| {
                it.had_connections = true;
                let (connections, mut context) = it.split(at);
                connections.seen(connection, &mut context);
            }),
            Observation::DirectionUnknown(edge) => {
                let place = self.edges.admit(edge, &mut self.losses, at);
                self.edges.mark(place, Marks { direction_unknown: true, ..Marks::default() });
            }
            Observation::Unsplit(edge) => {
                let place = self.edges.admit(edge, &mut self.losses, at);
                self.edges.mark(place, Marks { unsplit: true, ..Marks::default() });
            }
            Observation::ConnectionEnded(connection) => {
                self.had_connections = true;
                let (connections, mut context) = self.split(at);
                connections.ended(connection, &mut context);
            }
            Observation::LookEnded { complete } => self.end_look(*complete, at),
            Observation::Lost { kind, count, bytes } => {
                self.losses.record(*kind, *count, *bytes, at);
            }
        }
    }
}
