use std::fmt;

use super::Joined;
use super::names::{Identifier, Text};
use crate::{
    Binary, BinaryOp, Call, DataType, Distinct, Expr, Literal, Logic, LogicOp, Paren, Reference,
    Wildcard, WildcardKind,
};

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reference(it) => it.fmt(f),
            Self::Literal(it, _) => it.fmt(f),
            Self::Regex(it, _) => it.fmt(f),
            Self::Wildcard(it) => it.fmt(f),
            Self::Call(it) => it.fmt(f),
            Self::Distinct(it) => it.fmt(f),
            Self::Binary(it) => it.fmt(f),
            Self::Logic(it) => it.fmt(f),
            Self::Paren(it) => it.fmt(f),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Identifier(&self.name).fmt(f)?;
        match self.data_type {
            Some(data_type) => write!(f, "::{data_type}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float => "float",
            Self::Integer => "integer",
            Self::Unsigned => "unsigned",
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Field => "field",
            Self::Tag => "tag",
        })
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Unsigned(value) => value.fmt(f),
            // Debug would write large ones with an exponent, which isn't InfluxQL; Display leaves `.0` out.
            Self::Number(value) if value.fract() == 0.0 => write!(f, "{value}.0"),
            Self::Number(value) => value.fmt(f),
            Self::String(text) => Text(text).fmt(f),
            Self::Boolean(value) => value.fmt(f),
            Self::Duration(value) => value.fmt(f),
        }
    }
}

impl fmt::Display for Wildcard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            None => "*",
            Some(WildcardKind::Field) => "*::field",
            Some(WildcardKind::Tag) => "*::tag",
        })
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The one reserved word that may be called.
        if self.name == "distinct" {
            f.write_str("distinct")?;
        } else {
            Identifier(&self.name).fmt(f)?;
        }
        write!(f, "({})", Joined(&self.args, ", "))
    }
}

impl fmt::Display for Distinct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "distinct {}", Identifier(&self.name))
    }
}

impl fmt::Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.left, self.op)?;
        match signed(&self.right) {
            // `a / -b`: as `a / -1 * b` it would be `(a / -1) * b`.
            Some((sign, operand)) => write!(f, "{sign}{operand}"),
            None => self.right.fmt(f),
        }
    }
}

/// The sign and the operand, if the expression is one with a sign before it.
fn signed(expr: &Expr) -> Option<(&'static str, &Expr)> {
    let Expr::Binary(product) = expr else { return None };
    let sign = match product.left {
        Expr::Literal(Literal::Integer(1), _) => "+",
        Expr::Literal(Literal::Integer(-1), _) => "-",
        _ => return None,
    };
    let may = matches!(product.right, Expr::Reference(_) | Expr::Call(_) | Expr::Paren(_));
    (product.op == BinaryOp::Multiply && may).then_some((sign, &product.right))
}

impl fmt::Display for BinaryOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::BitAnd => "&",
            Self::BitOr => "|",
            Self::BitXor => "^",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Matches => "=~",
            Self::NotMatches => "!~",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

impl fmt::Display for Logic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.op {
            LogicOp::And => Joined(&self.operands, " AND ").fmt(f),
            LogicOp::Or => Joined(&self.operands, " OR ").fmt(f),
        }
    }
}

impl fmt::Display for LogicOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::And => "AND",
            Self::Or => "OR",
        })
    }
}

impl fmt::Display for Paren {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({})", self.inner)
    }
}
