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
            Some(function) => kind_of_math(function, name, &args)?,
            None => first,
        },
    })
}

fn kind_of_math(function: MathFunction, name: &str, args: &[Option<Kind>]) -> Typed {
    for (kind, place) in args.iter().zip(["first", "second"]) {
        // InfluxDB takes no integers there.
        let floats_only = matches!(function, MathFunction::Asin | MathFunction::Acos);
        match kind {
            None | Some(Kind::Float) => {}
            Some(Kind::Integer) if !floats_only => {}
            Some(kind) => {
                return Err(QueryError::Invalid(format!(
                    "invalid argument type for the {place} argument in {name}(): {kind}"
                )));
            }
        }
        // Nor does it look at the base of a logarithm.
        if function == MathFunction::Log {
            break;
        }
    }
    let first = args.first().copied().flatten();
    Ok(if function.keeps_integers() { first } else { Some(Kind::Float) })
}

fn kind_of_binary(node: &Node, binary: &Binary, sources: &[ResolvedSource]) -> Typed {
    let left = kind_of(&binary.left, sources)?;
    let right = kind_of(&binary.right, sources)?;
    let (Some(left), Some(right)) = (left, right) else { return Ok(left.or(right)) };
    let kind = kind_of_operation(binary.op, left, right);
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
        (Kind::Boolean, Kind::Boolean) if bits => Some(Kind::Boolean),
        _ => None,
    }
}
