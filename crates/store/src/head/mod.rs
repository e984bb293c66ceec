//! The recent rows of one series, in memory.
//!
//! The last few rows lie in the tail, each in one piece, so that writing one touches one place in
//! memory. Whenever the tail is full, it is packed into a block (see [`packed`]). Blocks keep the order
//! in which they were written: one that was written late may overlap earlier ones, and then wins.

mod arena;
mod packed;
mod rows;
mod shapes;

pub(crate) use packed::{Rows as PackedRows, Wanted};
pub(crate) use shapes::ShapeId;
use shapes::Shapes;

use arena::{Arena, Place};
use packed::{Block, Tail};

use crate::{FieldId, TimeRange};

/// How many rows a tail has at most.
const TAIL: usize = 16;
/// How many rows are read at once at most, so that a reader's memory doesn't follow a head's.
const PIECE: usize = 1024;

/// A row on its way into a head.
#[derive(Clone, Copy)]
pub(crate) struct NewRow<'a> {
    pub(crate) shape: ShapeId,
    pub(crate) time: i64,
    /// One for each field of the shape.
    pub(crate) values: &'a [u64],
}

/// What the heads of one table share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Common {
    pub(crate) shapes: Shapes,
    blocks: Arena,
    /// Where a block is packed.
    scratch: Vec<u8>,
}

impl Common {
    /// The memory that it takes, in bytes.
    pub(crate) const fn bytes(&self) -> usize {
        self.blocks.bytes()
    }
}

/// One series' rows.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// The tail's columns.
    shape: ShapeId,
    /// Rows in the order of their times, each time once: the time, then a word for each column.
    tail: Vec<u64>,
    /// For each row of the tail, a bit for each column that it has a value of; empty where all have all.
    masks: Vec<u64>,
    /// The block that was packed last; each names the one before.
    last: Place,
    /// Rows in blocks.
    packed: usize,
    /// From the earliest to the latest row in blocks.
    span: TimeRange,
    /// Whether each block is later than all before.
    ordered: bool,
}

impl Default for Head {
    fn default() -> Self {
        let span = TimeRange { first: i64::MAX, last: i64::MIN };
        Self {
            shape: ShapeId::NONE,
            tail: Vec::new(),
            masks: Vec::new(),
            last: Place::NONE,
            packed: 0,
            span,
            ordered: true,
        }
    }
}

impl Head {
    /// How much memory it takes besides blocks, in bytes.
    pub(crate) const fn bytes(&self) -> usize {
        size_of::<Self>() + (self.tail.capacity() + self.masks.capacity()) * 8
    }

    /// Writes a row. Where its time is there already, the values of its fields win, and others stay.
    /// `common` is that of the table to which the head belongs.
    pub(crate) fn put(&mut self, common: &mut Common, row: NewRow<'_>) {
        let stride = row.values.len() + 1;
        let behind = match self.tail.len().checked_sub(stride).and_then(|at| self.tail.get(at)) {
            Some(last) => last.cast_signed() < row.time,
            None => true,
        };
        if self.shape == row.shape && self.masks.is_empty() && behind {
            self.reserve(stride);
            self.tail.push(row.time.cast_unsigned());
            self.tail.extend_from_slice(row.values);
        } else {
            rows::put(self, &mut common.shapes, row);
        }
        if self.tail.len() >= TAIL * (common.shapes.columns(self.shape).len() + 1) {
            self.pack(common);
        }
    }

    /// Makes room in the tail. Most series are slow, so it grows by steps.
    fn reserve(&mut self, stride: usize) {
        if self.tail.len() + stride > self.tail.capacity() {
            let rows = self.tail.len() / stride;
            self.tail.reserve_exact(stride * rows.clamp(2, TAIL));
        }
    }

    /// Turns the tail into a block.
    fn pack(&mut self, common: &mut Common) {
        let Common { shapes, blocks, scratch } = common;
        let tail = self.tail(shapes);
        let Some(span) = tail.span() else { return };
        scratch.clear();
        packed::pack(scratch, self.last, self.shape, &tail);
        self.packed += tail.rows();
        self.last = blocks.add(scratch);
        self.ordered &= self.span.last < span.first;
        self.span.first = self.span.first.min(span.first);
        self.span.last = self.span.last.max(span.last);
        self.tail.clear();
        self.masks.clear();
    }

    /// How many rows it has; one that was overwritten after it was packed counts twice.
    pub(crate) fn rows(&self, common: &Common) -> usize {
        self.packed + self.tail(&common.shapes).rows()
    }

    fn tail<'a>(&'a self, shapes: &'a Shapes) -> Tail<'a> {
        Tail { columns: shapes.columns(self.shape), words: &self.tail, masks: &self.masks }
    }

    /// The blocks that may have rows in the range, in the order in which they were packed.
    fn blocks<'a>(&self, common: &'a Common, range: TimeRange) -> Vec<Block<'a>> {
        let mut found = Vec::new();
        let mut place = self.last;
        while let Some(block) = common.blocks.from(place).and_then(Block::read) {
            place = block.previous;
            if block.span.overlaps(&range) {
                found.push(block);
            } else if self.ordered && block.span.last < range.first {
                break;
            }
        }
        found.reverse();
        found
    }

    /// Hands over copies of the rows that may lie in the range, those that win last. Rows of one piece
    /// are in the order of their times, each time once.
    pub(crate) fn pieces(
        &self,
        common: &Common,
        range: TimeRange,
        mut each: impl FnMut(TimeRange, PackedRows),
    ) {
        let mut piece: Option<(TimeRange, PackedRows)> = None;
        for block in self.blocks(common, range) {
            let fits = |(span, rows): &(TimeRange, PackedRows)| {
                span.last < block.span.first && rows.rows() + block.rows <= PIECE
            };
            if let Some((span, rows)) = piece.take_if(|piece| !fits(piece)) {
                each(span, rows);
            }
            let (span, rows) = piece.get_or_insert_with(|| (block.span, PackedRows::default()));
            span.last = block.span.last;
            rows.add_block(&block);
        }
        let tail = self.tail(&common.shapes).within(range);
        if let Some(span) = tail.span() {
            if let Some((before, rows)) = piece.take_if(|(before, _)| before.last >= span.first) {
                each(before, rows);
            }
            let (before, rows) = piece.get_or_insert_with(|| (span, PackedRows::default()));
            before.last = span.last;
            rows.set_tail(self.shape, &tail);
        }
        if let Some((span, rows)) = piece {
            each(span, rows);
        }
    }

    /// Takes out the rows of the range.
    pub(crate) fn delete(&mut self, common: &mut Common, range: TimeRange) {
        let mut kept = Self::default();
        for row in rows::all(self, common) {
            if !range.contains(row.time) {
                let shape = common.shapes.id(&row.fields);
                kept.put(common, NewRow { shape, time: row.time, values: &row.values });
            }
        }
        *self = kept;
    }

    /// A copy, for a table of its own, with only the rows that were written last, and the instant from
    /// which on it has every row that this one has.
    pub(crate) fn recent(&self, common: &Common, to: &mut Common) -> (Self, i64) {
        let mut kept = Self { shape: self.shape, ..Self::default() };
        kept.tail.clone_from(&self.tail);
        kept.masks.clone_from(&self.masks);
        let mut blocks = self.blocks(common, TimeRange { first: i64::MIN, last: i64::MAX });
        let enough = self.tail(&common.shapes).rows() >= TAIL / 2;
        if let Some(block) = blocks.pop_if(|_| !enough) {
            kept.last = to.blocks.add(&block.alone());
            kept.packed = block.rows;
            kept.span = block.span;
        }
        let dropped = blocks.iter().map(|block| block.span.last).max().unwrap_or(i64::MIN);
        (kept, dropped.saturating_add(1))
    }

    /// The fields that its rows have.
    pub(crate) fn fields(&self, common: &Common) -> Vec<FieldId> {
        let all = TimeRange { first: i64::MIN, last: i64::MAX };
        let mut used: Vec<ShapeId> =
            self.blocks(common, all).iter().map(|block| block.shape).collect();
        if !self.tail.is_empty() {
            used.push(self.shape);
        }
        used.sort_unstable();
        used.dedup();
        let columns = |shape: &ShapeId| common.shapes.columns(*shape);
        let mut fields: Vec<FieldId> = used.iter().flat_map(columns).copied().collect();
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    /// From the earliest row to the latest.
    pub(crate) fn span(&self, common: &Common) -> TimeRange {
        match self.tail(&common.shapes).span() {
            Some(tail) => TimeRange {
                first: tail.first.min(self.span.first),
                last: tail.last.max(self.span.last),
            },
            None => self.span,
        }
    }
}

/// A row with the fields that it has.
pub(crate) struct OwnedRow {
    pub(crate) time: i64,
    pub(crate) fields: Vec<FieldId>,
    pub(crate) values: Vec<u64>,
}

#[cfg(test)]
mod tests;
