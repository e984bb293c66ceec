use super::{Literal, Span};
use crate::Regex;

/// An expression: of a field, a condition, a dimension or an argument.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A field, a tag, or `time`.
    Reference(Reference),
    /// A constant.
    Literal(Literal, Span),
    /// `/…/`: field keys, tag keys or arguments by pattern, or the right side of `=~`.
    Regex(Regex, Span),
    /// `*`
    Wildcard(Wildcard),
    /// `mean(x)`
    Call(Call),
    /// `distinct x`, without parentheses. With them it is a [`Call`].
    Distinct(Distinct),
    /// Two operands.
    Binary(Box<Binary>),
    /// Something in parentheses. Kept, because `mean((x))` isn't `mean(x)` to InfluxDB.
    Paren(Box<Paren>),
}

impl Expr {
    /// Where it stands.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Reference(it) => it.span,
            Self::Literal(_, span) | Self::Regex(_, span) => *span,
            Self::Wildcard(it) => it.span,
            Self::Call(it) => it.span,
            Self::Distinct(it) => it.span,
            Self::Binary(it) => it.span,
            Self::Paren(it) => it.span,
        }
    }
}

/// A name in an expression, perhaps with a type: `BytesIn`, `"Node"::tag`.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// The name, without quotes. Segments (`a.b`) are joined by their dots, as InfluxDB does.
    pub name: String,
    /// The type asked for by `::`.
    pub data_type: Option<DataType>,
    /// Where it stands.
    pub span: Span,
}

/// What `::` may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    /// `::float`
    Float,
    /// `::integer`
    Integer,
    /// `::unsigned`
    Unsigned,
    /// `::string`
    String,
    /// `::boolean`
    Boolean,
    /// `::field`: a field of any type.
    Field,
    /// `::tag`
    Tag,
}

/// `*`, `*::field` or `*::tag`.
#[derive(Clone, Debug, PartialEq)]
pub struct Wildcard {
    /// What it is narrowed to; `None` takes fields and tags.
    pub kind: Option<WildcardKind>,
    /// Where it stands.
    pub span: Span,
}

/// What a wildcard may be narrowed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WildcardKind {
    /// `*::field`
    Field,
    /// `*::tag`
    Tag,
}

/// A call: `mean(x)`, `time(10s)`, `now()`. Whether the function exists is not looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The function's name in lower case.
    pub name: String,
    /// What stands in the parentheses.
    pub args: Vec<Expr>,
    /// Where it stands.
    pub span: Span,
}

/// `distinct x`
#[derive(Clone, Debug, PartialEq)]
pub struct Distinct {
    /// The field's name, without quotes.
    pub name: String,
    /// Where it stands.
    pub span: Span,
}

/// Two operands and what joins them.
///
/// A sign before a name, a call or a parenthesis is a product with 1 or -1: `-x` is `-1 * x`.
#[derive(Clone, Debug, PartialEq)]
pub struct Binary {
    /// The left operand.
    pub left: Expr,
    /// What joins them.
    pub op: BinaryOp,
    /// The right operand. After `=~` and `!~` it begins with a regular expression.
    pub right: Expr,
    /// Where they stand.
    pub span: Span,
}

/// An expression in parentheses.
#[derive(Clone, Debug, PartialEq)]
pub struct Paren {
    /// What is in them.
    pub inner: Expr,
    /// Where they stand.
    pub span: Span,
}

/// What may join two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
    /// `&`
    BitAnd,
    /// `|`
    BitOr,
    /// `^`
    BitXor,
    /// `AND`
    And,
    /// `OR`
    Or,
    /// `=`
    Equal,
    /// `!=` or `<>`
    NotEqual,
    /// `=~`
    Matches,
    /// `!~`
    NotMatches,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `IN`: InfluxDB's parser takes it as an operator, and nothing behind the parser knows it.
    In,
}

impl BinaryOp {
    /// How tightly it binds: 1 (`OR`) to 5 (`*`). All operators are left-associative. As in Go, `|` and
    /// `^` bind like `+`, and `&` like `*`.
    #[must_use]
    pub const fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Equal
            | Self::NotEqual
            | Self::Matches
            | Self::NotMatches
            | Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual
            | Self::In => 3,
            Self::Add | Self::Subtract | Self::BitOr | Self::BitXor => 4,
            Self::Multiply | Self::Divide | Self::Modulo | Self::BitAnd => 5,
        }
    }
}
