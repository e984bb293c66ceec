//! One column's values as bytes, and what is known of them.

use std::collections::HashMap;
use std::sync::Arc;

use pco::ChunkConfig;

use super::entry::SUMMARY_TEXT;
use super::integers;
use crate::block::{Column, Values};
use crate::codec::{Malformed, Reader, put_bytes, put_length};
use crate::summary::{NumberSummary, Summary, ValueSummary};
use crate::{FieldType, Validity};

const WHOLE: u8 = 0;
const FLOATS: u8 = 1;
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// Whole floats below this are exact.
const MOST_WHOLE: f64 = 9_007_199_254_740_992.0;
/// Texts of a chunk together, when they are read.
const MOST_PLAIN: usize = super::CHUNK_TEXT + super::MOST_TEXT + (1 << 20);

/// Rows of a column that have a value, with their times.
pub(super) struct Present<'a> {
    column: &'a Column,
    times: &'a [i64],
    /// Positions of rows with a value; none where all have one.
    rows: Option<Vec<usize>>,
    start: usize,
}

impl<'a> Present<'a> {
    /// `start` is where the rows of `times` begin in the column.
    pub(super) fn new(column: &'a Column, times: &'a [i64], start: usize) -> Self {
        let rows = match &column.validity {
            Validity::All => None,
            Validity::Some(bitmap) => {
                let rows = start..start + times.len();
                let set: Vec<usize> = rows.filter(|row| bitmap.get(*row)).collect();
                (set.len() < times.len()).then_some(set)
            }
        };
        Self { column, times, rows, start }
    }

    pub(super) fn count(&self) -> usize {
        self.rows.as_ref().map_or(self.times.len(), Vec::len)
    }

    /// Adds a bit for each row, if there are rows without a value.
    pub(super) fn put_validity(&self, out: &mut Vec<u8>) {
        let Some(rows) = &self.rows else { return };
        let begin = out.len();
        out.resize(begin + self.times.len().div_ceil(8), 0);
        for row in rows.iter().map(|row| row - self.start) {
            if let Some(byte) = out.get_mut(begin + row / 8) {
                *byte |= 1 << (row % 8);
            }
        }
    }

    fn select<T: Clone>(&self, values: &[T]) -> Vec<T> {
        match &self.rows {
            None => {
                values.get(self.start..self.start + self.times.len()).unwrap_or_default().to_vec()
            }
            Some(rows) => rows.iter().filter_map(|row| values.get(*row)).cloned().collect(),
        }
    }

    fn times(&self) -> Vec<i64> {
        match &self.rows {
            None => self.times.to_vec(),
            Some(rows) => {
                rows.iter().filter_map(|row| self.times.get(row - self.start)).copied().collect()
            }
        }
    }

    /// Adds the values, and says what is known of them. There must be at least one.
    pub(super) fn put_values(&self, out: &mut Vec<u8>) -> Option<Summary> {
        let times = self.times();
        let values = match &self.column.values {
            Values::Integer(values) => {
                let values = self.select(values);
                integers::put(out, &values);
                ValueSummary::Integer(sum_up_integers(&values, &times)?)
            }
            Values::Float(values) => {
                let values = self.select(values);
                put_floats(out, &values);
                ValueSummary::Float(sum_up_floats(&values, &times)?)
            }
            Values::Boolean(values) => {
                let values = self.select(values);
                put_bits(out, &values);
                ValueSummary::Boolean { first: *values.first()?, last: *values.last()? }
            }
            Values::String(values) => {
                let values = self.select(values);
                put_texts(out, &values);
                let short = |text: &&Arc<str>| text.len() <= SUMMARY_TEXT;
                let first = values.first().filter(short).map(Arc::clone)?;
                let last = values.last().filter(short).map(Arc::clone)?;
                ValueSummary::String { first, last }
            }
        };
        let (first_time, last_time) = (*times.first()?, *times.last()?);
        Some(Summary { count: times.len() as u64, first_time, last_time, values })
    }
}

fn sum_up_integers(values: &[i64], times: &[i64]) -> Option<NumberSummary<i64>> {
    let (first, last) = (*values.first()?, *values.last()?);
    let mut numbers = begin(first, last, 0, *times.first()?);
    let mut before = first;
    for (value, time) in values.iter().copied().zip(times) {
        numbers.sum = numbers.sum.wrapping_add(value);
        let step = if value < before { value } else { value.wrapping_sub(before) };
        numbers.increase = numbers.increase.wrapping_add(step);
        before = value;
        extremes(&mut numbers, value, *time);
    }
    Some(numbers)
}

fn sum_up_floats(values: &[f64], times: &[i64]) -> Option<NumberSummary<f64>> {
    if !values.iter().all(|value| value.is_finite()) {
        return None;
    }
    let (first, last) = (*values.first()?, *values.last()?);
    let mut numbers = begin(first, last, 0.0, *times.first()?);
    let mut before = first;
    for (value, time) in values.iter().copied().zip(times) {
        numbers.sum += value;
        numbers.increase += if value < before { value } else { value - before };
        before = value;
        extremes(&mut numbers, value, *time);
    }
    Some(numbers)
}

const fn begin<T: Copy>(first: T, last: T, zero: T, time: i64) -> NumberSummary<T> {
    NumberSummary {
        first,
        last,
        min: first,
        min_time: time,
        max: first,
        max_time: time,
        sum: zero,
        increase: zero,
    }
}

fn extremes<T: PartialOrd + Copy>(numbers: &mut NumberSummary<T>, value: T, time: i64) {
    if value < numbers.min {
        (numbers.min, numbers.min_time) = (value, time);
    }
    if value > numbers.max {
        (numbers.max, numbers.max_time) = (value, time);
    }
}

fn put_floats(out: &mut Vec<u8>, values: &[f64]) {
    let whole: Option<Vec<i64>> = values.iter().map(|value| as_whole(*value)).collect();
    if let Some(whole) = whole {
        out.push(WHOLE);
        return integers::put(out, &whole);
    }
    let start = out.len();
    out.push(FLOATS);
    if integers::put_pco(out, values, &ChunkConfig::default()).is_err() {
        // pco has no reason to fail; if it does, the bits go as they are, as a chunk of their own kind.
        out.truncate(start);
        out.push(FLOATS + 1);
        out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
}

/// The integer that is exactly this float.
pub(super) fn as_whole(value: f64) -> Option<i64> {
    if value.abs() >= MOST_WHOLE || value.fract() != 0.0 || value.to_bits() == (-0.0_f64).to_bits()
    {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53, as was just seen")]
    Some(value as i64)
}

fn put_bits(out: &mut Vec<u8>, values: &[bool]) {
    for eight in values.chunks(8) {
        out.push(eight.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit)));
    }
}

fn put_texts(out: &mut Vec<u8>, values: &[Arc<str>]) {
    let mut numbers: HashMap<&str, u64> = HashMap::new();
    let mut different: Vec<&str> = Vec::new();
    let mut words = Vec::with_capacity(values.len());
    for text in values {
        words.push(*numbers.entry(text).or_insert_with(|| {
            different.push(text);
            different.len() as u64 - 1
        }));
    }
    let mut plain = Vec::new();
    put_length(&mut plain, different.len());
    different.iter().for_each(|text| put_bytes(&mut plain, text.as_bytes()));
    let most = different.len() as u64 - 1;
    let width = 64 - most.leading_zeros();
    plain.push(width.to_le_bytes()[0]);
    crate::pack::pack_bits(&mut plain, words.into_iter(), width);
    match zstd::bulk::compress(&plain, 3) {
        Ok(packed) if packed.len() + 4 < plain.len() => {
            out.push(ZSTD);
            put_length(out, plain.len());
            out.extend_from_slice(&packed);
        }
        _ => {
            out.push(PLAIN);
            out.extend_from_slice(&plain);
        }
    }
}

/// Reads `count` values. `first` is the entry's, of integers and whole floats.
pub(super) fn read_values(
    reader: &mut Reader<'_>,
    kind: FieldType,
    count: usize,
    first: Option<i64>,
) -> Result<Values, Malformed> {
    Ok(match kind {
        FieldType::Integer => Values::Integer(read_integers(reader, count, first)?),
        FieldType::Float => Values::Float(read_floats(reader, count, first)?),
        FieldType::Boolean => Values::Boolean(read_bits(reader, count)?),
        FieldType::String => Values::String(read_texts(reader, count)?),
    })
}

fn read_integers(
    reader: &mut Reader<'_>,
    count: usize,
    first: Option<i64>,
) -> Result<Vec<i64>, Malformed> {
    let first = first.ok_or_else(|| reader.fault("no first value"))?;
    let mut values = Vec::with_capacity(count);
    integers::read(reader, first, count, &mut values)?;
    Ok(values)
}

fn read_floats(
    reader: &mut Reader<'_>,
    count: usize,
    first: Option<i64>,
) -> Result<Vec<f64>, Malformed> {
    match reader.byte()? {
        WHOLE => {
            let whole = read_integers(reader, count, first)?;
            #[expect(clippy::cast_precision_loss, reason = "they were floats before")]
            Ok(whole.into_iter().map(|value| value as f64).collect())
        }
        FLOATS => integers::read_pco(reader, count),
        _ => (0..count).map(|_| Ok(f64::from_le_bytes(reader.array()?))).collect(),
    }
}

/// So many bits, the lowest of a byte first.
pub(super) fn read_bits(reader: &mut Reader<'_>, count: usize) -> Result<Vec<bool>, Malformed> {
    let bytes = reader.take(count.div_ceil(8))?;
    let bits = bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
    Ok(bits.take(count).collect())
}

fn read_texts(reader: &mut Reader<'_>, count: usize) -> Result<Vec<Arc<str>>, Malformed> {
    match reader.byte()? {
        PLAIN => read_plain(reader, count),
        ZSTD => {
            let length = reader.u32()? as usize;
            let packed = reader.take(reader.remaining())?;
            if length > MOST_PLAIN {
                return Err(reader.fault("texts that are too long"));
            }
            let plain = zstd::bulk::decompress(packed, length);
            let plain = plain.map_err(|_| reader.fault("zstd"))?;
            read_plain(&mut Reader::new(&plain), count)
        }
        _ => Err(reader.fault("no way to write texts")),
    }
}

fn read_plain(reader: &mut Reader<'_>, count: usize) -> Result<Vec<Arc<str>>, Malformed> {
    let different = (0..reader.count(1)?).map(|_| Ok(Arc::from(reader.text()?)));
    let different: Vec<Arc<str>> = different.collect::<Result<_, _>>()?;
    let width = u32::from(reader.byte()?);
    if width > 32 {
        return Err(reader.fault("no width of numbers"));
    }
    let bytes = reader.take((count * width as usize).div_ceil(8))?;
    let mut texts = Vec::with_capacity(count);
    crate::pack::unpack_bits(bytes, count, width, |word| {
        let text = usize::try_from(word).ok().and_then(|word| different.get(word));
        texts.extend(text.map(Arc::clone));
    });
    if texts.len() == count { Ok(texts) } else { Err(reader.fault("no text's number")) }
}
