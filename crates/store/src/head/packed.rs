//! Rows packed in memory.
//!
//! A block: its length behind this word (u32), where the head's block before it is (u64), its shape
//! (u32), its first and last instant (i64 each), the number of its rows (u8), whether rows lack values
//! (u8); then the instants less the first, [packed](crate::pack); where rows lack values, their masks (a word for each 64 columns and row); then
//! column after column, packed. All little-endian, and only ever read by the process that wrote it.

use std::sync::Arc;

use super::arena::Place;
use super::{OwnedRow, ShapeId, TAIL};
use crate::block::{Block as Decoded, Column, Values};
use crate::codec::{Malformed, Reader};
use crate::pack::{self, Difference};
use crate::symbols::{Symbol, Symbols};
use crate::{FieldId, FieldType, TimeRange};

/// Rows of a tail, or some of them.
#[derive(Clone, Copy)]
pub(super) struct Tail<'a> {
    pub(super) columns: &'a [FieldId],
    pub(super) words: &'a [u64],
    pub(super) masks: &'a [u64],
}

/// One row of a tail.
#[derive(Clone, Copy)]
pub(super) struct TailRow<'a> {
    words: &'a [u64],
    mask: &'a [u64],
}

impl TailRow<'_> {
    pub(super) fn time(&self) -> i64 {
        self.words.first().map_or(0, |word| word.cast_signed())
    }

    pub(super) fn cell(&self, column: usize) -> Option<u64> {
        let cell = self.words.get(column + 1).copied();
        if is_set(self.mask, column) { cell } else { None }
    }
}

/// Whether the column's bit is set; without any, all are.
fn is_set(mask: &[u64], column: usize) -> bool {
    mask.is_empty() || mask.get(column / 64).is_some_and(|word| word >> (column % 64) & 1 == 1)
}

impl<'a> Tail<'a> {
    pub(super) const fn mask_words(columns: &[FieldId]) -> usize {
        columns.len().div_ceil(64)
    }

    const fn stride(&self) -> usize {
        self.columns.len() + 1
    }

    pub(super) const fn rows(&self) -> usize {
        self.words.len() / self.stride()
    }

    pub(super) fn iter(self) -> impl Iterator<Item = TailRow<'a>> {
        let mut masks = self.masks.chunks_exact(Self::mask_words(self.columns).max(1));
        let rows = self.words.chunks_exact(self.stride());
        rows.map(move |words| TailRow { words, mask: masks.next().unwrap_or_default() })
    }

    pub(super) fn time(&self, row: usize) -> Option<i64> {
        self.words.get(row * self.stride()).map(|word| word.cast_signed())
    }

    pub(super) fn span(&self) -> Option<TimeRange> {
        let last = self.rows().checked_sub(1)?;
        Some(TimeRange { first: self.time(0)?, last: self.time(last)? })
    }

    /// Where a row of this time is or belongs.
    pub(super) fn position(&self, time: i64) -> usize {
        let rows = self.rows();
        (0..rows)
            .rev()
            .find(|row| self.time(*row).is_some_and(|it| it < time))
            .map_or(0, |it| it + 1)
    }

    /// The rows of the range.
    pub(super) fn within(self, range: TimeRange) -> Self {
        let first = self.position(range.first);
        let end = range.last.checked_add(1).map_or(self.rows(), |last| self.position(last));
        let masks = Self::mask_words(self.columns);
        let part = |words: &'a [u64], each| words.get(first * each..end * each).unwrap_or_default();
        Self {
            columns: self.columns,
            words: part(self.words, self.stride()),
            masks: part(self.masks, masks),
        }
    }
}

const fn difference(kind: FieldType) -> Difference {
    match kind {
        FieldType::Float => Difference::ExclusiveOr,
        FieldType::Integer | FieldType::String | FieldType::Boolean => Difference::Subtract,
    }
}

/// Packs the tail's rows into a block; there is nothing in `out`.
pub(super) fn pack(out: &mut Vec<u8>, previous: Place, shape: ShapeId, tail: &Tail<'_>) {
    let Some(span) = tail.span() else { return };
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&previous.to_bytes());
    out.extend_from_slice(&shape.0.to_le_bytes());
    out.extend_from_slice(&span.first.to_le_bytes());
    out.extend_from_slice(&span.last.to_le_bytes());
    out.push(tail.rows().to_le_bytes()[0]);
    out.push(u8::from(!tail.masks.is_empty()));
    let mut words = [0; TAIL];
    let mut column = |out: &mut Vec<u8>, difference, each: &dyn Fn(TailRow<'_>) -> Option<u64>| {
        // What a row lacks is what the row before had: that packs best.
        let mut last = 0;
        for (word, row) in words.iter_mut().zip(tail.iter()) {
            last = each(row).unwrap_or(last);
            *word = last;
        }
        pack::pack(out, words.get(..tail.rows()).unwrap_or_default(), difference);
    };
    let since = |row: TailRow<'_>| Some(row.time().wrapping_sub(span.first).cast_unsigned());
    column(out, Difference::Subtract, &since);
    out.extend(tail.masks.iter().flat_map(|word| word.to_le_bytes()));
    for (at, field) in tail.columns.iter().enumerate() {
        column(out, difference(field.field_type()), &|row| row.cell(at));
    }
    let length = u32::try_from(out.len() - 4).unwrap_or(u32::MAX);
    if let Some(place) = out.first_chunk_mut() {
        *place = length.to_le_bytes();
    }
}

/// A block of a head.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    bytes: &'a [u8],
    pub(super) previous: Place,
    pub(super) shape: ShapeId,
    pub(super) span: TimeRange,
    pub(super) rows: usize,
    has_masks: bool,
    body: &'a [u8],
}

impl<'a> Block<'a> {
    /// The block with which the bytes begin.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (length, _) = bytes.split_first_chunk()?;
        let bytes = bytes.get(..u32::from_le_bytes(*length) as usize + 4)?;
        Self::read_all(bytes).ok()
    }

    fn read_all(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        reader.take(4)?;
        let previous = Place::from_bytes(reader.array()?);
        let shape = ShapeId(u32::from_le_bytes(reader.array()?));
        let first = i64::from_le_bytes(reader.array()?);
        let last = i64::from_le_bytes(reader.array()?);
        let rows = usize::from(reader.byte()?);
        let has_masks = reader.byte()? != 0;
        let body = reader.take(reader.remaining())?;
        let span = TimeRange { first, last };
        Ok(Self { bytes, previous, shape, span, rows, has_masks, body })
    }

    /// Its bytes, with no block before it.
    pub(super) fn alone(&self) -> Vec<u8> {
        let mut bytes = self.bytes.to_vec();
        if let Some(place) = bytes.get_mut(4..12) {
            place.copy_from_slice(&Place::NONE.to_bytes());
        }
        bytes
    }

    /// Hands over the rows as they were written.
    pub(super) fn rows(&self, columns: &[FieldId], mut each: impl FnMut(OwnedRow)) {
        let Ok((times, masks, mut reader)) = self.frame(columns) else { return };
        let mut rows: Vec<OwnedRow> = times
            .iter()
            .map(|time| OwnedRow { time: *time, fields: Vec::new(), values: Vec::new() })
            .collect();
        for (at, field) in columns.iter().enumerate() {
            let mut row = 0;
            let put = |word| {
                if let Some(owned) = rows.get_mut(row).filter(|_| masks.has(row, at)) {
                    owned.fields.push(*field);
                    owned.values.push(word);
                }
                row += 1;
            };
            let _ = pack::unpack(&mut reader, self.rows, difference(field.field_type()), put);
        }
        rows.into_iter().for_each(&mut each);
    }

    fn frame(&self, columns: &[FieldId]) -> Result<(Times, Masks<'a>, Reader<'a>), Malformed> {
        let mut reader = Reader::new(self.body);
        let mut times = Times { all: [0; TAIL], count: 0 };
        pack::unpack(&mut reader, self.rows, Difference::Subtract, |since| {
            if let Some(time) = times.all.get_mut(times.count) {
                *time = self.span.first.wrapping_add(since.cast_signed());
                times.count += 1;
            }
        })?;
        let words = if self.has_masks { Tail::mask_words(columns) } else { 0 };
        let masks = Masks { bytes: reader.take(words * 8 * self.rows)?, words };
        Ok((times, masks, reader))
    }

    /// Adds the rows of the range that have one of the fields.
    fn decode(
        &self,
        columns: &[FieldId],
        wanted: &Wanted<'_>,
        out: &mut Decoded,
    ) -> Result<(), Malformed> {
        let (times, masks, mut reader) = self.frame(columns)?;
        let asked = |column: &FieldId| wanted.fields.iter().position(|field| field == column);
        let mut keep = [false; TAIL];
        for (at, _) in columns.iter().enumerate().filter(|(_, column)| asked(column).is_some()) {
            for (row, (time, keep)) in times.iter().zip(&mut keep).enumerate() {
                *keep |= wanted.range.contains(*time) && masks.has(row, at);
            }
        }
        let before = out.times.len();
        out.times.extend(times.iter().zip(keep).filter(|(_, keep)| *keep).map(|(time, _)| *time));
        for (at, column) in columns.iter().enumerate() {
            let Some(target) = asked(column).and_then(|place| out.columns.get_mut(place)) else {
                pack::skip(&mut reader, self.rows)?;
                continue;
            };
            let mut rows = keep.iter().enumerate();
            pack::unpack(&mut reader, self.rows, difference(column.field_type()), |word| {
                if let Some((row, true)) = rows.next() {
                    push(target, masks.has(row, at).then_some(word), wanted.texts);
                }
            })?;
        }
        fill(out, before);
        Ok(())
    }
}

/// The instants of a block's rows.
struct Times {
    all: [i64; TAIL],
    count: usize,
}

impl Times {
    fn iter(&self) -> impl Iterator<Item = &i64> {
        self.all.iter().take(self.count)
    }
}

/// Columns that a block doesn't have get no values for its rows.
fn fill(out: &mut Decoded, before: usize) {
    let rows = out.times.len();
    for column in &mut out.columns {
        if column.values.len() == before {
            column.push_empty(rows - before);
        }
    }
}

/// Bits for rows and columns; without any, all are set.
#[derive(Clone, Copy)]
struct Masks<'a> {
    bytes: &'a [u8],
    words: usize,
}

impl Masks<'_> {
    fn has(&self, row: usize, column: usize) -> bool {
        if self.words == 0 {
            return true;
        }
        let byte = self.bytes.get(row * self.words * 8 + column / 8);
        byte.is_some_and(|byte| byte >> (column % 8) & 1 == 1)
    }
}

/// Adds a row to a column. A text's word is its number among `texts`.
fn push(column: &mut Column, word: Option<u64>, texts: &Symbols) {
    match (&mut column.values, word) {
        (Values::Integer(values), Some(word)) => values.push(word.cast_signed()),
        (Values::Float(values), Some(word)) => values.push(f64::from_bits(word)),
        (Values::Boolean(values), Some(word)) => values.push(word != 0),
        (Values::String(values), Some(word)) => {
            values.push(Arc::clone(texts.shared(Symbol(u32::try_from(word).unwrap_or(u32::MAX)))));
        }
        (_, None) => return column.push(None),
    }
    let rows = column.values.len() - 1;
    column.validity.push(rows, true);
}

/// What to read of packed rows.
pub(crate) struct Wanted<'a> {
    pub(crate) range: TimeRange,
    pub(crate) fields: &'a [FieldId],
    pub(crate) texts: &'a Symbols,
}

/// A copy of rows of a head, in the order of their times, each time once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    blocks: Vec<u8>,
    packed: usize,
    tail_shape: ShapeId,
    tail: Box<[u64]>,
    masks: Box<[u64]>,
    tail_rows: usize,
}

impl Default for ShapeId {
    fn default() -> Self {
        Self::NONE
    }
}

impl Rows {
    pub(crate) const fn rows(&self) -> usize {
        self.packed + self.tail_rows
    }

    pub(super) fn add_block(&mut self, block: &Block<'_>) {
        self.blocks.extend_from_slice(block.bytes);
        self.packed += block.rows;
    }

    pub(super) fn set_tail(&mut self, shape: ShapeId, tail: &Tail<'_>) {
        self.tail_shape = shape;
        self.tail = tail.words.into();
        self.masks = tail.masks.into();
        self.tail_rows = tail.rows();
    }

    /// Adds the rows of the range that have one of the fields. `columns` gives a shape's.
    pub(crate) fn decode<'s>(
        &self,
        columns: impl Fn(ShapeId) -> &'s [FieldId],
        wanted: &Wanted<'_>,
        out: &mut Decoded,
    ) -> Result<(), Malformed> {
        let mut rest = &*self.blocks;
        while let Some(block) = Block::read(rest) {
            block.decode(columns(block.shape), wanted, out)?;
            rest = rest.get(block.bytes.len()..).unwrap_or_default();
        }
        let columns = columns(self.tail_shape);
        let tail = Tail { columns, words: &self.tail, masks: &self.masks }.within(wanted.range);
        let place = |field: &FieldId| columns.iter().position(|column| column == field);
        let places: Vec<Option<usize>> = wanted.fields.iter().map(place).collect();
        for row in tail.iter() {
            let cell = |place: &Option<usize>| place.and_then(|column| row.cell(column));
            if places.iter().all(|place| cell(place).is_none()) {
                continue;
            }
            out.times.push(row.time());
            for (column, place) in out.columns.iter_mut().zip(&places) {
                push(column, cell(place), wanted.texts);
            }
        }
        Ok(())
    }
}
