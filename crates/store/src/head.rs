//! The recent rows of one series, as they were written.

use crate::block::Block;
use crate::symbols::{Symbol, Symbols};
use crate::{FieldId, FieldType, FieldValue, TimeRange};

/// Rows in the order of their times, each time once.
///
/// A row lies in one piece, so that writing one touches one place in memory: its time, a bit for each
/// column that it has a value of, and a word for each column.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    columns: Vec<FieldId>,
    words: Vec<u64>,
}

impl Head {
    fn mask_words(columns: usize) -> usize {
        columns.div_ceil(64)
    }

    fn stride(&self) -> usize {
        1 + Self::mask_words(self.columns.len()) + self.columns.len()
    }

    fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> + DoubleEndedIterator {
        let masks = Self::mask_words(self.columns.len());
        self.words.chunks_exact(self.stride()).map(move |words| Row { words, masks })
    }

    fn len(&self) -> usize {
        self.words.len() / self.stride()
    }

    /// Writes a row. Where its time is there, the values of these fields win, and others stay.
    pub(crate) fn put(&mut self, time: i64, fields: &[FieldId], values: impl Iterator<Item = u64>) {
        if !fields.iter().all(|field| self.columns.contains(field)) {
            self.widen(fields);
        }
        let stride = self.stride();
        let at = self.position(time);
        let start = at * stride;
        let there = self.rows().nth(at).is_some_and(|row| row.time() == time);
        if !there {
            let end = self.words.len();
            self.words.resize(end + stride, 0);
            if let Some(behind) = self.words.get_mut(start..) {
                behind.rotate_right(stride);
            }
        }
        let masks = Self::mask_words(self.columns.len());
        let columns = &self.columns;
        let Some([first, row @ ..]) = self.words.get_mut(start..start + stride) else { return };
        *first = time.cast_unsigned();
        let (mask, cells) = row.split_at_mut(masks);
        for (field, value) in fields.iter().zip(values) {
            let Some(column) = columns.iter().position(|column| column == field) else { continue };
            if let (Some(word), Some(cell)) = (mask.get_mut(column / 64), cells.get_mut(column)) {
                *word |= 1 << (column % 64);
                *cell = value;
            }
        }
    }

    /// Where a row of this time is or belongs. Mostly that is at the end.
    fn position(&self, time: i64) -> usize {
        let rows = self.len();
        match self.rows().next_back() {
            Some(last) if last.time() >= time => {}
            _ => return rows,
        }
        let (mut low, mut high) = (0, rows);
        while low < high {
            let middle = low.midpoint(high);
            if self.rows().nth(middle).is_some_and(|row| row.time() < time) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Adds the columns that are missing.
    fn widen(&mut self, fields: &[FieldId]) {
        let mut columns = self.columns.clone();
        for field in fields {
            if !columns.contains(field) {
                columns.push(*field);
            }
        }
        let masks = Self::mask_words(columns.len());
        let mut words = Vec::with_capacity(self.len() * (1 + masks + columns.len()));
        for row in self.rows() {
            let (old, cells) = row.words.split_at(1 + row.masks);
            words.extend_from_slice(old);
            words.resize(words.len() + masks - row.masks, 0);
            words.extend_from_slice(cells);
            words.resize(words.len() + columns.len() - cells.len(), 0);
        }
        self.columns = columns;
        self.words = words;
    }

    /// Takes out what lies in the range.
    pub(crate) fn delete(&mut self, range: TimeRange) {
        let stride = self.stride();
        let from = self.position(range.first);
        let kept = self.rows().skip(from).take_while(|row| range.contains(row.time())).count();
        self.words.drain(from * stride..(from + kept) * stride);
    }

    /// Fills the block with the rows of the range that have one of the fields.
    pub(crate) fn read(
        &self,
        range: TimeRange,
        fields: &[FieldId],
        texts: &Symbols,
        block: &mut Block,
    ) {
        block.reset(fields.iter().map(|field| field.field_type()));
        let place = |field: &FieldId| self.columns.iter().position(|column| column == field);
        let places: Vec<Option<usize>> = fields.iter().map(place).collect();
        let from = self.position(range.first);
        for row in self.rows().skip(from).take_while(|row| row.time() <= range.last) {
            if !places.iter().any(|place| place.is_some_and(|place| row.has(place))) {
                continue;
            }
            block.times.push(row.time());
            for ((column, place), field) in block.columns.iter_mut().zip(&places).zip(fields) {
                let cell = place.and_then(|place| row.get(place));
                column.push(cell.map(|word| typed(word, field.field_type(), texts)));
            }
        }
    }
}

/// One row.
#[derive(Clone, Copy)]
struct Row<'a> {
    words: &'a [u64],
    masks: usize,
}

impl Row<'_> {
    fn time(&self) -> i64 {
        self.words.first().map_or(0, |word| word.cast_signed())
    }

    fn has(&self, column: usize) -> bool {
        self.words.get(1 + column / 64).is_some_and(|word| word >> (column % 64) & 1 == 1)
    }

    fn get(&self, column: usize) -> Option<u64> {
        if self.has(column) { self.words.get(1 + self.masks + column).copied() } else { None }
    }
}

/// The value that this word stands for; a string's is its number among `texts`.
fn typed(word: u64, kind: FieldType, texts: &Symbols) -> FieldValue<'_> {
    match kind {
        FieldType::Float => FieldValue::Float(f64::from_bits(word)),
        FieldType::Integer => FieldValue::Integer(word.cast_signed()),
        FieldType::Boolean => FieldValue::Boolean(word != 0),
        FieldType::String => {
            FieldValue::String(texts.text(Symbol(u32::try_from(word).unwrap_or(u32::MAX))))
        }
    }
}
