//! Values of fields, and what tells series and fields apart.

use std::fmt;

/// The type of a field. One name has one type within a measurement and policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum FieldType {
    /// 64-bit IEEE 754.
    Float = 0,
    /// 64-bit signed.
    Integer = 1,
    /// UTF-8 text.
    String = 2,
    /// True or false.
    Boolean = 3,
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float => "float",
            Self::Integer => "integer",
            Self::String => "string",
            Self::Boolean => "boolean",
        })
    }
}

/// One value of a field, with its type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldValue<'a> {
    /// 64-bit IEEE 754.
    Float(f64),
    /// 64-bit signed.
    Integer(i64),
    /// UTF-8 text.
    String(&'a str),
    /// True or false.
    Boolean(bool),
}

impl FieldValue<'_> {
    /// The value's type.
    #[must_use]
    pub const fn field_type(&self) -> FieldType {
        match self {
            Self::Float(_) => FieldType::Float,
            Self::Integer(_) => FieldType::Integer,
            Self::String(_) => FieldType::String,
            Self::Boolean(_) => FieldType::Boolean,
        }
    }
}

/// A series of a database: a measurement and its tags. Dense, counted up, never used again after a drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesId(u32);

impl SeriesId {
    /// The series of this number, as a bitmap holds it.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number, as a bitmap holds it.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A field of one measurement in one policy. Carries its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldId(u16);

impl FieldId {
    /// Fields that a measurement may have in one policy.
    pub const MOST: usize = 1 << 14;

    /// The `index`th field; none beyond [`FieldId::MOST`].
    pub(crate) fn new(index: usize, kind: FieldType) -> Option<Self> {
        let index = u16::try_from(index).ok().filter(|index| usize::from(*index) < Self::MOST)?;
        Some(Self(index << 2 | kind as u16))
    }

    /// The id with these bits, as they stand on disk.
    pub(crate) const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// Which of the measurement's fields it is.
    pub(crate) fn index(self) -> usize {
        usize::from(self.0 >> 2)
    }

    pub(crate) const fn bits(self) -> u16 {
        self.0
    }

    /// The field's type.
    #[must_use]
    pub fn field_type(self) -> FieldType {
        match self.0 & 3 {
            0 => FieldType::Float,
            1 => FieldType::Integer,
            2 => FieldType::String,
            _ => FieldType::Boolean,
        }
    }
}
