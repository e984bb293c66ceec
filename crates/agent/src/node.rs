//! The look thread: listen, look, account, keep, publish.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use svcflow_accounting::{Accounting, Limits};
use svcflow_model::{
    Counters, Epoch, Interval, LossKind, Observation, ObservationSink, Sample, Timestamp,
};
use svcflow_source::contiv::NETPLUGIN;
use svcflow_source::{ContivSource, Live, Preference, SourceError, TrafficSource};
use svcflow_topology::{Journal, Names};

use crate::clock::{Clock, SystemClock, next_aligned};
use crate::config::Config;
use crate::document::{Rate, SourceDocument};
use crate::error::{BoxError, Error};
use crate::local::Locals;
use crate::ring::Ring;
use crate::shared::{Command, EdgeView, Figures, Previous, Published, Shared, Snapshot};
use crate::state_file::StateFile;
use crate::switches::Switches;

/// A source can't be woken, so it listens this long at most before commands are looked at: four
/// wake-ups a second when idle, and a look on demand waits a quarter of a second at most.
const LISTEN_MAX: Duration = Duration::from_millis(250);
/// A fresh look over HTTP is taken at most this often; else the last one is answered.
const FRESH_MIN: Duration = Duration::from_secs(1);
/// Commands that may wait. A full queue means that looks are due: the asker gets the last snapshot.
const COMMANDS_MAX: usize = 16;

/// Opens a traffic source, again where it failed.
pub type Opener = Box<dyn FnMut() -> Result<Box<dyn TrafficSource>, BoxError> + Send>;

/// What an agent needs besides its source.
#[derive(Clone)]
pub struct Options {
    /// The configuration.
    pub config: Config,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Where the kernel's switches are.
    pub switches: Switches,
    /// Who owns which address, and what the services are called; nothing, unless somebody publishes there.
    pub names: Names,
    /// What became of names, for the server that gathers them; `None` where they are not this agent's own.
    pub journal: Option<Journal>,
}

impl Options {
    /// The host's clock and the kernel's switches.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            clock: Arc::new(SystemClock),
            switches: Switches::default(),
            names: Names::default(),
            journal: None,
        }
    }
}

/// A running agent. Dropping it ends the thread after a last look, without waiting for it.
#[derive(Debug)]
pub struct AgentHandle {
    shared: Arc<Shared>,
    commands: SyncSender<Command>,
    thread: Option<JoinHandle<()>>,
}

impl AgentHandle {
    /// What the agent publishes.
    #[must_use]
    pub fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Takes a look now, closing the running interval, and waits for it. Where the thread has ended,
    /// its last snapshot. Blocks: not for async code.
    #[must_use]
    pub fn look_now(&self) -> Arc<Snapshot> {
        let (sender, answer) = sync_channel(1);
        let reply = Box::new(move |snapshot| drop(sender.send(snapshot)));
        let sent = self.commands.send(Command::Look { force: true, reply });
        sent.ok().and_then(|()| answer.recv().ok()).unwrap_or_else(|| self.shared.snapshot())
    }

    /// Takes a last look, publishes it, keeps the state, ends the thread.
    pub fn shutdown(mut self) {
        let _ = self.commands.send(Command::Shutdown);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the look thread panicked: please report it");
        }
    }
}

impl Drop for AgentHandle {
    fn drop(&mut self) {
        if self.thread.is_some() {
            let _ = self.commands.try_send(Command::Shutdown);
        }
    }
}

/// An opener for [`start_with`]: the kernel's source in the thread's network namespace.
pub fn kernel_source(
    preference: Preference,
) -> impl FnMut() -> Result<Box<dyn TrafficSource>, BoxError> + Send + 'static {
    move || Ok(Box::new(Live::new(svcflow_source::open(preference)?)) as Box<dyn TrafficSource>)
}

/// An opener for [`start_with`]: what the configuration asks for, the kernel's source or Netplugin.
///
/// # Errors
/// Where Netplugin's address is none.
pub fn source_of(config: &Config) -> Result<Opener, Error> {
    if config.source != Preference::Contiv {
        return Ok(Box::new(kernel_source(config.source)));
    }
    let url = config.netplugin.as_deref().unwrap_or(NETPLUGIN);
    let source = ContivSource::new(url).map_err(|error| Error::Source(error.into()))?;
    // Clones share what they know: one that failed goes on in the next.
    Ok(Box::new(move || Ok(Box::new(source.clone()) as Box<dyn TrafficSource>)))
}

/// Starts an agent on a source that is already open. If that source fails, it is not opened again.
///
/// # Errors
/// Where the configuration has faults or the thread can't be made.
pub fn start(source: Box<dyn TrafficSource>, options: Options) -> Result<AgentHandle, Error> {
    let mut source = Some(source);
    let opener = move || source.take().ok_or_else(|| "the source failed: restart the agent".into());
    start_with(opener, options)
}

/// Starts an agent whose source is opened in the look thread, where `opener` may first enter a
/// network namespace. Where the source fails, `opener` is called again when the next look is due.
///
/// # Errors
/// Where the configuration has faults, the thread can't be made or the source can't be opened.
pub fn start_with(
    opener: impl FnMut() -> Result<Box<dyn TrafficSource>, BoxError> + Send + 'static,
    options: Options,
) -> Result<AgentHandle, Error> {
    options.config.validate()?;
    let (commands, inbox) = sync_channel(COMMANDS_MAX);
    let (ready, readiness) = sync_channel(1);
    let sender = commands.clone();
    let run = move || match Node::open(Box::new(opener), options, sender) {
        Ok(mut node) => {
            node.look();
            let _ = ready.send(Ok(Arc::clone(&node.shared)));
            node.run(&inbox);
        }
        Err(error) => drop(ready.send(Err(error))),
    };
    let thread = Builder::new().name("svcflow-look".to_owned()).spawn(run);
    let thread = Some(thread.map_err(Error::Thread)?);
    let shared = readiness.recv().map_err(|_| Error::ThreadEnded)??;
    Ok(AgentHandle { shared, commands, thread })
}

struct Node {
    options: Options,
    opener: Opener,
    source: Option<Box<dyn TrafficSource>>,
    accounting: Accounting,
    state_file: Option<StateFile>,
    locals: Arc<Locals>,
    locals_failed: bool,
    notes: Vec<String>,
    warning: Option<String>,
    figures: Figures,
    /// The failure of the source since the last good look.
    failure: Option<String>,
    shared: Arc<Shared>,
}

impl Node {
    fn open(
        mut opener: Opener,
        options: Options,
        commands: SyncSender<Command>,
    ) -> Result<Self, Error> {
        let source = opener().map_err(Error::Source)?;
        let description = source.description();
        let conntrack = description.name == "conntrack";
        let told = options.config.enable_conntrack_accounting;
        let report = options.switches.check(told, conntrack);
        report.done.iter().for_each(|done| tracing::info!("{done}"));
        report.warning.iter().for_each(|warning| tracing::warn!("{warning}"));
        // Only the sets' counters outlive the agent; a connection's baseline ends with its source.
        let directory = options.config.state_dir.as_deref();
        let state_file =
            directory.filter(|_| description.name == "nftables").map(StateFile::in_directory);
        let now = options.clock.now();
        let mut notes = report.done;
        let (accounting, sequence) =
            restored(state_file.as_ref(), limits(&options.config), now, &mut notes)?;
        let locals = Arc::new(Locals::named(&options.config.local));
        let snapshot = Snapshot {
            node: options.config.node.clone(),
            epoch: accounting.epoch(),
            sequence,
            at: now,
            edges: Vec::new(),
            losses: accounting.losses().clone(),
            source: SourceDocument::default(),
            notes: notes.clone(),
            locals: Arc::clone(&locals),
            figures: Figures::default(),
            failure: None,
        };
        let ring = Ring::new(options.config.intervals_kept(), sequence, now, accounting.edges());
        let shared = Arc::new(Shared {
            interval: options.config.interval,
            clock: Arc::clone(&options.clock),
            names: options.names.clone(),
            journal: options.journal.clone(),
            run: random_epoch()?.0,
            published: std::sync::RwLock::new(Published {
                snapshot: Arc::new(snapshot),
                ring,
                previous: None,
            }),
            commands,
        });
        Ok(Self {
            locals,
            options,
            opener,
            source: Some(source),
            accounting,
            state_file,
            locals_failed: false,
            notes,
            warning: report.warning,
            figures: Figures::default(),
            failure: None,
            shared,
        })
    }

    fn run(&mut self, inbox: &Receiver<Command>) {
        let mut due = self.next_due();
        loop {
            let now = self.options.clock.now();
            if now >= due {
                self.look();
                due = self.next_due();
                continue;
            }
            // A clock that was set back must not stop looks: never wait longer than one interval.
            due = due.min(next_aligned(now, self.options.config.interval));
            match self.wait(due.since(now).min(LISTEN_MAX), inbox) {
                Ok(Command::Look { force, reply }) => {
                    let last = self.shared.snapshot();
                    if force || self.options.clock.now().since(last.at) >= FRESH_MIN {
                        self.look();
                    }
                    reply(self.shared.snapshot());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Command::Shutdown) | Err(RecvTimeoutError::Disconnected) => {
                    self.look();
                    return;
                }
            }
        }
    }

    fn next_due(&self) -> Timestamp {
        next_aligned(self.options.clock.now(), self.options.config.interval)
    }

    /// Listens, then waits for a command for what is left: a source that has nothing to listen to
    /// comes back at once, and must not make this a busy loop.
    fn wait(
        &mut self,
        time: Duration,
        inbox: &Receiver<Command>,
    ) -> Result<Command, RecvTimeoutError> {
        let began = Instant::now();
        if let Some(source) = &mut self.source
            && let Err(error) = source.listen(time, &mut self.accounting)
        {
            self.fail(&error);
        }
        inbox.recv_timeout(time.saturating_sub(began.elapsed()))
    }

    /// Takes a look and publishes what it showed; where it fails, publishes why.
    fn look(&mut self) {
        let began = Instant::now();
        self.reopen();
        let looked = self.source.as_mut().map(|source| source.look(&mut self.accounting));
        if let Some(Err(error)) = &looked {
            self.fail(error);
        }
        if !matches!(looked, Some(Ok(()))) {
            self.figures.failures += 1;
            self.publish_failure();
            return;
        }
        self.failure = None;
        self.find_locals();
        self.figures.looks += 1;
        self.figures.last = began.elapsed();
        self.figures.total += self.figures.last;
        self.publish();
        if self.accounting.wants_epoch() {
            self.begin_epoch();
        }
    }

    fn reopen(&mut self) {
        if self.source.is_some() {
            return;
        }
        match (self.opener)() {
            Ok(source) => self.source = Some(source),
            Err(error) => self.failure = Some(chain(&*error)),
        }
    }

    fn fail(&mut self, error: &SourceError) {
        let message = chain(error);
        tracing::error!(
            "the traffic source failed and is opened again at the next look: {message}"
        );
        self.failure = Some(message);
        self.source = None;
    }

    fn find_locals(&mut self) {
        if !self.options.config.local.is_empty() {
            return;
        }
        match Locals::find() {
            Ok(locals) => self.locals = Arc::new(locals),
            Err(error) if !self.locals_failed => {
                self.locals_failed = true;
                tracing::warn!(
                    "can't find out which addresses live here ({error}): name them with `local = [...]`"
                );
            }
            Err(_) => {}
        }
    }

    fn publish(&mut self) {
        let before = self.shared.snapshot();
        let (sequence, at) = (before.sequence + 1, self.options.clock.now());
        self.keep(sequence);
        let samples = self.accounting.take_changes();
        // Before the second look of this run a difference has no known duration.
        let elapsed = (self.figures.looks > 1).then(|| at.since(before.at));
        let snapshot = Arc::new(Snapshot {
            node: before.node.clone(),
            epoch: self.accounting.epoch(),
            sequence,
            at,
            edges: self.views(&before.edges, elapsed),
            losses: self.accounting.losses().clone(),
            source: self.describe(),
            notes: self.notes.clone(),
            locals: Arc::clone(&self.locals),
            figures: self.figures,
            failure: None,
        });
        self.shared.write(|published| {
            let known =
                |edge: &_| snapshot.edges.binary_search_by_key(edge, |v| v.sample.edge).is_ok();
            published.ring.push(Interval { sequence, at, samples });
            published.ring.forget(snapshot.edges.len(), known);
            published.snapshot = Arc::clone(&snapshot);
        });
    }

    fn publish_failure(&self) {
        let mut snapshot = Snapshot::clone(&self.shared.snapshot());
        snapshot.failure.clone_from(&self.failure);
        snapshot.figures = self.figures;
        snapshot.losses = self.accounting.losses().clone();
        self.shared.write(|published| published.snapshot = Arc::new(snapshot));
    }

    /// Kept before it is published: what was published must never be above what a restart goes on from.
    fn keep(&mut self, sequence: u64) {
        let Some(file) = &self.state_file else { return };
        if let Err(error) = file.save(sequence, &self.accounting.state()) {
            tracing::warn!(
                "can't keep the state in {} ({error}): a restart will begin a new epoch; make the \
                 directory writable or free some space",
                file.path().display()
            );
        }
    }

    fn views(&self, before: &[EdgeView], elapsed: Option<Duration>) -> Vec<EdgeView> {
        let mut samples: Vec<Sample> = self.accounting.edges().collect();
        samples.sort_unstable_by_key(|sample| sample.edge);
        let mut before = before.iter().peekable();
        let view = |sample: Sample| {
            while before.next_if(|view| view.sample.edge < sample.edge).is_some() {}
            let earlier = before
                .next_if(|view| view.sample.edge == sample.edge)
                .map_or(Counters::ZERO, |view| view.sample.counters);
            EdgeView {
                sample,
                relation: self.locals.relation(&sample.edge),
                rate: elapsed.and_then(|elapsed| rate(&sample.counters, &earlier, elapsed)),
            }
        };
        samples.into_iter().map(view).collect()
    }

    fn describe(&self) -> SourceDocument {
        let Some(source) = &self.source else { return SourceDocument::default() };
        let description = source.description();
        let blind_spots = description.blind_spots.iter().chain(&self.warning).cloned().collect();
        SourceDocument {
            name: description.name.to_owned(),
            reason: description.reason.clone(),
            blind_spots,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            connections: description
                .follows_connections
                .then(|| self.accounting.connections() as u64),
        }
    }

    /// Accounting's memory of expired edges is full: the counters begin anew under another epoch.
    fn begin_epoch(&mut self) {
        let epoch = match random_epoch() {
            Ok(epoch) => epoch,
            Err(error) => return tracing::warn!("a new epoch has to wait: {}", chain(&error)),
        };
        self.accounting.begin_epoch(epoch);
        let kept = self.options.config.intervals_kept();
        let at = self.options.clock.now();
        self.keep(0);
        self.shared.write(|published| {
            let mut snapshot = Snapshot::clone(&published.snapshot);
            snapshot.edges.clear();
            let ended = (snapshot.epoch, snapshot.sequence);
            (snapshot.epoch, snapshot.sequence) = (epoch, 0);
            published.snapshot = Arc::new(snapshot);
            let ring = Ring::new(kept, 0, at, std::iter::empty());
            let ring = std::mem::replace(&mut published.ring, ring);
            published.previous = Some(Previous { epoch: ended.0, sequence: ended.1, ring });
        });
    }
}

fn limits(config: &Config) -> Limits {
    let default = Limits::default();
    Limits {
        edges: config.edges_max.map_or(default.edges, Into::into),
        connections: config.connections_max.map_or(default.connections, Into::into),
        ..default
    }
}

/// What was kept, or a new epoch; where something was kept and can't be read, with a stated gap.
fn restored(
    file: Option<&StateFile>,
    limits: Limits,
    now: Timestamp,
    notes: &mut Vec<String>,
) -> Result<(Accounting, u64), Error> {
    let kept = file.map(|file| (file, file.load()));
    let unreadable = match kept {
        Some((_, Ok(Some(kept)))) => {
            return Ok((Accounting::restore(kept.accounting, limits), kept.sequence));
        }
        Some((file, Err(error))) => Some(format!(
            "{} can't be read ({error}): a new epoch begins, and traffic since the last look before \
             is not credited; delete the file if it stays unreadable",
            file.path().display()
        )),
        Some((_, Ok(None))) | None => None,
    };
    let mut accounting = Accounting::new(random_epoch()?, limits);
    if let Some(warning) = unreadable {
        tracing::warn!("{warning}");
        notes.push(warning);
        let lost = Observation::Lost { kind: LossKind::EpochGap, count: 1, bytes: 0 };
        accounting.observe(now, &lost);
    }
    Ok((accounting, 0))
}

/// 53 bits, so that a reader whose JSON numbers are doubles holds it exactly.
fn random_epoch() -> Result<Epoch, Error> {
    let mut bytes = [0_u8; 8];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(|errno| Error::Random(errno.into()))?;
    Ok(Epoch(u64::from_ne_bytes(bytes) >> 11))
}

#[allow(clippy::cast_precision_loss, reason = "a speed is shown, not summed")]
fn rate(now: &Counters, earlier: &Counters, elapsed: Duration) -> Option<Rate> {
    let seconds = elapsed.as_secs_f64();
    let gained = now.since(earlier)?;
    let per_second = |count: u64| count as f64 / seconds;
    (seconds > 0.0).then(|| Rate {
        bytes_in: per_second(gained.bytes_in),
        bytes_out: per_second(gained.bytes_out),
        packets_in: per_second(gained.packets_in),
        packets_out: per_second(gained.packets_out),
    })
}

/// An error and what is behind it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
