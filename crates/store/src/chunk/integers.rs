//! Columns of integers.
//!
//! The first one is known from elsewhere. A byte: the low four bits say how often differences were taken
//! (0 to 2), the high four how the rest is written. Where differences were taken twice, the first
//! difference comes next. The rest, of as many numbers as there are less those differences:
//!
//! | how | the rest |
//! |---|---|
//! | 0 | all are the same: that one |
//! | 1 | each a varint |
//! | 2 | the least; how many bits the others less the least have (a byte); those in as many bits |
//! | 3, 4, 5 | the least; the others less the least by pco, as numbers of 16, 32 or 64 bits |
//!
//! Differences are taken here and not by pco, which stores the first number in 8 bytes; likewise it
//! describes a distribution in numbers of the type's size, hence the three sizes. Whatever of 2 and pco
//! is shorter is taken: a few hundred numbers that are spread evenly are not worth a description.

use pco::wrapped::{FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DeltaSpec, ModeSpec};

use crate::codec::{Malformed, Reader, put_signed};
use crate::pack::{pack_bits, unpack_bits};

const SAME: u8 = 0 << 4;
const PLAIN: u8 = 1 << 4;
const BITS: u8 = 2 << 4;
const PCO_16: u8 = 3 << 4;
const PCO_32: u8 = 4 << 4;
const PCO_64: u8 = 5 << 4;

/// Fewer numbers are written plainly: pco describes their distribution, which takes some 20 bytes.
const FEW: usize = 24;
/// pco's effort. Four times as fast as its default, and hardly a byte longer, for a few hundred numbers.
const LEVEL: usize = 4;

/// Adds the numbers, of which there is at least one. The first one isn't written.
pub(super) fn put(out: &mut Vec<u8>, values: &[i64]) {
    if values.is_empty() {
        return;
    }
    let once: Vec<i64> = differences(values);
    let twice: Vec<i64> = differences(&once);
    let costs = [cost(values), cost(&once), cost(&twice)];
    let best = costs.iter().enumerate().min_by_key(|(_, cost)| **cost).map_or(0, |(at, _)| at);
    // With less than three numbers there is no second difference that would have to be written.
    match best.min(values.len().saturating_sub(1)) {
        0 => put_rest(out, 0, None, values.get(1..).unwrap_or_default()),
        1 => put_rest(out, 1, None, &once),
        _ => put_rest(out, 2, once.first().copied(), &twice),
    }
}

fn differences(values: &[i64]) -> Vec<i64> {
    let pairs = values.iter().zip(values.iter().skip(1));
    pairs.map(|(one, next)| next.wrapping_sub(*one)).collect()
}

/// About how many bits the numbers take: how far some of them are from their median.
fn cost(values: &[i64]) -> u64 {
    let mut sample: Vec<i64> = values.iter().step_by(values.len() / 64 + 1).copied().collect();
    sample.sort_unstable();
    let median = sample.get(sample.len() / 2).copied().unwrap_or(0);
    let bits = |value: &i64| 64 - value.abs_diff(median).leading_zeros();
    sample.iter().map(|value| u64::from(bits(value))).sum()
}

fn put_rest(out: &mut Vec<u8>, order: u8, difference: Option<i64>, rest: &[i64]) {
    let (least, most) = (rest.iter().min().copied(), rest.iter().max().copied());
    let (least, most) = (least.unwrap_or(0), most.unwrap_or(0));
    let start = out.len();
    out.push(order);
    difference.into_iter().for_each(|difference| put_signed(out, difference));
    let how = if least == most {
        put_signed(out, least);
        SAME
    } else if rest.len() < FEW {
        rest.iter().for_each(|value| put_signed(out, *value));
        PLAIN
    } else {
        put_signed(out, least);
        put_many(out, least, most, rest)
    };
    if let Some(kind) = out.get_mut(start) {
        *kind |= how;
    }
}

/// Adds the numbers less the least, the shorter way.
fn put_many(out: &mut Vec<u8>, least: i64, most: i64, values: &[i64]) -> u8 {
    let less = |value: &i64| value.wrapping_sub(least).cast_unsigned();
    let width = 64 - less(&most).leading_zeros();
    let in_bits = 1 + (values.len() * width as usize).div_ceil(8);
    let start = out.len();
    let (how, tried) = if width <= 16 {
        let values: Vec<u16> =
            values.iter().map(less).filter_map(|it| it.try_into().ok()).collect();
        (PCO_16, put_pco(out, &values, &config()))
    } else if width <= 32 {
        let values: Vec<u32> =
            values.iter().map(less).filter_map(|it| it.try_into().ok()).collect();
        (PCO_32, put_pco(out, &values, &config()))
    } else {
        (PCO_64, put_pco(out, &values.iter().map(less).collect::<Vec<u64>>(), &config()))
    };
    if tried.is_ok() && out.len() - start < in_bits {
        return how;
    }
    out.truncate(start);
    out.push(width.to_le_bytes()[0]);
    pack_bits(out, values.iter().map(less), width);
    BITS
}

fn config() -> ChunkConfig {
    ChunkConfig::default()
        .with_compression_level(LEVEL)
        .with_mode_spec(ModeSpec::Classic)
        .with_delta_spec(DeltaSpec::NoOp)
}

/// Adds numbers as pco has them, without a count.
pub(super) fn put_pco<T: pco::data_types::Number>(
    out: &mut Vec<u8>,
    values: &[T],
    config: &ChunkConfig,
) -> pco::errors::PcoResult<()> {
    let compressor = FileCompressor::default();
    let mut chunk = compressor.chunk_compressor(values, config)?;
    chunk.write_meta(&mut *out)?;
    for page in 0..chunk.n_per_page().len() {
        chunk.write_page(page, &mut *out)?;
    }
    Ok(())
}

/// What pco's files begin with: the version of its format. It isn't written here; another one would be
/// another version of the store's format.
const PCO_HEADER: [u8; 2] = [4, 1];

/// Reads so many numbers that [`put_pco`] wrote.
pub(super) fn read_pco<T: pco::data_types::Number + Default>(
    reader: &mut Reader<'_>,
    count: usize,
) -> Result<Vec<T>, Malformed> {
    let mut values = vec![T::default(); count];
    let fault = |what| move |_| Malformed { what, offset: 0 };
    let bytes = reader.take(reader.remaining())?;
    let (file, _) = FileDecompressor::new(PCO_HEADER.as_slice()).map_err(fault("pco's header"))?;
    let (mut chunk, rest) =
        file.chunk_decompressor::<T, _>(bytes).map_err(fault("pco's description"))?;
    let mut page = chunk.page_decompressor(rest, count).map_err(fault("pco's page"))?;
    let progress = page.read(&mut values).map_err(fault("pco's numbers"))?;
    if progress.n_processed == count && progress.finished {
        Ok(values)
    } else {
        Err(reader.fault("too few numbers"))
    }
}

/// Adds `count` numbers of which this is the first, and which take all that the reader has.
pub(super) fn read(
    reader: &mut Reader<'_>,
    first: i64,
    count: usize,
    out: &mut Vec<i64>,
) -> Result<(), Malformed> {
    if count == 0 {
        return Ok(());
    }
    let kind = reader.byte()?;
    let order = kind & 0x0f;
    if order > 2 || (order == 2 && count < 2) {
        return Err(reader.fault("no order of differences"));
    }
    let start = out.len();
    out.push(first);
    if order == 2 {
        out.push(reader.signed()?);
    }
    let known = out.len();
    let rest = count - (known - start);
    out.resize(known + rest, 0);
    let Some(values) = out.get_mut(known..) else { return Ok(()) };
    match kind & 0xf0 {
        SAME => values.fill(reader.signed()?),
        PLAIN => {
            for value in values.iter_mut() {
                *value = reader.signed()?;
            }
        }
        how => read_many(reader, how, values)?,
    }
    let numbers = out.get_mut(start..).unwrap_or_default();
    if order == 2 {
        sum_up(numbers.get_mut(1..).unwrap_or_default());
    }
    if order >= 1 {
        sum_up(numbers);
    }
    Ok(())
}

fn read_many(reader: &mut Reader<'_>, how: u8, values: &mut [i64]) -> Result<(), Malformed> {
    let least = reader.signed()?;
    let count = values.len();
    let mut places = values.iter_mut();
    let set = |value: u64| {
        if let Some(place) = places.next() {
            *place = least.wrapping_add(value.cast_signed());
        }
    };
    match how {
        BITS => {
            let width = u32::from(reader.byte()?);
            if width > 64 {
                return Err(reader.fault("no width of numbers"));
            }
            let bytes = reader.take((count * width as usize).div_ceil(8))?;
            unpack_bits(bytes, count, width, set);
        }
        PCO_16 => read_pco::<u16>(reader, count)?.into_iter().map(u64::from).for_each(set),
        PCO_32 => read_pco::<u32>(reader, count)?.into_iter().map(u64::from).for_each(set),
        PCO_64 => read_pco::<u64>(reader, count)?.into_iter().for_each(set),
        _ => return Err(reader.fault("no way to write numbers")),
    }
    Ok(())
}

fn sum_up(values: &mut [i64]) {
    let mut sum = 0_i64;
    for value in values {
        sum = sum.wrapping_add(*value);
        *value = sum;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there_and_back(values: &[i64]) -> (usize, Vec<i64>) {
        let mut bytes = Vec::new();
        put(&mut bytes, values);
        let mut reader = Reader::new(&bytes);
        let mut back = vec![7];
        read(&mut reader, values[0], values.len(), &mut back).unwrap();
        assert!(reader.is_empty());
        (bytes.len(), back.split_off(1))
    }

    proptest! {
        #[test]
        fn numbers_come_back(
            values in prop_oneof![
                proptest::collection::vec(any::<i64>(), 1..200),
                proptest::collection::vec(0..100_i64, 1..200),
                (any::<i64>(), any::<i64>(), 1..200_i64)
                    .prop_map(|(first, step, count)| (0..count).map(|at| first.wrapping_add(step.wrapping_mul(at))).collect()),
            ],
        ) {
            prop_assert_eq!(there_and_back(&values).1, values);
        }

        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            count in 0..300_usize,
        ) {
            let _ = read(&mut Reader::new(&bytes), 1, count, &mut Vec::new());
        }
    }

    #[test]
    fn pco_writes_the_format_that_is_read() {
        let mut header = Vec::new();
        FileCompressor::default().write_header(&mut header).unwrap();
        assert_eq!(header, PCO_HEADER);
    }

    #[test]
    fn what_is_regular_takes_no_space() {
        assert_eq!(there_and_back(&[5; 1_000]).0, 2);
        let times: Vec<i64> = (0..1_000).map(|at| at * 10_000_000_000).collect();
        assert_eq!(there_and_back(&times).0, 6);
    }

    #[test]
    fn counters_take_little_more_than_their_entropy() {
        let (mut seed, mut counter) = (1_u64, 0);
        let values: Vec<i64> = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            counter += (seed >> 40).cast_signed() % 100_000;
            counter
        })
        .take(360)
        .collect();
        // 16.6 bits each.
        assert!(there_and_back(&values).0 < 360 * 17 / 8 + 25, "{}", there_and_back(&values).0);
    }
}
