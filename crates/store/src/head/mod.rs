//! The recent rows of one series, in memory.
//!
//! The last few rows lie in the tail, each in one piece, so that writing one touches one place in
//! memory. Whenever the tail is full, it is packed into a block (see [`packed`]). Blocks stay in the
//! order in which they were written: one that was written late may overlap earlier ones, and then wins.

mod packed;
mod rows;
mod shapes;

pub(crate) use packed::{Rows as PackedRows, Wanted};
pub(crate) use shapes::{ShapeId, Shapes};

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

/// One series' rows.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// The tail's columns.
    shape: ShapeId,
    /// Rows in the order of their times, each time once: the time, then a word for each column.
    tail: Vec<u64>,
    /// For each row of the tail, a bit for each column that it has a value of; empty where all have all.
    masks: Vec<u64>,
    packed: Vec<u8>,
    packed_rows: usize,
    /// From the earliest to the latest row of `packed`.
    span: TimeRange,
}

impl Default for Head {
    fn default() -> Self {
        let span = TimeRange { first: i64::MAX, last: i64::MIN };
        Self {
            shape: ShapeId::NONE,
            tail: Vec::new(),
            masks: Vec::new(),
            packed: Vec::new(),
            packed_rows: 0,
            span,
        }
    }
}

impl Head {
    /// How much memory it takes, in bytes.
    pub(crate) const fn bytes(&self) -> usize {
        size_of::<Self>()
            + (self.tail.capacity() + self.masks.capacity()) * 8
            + self.packed.capacity()
    }

    /// Writes a row. Where its time is there already, the values of its fields win, and others stay.
    /// `shapes` are those of the table that the head belongs to.
    pub(crate) fn put(&mut self, shapes: &mut Shapes, row: NewRow<'_>) {
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
            rows::put(self, shapes, row);
        }
        if self.tail.len() >= TAIL * (shapes.columns(self.shape).len() + 1) {
            self.pack(shapes);
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
    fn pack(&mut self, shapes: &Shapes) {
        let columns = shapes.columns(self.shape);
        let tail = packed::Tail { columns, words: &self.tail, masks: &self.masks };
        let Some(span) = tail.span() else { return };
        // By a quarter: twice as much would waste more than packing saves.
        let room = self.packed.capacity() - self.packed.len();
        let most = packed::most_bytes(&tail);
        if room < most {
            self.packed.reserve_exact(most.max(self.packed.len() / 4));
        }
        packed::pack(&mut self.packed, self.shape, &tail);
        self.packed_rows += tail.rows();
        self.span.first = self.span.first.min(span.first);
        self.span.last = self.span.last.max(span.last);
        self.tail.clear();
        self.masks.clear();
    }

    /// How many rows it has; one that was overwritten after it was packed counts twice.
    pub(crate) fn rows(&self, shapes: &Shapes) -> usize {
        self.packed_rows + self.tail(shapes).rows()
    }

    fn tail<'a>(&'a self, shapes: &'a Shapes) -> packed::Tail<'a> {
        let columns = shapes.columns(self.shape);
        packed::Tail { columns, words: &self.tail, masks: &self.masks }
    }

    /// Hands over copies of the rows that may lie in the range, those that win last. Rows of one piece
    /// are in the order of their times, each time once.
    pub(crate) fn pieces(
        &self,
        shapes: &Shapes,
        range: TimeRange,
        mut each: impl FnMut(TimeRange, PackedRows),
    ) {
        let mut piece: Option<(TimeRange, PackedRows)> = None;
        if self.span.overlaps(&range) {
            for block in packed::blocks(&self.packed).filter(|block| block.span.overlaps(&range)) {
                let fits = piece.as_ref().is_some_and(|(span, rows)| {
                    span.last < block.span.first && rows.rows() + block.rows <= PIECE
                });
                if let (Some(done), false) = (piece.take_if(|_| !fits), fits) {
                    each(done.0, done.1);
                }
                let (span, rows) = piece.get_or_insert_with(|| (block.span, PackedRows::default()));
                span.last = block.span.last;
                rows.add_block(&block);
            }
        }
        let tail = self.tail(shapes).within(range);
        if let Some(span) = tail.span() {
            let fits = piece.as_ref().is_some_and(|(before, _)| before.last < span.first);
            if let (Some(done), false) = (piece.take_if(|_| !fits), fits) {
                each(done.0, done.1);
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
    pub(crate) fn delete(&mut self, shapes: &mut Shapes, range: TimeRange) {
        let mut kept = Self::default();
        for row in rows::all(self, shapes) {
            if !range.contains(row.time) {
                let shape = shapes.id(&row.fields);
                kept.put(shapes, NewRow { shape, time: row.time, values: &row.values });
            }
        }
        *self = kept;
    }

    /// A copy with only the rows that were written last, and the instant from which on it has every row
    /// that this one has.
    pub(crate) fn recent(&self, shapes: &Shapes) -> (Self, i64) {
        let mut dropped = i64::MIN;
        let mut kept = Self { shape: self.shape, ..Self::default() };
        kept.tail.clone_from(&self.tail);
        kept.masks.clone_from(&self.masks);
        let mut blocks = packed::blocks(&self.packed).peekable();
        let enough = self.tail(shapes).rows() >= TAIL / 2;
        while let Some(block) = blocks.next() {
            if enough || blocks.peek().is_some() {
                dropped = dropped.max(block.span.last);
            } else {
                kept.packed = block.bytes.to_vec();
                kept.packed_rows = block.rows;
                kept.span = block.span;
            }
        }
        (kept, dropped.saturating_add(1))
    }

    /// The fields that its rows have.
    pub(crate) fn fields(&self, shapes: &Shapes) -> Vec<FieldId> {
        let mut used: Vec<ShapeId> =
            packed::blocks(&self.packed).map(|block| block.shape).collect();
        if !self.tail.is_empty() {
            used.push(self.shape);
        }
        used.sort_unstable();
        used.dedup();
        let mut fields: Vec<FieldId> =
            used.iter().flat_map(|shape| shapes.columns(*shape)).copied().collect();
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    /// From the earliest row to the latest.
    pub(crate) fn span(&self, shapes: &Shapes) -> TimeRange {
        match self.tail(shapes).span() {
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
