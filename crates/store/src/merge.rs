//! Merging: a partition's runs become fewer, and their chunks longer, which saves space and a reader's
//! time. Rows that were deleted, changed, or whose series are gone go with it.
//!
//! Runs are merged only with their neighbours in age, so that later values go on winning; and only with
//! older ones of at most twice the size of all newer ones together ([`SHORT_RATIO`] times, while chunks
//! are short). So a row is written again about as often as the number of rounds can be halved. Runs with
//! damage stay as they are.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use roaring::RoaringBitmap;

use crate::block::Block;
use crate::chunk::CHUNK_ROWS;
use crate::chunker::Chunker;
use crate::database::Database;
use crate::piece::{self, fields_of};
use crate::run::{Cursor, Identity, Run, Writer};
use crate::schema::Schema;
use crate::shared::Shared;
use crate::tables::{Partition, PolicyData};
use crate::{Error, SeriesId, TimeRange};

/// With so many runs a partition is merged even while much is written.
const MANY: usize = 8;
/// How many times as large as the newer ones a run may be that is merged with them.
const RATIO: u64 = 2;
/// The same, while the larger one's chunks are short: then merging saves space too.
const SHORT_RATIO: u64 = 8;
/// A run's chunks are short, if they have less rows than that on average.
const SHORT: u64 = CHUNK_ROWS as u64 / 2;
/// A chunk with so many rows is taken as it is.
const FULL: usize = CHUNK_ROWS * 3 / 4;

/// Merges runs of one partition, if there are some that are worth it. While the store is not `quiet`, it
/// takes more to be worth it. Returns whether it did.
pub(crate) fn merge(shared: &Shared, quiet: bool) -> Result<bool, Error> {
    let _one = shared.merging.lock();
    let databases: Vec<Arc<Database>> = shared.databases.read().values().map(Arc::clone).collect();
    for database in databases {
        let policies: Vec<Arc<PolicyData>> = database.all_data().values().map(Arc::clone).collect();
        for data in policies {
            let schema = database.schema();
            let tables = data.tables();
            let mut partitions = tables.partitions.values();
            let found = partitions.find_map(|partition| choose(&schema, partition, quiet));
            if let Some(runs) = found {
                replace(shared, &database, &data, &runs)?;
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Runs that should become one.
fn choose(schema: &Schema, partition: &Partition, quiet: bool) -> Option<Vec<Arc<Run>>> {
    let least = if quiet { 2 } else { MANY };
    let ends = (least..=partition.runs.len()).rev();
    let together = ends.filter_map(|end| together(partition.runs.get(..end)?));
    if let Some(runs) = together.into_iter().find(|runs| runs.len() >= least) {
        return Some(runs.to_vec());
    }
    // A run on its own is worth writing again, if much of it has gone.
    let mut whole = partition.runs.iter().filter(|run| quiet && !run.is_damaged());
    whole.find(|run| is_wasteful(schema, run)).map(|run| vec![Arc::clone(run)])
}

/// The last of these runs, and those before that are worth merging with it.
fn together(runs: &[Arc<Run>]) -> Option<&[Arc<Run>]> {
    let (newest, older) = runs.split_last()?;
    let mut bytes = newest.bytes;
    let fits = |run: &&Arc<Run>| {
        let ratio = if run.rows < run.chunks * SHORT { SHORT_RATIO } else { RATIO };
        let fits = !run.is_damaged() && run.bytes <= bytes * ratio;
        bytes += run.bytes;
        fits
    };
    let count = older.iter().rev().take_while(fits).count();
    let chosen = runs.get(older.len() - count..)?;
    chosen.iter().all(|run| !run.is_damaged()).then_some(chosen)
}

fn is_wasteful(schema: &Schema, run: &Run) -> bool {
    if schema.deletes.iter().any(|delete| delete.concerns(run)) {
        return true;
    }
    let gone = run.series.iter().filter(|id| !schema.index.has(SeriesId::new(*id))).count() as u64;
    gone * 4 > run.series.len()
}

fn replace(
    shared: &Shared,
    database: &Database,
    data: &PolicyData,
    runs: &[Arc<Run>],
) -> Result<(), Error> {
    let (Some(first), Some(last)) = (runs.first(), runs.last()) else { return Ok(()) };
    // Deletions up to this number are in the schema that is looked at next.
    let deletes = shared.order().next.deletes;
    let schema = database.schema();
    let id = shared.next_run.fetch_add(1, Ordering::Relaxed);
    let identity = Identity::instead_of(id, &first.identity, &last.identity, deletes);
    let mut writer = Writer::new(&shared.folder.data(), identity);
    let cursor = |run| Cursor::new(Arc::clone(run), Arc::clone(&shared.damages));
    let mut cursors: Vec<Cursor> = runs.iter().map(cursor).collect();
    let mut series = RoaringBitmap::new();
    runs.iter().for_each(|run| series |= &run.series);
    for id in series {
        let series = SeriesId::new(id);
        if schema.index.has(series) {
            merge_series(&mut cursors, &schema, series, &mut writer)?;
        }
        if shared.pressure.is_stopping() {
            return Ok(());
        }
    }
    let merged = writer.finish()?;
    publish(data, runs, &merged);
    Ok(())
}

fn merge_series(
    cursors: &mut [Cursor],
    schema: &Schema,
    series: SeriesId,
    writer: &mut Writer,
) -> Result<(), Error> {
    let mut pieces = Vec::new();
    for cursor in cursors {
        piece::sealed(cursor, &schema.deletes, series, TimeRange::ALL, &mut pieces)?;
    }
    let mut chunker = Chunker::new(fields_of(&pieces));
    let fields = chunker.fields().to_vec();
    let partition = writer.partition();
    let mut block = Block::default();
    let mut groups = VecDeque::new();
    piece::group(&mut pieces, &mut groups);
    for group in groups {
        let entry = group.sole_entry().filter(|entry| entry.rows() >= FULL && chunker.is_empty());
        if let Some(entry) = entry {
            writer.add(series, &entry.encoded()?)?;
            continue;
        }
        group.decode(TimeRange::ALL, &fields, &mut block)?;
        chunker.add(&block, |_| partition, |_, chunk| writer.add(series, &chunk))?;
    }
    chunker.finish(|_, chunk| writer.add(series, &chunk))
}

/// Gives readers the merged run, unless retention or a drop took one of the others meanwhile.
fn publish(data: &PolicyData, runs: &[Arc<Run>], merged: &Arc<Run>) {
    let Some(first) = runs.first() else { return };
    let replaced = data.change(|tables| {
        let Some(partition) = tables.partitions.get_mut(&first.identity.partition.first) else {
            return false;
        };
        let is_source = |run: &Arc<Run>| runs.iter().any(|it| Arc::ptr_eq(it, run));
        if partition.runs.iter().filter(|run| is_source(run)).count() != runs.len() {
            return false;
        }
        partition.runs.retain(|run| !is_source(run));
        if !merged.is_mark() {
            tables.add_run(Arc::clone(merged));
        } else if partition.runs.is_empty() {
            tables.partitions.remove(&first.identity.partition.first);
        }
        true
    });
    if replaced != Some(true) {
        merged.discard();
    } else if merged.is_mark() {
        runs.iter().for_each(|run| run.discard_by(merged));
    } else {
        runs.iter().for_each(|run| run.discard());
    }
}
