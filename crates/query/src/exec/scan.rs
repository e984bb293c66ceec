//! Rows of stored series, with the columns that a level reads and without those that its condition keeps out.

use std::sync::Arc;

use svcflow_store as store;
use svcflow_store::{
    Block, Chunk, FieldId, Order, RoaringBitmap, Scan, ScanRequest, SeriesId, TimeRange,
};

use super::budget::Budget;
use super::filter::Selection;
use super::tables::{StoredTable, store_error};
use crate::kernel::columns::rows_of;
use crate::kernel::eval::holds;
use crate::plan::{Body, Input, Kind, Level};
use crate::{Column, QueryError, Validity, Values};

/// A place where a query reads a measurement.
pub(crate) struct Leaf<'a> {
    /// Its number.
    pub(crate) index: usize,
    pub(crate) table: &'a StoredTable,
    pub(crate) level: &'a Level,
    pub(crate) selection: Selection,
    columns: Vec<ReadAs>,
    /// The fields that are read.
    fields: Vec<FieldId>,
    /// Which columns make a row: without a value for one of them it isn't there.
    driving: Vec<usize>,
}

/// Where a level's input comes from.
#[derive(Clone, Debug)]
enum ReadAs {
    /// This one of the fields that are read, made this type.
    Field(usize, Option<Kind>),
    Tag,
    Nothing(Kind),
}

/// Whether a consumer wants more rows of the series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    More,
    /// The rest of this series isn't needed.
    NextSeries,
}

/// Takes the rows of series.
pub(crate) trait Consumer {
    /// Takes what is known of a chunk's fields instead of its rows, if that is enough.
    fn summary(
        &mut self,
        _leaf: &Leaf<'_>,
        _series: u32,
        _chunk: &Chunk,
    ) -> Result<bool, QueryError> {
        Ok(false)
    }

    /// Takes rows. Series come by their ids; blocks, and so the rows of a series, in the order asked for;
    /// rows within a block always ascending.
    fn rows(&mut self, rows: &mut SeriesRows) -> Result<Flow, QueryError>;
}

impl<F: FnMut(&mut SeriesRows) -> Result<Flow, QueryError>> Consumer for F {
    fn rows(&mut self, rows: &mut SeriesRows) -> Result<Flow, QueryError> {
        self(rows)
    }
}

/// Rows of one series, one block of them.
#[derive(Debug, Default)]
pub(crate) struct SeriesRows {
    pub(crate) series: u32,
    /// Ascending.
    pub(crate) times: Vec<i64>,
    /// One for each of the level's inputs.
    pub(crate) columns: Vec<Column>,
}

impl<'a> Leaf<'a> {
    pub(crate) fn new(index: usize, table: &'a StoredTable, level: &'a Level) -> Self {
        let selection = super::filter::select(table, level.condition.as_ref(), &level.inputs);
        let mut fields = Vec::new();
        let columns: Vec<ReadAs> =
            level.inputs.iter().map(|input| read_as(table, input, &mut fields)).collect();
        let wanted: Vec<usize> = match &level.body {
            Body::Nothing => Vec::new(),
            Body::Raw { columns } => columns.clone(),
            Body::Calls { calls, .. } => calls.iter().map(|call| call.input).collect(),
        };
        let is_field = |at: &usize| matches!(columns.get(*at), Some(ReadAs::Field(..)));
        let driving = wanted.into_iter().filter(is_field).collect();
        Self { index, table, level, selection, columns, fields, driving }
    }

    /// The number of the field that an input is read from as it is, among those that are read.
    pub(crate) fn field(&self, input: usize) -> Option<usize> {
        match self.columns.get(input) {
            Some(ReadAs::Field(at, None)) => Some(*at),
            _ => None,
        }
    }

    /// Whether this input is a field that the measurement has.
    pub(crate) fn has(&self, input: usize) -> bool {
        self.driving.contains(&input)
    }

    /// Reads the rows of these series.
    pub(crate) fn scan(
        &self,
        series: &[u32],
        range: TimeRange,
        order: Order,
        budget: &Budget<'_>,
        consumer: &mut dyn Consumer,
    ) -> Result<(), QueryError> {
        if self.driving.is_empty() || range.is_empty() || series.is_empty() {
            return Ok(());
        }
        let mut scan = self.open(series, range, order)?;
        let mut block = Block::default();
        let mut rows = SeriesRows::default();
        while let Some(series) = scan.next_series().map_err(store_error)? {
            rows.series = series.get();
            while let Some(chunk) = scan.next_chunk().map_err(store_error)? {
                if consumer.summary(self, series.get(), &chunk)? {
                    continue;
                }
                chunk.decode(&mut block).map_err(store_error)?;
                budget.rows(block.rows())?;
                self.fill(&mut rows, &mut block);
                if rows.times.is_empty() {
                    continue;
                }
                if consumer.rows(&mut rows)? == Flow::NextSeries {
                    break;
                }
            }
        }
        Ok(())
    }

    /// When each series has rows, and at most how many, as far as that is known without reading them.
    pub(crate) fn extent(
        &self,
        series: &[u32],
        range: TimeRange,
        mut each: impl FnMut(u32, TimeRange, usize),
    ) -> Result<(), QueryError> {
        if self.driving.is_empty() || range.is_empty() || series.is_empty() {
            return Ok(());
        }
        let mut scan = self.open(series, range, Order::Ascending)?;
        while let Some(series) = scan.next_series().map_err(store_error)? {
            while let Some(chunk) = scan.next_chunk().map_err(store_error)? {
                each(series.get(), chunk.range(), chunk.rows());
            }
        }
        Ok(())
    }

    fn open(&self, series: &[u32], range: TimeRange, order: Order) -> Result<Scan, QueryError> {
        let wanted: RoaringBitmap = series.iter().copied().collect();
        let request = ScanRequest {
            policy: Some(&self.table.policy),
            series: &wanted,
            fields: &self.fields,
            range,
            order,
        };
        self.table.snapshot.scan(&request).map_err(store_error)
    }

    /// Makes the level's inputs of a block.
    fn fill(&self, rows: &mut SeriesRows, block: &mut Block) {
        let series = SeriesId::new(rows.series);
        let count = block.rows();
        rows.times = std::mem::take(&mut block.times);
        let mut fields: Vec<Option<Column>> =
            block.columns.drain(..).map(|column| Some(convert(column))).collect();
        let mut uses = vec![0_usize; fields.len()];
        for column in &self.columns {
            if let ReadAs::Field(at, _) = column
                && let Some(uses) = uses.get_mut(*at)
            {
                *uses += 1;
            }
        }
        rows.columns.clear();
        for (column, input) in self.columns.iter().zip(&self.level.inputs) {
            rows.columns.push(match column {
                ReadAs::Field(at, kind) => {
                    let field = take_or_clone(&mut fields, &mut uses, *at, count);
                    kind.map_or(field.clone(), |kind| field.cast(kind))
                }
                ReadAs::Tag => {
                    let value = self.table.measurement.tag(series, &input.name);
                    Column::same(&Arc::from(value.unwrap_or_default()), count)
                }
                ReadAs::Nothing(kind) => Column::nulls(*kind, count),
            });
        }
        self.keep(rows);
    }

    /// Takes out the rows that aren't there, or that the condition keeps out.
    fn keep(&self, rows: &mut SeriesRows) {
        let count = rows.times.len();
        let valid = |at: &usize| rows.columns.get(*at).map(|column| &column.validity);
        let mut mask: Option<Vec<bool>> = None;
        if !self.driving.iter().filter_map(valid).any(|it| *it == Validity::All) {
            let mut any = vec![false; count];
            for validity in self.driving.iter().filter_map(valid) {
                any.iter_mut().enumerate().for_each(|(row, any)| *any |= validity.is_valid(row));
            }
            mask = Some(any);
        }
        if let Some(condition) = self.selection.condition(rows.series) {
            let mut passed = holds(condition, &rows.columns, count);
            for (passed, there) in passed.iter_mut().zip(mask.iter().flatten()) {
                *passed &= *there;
            }
            mask = Some(passed);
        }
        let Some(mask) = mask.filter(|mask| mask.iter().any(|kept| !kept)) else { return };
        let kept = rows_of(&mask);
        rows.times = kept.iter().filter_map(|row| rows.times.get(*row as usize).copied()).collect();
        for column in &mut rows.columns {
            *column = column.pick(&kept);
        }
    }
}

fn read_as(table: &StoredTable, input: &Input, fields: &mut Vec<FieldId>) -> ReadAs {
    let stored = table.fields.get(input.name.as_str());
    match (input.kind, stored) {
        (Some(Kind::Tag), _) | (None, None) => ReadAs::Tag,
        (kind, Some(field)) => {
            let there = super::tables::kind_of_field(field.field_type());
            let fits = match kind {
                None | Some(Kind::AnyField) => true,
                Some(kind) => {
                    let numbers = |kind| matches!(kind, Kind::Float | Kind::Integer);
                    kind == there || (numbers(kind) && numbers(there))
                }
            };
            if !fits {
                return ReadAs::Nothing(kind.unwrap_or(there));
            }
            let at = fields.iter().position(|known| known == field).unwrap_or_else(|| {
                fields.push(*field);
                fields.len() - 1
            });
            ReadAs::Field(at, kind.filter(|kind| *kind != there && *kind != Kind::AnyField))
        }
        (Some(kind), None) => ReadAs::Nothing(kind),
    }
}

fn take_or_clone(
    fields: &mut [Option<Column>],
    uses: &mut [usize],
    at: usize,
    rows: usize,
) -> Column {
    let (Some(field), Some(uses)) = (fields.get_mut(at), uses.get_mut(at)) else {
        return Column::nulls(Kind::Float, rows);
    };
    *uses = uses.saturating_sub(1);
    let taken = if *uses == 0 { field.take() } else { field.clone() };
    taken.unwrap_or_else(|| Column::nulls(Kind::Float, rows))
}

fn convert(column: store::Column) -> Column {
    let values = match column.values {
        store::Values::Float(values) => Values::Float(values),
        store::Values::Integer(values) => Values::Integer(values),
        store::Values::Boolean(values) => Values::Boolean(values),
        store::Values::String(values) => Values::String(values),
    };
    let validity = match column.validity {
        store::Validity::All => Validity::All,
        store::Validity::Some(bitmap) => {
            Validity::of((0..values.len()).map(|row| bitmap.get(row)).collect())
        }
    };
    Column { values, validity }
}
