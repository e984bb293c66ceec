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
    /// Arithmetic or a comparison.
    Binary(Box<Binary>),
    /// `a AND b AND c`, `a OR b OR c`
    Logic(Logic),
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
            Self::Logic(it) => it.span,
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

/// Arithmetic or a comparison: two operands and what joins them.
///
/// A sign before a name, a call or a parenthesis is a product with 1 or -1: `-x` is `-1 * x`.
#[derive(Clone, Debug, PartialEq)]
pub struct Binary {
    /// The left operand.
    pub left: Expr,
    /// What joins them.
    pub op: BinaryOp,
    /// The right operand; always an [`Expr::Regex`] after `=~` and `!~`.
    pub right: Expr,
    /// Where they stand.
    pub span: Span,
}

/// Conditions of which all or any must hold.
///
/// A list, since conditions that programs write are long: thousands of `OR`s would be a tree as deep,
/// which whoever walks it by recursion wouldn't survive.
#[derive(Clone, Debug, PartialEq)]
pub struct Logic {
    /// All or any.
    pub op: LogicOp,
    /// The conditions; two or more, none of which is a [`Logic`] of the same kind (but for one in parentheses).
    pub operands: Vec<Expr>,
    /// Where they stand.
    pub span: Span,
}

/// How conditions are joined. `AND` binds more tightly than `OR`, and both less than a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogicOp {
    /// `AND`
    And,
    /// `OR`
    Or,
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
}

impl BinaryOp {
    /// Whether it compares, rather than calculates.
    #[must_use]
    pub const fn is_comparison(self) -> bool {
        self.precedence() == COMPARISON
    }

    /// How tightly it binds. All are left-associative. As in Go, `|` and `^` bind like `+`, and `&` like `*`.
    pub(crate) const fn precedence(self) -> u8 {
        match self {
            Self::Equal
            | Self::NotEqual
            | Self::Matches
            | Self::NotMatches
            | Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual => COMPARISON,
            Self::Add | Self::Subtract | Self::BitOr | Self::BitXor => 2,
            Self::Multiply | Self::Divide | Self::Modulo | Self::BitAnd => 3,
        }
    }
}

/// The loosest of [`BinaryOp::precedence`].
pub(crate) const COMPARISON: u8 = 1;
