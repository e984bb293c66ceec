//! Rows that don't simply follow the last one: late ones, ones that change another, ones with other
//! fields than those before.

use super::packed::Tail;
use super::{Common, Head, NewRow, OwnedRow, ShapeId, Shapes};
use crate::{FieldId, TimeRange};

/// Writes a row into the tail, wherever it belongs.
pub(super) fn put(head: &mut Head, shapes: &mut Shapes, row: NewRow<'_>) {
    if head.tail.is_empty() {
        head.shape = row.shape;
    }
    let union = shapes.union(head.shape, row.shape);
    if union != head.shape {
        widen(head, shapes, union);
    }
    let columns = shapes.columns(head.shape);
    let (stride, masks) = (columns.len() + 1, Tail::mask_words(columns));
    let tail = Tail { columns, words: &head.tail, masks: &head.masks };
    let at = tail.position(row.time);
    let found = tail.time(at) == Some(row.time);
    if union != row.shape && head.masks.is_empty() && !found {
        head.masks = full_masks(columns, tail.rows());
    }
    if !found {
        head.reserve(stride);
        insert(&mut head.tail, at * stride, stride);
        if !head.masks.is_empty() {
            insert(&mut head.masks, at * masks, masks);
        }
    }
    let fields = shapes.columns(row.shape);
    if let Some([time, cells @ ..]) = head.tail.get_mut(at * stride..(at + 1) * stride) {
        *time = row.time.cast_unsigned();
        for (column, value) in places(columns, fields).zip(row.values) {
            if let Some(cell) = cells.get_mut(column) {
                *cell = *value;
            }
        }
    }
    if let Some(mask) = head.masks.get_mut(at * masks..(at + 1) * masks) {
        for column in places(columns, fields) {
            if let Some(word) = mask.get_mut(column / 64) {
                *word |= 1 << (column % 64);
            }
        }
    }
}

/// Makes room for so many words.
fn insert(words: &mut Vec<u64>, at: usize, count: usize) {
    let end = words.len();
    words.resize(end + count, 0);
    if let Some(behind) = words.get_mut(at..) {
        behind.rotate_right(count);
    }
}

/// Where the fields are among the columns. Both are sorted, and columns have all fields.
fn places(columns: &[FieldId], fields: &[FieldId]) -> impl Iterator<Item = usize> {
    fields.iter().map(|field| columns.binary_search(field).unwrap_or(columns.len()))
}

fn full_masks(columns: &[FieldId], rows: usize) -> Vec<u64> {
    let words = Tail::mask_words(columns);
    let mask = (0..words).map(|word| {
        let bits = columns.len() - word * 64;
        if bits >= 64 { u64::MAX } else { (1 << bits) - 1 }
    });
    let mask: Vec<u64> = mask.collect();
    mask.repeat(rows)
}

/// Gives the tail more columns, which no row has a value of yet.
fn widen(head: &mut Head, shapes: &Shapes, to: ShapeId) {
    let (old, new) = (shapes.columns(head.shape), shapes.columns(to));
    let (words, masks) = (new.len() + 1, Tail::mask_words(new));
    let tail = Tail { columns: old, words: &head.tail, masks: &head.masks };
    let mut wide = Vec::with_capacity(tail.rows() * words);
    let mut wide_masks = vec![0; tail.rows() * masks];
    for (at, row) in tail.iter().enumerate() {
        let start = wide.len();
        wide.resize(start + words, 0);
        let Some([time, cells @ ..]) = wide.get_mut(start..) else { continue };
        *time = row.time().cast_unsigned();
        for ((from, column), value) in places(new, old).enumerate().map(|it| (it, row.cell(it.0))) {
            let Some(value) = value else { continue };
            if let Some(cell) = cells.get_mut(column) {
                *cell = value;
            }
            debug_assert!(from <= column);
            if let Some(word) = wide_masks.get_mut(at * masks + column / 64) {
                *word |= 1 << (column % 64);
            }
        }
    }
    head.tail = wide;
    head.masks = wide_masks;
    head.shape = to;
}

/// All rows in the order in which they were packed, the tail's last.
pub(super) fn all(head: &Head, common: &Common) -> Vec<OwnedRow> {
    let mut rows = Vec::with_capacity(head.packed + super::TAIL);
    for block in head.blocks(common, TimeRange { first: i64::MIN, last: i64::MAX }) {
        block.rows(common.shapes.columns(block.shape), |row| rows.push(row));
    }
    let tail = head.tail(&common.shapes);
    for row in tail.iter() {
        let mut owned = OwnedRow { time: row.time(), fields: Vec::new(), values: Vec::new() };
        for (column, field) in tail.columns.iter().enumerate() {
            if let Some(value) = row.cell(column) {
                owned.fields.push(*field);
                owned.values.push(value);
            }
        }
        rows.push(owned);
    }
    rows
}
