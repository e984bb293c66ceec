use crate::DecodeError;

/// Size of `struct nlattr`.
const HEADER: usize = 4;
/// `NLA_F_NESTED | NLA_F_NET_BYTEORDER`: not part of the type.
const FLAGS: u16 = 0xc000;

/// One attribute, still in the buffer it came in.
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'a> {
    /// Type, without flags.
    pub kind: u16,
    /// The value.
    pub payload: &'a [u8],
    /// Where the value starts in the buffer.
    pub offset: usize,
}

impl<'a> Attribute<'a> {
    /// The value as nested attributes.
    #[must_use]
    #[inline]
    pub const fn nested(&self) -> Attributes<'a> {
        Attributes::new(self.payload, self.offset)
    }

    /// The value as exactly `N` bytes.
    ///
    /// # Errors
    /// Where it has another length.
    #[inline]
    pub fn array<const N: usize>(&self) -> Result<[u8; N], DecodeError> {
        self.payload
            .try_into()
            .map_err(|_| DecodeError { what: "attribute of wrong length", offset: self.offset })
    }

    /// One byte.
    ///
    /// # Errors
    /// Where it has another length.
    #[inline]
    pub fn u8(&self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A 16-bit number in network byte order.
    ///
    /// # Errors
    /// Where it has another length.
    #[inline]
    pub fn be_u16(&self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    /// A 32-bit number in network byte order.
    ///
    /// # Errors
    /// Where it has another length.
    #[inline]
    pub fn be_u32(&self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    /// A 64-bit number in network byte order.
    ///
    /// # Errors
    /// Where it has another length.
    #[inline]
    pub fn be_u64(&self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    /// Text up to its NUL, `None` where it isn't UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&'a str> {
        let bytes = self.payload.split(|byte| *byte == 0).next().unwrap_or_default();
        std::str::from_utf8(bytes).ok()
    }
}

/// The attributes in a byte range. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Attributes<'a> {
    /// Reads attributes from `bytes`, which start at `offset` of the whole buffer.
    #[must_use]
    pub const fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self { rest: bytes, offset }
    }

    #[inline]
    fn read(&mut self) -> Result<Attribute<'a>, DecodeError> {
        let fault = |what| DecodeError { what, offset: self.offset };
        let [l0, l1, k0, k1]: [u8; HEADER] =
            *self.rest.first_chunk().ok_or(fault("truncated attribute header"))?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let payload =
            self.rest.get(HEADER..length).ok_or(fault("attribute length outside its message"))?;
        let attribute = Attribute {
            kind: u16::from_ne_bytes([k0, k1]) & !FLAGS,
            payload,
            offset: self.offset + HEADER,
        };
        let step = length.next_multiple_of(4).min(self.rest.len());
        self.rest = self.rest.get(step..).unwrap_or_default();
        self.offset += step;
        Ok(attribute)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let attribute = self.read();
        if attribute.is_err() {
            self.rest = &[];
        }
        Some(attribute)
    }
}
