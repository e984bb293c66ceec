//! Sealing: heads become chunks, and the log loses what they held.
//!
//! 1. Under the order's lock every table of heads that has rows is frozen, and the log begins a new file.
//! 2. The frozen rows are written as runs, one for each policy and partition.
//! 3. Readers get the runs instead of the frozen heads.
//! 4. The catalog is written as it was at 1, and the log's older files are deleted.
//!
//! A crash anywhere between leaves rows in a run and in the log; the same values twice are one value.
//! After an error the next attempt goes on with the tables that are still frozen.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use crate::block::Block;
use crate::catalog::Catalog;
use crate::chunk::Encoded;
use crate::chunker::Chunker;
use crate::database::Database;
use crate::log;
use crate::memtable::{HeadRows, Memtable, Recent};
use crate::piece::{self, Piece};
use crate::retain::expires;
use crate::run::{Identity, Run, Writer};
use crate::schema::PolicyId;
use crate::shared::Shared;
use crate::tables::{PolicyData, Tables, partition_of};
use crate::{Error, SeriesId, TimeRange};

/// A sealing that isn't done.
pub(crate) struct Round {
    number: u64,
    /// Deletions up to this one are known to the frozen rows.
    deletes: u64,
    /// What the catalog will say.
    catalog: Catalog,
}

/// Seals all rows that were written before.
pub(crate) fn seal(shared: &Shared) -> Result<(), Error> {
    let mut failed = shared.sealing.lock();
    let done = seal_all(shared, &mut failed);
    let log = shared.order().log.bytes();
    shared.pressure.sealed(shared.head_bytes(), log, &done);
    done
}

/// Finishes the round that failed, if one did, then does another.
fn seal_all(shared: &Shared, failed: &mut Option<Round>) -> Result<(), Error> {
    for again in [true, false] {
        let round = if again { failed.take() } else { freeze(shared)? };
        let Some(round) = round else { continue };
        if let Err(fault) = run_round(shared, &round) {
            *failed = Some(round);
            return Err(fault);
        }
    }
    Ok(())
}

/// Freezes the heads. `None` where there is nothing to seal.
fn freeze(shared: &Shared) -> Result<Option<Round>, Error> {
    let mut order = shared.order();
    if order.log.is_empty() {
        return Ok(None);
    }
    let log = order.log.rotate()?;
    order.next.round += 1;
    let databases: Vec<Arc<Database>> = shared.databases.read().values().map(Arc::clone).collect();
    for database in &databases {
        for data in database.all_data().values() {
            data.change(|tables| {
                if !tables.active.is_empty() {
                    tables.frozen = Some(std::mem::take(&mut tables.active));
                }
            });
        }
        database.forget_deletes();
    }
    let schemas = databases.iter().map(|it| (it.id, Arc::clone(&it.name), it.schema())).collect();
    let (number, deletes) = (order.next.round, order.next.deletes);
    let catalog = Catalog { log, next: order.next, databases: schemas };
    Ok(Some(Round { number, deletes, catalog }))
}

fn run_round(shared: &Shared, round: &Round) -> Result<(), Error> {
    let databases: Vec<Arc<Database>> = shared.databases.read().values().map(Arc::clone).collect();
    for database in &databases {
        let policies: Vec<(PolicyId, Arc<PolicyData>)> =
            database.all_data().iter().map(|(id, data)| (*id, Arc::clone(data))).collect();
        for (policy, data) in policies {
            let tables = data.tables();
            if let Some(frozen) = &tables.frozen {
                let place = Place { shared, database, policy, round };
                let written = write_runs(&place, &tables, frozen)?;
                publish(shared, &data, frozen, &written);
            }
        }
    }
    round.catalog.write(&shared.folder)?;
    let bytes = log::trim(&shared.folder.log(), round.catalog.log)?;
    shared.order().log.forget(bytes);
    Ok(())
}

struct Place<'a> {
    shared: &'a Shared,
    database: &'a Database,
    policy: PolicyId,
    round: &'a Round,
}

/// Writers of a round, by their partitions' first instants.
struct Writers<'a> {
    place: &'a Place<'a>,
    /// All partitions, those that are made here too.
    partitions: BTreeMap<i64, TimeRange>,
    width: std::time::Duration,
    open: HashMap<i64, Writer>,
}

impl Writers<'_> {
    fn partition(&mut self, time: i64) -> TimeRange {
        let range = partition_of(time, self.width, &self.partitions);
        self.partitions.insert(range.first, range);
        range
    }

    fn add(
        &mut self,
        series: SeriesId,
        partition: TimeRange,
        chunk: &Encoded,
    ) -> Result<(), Error> {
        let Place { shared, database, policy, round } = self.place;
        let writer = self.open.entry(partition.first).or_insert_with(|| {
            let identity = Identity {
                id: shared.next_run.fetch_add(1, Ordering::Relaxed),
                database: database.id,
                policy: *policy,
                partition,
                rounds: (round.number, round.number),
                deletes: round.deletes,
            };
            Writer::new(&shared.folder.data(), identity)
        });
        writer.add(series, chunk)
    }
}

/// What became of frozen rows.
#[derive(Default)]
struct Written {
    runs: Vec<Arc<Run>>,
    /// Whether some rows weren't written, since retention would drop them at once.
    expired: bool,
}

fn write_runs(
    place: &Place<'_>,
    tables: &Tables,
    frozen: &Arc<Memtable>,
) -> Result<Written, Error> {
    let schema = place.database.schema();
    let Some(policy) = schema.policy_by_id(place.policy) else { return Ok(Written::default()) };
    let spec = &policy.spec;
    let there =
        tables.partitions.values().map(|partition| (partition.range.first, partition.range));
    let mut writers = Writers {
        place,
        partitions: there.collect(),
        width: spec.shard_duration,
        open: HashMap::new(),
    };
    let now = SystemTime::now();
    for id in frozen.series() {
        let series = SeriesId::new(id);
        if schema.index.has(series) {
            write_series(&mut writers, frozen, series)?;
        }
    }
    let mut written = Written::default();
    for (_, writer) in writers.open {
        if policy.rollup.is_none() && expires(writer.partition(), spec.duration, now) {
            written.expired = true;
            continue;
        }
        match writer.finish() {
            Ok(run) => written.runs.push(run),
            Err(fault) => {
                // The next attempt writes them again, perhaps without rows that were deleted until then.
                written.runs.iter().for_each(|run| run.discard());
                return Err(fault);
            }
        }
    }
    Ok(written)
}

fn write_series(
    writers: &mut Writers<'_>,
    frozen: &Arc<Memtable>,
    series: SeriesId,
) -> Result<(), Error> {
    let mut pieces = Vec::new();
    HeadRows::of(frozen, series, TimeRange::ALL, |rows| pieces.push(Piece::Head(rows)));
    let mut chunker = Chunker::new(frozen.fields(series));
    let fields = chunker.fields().to_vec();
    let mut block = Block::default();
    let mut chunks = Vec::new();
    let mut groups = VecDeque::new();
    piece::group(&mut pieces, &mut groups);
    for group in groups {
        group.decode(TimeRange::ALL, &fields, &mut block)?;
        chunker.add(
            &block,
            |time| writers.partition(time),
            |partition, chunk| {
                chunks.push((partition, chunk));
                Ok::<(), Error>(())
            },
        )?;
    }
    chunker.finish(|partition, chunk| {
        chunks.push((partition, chunk));
        Ok::<(), Error>(())
    })?;
    chunks.iter().try_for_each(|(partition, chunk)| writers.add(series, *partition, chunk))
}

/// Gives readers the runs instead of the frozen heads.
fn publish(shared: &Shared, data: &PolicyData, frozen: &Arc<Memtable>, written: &Written) {
    // A deletion takes rows out of the recent ones, or before they are copied; not between.
    let _order = shared.order();
    let tables = data.tables();
    let stored = |series: SeriesId| {
        let with = tables.runs().filter(|run| run.series.contains(series.get()));
        with.map(|run| run.span.last).max().unwrap_or(i64::MIN)
    };
    let recent = || Arc::new(Recent::new(frozen, tables.recent.as_deref(), stored));
    let recent = (!written.expired).then(recent);
    let published = data.change(|tables| {
        tables.frozen = None;
        tables.recent = recent;
        written.runs.iter().for_each(|run| tables.add_run(Arc::clone(run)));
    });
    if published.is_none() {
        written.runs.iter().for_each(|run| run.discard());
    }
}
