//! Expressions while a statement is planned: those of the statement, and the times that constants become.

use std::fmt;

use svcflow_influxql as ql;
pub(crate) use svcflow_influxql::{BinaryOp, LogicOp, Regex, WildcardKind};

use crate::QueryError;

/// The type of a column, in the order in which InfluxDB prefers one where sources differ: the first wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Float,
    Integer,
    String,
    Boolean,
    /// A tag: text, the same in all rows of a series.
    Tag,
    /// A field of whichever type, asked for by `::field`.
    AnyField,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float => "float",
            Self::Integer => "integer",
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Tag => "tag",
            Self::AnyField => "field",
        })
    }
}

/// A name, and its type once that is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    pub(crate) name: String,
    pub(crate) kind: Option<Kind>,
}

impl Reference {
    pub(crate) fn is_time(&self) -> bool {
        self.name.eq_ignore_ascii_case("time")
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) args: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Binary {
    pub(crate) op: BinaryOp,
    pub(crate) left: Node,
    pub(crate) right: Node,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Reference(Reference),
    Float(f64),
    Integer(i64),
    /// Over `i64::MAX`.
    Unsigned(u64),
    Text(String),
    Boolean(bool),
    /// Nanoseconds.
    Duration(i64),
    /// Nanoseconds since 1970-01-01 UTC; may lie beyond what can be stored.
    Time(i128),
    /// The value of an expression of constants that has none.
    Nil,
    Regex(Regex),
    Wildcard(Option<WildcardKind>),
    Call(Call),
    Binary(Box<Binary>),
    Logic(LogicOp, Vec<Node>),
    Paren(Box<Node>),
}

impl Node {
    pub(crate) fn binary(op: BinaryOp, left: Self, right: Self) -> Self {
        Self::Binary(Box::new(Binary { op, left, right }))
    }

    pub(crate) const fn is_literal(&self) -> bool {
        matches!(
            self,
            Self::Float(_)
                | Self::Integer(_)
                | Self::Unsigned(_)
                | Self::Text(_)
                | Self::Boolean(_)
                | Self::Duration(_)
                | Self::Time(_)
                | Self::Nil
                | Self::Regex(_)
        )
    }

    /// Calls `visit` with this and all nodes within, outer ones first.
    pub(crate) fn walk(&self, visit: &mut impl FnMut(&Self)) {
        visit(self);
        match self {
            Self::Call(call) => call.args.iter().for_each(|arg| arg.walk(visit)),
            Self::Binary(binary) => {
                binary.left.walk(visit);
                binary.right.walk(visit);
            }
            Self::Logic(_, operands) => operands.iter().for_each(|operand| operand.walk(visit)),
            Self::Paren(inner) => inner.walk(visit),
            _ => {}
        }
    }

    /// Calls `visit` with each reference within.
    pub(crate) fn references_mut(&mut self, visit: &mut impl FnMut(&mut Reference)) {
        match self {
            Self::Reference(reference) => visit(reference),
            Self::Call(call) => call.args.iter_mut().for_each(|arg| arg.references_mut(visit)),
            Self::Binary(binary) => {
                binary.left.references_mut(visit);
                binary.right.references_mut(visit);
            }
            Self::Logic(_, operands) => {
                operands.iter_mut().for_each(|operand| operand.references_mut(visit));
            }
            Self::Paren(inner) => inner.references_mut(visit),
            _ => {}
        }
    }
}

impl TryFrom<&ql::Expr> for Node {
    type Error = QueryError;

    fn try_from(expr: &ql::Expr) -> Result<Self, QueryError> {
        Ok(match expr {
            ql::Expr::Reference(reference) => Self::Reference(reference.try_into()?),
            ql::Expr::Literal(literal, _) => literal.into(),
            ql::Expr::Regex(regex, _) => Self::Regex(regex.clone()),
            ql::Expr::Wildcard(wildcard) => Self::Wildcard(wildcard.kind),
            ql::Expr::Call(call) => {
                let args = call.args.iter().map(Self::try_from).collect::<Result<_, _>>()?;
                Self::Call(Call { name: call.name.clone(), args })
            }
            ql::Expr::Distinct(distinct) => {
                let field = Reference { name: distinct.name.clone(), kind: None };
                Self::Call(Call { name: "distinct".into(), args: vec![Self::Reference(field)] })
            }
            ql::Expr::Binary(binary) => {
                Self::binary(binary.op, (&binary.left).try_into()?, (&binary.right).try_into()?)
            }
            ql::Expr::Logic(logic) => {
                let operands =
                    logic.operands.iter().map(Self::try_from).collect::<Result<_, _>>()?;
                Self::Logic(logic.op, operands)
            }
            ql::Expr::Paren(paren) => Self::Paren(Box::new((&paren.inner).try_into()?)),
        })
    }
}

impl TryFrom<&ql::Reference> for Reference {
    type Error = QueryError;

    fn try_from(reference: &ql::Reference) -> Result<Self, QueryError> {
        let kind = match reference.data_type {
            None => None,
            Some(ql::DataType::Float) => Some(Kind::Float),
            Some(ql::DataType::Integer) => Some(Kind::Integer),
            Some(ql::DataType::String) => Some(Kind::String),
            Some(ql::DataType::Boolean) => Some(Kind::Boolean),
            Some(ql::DataType::Field) => Some(Kind::AnyField),
            Some(ql::DataType::Tag) => Some(Kind::Tag),
            Some(ql::DataType::Unsigned) => {
                return Err(QueryError::NotImplemented(
                    "there are no unsigned values: use ::integer".into(),
                ));
            }
        };
        Ok(Self { name: reference.name.clone(), kind })
    }
}

impl From<&ql::Literal> for Node {
    fn from(literal: &ql::Literal) -> Self {
        match literal {
            ql::Literal::Integer(value) => Self::Integer(*value),
            ql::Literal::Unsigned(value) => Self::Unsigned(*value),
            ql::Literal::Number(value) => Self::Float(*value),
            ql::Literal::String(value) => Self::Text(value.clone()),
            ql::Literal::Boolean(value) => Self::Boolean(*value),
            ql::Literal::Duration(value) => Self::Duration(value.0),
        }
    }
}

/// As InfluxDB writes it in its errors.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reference(reference) => reference.fmt(f),
            Self::Float(value) => write!(f, "{value:.3}"),
            Self::Integer(value) => value.fmt(f),
            Self::Unsigned(value) => value.fmt(f),
            Self::Text(value) => {
                write!(f, "'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
            }
            Self::Boolean(value) => value.fmt(f),
            Self::Duration(value) => f.write_str(&duration_text(*value)),
            Self::Time(value) => write!(f, "'{}'", time_text(*value)),
            Self::Nil => f.write_str("nil"),
            Self::Regex(regex) => write!(f, "/{}/", regex.pattern().replace('/', "\\/")),
            Self::Wildcard(None) => f.write_str("*"),
            Self::Wildcard(Some(WildcardKind::Field)) => f.write_str("*::field"),
            Self::Wildcard(Some(WildcardKind::Tag)) => f.write_str("*::tag"),
            Self::Call(call) => {
                write!(f, "{}(", call.name)?;
                separated(f, ", ", &call.args)?;
                f.write_str(")")
            }
            Self::Binary(binary) => {
                write!(f, "{} {} {}", binary.left, op_text(binary.op), binary.right)
            }
            Self::Logic(LogicOp::And, operands) => separated(f, " AND ", operands),
            Self::Logic(LogicOp::Or, operands) => separated(f, " OR ", operands),
            Self::Paren(inner) => write!(f, "({inner})"),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
        let bare =
            self.name.bytes().all(plain) && !self.name.starts_with(|c: char| c.is_ascii_digit());
        if bare && !self.name.is_empty() {
            f.write_str(&self.name)?;
        } else {
            write!(f, "\"{}\"", self.name.replace('\\', "\\\\").replace('"', "\\\""))?;
        }
        self.kind.map_or(Ok(()), |kind| write!(f, "::{kind}"))
    }
}

fn separated(f: &mut fmt::Formatter<'_>, between: &str, nodes: &[Node]) -> fmt::Result {
    for (at, node) in nodes.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        write!(f, "{node}")?;
    }
    Ok(())
}

/// The operator as it is written.
pub(crate) const fn op_text(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Subtract => "-",
        BinaryOp::Multiply => "*",
        BinaryOp::Divide => "/",
        BinaryOp::Modulo => "%",
        BinaryOp::BitAnd => "&",
        BinaryOp::BitOr => "|",
        BinaryOp::BitXor => "^",
        BinaryOp::Equal => "=",
        BinaryOp::NotEqual => "!=",
        BinaryOp::Matches => "=~",
        BinaryOp::NotMatches => "!~",
        BinaryOp::Less => "<",
        BinaryOp::LessOrEqual => "<=",
        BinaryOp::Greater => ">",
        BinaryOp::GreaterOrEqual => ">=",
    }
}

/// A duration in the largest unit that divides it.
pub(crate) fn duration_text(nanos: i64) -> String {
    const UNITS: [(i64, &str); 7] = [
        (604_800_000_000_000, "w"),
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "u"),
    ];
    if nanos == 0 {
        return "0s".into();
    }
    let unit = UNITS.iter().find(|(length, _)| nanos % length == 0);
    unit.map_or_else(|| format!("{nanos}ns"), |(length, name)| format!("{}{name}", nanos / length))
}

/// An instant as RFC 3339, in UTC; those that can't be stored as the nearest that can.
pub(crate) fn time_text(instant: i128) -> String {
    let clamped = instant.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
    let mut out = Vec::new();
    crate::write_time(&mut out, i64::try_from(clamped).unwrap_or_default(), None);
    String::from_utf8_lossy(&out).into_owned()
}
