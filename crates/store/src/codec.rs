//! Numbers and texts as bytes: what the log, the chunks and the catalog are made of.
//!
//! A varint is LEB128: seven bits a byte, the lowest first, the top bit set on all but the last. A signed
//! number goes through zigzag first, so that small ones of either sign are short.

/// Bytes that are not what they claim to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {offset}")]
pub struct Malformed {
    /// What was wrong.
    pub what: &'static str,
    /// Where, from the start of what was read.
    pub offset: usize,
}

pub(crate) const fn zigzag(value: i64) -> u64 {
    (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned()
}

pub(crate) const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.push(low_byte(value));
}

const fn low_byte(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, zigzag(value));
}

pub(crate) fn put_length(out: &mut Vec<u8>, length: usize) {
    put_varint(out, length as u64);
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// A float: its bytes turned round, since round numbers have zeros at the low end.
pub(crate) fn put_float(out: &mut Vec<u8>, bits: u64) {
    put_varint(out, bits.swap_bytes());
}

/// Reads what the `put_` functions wrote.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, length: bytes.len() }
    }

    pub(crate) const fn fault(&self, what: &'static str) -> Malformed {
        Malformed { what, offset: self.length - self.rest.len() }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) const fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return Err(self.fault("too few bytes"));
        };
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let Some((taken, rest)) = self.rest.split_first_chunk() else {
            return Err(self.fault("too few bytes"));
        };
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        let mut shift = 0;
        loop {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(self.fault("a number over 64 bits"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            shift += 7;
            if shift > 63 {
                return Err(self.fault("a number over 64 bits"));
            }
        }
    }

    pub(crate) fn signed(&mut self) -> Result<i64, Malformed> {
        Ok(unzigzag(self.varint()?))
    }

    pub(crate) fn float(&mut self) -> Result<u64, Malformed> {
        Ok(self.varint()?.swap_bytes())
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.varint()?).map_err(|_| self.fault("a number over 32 bits"))
    }

    /// A number of things of at least `least` bytes each: never more than the bytes that are left hold.
    pub(crate) fn count(&mut self, least: usize) -> Result<usize, Malformed> {
        let most = self.rest.len() / least.max(1);
        let count = usize::try_from(self.varint()?).ok().filter(|count| *count <= most);
        count.ok_or_else(|| self.fault("a count beyond the end"))
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.count(1)?;
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| self.fault("a text that isn't UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_and_texts_come_back(number in any::<u64>(), float in any::<u64>(), text in ".*") {
            let mut out = Vec::new();
            put_varint(&mut out, number);
            put_signed(&mut out, number.cast_signed());
            put_float(&mut out, float);
            put_bytes(&mut out, text.as_bytes());
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.varint(), Ok(number));
            prop_assert_eq!(reader.signed(), Ok(number.cast_signed()));
            prop_assert_eq!(reader.float(), Ok(float));
            prop_assert_eq!(reader.text(), Ok(text.as_str()));
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut reader = Reader::new(&bytes);
            while reader.varint().is_ok() {}
            let _ = Reader::new(&bytes).text();
        }
    }

    #[test]
    fn numbers_over_64_bits_are_refused() {
        let mut bytes = vec![0xff; 9];
        bytes.push(1);
        assert_eq!(Reader::new(&bytes).varint(), Ok(u64::MAX));
        bytes[9] = 2;
        assert!(Reader::new(&bytes).varint().is_err());
        assert!(Reader::new(&[0x80; 11]).varint().is_err());
    }
}
