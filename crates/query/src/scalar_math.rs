//! The mathematical functions, which work on one row at a time.

use crate::plan::Node;

/// A mathematical function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MathFunction {
    Abs,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Atan2,
    Exp,
    Log,
    Ln,
    Log2,
    Log10,
    Sqrt,
    Pow,
    Floor,
    Ceil,
    Round,
}

impl MathFunction {
    /// The function of this name, which is in lower case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "abs" => Self::Abs,
            "sin" => Self::Sin,
            "cos" => Self::Cos,
            "tan" => Self::Tan,
            "asin" => Self::Asin,
            "acos" => Self::Acos,
            "atan" => Self::Atan,
            "atan2" => Self::Atan2,
            "exp" => Self::Exp,
            "log" => Self::Log,
            "ln" => Self::Ln,
            "log2" => Self::Log2,
            "log10" => Self::Log10,
            "sqrt" => Self::Sqrt,
            "pow" => Self::Pow,
            "floor" => Self::Floor,
            "ceil" => Self::Ceil,
            "round" => Self::Round,
            _ => return None,
        })
    }

    /// How many arguments it takes: one or two.
    pub(crate) const fn arguments(self) -> usize {
        match self {
            Self::Atan2 | Self::Log | Self::Pow => 2,
            _ => 1,
        }
    }

    /// Whether an integer stays what it is. Whatever else is calculated in floats.
    pub(crate) const fn keeps_integers(self) -> bool {
        matches!(self, Self::Abs | Self::Floor | Self::Ceil | Self::Round)
    }

    /// Its value; the second argument is left aside where it takes one.
    pub(crate) fn apply(self, x: f64, y: f64) -> f64 {
        match self {
            Self::Abs => x.abs(),
            Self::Sin => x.sin(),
            Self::Cos => x.cos(),
            Self::Tan => x.tan(),
            Self::Asin => x.asin(),
            Self::Acos => x.acos(),
            Self::Atan => x.atan(),
            Self::Atan2 => x.atan2(y),
            Self::Exp => x.exp(),
            Self::Log => x.ln() / y.ln(),
            Self::Ln => x.ln(),
            Self::Log2 => x.log2(),
            Self::Log10 => x.log10(),
            Self::Sqrt => x.sqrt(),
            Self::Pow => x.powf(y),
            Self::Floor => x.floor(),
            Self::Ceil => x.ceil(),
            // Half away from zero, as InfluxDB's own `round` does.
            Self::Round => x.round(),
        }
    }
}

/// The value of a call with constants; `None` where it is no mathematical function of so many arguments.
pub(crate) fn call_constant(name: &str, args: &[Node]) -> Option<Node> {
    let function = MathFunction::named(name).filter(|it| it.arguments() == args.len())?;
    if let (true, [integer @ Node::Integer(_)]) = (function.keeps_integers(), args) {
        return Some(integer.clone());
    }
    let mut values = args.iter().map(number);
    let x = values.next()?;
    let y = values.next().unwrap_or(Some(0.0));
    Some(match (x, y) {
        (Some(x), Some(y)) => Node::Float(function.apply(x, y)),
        _ => Node::Nil,
    })
}

#[expect(clippy::cast_precision_loss, reason = "Go converts the same way")]
const fn number(node: &Node) -> Option<f64> {
    match node {
        Node::Float(value) => Some(*value),
        Node::Integer(value) => Some(*value as f64),
        Node::Unsigned(value) => Some(*value as f64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants() {
        let call = |name, args: &[Node]| call_constant(name, args);
        assert_eq!(call("pow", &[Node::Integer(2), Node::Integer(3)]), Some(Node::Float(8.0)));
        assert_eq!(call("abs", &[Node::Integer(-2)]), Some(Node::Integer(-2)));
        assert_eq!(call("round", &[Node::Float(-2.5)]), Some(Node::Float(-3.0)));
        assert_eq!(call("sqrt", &[Node::Text("x".into())]), Some(Node::Nil));
        assert_eq!(call("sqrt", &[]), None);
        assert_eq!(call("mean", &[Node::Integer(1)]), None);
    }
}
