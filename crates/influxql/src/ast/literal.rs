/// A length of time in nanoseconds; may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(pub i64);

/// A constant.
///
/// Times are no literals of the language: they are strings or integers until something compares them
/// with `time`. A regular expression is an expression of its own, [`Expr::Regex`](super::Expr::Regex).
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `42`, `-9223372036854775808`
    Integer(i64),
    /// An integer over `i64::MAX`, which InfluxDB reads as unsigned.
    Unsigned(u64),
    /// `1.5`; always finite.
    Number(f64),
    /// `'text'`, without quotes and escapes.
    String(String),
    /// `true`
    Boolean(bool),
    /// `1h30m`
    Duration(Duration),
}
