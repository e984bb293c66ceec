//! A few numbers in few bits, for rows that wait in memory. Fast and plain; what goes to disk is
//! compressed better, and checked.
//!
//! A column is its first word, and then what each next word differs by: integers by subtraction, less
//! the least difference, so that what goes up evenly takes nothing; floats by exclusive or, less the
//! zeros at the low end. All in as many bits as the greatest needs.

use crate::codec::{Malformed, Reader, put_signed, put_varint};

/// How one word is told from the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    Subtract,
    ExclusiveOr,
}

/// Adds a column of at least one word.
pub(crate) fn pack(out: &mut Vec<u8>, words: &[u64], difference: Difference) {
    let Some((first, rest)) = words.split_first() else { return };
    put_varint(out, *first);
    if rest.is_empty() {
        return;
    }
    let pairs = || words.iter().zip(rest);
    let least = pairs().map(|(one, next)| next.wrapping_sub(*one).cast_signed()).min().unwrap_or(0);
    let difference = |(one, next): (&u64, &u64)| match difference {
        Difference::Subtract => next.wrapping_sub(*one).wrapping_sub(least.cast_unsigned()),
        Difference::ExclusiveOr => next ^ one,
    };
    let all = pairs().map(difference).fold(0, |all, word| all | word);
    let shift = if all == 0 { 0 } else { all.trailing_zeros() };
    let width = 64 - (all >> shift).leading_zeros();
    put_signed(out, least);
    out.extend([shift, width].map(|bits| bits.to_le_bytes()[0]));
    pack_bits(out, pairs().map(difference).map(|word| word >> shift), width);
}

/// Adds words, each in so many bits, the lowest first.
pub(crate) fn pack_bits(out: &mut Vec<u8>, words: impl Iterator<Item = u64>, width: u32) {
    let (mut bits, mut have) = (0_u128, 0);
    for word in words {
        bits |= u128::from(word) << have;
        have += width;
        while have >= 8 {
            out.push(bits.to_le_bytes()[0]);
            bits >>= 8;
            have -= 8;
        }
    }
    if have > 0 {
        out.push(bits.to_le_bytes()[0]);
    }
}

/// Hands over so many words that [`pack_bits`] wrote.
pub(crate) fn unpack_bits(bytes: &[u8], count: usize, width: u32, each: impl FnMut(u64)) {
    let mut packed = Packed { least: 0, shift: 0, width, bytes, bits: 0, have: 0 };
    (0..count).map(|_| packed.next()).for_each(each);
}

/// Reads a column of so many words and hands each over.
pub(crate) fn unpack(
    reader: &mut Reader<'_>,
    count: usize,
    difference: Difference,
    mut each: impl FnMut(u64),
) -> Result<(), Malformed> {
    let Some((mut packed, mut word)) = read_frame(reader, count)? else { return Ok(()) };
    each(word);
    for _ in 1..count {
        let value = packed.next();
        word = match difference {
            Difference::Subtract => word.wrapping_add(value).wrapping_add(packed.least),
            Difference::ExclusiveOr => word ^ value,
        };
        each(word);
    }
    Ok(())
}

/// Passes over a column of so many words.
pub(crate) fn skip(reader: &mut Reader<'_>, count: usize) -> Result<(), Malformed> {
    read_frame(reader, count).map(drop)
}

fn read_frame<'a>(
    reader: &mut Reader<'a>,
    count: usize,
) -> Result<Option<(Packed<'a>, u64)>, Malformed> {
    if count == 0 {
        return Ok(None);
    }
    let first = reader.varint()?;
    let mut packed = Packed { least: 0, shift: 0, width: 0, bytes: &[], bits: 0, have: 0 };
    if count > 1 {
        packed.least = reader.signed()?.cast_unsigned();
        packed.shift = u32::from(reader.byte()?);
        packed.width = u32::from(reader.byte()?);
        packed.bytes = reader.take(((count - 1) * packed.width as usize).div_ceil(8))?;
    }
    Ok(Some((packed, first)))
}

struct Packed<'a> {
    least: u64,
    shift: u32,
    width: u32,
    bytes: &'a [u8],
    bits: u128,
    have: u32,
}

impl Packed<'_> {
    fn next(&mut self) -> u64 {
        while self.have < self.width {
            if let Some((word, rest)) = self.bytes.split_first_chunk() {
                self.bits |= u128::from(u64::from_le_bytes(*word)) << self.have;
                self.have += 64;
                self.bytes = rest;
            } else {
                let (byte, rest) = self.bytes.split_first().unwrap_or((&0, &[]));
                self.bits |= u128::from(*byte) << self.have;
                self.have += 8;
                self.bytes = rest;
            }
        }
        let mask = u64::MAX.checked_shr(64 - self.width).unwrap_or(0);
        let [low, _] = halves(self.bits);
        self.bits >>= self.width;
        self.have -= self.width;
        (low & mask) << self.shift
    }
}

fn halves(bits: u128) -> [u64; 2] {
    let [a, b, c, d, e, f, g, h, rest @ ..] = bits.to_le_bytes();
    [u64::from_le_bytes([a, b, c, d, e, f, g, h]), u64::from_le_bytes(rest)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there_and_back(words: &[u64], difference: Difference) -> Vec<u64> {
        let mut out = Vec::new();
        pack(&mut out, words, difference);
        let mut back = Vec::new();
        let mut reader = Reader::new(&out);
        unpack(&mut reader, words.len(), difference, |word| back.push(word)).unwrap();
        assert!(reader.is_empty());
        let mut reader = Reader::new(&out);
        skip(&mut reader, words.len()).unwrap();
        assert!(reader.is_empty());
        back
    }

    proptest! {
        #[test]
        fn words_come_back(
            words in proptest::collection::vec(
                prop_oneof![any::<u64>(), 0..100_u64, Just(u64::MAX), (0..9_i32).prop_map(|it| f64::from(it).to_bits())],
                1..40,
            ),
        ) {
            prop_assert_eq!(&there_and_back(&words, Difference::Subtract), &words);
            prop_assert_eq!(&there_and_back(&words, Difference::ExclusiveOr), &words);
        }
    }

    #[test]
    fn what_goes_up_evenly_takes_no_bits() {
        let words: Vec<u64> = (0..16).map(|at| 1_000 + at * 10_000_000_000).collect();
        let mut out = Vec::new();
        pack(&mut out, &words, Difference::Subtract);
        assert_eq!(out.len(), 2 + 5 + 2);
    }
}
