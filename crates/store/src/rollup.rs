//! Rollups: before a partition expires, its rows are summed up by buckets of time into another policy.
//!
//! Of each bucket and field there is one row, at the bucket's first instant: the last value under the
//! field's own name, so that a query needs only another policy; and under names with a suffix the
//! `_count`, and of numbers the `_first`, `_min`, `_max`, `_sum` and `_increase`. An increase counts from the
//! last row before the bucket, also where that was summed up with the partition before, so that increases of
//! buckets add up; only a series' very first bucket counts from its own first row. A field of the series that has
//! such a name keeps it. Partitions hold whole buckets.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use roaring::RoaringBitmap;

use crate::batch::Rows;
use crate::block::Block;
use crate::chunk::summary_of;
use crate::commit::{self, Waiting};
use crate::database::Database;
use crate::index::MeasurementId;
use crate::piece::{self, Piece, fields_of};
use crate::run::Cursor;
use crate::scan::{Order, Scan, ScanRequest};
use crate::schema::{PolicyId, Schema};
use crate::shared::Shared;
use crate::summary::{NumberSummary, Summary, ValueSummary};
use crate::tables::Partition;
use crate::{Error, FIRST_TIME, FieldId, FieldType, FieldValue, PolicySpec, SeriesId, TimeRange};

/// What becomes of a policy's rows when they expire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollup {
    /// The policy of the same database that gets the sums.
    pub into: String,
    /// The width of a bucket; at least a second.
    pub every: Duration,
}

impl Rollup {
    /// A bucket that lay in two partitions would be summed up twice, and hold the later part alone.
    pub(crate) fn check(&self, of: &PolicySpec) -> Result<(), Error> {
        let what = if self.every < Duration::from_secs(1) {
            "a bucket must be at least 1s wide"
        } else if !of.shard_duration.as_nanos().is_multiple_of(self.every.as_nanos()) {
            "a partition must hold whole buckets: the shard duration must be a multiple of a bucket's width"
        } else {
            return Ok(());
        };
        Err(Error::PolicyInvalid { what })
    }
}

/// Rows that are committed at once.
const BATCH: usize = 20_000;

/// Sums one partition up. Chunks that are damaged are left out: that is noted already, and
/// waiting makes them no better.
pub(crate) fn roll_up(
    shared: &Shared,
    database: &Arc<Database>,
    rollup: &Rollup,
    policy: PolicyId,
    partition: &Partition,
) -> Result<(), Error> {
    let schema = database.schema();
    let into = schema.policy(Some(&rollup.into))?.id;
    let runs = &partition.runs;
    let cursor = |run| Cursor::new(Arc::clone(run), Arc::clone(&shared.damages));
    let mut cursors: Vec<Cursor> = runs.iter().map(cursor).collect();
    let all = runs.iter().fold(RoaringBitmap::new(), |all, run| all | &run.series);
    let mut writer = Writer {
        shared,
        database,
        policy: into,
        rows: Rows::default(),
        measurement: MeasurementId(u32::MAX),
        fields: HashMap::new(),
    };
    let mut before = None;
    for series in all.iter().map(SeriesId::new) {
        let Some(measurement) = schema.index.measurement_of(series) else { continue };
        if writer.measurement != measurement {
            writer.enter(&schema, policy, measurement, series)?;
            before = writer.before(&all, partition.range.first);
        }
        let pieces = pieces_of(&mut cursors, &schema, series)?;
        let mut buckets = Buckets::new(fields_of(&pieces), rollup.every);
        if let Some(before) = &mut before {
            let own = buckets.fields.iter().map(|field| writer.own(*field)).collect::<Vec<_>>();
            buckets.before = before.of(series, &own)?;
        }
        sum_up(pieces, buckets, |bucket, sums| writer.add(series, bucket, sums))?;
        if shared.pressure.is_stopping() {
            return Ok(());
        }
    }
    writer.commit()
}

/// Where a series' rows lie.
fn pieces_of(
    cursors: &mut [Cursor],
    schema: &Schema,
    series: SeriesId,
) -> Result<Vec<Piece>, Error> {
    let mut pieces = Vec::new();
    for cursor in cursors {
        let found = piece::sealed(cursor, &schema.deletes, series, TimeRange::ALL, &mut pieces);
        unless_damaged(found)?;
    }
    Ok(pieces)
}

/// Goes through a series' rows, bucket by bucket.
fn sum_up(
    mut pieces: Vec<Piece>,
    mut buckets: Buckets,
    mut each: impl FnMut(i64, &[(FieldId, Summary)]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut groups = VecDeque::new();
    piece::group(&mut pieces, &mut groups);
    let mut block = Block::default();
    for group in groups {
        let decoded = group.decode(TimeRange::ALL, &buckets.fields, &mut block);
        if unless_damaged(decoded)? {
            buckets.add(&block, &mut each)?;
        }
    }
    buckets.finish(&mut each)
}

/// Whether it succeeded; damage is no failure.
fn unless_damaged(result: Result<(), Error>) -> Result<bool, Error> {
    match result {
        Ok(()) => Ok(true),
        Err(Error::Damaged(_)) => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// Collects the rows of one bucket after the other.
struct Buckets {
    fields: Vec<FieldId>,
    every: i64,
    waiting: Block,
    /// The last value of each field before the bucket.
    before: Vec<Option<ValueSummary>>,
}

impl Buckets {
    fn new(fields: Vec<FieldId>, every: Duration) -> Self {
        let mut waiting = Block::default();
        waiting.reset(fields.iter().map(|field| field.field_type()));
        let before = vec![None; fields.len()];
        let every = i64::try_from(every.as_nanos()).unwrap_or(i64::MAX).max(1);
        Self { fields, every, waiting, before }
    }

    fn start(&self, time: i64) -> i64 {
        time.div_euclid(self.every).saturating_mul(self.every)
    }

    fn add(
        &mut self,
        block: &Block,
        mut each: impl FnMut(i64, &[(FieldId, Summary)]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut start = 0;
        while let Some(time) = block.times.get(start) {
            let bucket = self.start(*time);
            if self.waiting.times.first().is_some_and(|first| self.start(*first) != bucket) {
                self.finish(&mut each)?;
            }
            let last = bucket.saturating_add(self.every - 1);
            let end = block.times.partition_point(|time| *time <= last).max(start + 1);
            self.waiting.append(block, start..end);
            start = end;
        }
        Ok(())
    }

    fn finish(
        &mut self,
        mut each: impl FnMut(i64, &[(FieldId, Summary)]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some(first) = self.waiting.times.first() else { return Ok(()) };
        let bucket = self.start(*first);
        let mut sums = Vec::new();
        let columns = self.fields.iter().zip(&self.waiting.columns).zip(&mut self.before);
        for ((field, column), before) in columns {
            let Some(mut summary) = summary_of(column, &self.waiting.times) else { continue };
            let last = summary.values.clone();
            if let Some(before) = before {
                add_step(&mut summary.values, before);
            }
            *before = Some(last);
            sums.push((*field, summary));
        }
        self.waiting.reset(self.fields.iter().map(|field| field.field_type()));
        if sums.is_empty() { Ok(()) } else { each(bucket, &sums) }
    }
}

/// Adds the step from the last value before to the first one.
fn add_step(values: &mut ValueSummary, before: &ValueSummary) {
    match (values, before) {
        (ValueSummary::Integer(numbers), ValueSummary::Integer(before)) => {
            let reset = numbers.first < before.last;
            let from = if reset { 0 } else { before.last };
            numbers.increase = numbers.increase.wrapping_add(numbers.first.wrapping_sub(from));
        }
        (ValueSummary::Float(numbers), ValueSummary::Float(before)) => {
            let reset = numbers.first < before.last;
            numbers.increase += numbers.first - if reset { 0.0 } else { before.last };
        }
        _ => {}
    }
}

/// What was last summed up of a measurement's series, with the partitions before.
struct Before {
    scan: Scan,
    /// Where the scan is.
    at: Option<SeriesId>,
    /// What it reads: the fields under their own names.
    fields: Vec<FieldId>,
    block: Block,
}

impl Before {
    /// The last values of these fields of a series. Series come in the order of their ids.
    fn of(
        &mut self,
        series: SeriesId,
        own: &[Option<FieldId>],
    ) -> Result<Vec<Option<ValueSummary>>, Error> {
        while self.at.is_some_and(|at| at < series) {
            self.at = self.scan.next_series()?;
        }
        let mut found = vec![None; own.len()];
        if self.at != Some(series) {
            return Ok(found);
        }
        let place = |own: &Option<FieldId>| self.fields.iter().position(|it| Some(*it) == *own);
        let places: Vec<Option<usize>> = own.iter().map(place).collect();
        let missing = |found: &[Option<ValueSummary>]| {
            found.iter().zip(&places).any(|(found, place)| found.is_none() && place.is_some())
        };
        while missing(&found) {
            let chunk = match self.scan.next_chunk() {
                Ok(None) => break,
                Ok(Some(chunk)) => chunk,
                Err(fault) => {
                    unless_damaged(Err(fault))?;
                    continue;
                }
            };
            let decoded = if places.iter().flatten().all(|place| chunk.summary(*place).is_some()) {
                false
            } else {
                unless_damaged(chunk.decode(&mut self.block))?
            };
            for (found, place) in found.iter_mut().zip(&places) {
                let Some(place) = place.filter(|_| found.is_none()) else { continue };
                let column = self.block.columns.get(place).filter(|_| decoded);
                *found = match column {
                    Some(column) => summary_of(column, &self.block.times).map(|it| it.values),
                    None => chunk.summary(place).map(|it| it.values.clone()),
                };
            }
        }
        Ok(found)
    }
}

/// Writes rows into the other policy.
struct Writer<'a> {
    shared: &'a Shared,
    database: &'a Arc<Database>,
    policy: PolicyId,
    rows: Rows,
    measurement: MeasurementId,
    /// By a field of the measurement: the fields that its sums have, in the order of [`SUFFIXES`].
    fields: HashMap<FieldId, [Option<FieldId>; SUFFIXES.len()]>,
}

impl Writer<'_> {
    /// Goes on to a measurement: makes the fields that it needs.
    fn enter(
        &mut self,
        schema: &Schema,
        policy: PolicyId,
        measurement: MeasurementId,
        series: SeriesId,
    ) -> Result<(), Error> {
        self.measurement = measurement;
        self.fields.clear();
        let known = schema.policy_by_id(policy).and_then(|it| it.fields.get(&measurement));
        let Some(known) = known else { return Ok(()) };
        for (name, field) in known.iter() {
            let mut derived = [None; SUFFIXES.len()];
            for (place, (suffix, kind)) in derived.iter_mut().zip(suffixes(field.field_type())) {
                let name = format!("{name}{suffix}");
                let Some(kind) = kind else { continue };
                if suffix.is_empty() || !known.iter().any(|(taken, _)| **taken == *name) {
                    *place = Some(self.database.field(self.policy, series, &name, kind)?);
                }
            }
            self.fields.insert(field, derived);
        }
        Ok(())
    }

    /// A field's last values, where they are numbers: the field of its own name.
    fn own(&self, field: FieldId) -> Option<FieldId> {
        let number = matches!(field.field_type(), FieldType::Integer | FieldType::Float);
        *self.fields.get(&field).filter(|_| number)?.first()?
    }

    /// What the measurement's series among these had before an instant.
    fn before(&self, series: &RoaringBitmap, first: i64) -> Option<Before> {
        let fields: Vec<FieldId> = self.fields.keys().filter_map(|it| self.own(*it)).collect();
        let tables = self.database.data(self.policy)?.tables();
        let request = ScanRequest {
            policy: None,
            series,
            fields: &fields,
            range: TimeRange { first: FIRST_TIME, last: first.saturating_sub(1) },
            order: Order::Descending,
        };
        let deletes = Arc::clone(&self.database.schema().deletes);
        let scan = Scan::new(tables, deletes, &self.shared.damages, &request);
        let mut before = Before { scan, at: None, fields, block: Block::default() };
        before.at = before.scan.next_series().ok()?;
        Some(before)
    }

    fn add(
        &mut self,
        series: SeriesId,
        bucket: i64,
        sums: &[(FieldId, Summary)],
    ) -> Result<(), Error> {
        let mut values: Vec<(FieldId, FieldValue<'_>)> = Vec::new();
        for (field, summary) in sums {
            let Some(derived) = self.fields.get(field) else { continue };
            let places = derived.iter().zip(statistics(summary));
            values.extend(places.filter_map(|(field, value)| Some(((*field)?, value?))));
        }
        if !values.is_empty() {
            self.rows.push(series, bucket.max(FIRST_TIME), &values);
        }
        if self.rows.len() >= BATCH { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<(), Error> {
        // Some may have been dropped since the rows were read; from here on the commit finds that out.
        let schema = self.database.schema();
        let rows = std::mem::take(&mut self.rows);
        let batch = Waiting {
            database: Arc::clone(self.database),
            policy: self.policy,
            generation: schema.generation,
            rows: rows.only(|row| schema.index.has(row.series)),
        };
        commit::commit(self.shared, batch)
    }
}

/// What the sums' names end with.
const SUFFIXES: [&str; 7] = ["", "_count", "_first", "_min", "_max", "_sum", "_increase"];

/// The suffixes, each with the type of its field; without one, fields of this type don't have it.
fn suffixes(kind: FieldType) -> impl Iterator<Item = (&'static str, Option<FieldType>)> {
    let number = matches!(kind, FieldType::Integer | FieldType::Float);
    SUFFIXES.into_iter().enumerate().map(move |(at, suffix)| {
        let kind = match at {
            0 => Some(kind),
            1 => Some(FieldType::Integer),
            _ => number.then_some(kind),
        };
        (suffix, kind)
    })
}

/// What a bucket's row says of a field, in the order of [`SUFFIXES`].
fn statistics(summary: &Summary) -> [Option<FieldValue<'_>>; SUFFIXES.len()] {
    let count = FieldValue::Integer(i64::try_from(summary.count).unwrap_or(i64::MAX));
    match &summary.values {
        ValueSummary::Integer(numbers) => of_numbers(numbers, count, FieldValue::Integer),
        ValueSummary::Float(numbers) => of_numbers(numbers, count, FieldValue::Float),
        ValueSummary::Boolean { last, .. } => of_others(FieldValue::Boolean(*last), count),
        ValueSummary::String { last, .. } => of_others(FieldValue::String(last), count),
    }
}

fn of_numbers<'a, T: Copy>(
    numbers: &NumberSummary<T>,
    count: FieldValue<'a>,
    value: impl Fn(T) -> FieldValue<'a>,
) -> [Option<FieldValue<'a>>; SUFFIXES.len()] {
    let NumberSummary { last, first, min, max, sum, increase, .. } = *numbers;
    let [last, first, min, max, sum, increase] = [last, first, min, max, sum, increase].map(value);
    [last, count, first, min, max, sum, increase].map(Some)
}

const fn of_others<'a>(
    last: FieldValue<'a>,
    count: FieldValue<'a>,
) -> [Option<FieldValue<'a>>; SUFFIXES.len()] {
    [Some(last), Some(count), None, None, None, None, None]
}
