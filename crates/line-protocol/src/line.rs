use std::borrow::Cow;

use crate::escape;

/// One point, borrowed from the buffer it was sent in (`'b`) and from the parser's own list of fields (`'p`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line<'p, 'b> {
    /// Measurement and tags as sent, escapes and order included. Two keys that differ may name one series; one key
    /// never names two: fit for a cache. [`crate::SeriesKey`] reads it.
    pub key: &'b str,
    /// The fields in the line's order, at least one. A name may come twice; the last one counts.
    pub fields: &'p [Field<'b>],
    /// Nanoseconds since the epoch; the parser's clock where the line gives none.
    pub timestamp: i64,
    /// Whether the fields' names are those of the line before, in the same order: what was found out about those
    /// holds for these.
    pub same_names: bool,
    /// The whole line, for messages.
    pub text: &'b str,
}

/// One field of a [`Line`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field<'b> {
    /// The name as sent; [`crate::unescape_name`] reads it.
    pub name: &'b str,
    /// The value.
    pub value: Value<'b>,
}

/// A field's value; a float is never NaN or infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'b> {
    /// `1`, `1.5`, `1e3`.
    Float(f64),
    /// `1i`.
    Integer(i64),
    /// `"text"`.
    String(Text<'b>),
    /// `t`, `T`, `true`, `True`, `TRUE` and their opposites.
    Boolean(bool),
}

/// A string as sent, without its quotes, with its escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'b>(pub(crate) &'b str);

impl<'b> Text<'b> {
    /// The text that was meant; copied only where there are escapes.
    #[must_use]
    pub fn unescape(self) -> Cow<'b, str> {
        escape::string(self.0)
    }
}
