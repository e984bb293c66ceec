//! The types of expressions (InfluxDB's `TypeValuerEval`).

use super::node::{Binary, BinaryOp, Call, Kind, Node};
use super::resolve::{Resolved, ResolvedSource};
use crate::QueryError;
use crate::scalar_math::MathFunction;

type Typed = Result<Option<Kind>, QueryError>;

/// The type of an expression over these sources; `None` where nothing is known of it.
pub(crate) fn kind_of(node: &Node, sources: &[ResolvedSource]) -> Typed {
    match node {
        Node::Reference(reference) => match reference.kind {
            Some(kind) if kind != Kind::AnyField => Ok(Some(kind)),
            _ => kind_of_name(&reference.name, sources),
        },
        Node::Call(call) => kind_of_call(call, sources),
        Node::Binary(binary) => kind_of_binary(node, binary, sources),
        Node::Paren(inner) => kind_of(inner, sources),
        Node::Float(_) => Ok(Some(Kind::Float)),
        Node::Integer(_) | Node::Unsigned(_) => Ok(Some(Kind::Integer)),
        Node::Text(_) => Ok(Some(Kind::String)),
        Node::Boolean(_) => Ok(Some(Kind::Boolean)),
        _ => Ok(None),
    }
}

/// The type of a column: the preferred one among the sources'.
pub(crate) fn kind_of_name(name: &str, sources: &[ResolvedSource]) -> Typed {
    let mut kind: Option<Kind> = None;
    for source in sources {
        match source {
            ResolvedSource::Tables(tables) => {
                for table in tables {
                    kind = preferred(kind, table.kind(name));
                }
            }
            ResolvedSource::Subquery(inner) => {
                if let Some(node) = field_named(inner, name) {
                    kind = preferred(kind, kind_of(node, &inner.sources)?);
                }
                if kind.is_none() && inner.dimensions.iter().any(|tag| tag == name) {
                    kind = Some(Kind::Tag);
                }
            }
        }
    }
    Ok(kind)
}

/// Of two types the one that InfluxDB prefers.
pub(super) fn preferred(a: Option<Kind>, b: Option<Kind>) -> Option<Kind> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The expression of a statement's column, the arguments of `top` and `bottom` included.
fn field_named<'a>(inner: &'a Resolved, name: &str) -> Option<&'a Node> {
    inner.fields.iter().find_map(|field| {
        if field.name() == name {
            return Some(&field.node);
        }
        let tags = field.top_bottom_tags();
        tags.iter().find(|tag| matches!(tag, Node::Reference(it) if it.name == name))
    })
}

fn kind_of_call(call: &Call, sources: &[ResolvedSource]) -> Typed {
    let args = call.args.iter().map(|arg| kind_of(arg, sources)).collect::<Result<Vec<_>, _>>()?;
    let first = args.first().copied().flatten();
    Ok(match call.name.as_str() {
        "mean"
        | "median"
        | "integral"
        | "stddev"
        | "derivative"
        | "non_negative_derivative"
        | "moving_average"
        | "holt_winters"
        | "holt_winters_with_fit" => Some(Kind::Float),
        "count" | "elapsed" => Some(Kind::Integer),
        name => match MathFunction::named(name) {
            Some(function) if first == Some(Kind::Integer) && !function.keeps_integers() => {
                Some(Kind::Float)
            }
            // InfluxDB takes whatever it is given: of what isn't a number there is no value.
            _ => first,
        },
    })
}

fn kind_of_binary(node: &Node, binary: &Binary, sources: &[ResolvedSource]) -> Typed {
    let left = kind_of(&binary.left, sources)?;
    let right = kind_of(&binary.right, sources)?;
    let (Some(left), Some(right)) = (left, right) else { return Ok(left.or(right)) };
    let unsigned = [&binary.left, &binary.right].iter().any(|it| matches!(it, Node::Unsigned(_)));
    let kind = match (left, right) {
        // InfluxDB doesn't calculate integers with one that doesn't fit.
        (Kind::Integer, Kind::Integer) if unsigned && !binary.op.is_comparison() => None,
        _ => kind_of_operation(binary.op, left, right),
    };
    if kind.is_none() {
        let text = format!("type error: {node}: incompatible types: {left} and {right}");
        return Err(QueryError::Invalid(text));
    }
    Ok(kind)
}

/// The type of an operation's value; `None` where there is no such operation.
pub(crate) const fn kind_of_operation(op: BinaryOp, left: Kind, right: Kind) -> Option<Kind> {
    let bits = matches!(op, BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor);
    if op.is_comparison() {
        return Some(Kind::Boolean);
    }
    match (left, right) {
        // That a quotient of integers is a float is found out only when it is calculated.
        (Kind::Integer, Kind::Integer) => Some(Kind::Integer),
        (Kind::Float | Kind::Integer, Kind::Float | Kind::Integer) if !bits => Some(Kind::Float),
        // Beside whatever it is: where that isn't a boolean, the value is false.
        (Kind::Boolean, _) if bits => Some(Kind::Boolean),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::Reference;
    use super::*;

    fn of(kind: Kind) -> Node {
        Node::Reference(Reference { name: "v".into(), kind: Some(kind) })
    }

    fn kind(node: &Node) -> Option<Kind> {
        kind_of(node, &[]).unwrap()
    }

    #[test]
    fn mathematical_functions_take_any_type() {
        let call = |name: &str, kind| Node::Call(Call { name: name.into(), args: vec![of(kind)] });
        assert_eq!(kind(&call("abs", Kind::String)), Some(Kind::String));
        assert_eq!(kind(&call("abs", Kind::Integer)), Some(Kind::Integer));
        assert_eq!(kind(&call("asin", Kind::Integer)), Some(Kind::Float));
        assert_eq!(kind(&call("sin", Kind::Boolean)), Some(Kind::Boolean));
        let one_more = Node::binary(BinaryOp::Add, call("abs", Kind::String), Node::Integer(1));
        assert!(kind_of(&one_more, &[]).is_err());
    }

    #[test]
    fn a_boolean_may_stand_beside_anything_but_not_behind_it() {
        let and = |left, right| Node::binary(BinaryOp::BitAnd, of(left), of(right));
        assert_eq!(kind(&and(Kind::Boolean, Kind::String)), Some(Kind::Boolean));
        assert!(kind_of(&and(Kind::Integer, Kind::Boolean), &[]).is_err());
        assert!(kind_of(&and(Kind::Float, Kind::Integer), &[]).is_err());
    }

    #[test]
    fn integers_are_not_calculated_with_one_that_does_not_fit() {
        let beside = |kind, op| Node::binary(op, of(kind), Node::Unsigned(1 << 63));
        assert!(kind_of(&beside(Kind::Integer, BinaryOp::Add), &[]).is_err());
        assert_eq!(kind(&beside(Kind::Float, BinaryOp::Add)), Some(Kind::Float));
        assert_eq!(kind(&beside(Kind::Integer, BinaryOp::Less)), Some(Kind::Boolean));
    }
}
