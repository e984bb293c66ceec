//! Group commit: batches that arrive while the disk is busy are written together, with one sync.
//!
//! Whoever gets the order's lock writes all that wait, and leaves the others their results.

use std::sync::Arc;

use crate::Error;
use crate::batch::Rows;
use crate::database::Database;
use crate::log::record::put_rows;
use crate::schema::PolicyId;
use crate::shared::{Order, Shared};
use crate::tables::PolicyData;

/// A batch that waits to be written.
pub(crate) struct Waiting {
    pub(crate) database: Arc<Database>,
    pub(crate) policy: PolicyId,
    /// The database's when the batch began.
    pub(crate) generation: u64,
    pub(crate) rows: Rows,
}

#[derive(Default)]
pub(crate) struct Queue {
    waiting: Vec<(u64, Waiting, Vec<u8>)>,
    next: u64,
}

/// Makes a batch durable, then visible.
pub(crate) fn commit(shared: &Shared, batch: Waiting) -> Result<(), Error> {
    if batch.rows.len() == 0 {
        return Ok(());
    }
    shared.pressure.wait_for_room(&shared.options)?;
    let mut record = Vec::new();
    put_rows(&mut record, batch.database.id, batch.policy, &batch.rows);
    let ticket = {
        let mut queue = shared.queue.lock();
        queue.next += 1;
        let ticket = queue.next;
        queue.waiting.push((ticket, batch, record));
        ticket
    };
    let mut order = shared.order();
    if let Some(result) = order.results.remove(&ticket) {
        return result;
    }
    write_waiting(shared, &mut order);
    order.results.remove(&ticket).unwrap_or(Ok(()))
}

fn write_waiting(shared: &Shared, order: &mut Order) {
    let waiting = std::mem::take(&mut shared.queue.lock().waiting);
    let mut good: Vec<(u64, Waiting, Vec<u8>, Arc<PolicyData>)> = Vec::new();
    for (ticket, batch, record) in waiting {
        match check(shared, &batch) {
            Ok(data) => good.push((ticket, batch, record, data)),
            Err(fault) => drop(order.results.insert(ticket, Err(fault))),
        }
    }
    let mut unlogged: Vec<(Arc<Database>, Vec<u8>)> = Vec::new();
    for (_, batch, _, _) in &good {
        let bytes = batch.database.take_unlogged();
        if !bytes.is_empty() {
            unlogged.push((Arc::clone(&batch.database), bytes));
        }
    }
    let records = good.iter().map(|(_, _, record, _)| record.as_slice());
    let contents = unlogged.iter().map(|(_, bytes)| bytes.as_slice()).chain(records);
    let written = order.log.append(contents);
    if written.is_err() {
        unlogged.into_iter().for_each(|(database, bytes)| database.give_back(bytes));
    }
    for (ticket, batch, _, data) in good {
        if written.is_ok() {
            data.tables().active.apply(&batch.rows);
        }
        order.results.insert(ticket, written.clone());
    }
    shared.pressure.wrote(&shared.options, shared.head_bytes(), order.log.bytes());
}

/// Whether what the batch is for is still there.
fn check(shared: &Shared, batch: &Waiting) -> Result<Arc<PolicyData>, Error> {
    let database = &batch.database;
    if !shared.is_current(database) {
        return Err(Error::DatabaseNotFound { name: database.name.to_string() });
    }
    let schema = database.schema();
    if schema.generation != batch.generation {
        let gone = |id| schema.index.measurement_of(id).is_none();
        if batch.rows.iter().any(|row| gone(row.series)) {
            return Err(Error::SeriesDropped);
        }
    }
    let data = database.data(batch.policy);
    data.ok_or_else(|| Error::PolicyNotFound { name: String::new() })
}
