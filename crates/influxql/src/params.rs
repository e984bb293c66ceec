use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::Duration;
use crate::keyword::Keyword;
use crate::token::Kind;

/// The values of bound parameters: what stands for `$name`.
pub type Params = BTreeMap<String, Param>;

/// The value of a bound parameter. It takes the place of one word: a string can't become more than a
/// string, whatever is in it.
///
/// In InfluxDB's JSON a plain string, integer, number or boolean is itself; the others, and the same, are
/// objects of one entry that names the kind. See [`Param::of_kind`].
#[derive(Clone, Debug, PartialEq)]
pub enum Param {
    /// `'text'`
    String(String),
    /// `42`
    Integer(i64),
    /// `1.5`
    Number(f64),
    /// `true`
    Boolean(bool),
    /// `1h`
    Duration(Duration),
    /// `/…/`, by its pattern.
    Regex(String),
    /// A name, as if in double quotes.
    Identifier(String),
}

/// Why a value can't be of the kind that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// No such kind.
    #[error("unknown bind object type: {kind}")]
    UnknownKind {
        /// As given.
        kind: String,
    },
    /// The value can't be read as that kind.
    #[error("{what} must be {allowed} value")]
    WrongValue {
        /// The kind.
        what: &'static str,
        /// What it takes.
        allowed: &'static str,
    },
    /// A duration that isn't one.
    #[error("invalid duration")]
    Duration,
}

impl Param {
    /// The parameter that the object `{kind: value}` stands for, `value` being a plain string, integer or
    /// number. InfluxDB knows `ident`, `identifier`, `regex`, `string`, `float`, `number`, `int`, `integer`
    /// and `duration`.
    ///
    /// # Errors
    /// The kind is unknown, or the value is no such value.
    pub fn of_kind(kind: &str, value: Self) -> Result<Self, ParamError> {
        let wrong = |what, allowed| Err(ParamError::WrongValue { what, allowed });
        match (kind, value) {
            ("ident" | "identifier", Self::String(name)) => Ok(Self::Identifier(name)),
            ("ident" | "identifier", _) => wrong("identifier", "a string"),
            ("regex", Self::String(pattern)) => Ok(Self::Regex(pattern)),
            ("regex", _) => wrong("regex literal", "a string"),
            ("string", Self::String(text)) => Ok(Self::String(text)),
            ("string", _) => wrong("string literal", "a string"),
            ("float" | "number", Self::Number(number)) => Ok(Self::Number(number)),
            // InfluxDB reads such an integer as a float, too.
            #[expect(clippy::cast_precision_loss, reason = "the caller asks for a float")]
            ("float" | "number", Self::Integer(integer)) => Ok(Self::Number(integer as f64)),
            ("float" | "number", _) => wrong("number literal", "a float"),
            ("int" | "integer", Self::Integer(integer)) => Ok(Self::Integer(integer)),
            ("int" | "integer", _) => wrong("integer literal", "an integer"),
            ("duration", Self::Integer(nanoseconds)) => Ok(Self::Duration(Duration(nanoseconds))),
            ("duration", Self::String(text)) => {
                text.parse().map(Self::Duration).map_err(|_| ParamError::Duration)
            }
            ("duration", _) => wrong("duration literal", "a string or integer"),
            _ => Err(ParamError::UnknownKind { kind: kind.to_owned() }),
        }
    }

    /// The word that it takes the place of.
    pub(crate) fn word(&self) -> Kind<'_> {
        match self {
            Self::String(text) => Kind::String(text.into()),
            Self::Integer(integer) => Kind::Integer(integer.to_string().into()),
            Self::Number(number) => Kind::Number(number.to_string().into()),
            Self::Boolean(value) => {
                Kind::Keyword(if *value { Keyword::True } else { Keyword::False })
            }
            Self::Duration(duration) => Kind::Duration(Cow::Owned(duration.to_string())),
            Self::Regex(pattern) => Kind::Regex(pattern.into()),
            Self::Identifier(name) => Kind::Identifier(name.into()),
        }
    }
}
