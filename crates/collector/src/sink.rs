//! Where samples go besides the store: each sink with a bounded spool on disk.
//!
//! A batch is kept on disk before the node it came from is asked again; a task of the sink's own reads it
//! from there, sends it, and lets go of it only when the target has acknowledged it (case 10). A target
//! that is away costs disk, not memory and nobody else's time; past the spool's bound the oldest goes,
//! which is counted, and afterwards every node's counters are sent whole once, so that a sink that
//! missed points misses no byte.

mod influx;
mod lines;
mod prometheus;
pub mod spool;

use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub use influx::{Influx, InfluxTarget, Version};
pub use lines::Lines;
pub use prometheus::Prometheus;
use spool::{Chunk, Place, Spool};

use crate::history::Later;
use crate::point::Batch;
use crate::status::SinkDocument;

/// Batches that wait to be written to disk. A full queue makes nodes wait.
const QUEUE_MAX: usize = 1_024;
/// Points in one request.
const POINTS_MAX: u64 = 5_000;
/// A target that fails is tried again after this, and then after twice as long.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// And at most after this.
const RETRY_MAX: Duration = Duration::from_secs(60);
/// zstd's fastest: a batch shrinks to a third.
const COMPRESSION: i32 = 1;
/// Everything is sent once more this often at most, however often something is missed.
const WHOLE_EVERY: Duration = Duration::from_secs(300);
/// A batch is no longer than this when unpacked.
const BATCH_MAX: u64 = 256 << 20;

/// Why a target did not take what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// It may, later.
    Later(String),
    /// It never will.
    Refused(String),
    /// It would take less at once.
    TooMuch,
}

/// What was acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Of these, the target refused so many points; it will never take them.
    pub refused: u64,
}

/// Something that takes points. Points that it was sent already may come again.
pub trait Target: Send + 'static {
    /// What it is called in documents.
    fn kind(&self) -> &'static str;

    /// Sends batches, in order, and waits until the target has them safe.
    fn send<'a>(&'a mut self, batches: &'a [Batch]) -> Later<'a, Result<Sent, NotSent>>;
}

/// A target, its spool and the task between them.
pub struct Sink {
    name: String,
    kind: &'static str,
    queue: mpsc::Sender<(Arc<Batch>, oneshot::Sender<bool>)>,
    state: Arc<State>,
    stop: watch::Sender<bool>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

struct State {
    name: String,
    spool: Mutex<Spool>,
    appended: Notify,
    drained: Notify,
    /// Something that was to be sent was not.
    incomplete: AtomicBool,
    /// How often that was made known: see [`Sink::missed`].
    missed: AtomicU64,
    document: Mutex<SinkDocument>,
}

impl Sink {
    /// Opens the spool in `folder` and starts to send, on the running tokio runtime.
    ///
    /// # Errors
    /// Where the folder can't be used.
    pub fn start(
        name: &str,
        target: impl Target,
        folder: &Path,
        bytes_max: u64,
    ) -> std::io::Result<Arc<Self>> {
        let spool = Spool::open(folder, bytes_max)?;
        let kind = target.kind();
        let document = SinkDocument {
            name: name.to_owned(),
            kind: kind.to_owned(),
            healthy: true,
            ..SinkDocument::default()
        };
        let state = Arc::new(State {
            name: name.to_owned(),
            spool: Mutex::new(spool),
            appended: Notify::new(),
            drained: Notify::new(),
            incomplete: AtomicBool::new(false),
            missed: AtomicU64::new(0),
            document: Mutex::new(document),
        });
        let (queue, inbox) = mpsc::channel(QUEUE_MAX);
        let (stop, stopped) = watch::channel(false);
        let writer = tokio::spawn(write(Arc::clone(&state), inbox, stopped.clone()));
        let sender = tokio::spawn(send(Arc::clone(&state), Box::new(target), stopped));
        let tasks = Mutex::new(vec![writer, sender]);
        Ok(Arc::new(Self { name: name.to_owned(), kind, queue, state, stop, tasks }))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Keeps a batch on disk until it is sent; says whether it is kept. Where the disk fails it is
    /// not, which is counted.
    pub async fn keep(&self, batch: Arc<Batch>) -> bool {
        let (answer, kept) = oneshot::channel();
        let queued = self.queue.send((batch, answer)).await.is_ok();
        queued && kept.await.unwrap_or(false)
    }

    /// Changes when the target takes points again after something was dropped, refused or damaged:
    /// whoever sees a change sends everything once more.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.state.missed.load(Ordering::Relaxed)
    }

    /// Waits until everything that was kept is sent.
    pub async fn drained(&self) {
        loop {
            let drained = self.state.drained.notified();
            if self.state.spool().is_empty() {
                return;
            }
            drained.await;
        }
    }

    /// As it is shown.
    #[must_use]
    pub fn document(&self) -> SinkDocument {
        let (bytes, points, figures) = {
            let spool = self.state.spool();
            (spool.bytes(), spool.points(), spool.figures())
        };
        SinkDocument {
            spool_bytes: bytes,
            spool_points: points,
            dropped_points: figures.dropped_points,
            damaged_records: figures.damaged,
            ..self.state.document().clone()
        }
    }

    /// Stops, and lets go of the spool's folder; what waits stays on disk.
    pub async fn close(&self) {
        let _ = self.stop.send(true);
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            // Both see the stop; what they do to the spool's files they do to its end.
            if let Err(error) = task.await {
                tracing::error!("a task of sink {} ended early: {error}", self.name);
            }
        }
    }
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl State {
    fn spool(&self) -> MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn document(&self) -> MutexGuard<'_, SinkDocument> {
        self.document.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn missed_something(&self) {
        self.incomplete.store(true, Ordering::Relaxed);
    }

    /// The target takes points: what it missed may be made up for, if that wasn't done just now.
    fn make_up(&self, last: &mut Option<Instant>) {
        let recent = last.is_some_and(|last| last.elapsed() < WHOLE_EVERY);
        if !recent && self.incomplete.swap(false, Ordering::Relaxed) {
            self.missed.fetch_add(1, Ordering::Relaxed);
            *last = Some(Instant::now());
        }
    }

    fn failed(&self, why: &str) {
        let mut document = self.document();
        if document.healthy || document.reason.as_deref() != Some(why) {
            tracing::warn!("sink {}: {why}; what it misses waits on disk", self.name);
        }
        document.healthy = false;
        document.failures += 1;
        document.reason = Some(why.to_owned());
    }

    fn sent(&self, points: u64, sent: Sent) {
        let mut document = self.document();
        if !document.healthy {
            tracing::info!("sink {} takes points again", self.name);
        }
        document.healthy = true;
        document.reason = None;
        document.sent_points += points.saturating_sub(sent.refused);
        document.refused_points += sent.refused;
    }

    fn refused(&self, points: u64, why: &str) {
        tracing::error!("sink {} refuses {points} points for good: {why}", self.name);
        self.missed_something();
        let mut document = self.document();
        document.reason = Some(format!("it refused points for good: {why}"));
        document.refused_points += points;
    }
}

/// The writer: everything that waits, with one sync.
async fn write(
    state: Arc<State>,
    mut inbox: mpsc::Receiver<(Arc<Batch>, oneshot::Sender<bool>)>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut waiting = Vec::new();
    loop {
        let closed = inbox.is_closed();
        tokio::select! {
            received = inbox.recv_many(&mut waiting, QUEUE_MAX) => if received == 0 { return },
            // What was given before the stop is still kept.
            _ = stopped.wait_for(|stopped| *stopped), if !closed => {
                inbox.close();
                continue;
            }
        }
        let (batches, answers): (Vec<_>, Vec<_>) = waiting.drain(..).unzip();
        let shared = Arc::clone(&state);
        let task = tokio::task::spawn_blocking(move || append(&shared, &batches));
        let kept = match task.await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                state.missed_something();
                state.failed(&format!("its spool can't be written to: {error}"));
                false
            }
            Err(error) => {
                state.missed_something();
                state.failed(&format!("writing its spool ended early: {error}"));
                false
            }
        };
        state.appended.notify_one();
        for answer in answers {
            let _ = answer.send(kept);
        }
    }
}

fn append(state: &State, batches: &[Arc<Batch>]) -> std::io::Result<()> {
    let mut records = Vec::with_capacity(batches.len());
    for batch in batches {
        let points = u32::try_from(batch.points.len()).unwrap_or(u32::MAX);
        records.push((encode(batch)?, points));
    }
    let mut spool = state.spool();
    let before = spool.figures();
    let appended = spool.append(records.iter().map(|(bytes, points)| (bytes.as_slice(), *points)));
    if spool.figures() != before {
        state.missed_something();
    }
    appended
}

fn encode(batch: &Batch) -> std::io::Result<Vec<u8>> {
    let plain = postcard::to_allocvec(batch).map_err(std::io::Error::other)?;
    zstd::bulk::compress(&plain, COMPRESSION)
}

/// `None` where it is no batch of this version's.
fn decode(record: &[u8]) -> Option<Batch> {
    let mut plain = Vec::new();
    let unpacked = zstd::Decoder::new(record).ok()?;
    unpacked.take(BATCH_MAX).read_to_end(&mut plain).ok()?;
    postcard::from_bytes(&plain).ok()
}

/// The sender: the oldest first, until acknowledged.
async fn send(state: Arc<State>, mut target: Box<dyn Target>, mut stopped: watch::Receiver<bool>) {
    let (mut wait, mut points_max) = (RETRY_FIRST, POINTS_MAX);
    let mut made_up = None;
    loop {
        let Some((batches, points, end)) = next(&state, points_max).await else {
            state.drained.notify_waiters();
            tokio::select! {
                () = state.appended.notified() => continue,
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
        };
        let sent = tokio::select! {
            sent = target.send(&batches) => sent,
            // Sent again after the next start, unless it was acknowledged.
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        let pause = match sent {
            Ok(sent) => {
                state.sent(points, sent);
                if sent.refused > 0 {
                    state.missed_something();
                }
                acknowledge(&state, end, points).await;
                state.make_up(&mut made_up);
                wait = RETRY_FIRST;
                points_max = points_max.saturating_mul(2).min(POINTS_MAX);
                continue;
            }
            Err(NotSent::TooMuch) if batches.len() > 1 => {
                points_max = (points / 2).max(1);
                continue;
            }
            Err(NotSent::TooMuch) => {
                state.refused(points, "one batch is more than it takes at once");
                acknowledge(&state, end, points).await;
                continue;
            }
            Err(NotSent::Refused(why)) => {
                state.refused(points, &why);
                acknowledge(&state, end, points).await;
                continue;
            }
            Err(NotSent::Later(why)) => {
                state.failed(&why);
                let longer = wait.saturating_mul(2).min(RETRY_MAX);
                std::mem::replace(&mut wait, longer)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
    }
}

/// What to send next; `None` where nothing waits.
async fn next(state: &Arc<State>, points_max: u64) -> Option<(Vec<Batch>, u64, Place)> {
    let shared = Arc::clone(state);
    let read = tokio::task::spawn_blocking(move || {
        let mut spool = shared.spool();
        let before = spool.figures();
        let chunk = spool.read(points_max);
        if spool.figures() != before {
            shared.missed_something();
        }
        chunk
    });
    let chunk = match read.await {
        Ok(Ok(chunk)) => chunk,
        Ok(Err(error)) => {
            state.failed(&format!("its spool can't be read: {error}"));
            tokio::time::sleep(RETRY_FIRST).await;
            Chunk::default()
        }
        Err(_) => Chunk::default(),
    };
    if chunk.records.is_empty() {
        return None;
    }
    let batches: Vec<_> = chunk.records.iter().filter_map(|record| decode(record)).collect();
    if batches.len() < chunk.records.len() {
        let unread = chunk.records.len() - batches.len();
        state.refused(0, &format!("{unread} records of its spool are of another version"));
    }
    Some((batches, chunk.points, chunk.end))
}

async fn acknowledge(state: &Arc<State>, end: Place, points: u64) {
    let shared = Arc::clone(state);
    let noted = move || shared.spool().acknowledge(end, points);
    if let Ok(Err(error)) = tokio::task::spawn_blocking(noted).await {
        state.failed(&format!("its spool's position can't be noted: {error}"));
    }
}
