//! Constants calculated while planning, by InfluxDB's rules (`Reduce` of its `influxql` package): two
//! integers divide to a float, `now()` and texts become times beside durations.

use std::cmp::Ordering;

use super::node::{BinaryOp, Call, LogicOp, Node};
use super::time_literal::{TimeLiteralError, parse_time};
use crate::Zone;
use crate::scalar_math;

/// What is known while planning.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reducer<'a> {
    /// What `now()` is, where it may be used.
    pub(crate) now: Option<i64>,
    /// The zone that texts without one are in.
    pub(crate) zone: Option<&'a Zone>,
    /// Whether calls of mathematical functions with constants are calculated.
    pub(crate) math: bool,
}

impl Reducer<'_> {
    /// Calculates what is constant, and takes parentheses off the outside.
    pub(crate) fn reduce(&self, node: &Node) -> Node {
        match self.inner(node) {
            Node::Paren(inner) => *inner,
            other => other,
        }
    }

    pub(crate) fn inner(&self, node: &Node) -> Node {
        match node {
            Node::Binary(binary) => {
                self.binary(binary.op, self.inner(&binary.left), self.inner(&binary.right))
            }
            Node::Logic(op, operands) => {
                logic(*op, operands.iter().map(|operand| self.inner(operand)))
            }
            Node::Call(call) => self.call(call),
            Node::Paren(inner) => match self.inner(inner) {
                within @ (Node::Binary(_) | Node::Logic(..)) => Node::Paren(Box::new(within)),
                other => other,
            },
            other => other.clone(),
        }
    }

    fn call(&self, call: &Call) -> Node {
        let args: Vec<Node> = call.args.iter().map(|arg| self.inner(arg)).collect();
        if args.iter().all(Node::is_literal) {
            match (call.name.as_str(), self.now) {
                ("now", Some(now)) if args.is_empty() => return Node::Time(i128::from(now)),
                (name, _) if self.math => {
                    if let Some(value) = scalar_math::call_constant(name, &args) {
                        return value;
                    }
                }
                _ => {}
            }
        }
        Node::Call(Call { name: call.name.clone(), args })
    }

    fn binary(&self, op: BinaryOp, left: Node, right: Node) -> Node {
        let reduced =
            match (&left, &right) {
                (Node::Boolean(left), Node::Boolean(right)) => booleans(op, *left, *right),
                (Node::Nil, _) => matches!(op, BinaryOp::Equal | BinaryOp::NotEqual)
                    .then_some(Node::Boolean(false)),
                (Node::Text(_), Node::Nil) => matches!(op, BinaryOp::Equal | BinaryOp::NotEqual)
                    .then_some(Node::Boolean(false)),
                (left, Node::Nil) if left.is_literal() => Some(Node::Boolean(false)),
                (Node::Text(left), Node::Text(right)) => self.texts(op, left, right),
                (left, right) if is_number(left) && is_number(right) => numbers(op, left, right),
                _ => self.times(op, &left, &right),
            };
        reduced.unwrap_or_else(|| Node::binary(op, left, right))
    }

    /// Two texts: compared as instants where both look like that.
    fn texts(&self, op: BinaryOp, left: &str, right: &str) -> Option<Node> {
        match op {
            BinaryOp::Add => Some(Node::Text(format!("{left}{right}"))),
            BinaryOp::Equal | BinaryOp::NotEqual => {
                let same = match (self.time_of(left), self.time_of(right)) {
                    (Some(left), Some(right)) => left == right,
                    _ => left == right,
                };
                Some(Node::Boolean(same == (op == BinaryOp::Equal)))
            }
            _ => instants(op, self.time_of(left)?, self.time_of(right)?),
        }
    }

    fn time_of(&self, text: &str) -> Option<i128> {
        match parse_time(text, self.zone) {
            Ok(time) => Some(time),
            Err(TimeLiteralError::NotATime | TimeLiteralError::Invalid) => None,
        }
    }

    /// Instants and durations; integers beside one are durations, texts are instants.
    fn times(&self, op: BinaryOp, left: &Node, right: &Node) -> Option<Node> {
        match (left, right) {
            (Node::Duration(left), Node::Duration(right)) => durations(op, *left, *right),
            (Node::Duration(left), Node::Float(right)) => {
                scaled(op, *left, float_to_integer(*right))
            }
            (Node::Duration(left), Node::Integer(right)) => scaled(op, *left, *right),
            (Node::Integer(left), Node::Duration(right)) => {
                shifted(op, i128::from(*left), i128::from(*right))
            }
            (Node::Duration(left) | Node::Integer(left), right) => match op {
                BinaryOp::Add => Some(Node::Time(self.instant(right)? + i128::from(*left))),
                _ => None,
            },
            (
                left @ (Node::Time(_) | Node::Text(_)),
                Node::Duration(right) | Node::Integer(right),
            ) => shifted(op, self.instant(left)?, i128::from(*right)),
            (left, right) => instants(op, self.instant(left)?, self.instant(right)?),
        }
    }

    fn instant(&self, node: &Node) -> Option<i128> {
        match node {
            Node::Time(time) => Some(*time),
            Node::Text(text) => self.time_of(text),
            _ => None,
        }
    }
}

/// Conditions joined, the constant ones decided.
pub(crate) fn logic(op: LogicOp, operands: impl Iterator<Item = Node>) -> Node {
    let decides = op == LogicOp::Or;
    let mut left = Vec::new();
    for operand in operands {
        match operand {
            Node::Boolean(value) if value == decides => return operand,
            Node::Boolean(_) => {}
            Node::Logic(inner, operands) if inner == op => left.extend(operands),
            other => left.push(other),
        }
    }
    match (left.pop(), left.is_empty()) {
        (None, _) => Node::Boolean(!decides),
        (Some(only), true) => only,
        (Some(last), false) => {
            left.push(last);
            Node::Logic(op, left)
        }
    }
}

const fn is_number(node: &Node) -> bool {
    matches!(node, Node::Float(_) | Node::Integer(_) | Node::Unsigned(_))
}

const fn booleans(op: BinaryOp, left: bool, right: bool) -> Option<Node> {
    let value = match op {
        BinaryOp::Equal => left == right,
        BinaryOp::NotEqual | BinaryOp::BitXor => left != right,
        BinaryOp::BitAnd => left && right,
        BinaryOp::BitOr => left || right,
        _ => return None,
    };
    Some(Node::Boolean(value))
}

fn numbers(op: BinaryOp, left: &Node, right: &Node) -> Option<Node> {
    match (left, right) {
        (Node::Integer(left), Node::Integer(right)) => integers(op, *left, *right),
        (Node::Integer(left), Node::Unsigned(right)) => mixed(op, *left, *right, false),
        (Node::Unsigned(left), Node::Integer(right)) => mixed(op, *right, *left, true),
        (Node::Unsigned(left), Node::Unsigned(right)) => unsigned(op, *left, *right),
        _ => floats(op, as_float(left)?, as_float(right)?),
    }
}

#[expect(clippy::cast_precision_loss, reason = "Go converts the same way")]
const fn as_float(node: &Node) -> Option<f64> {
    match node {
        Node::Float(value) => Some(*value),
        Node::Integer(value) => Some(*value as f64),
        Node::Unsigned(value) => Some(*value as f64),
        _ => None,
    }
}

fn floats(op: BinaryOp, left: f64, right: f64) -> Option<Node> {
    let value = match op {
        BinaryOp::Add => left + right,
        BinaryOp::Subtract => left - right,
        BinaryOp::Multiply => left * right,
        BinaryOp::Divide if right == 0.0 => 0.0,
        BinaryOp::Divide => left / right,
        BinaryOp::Modulo => left % right,
        _ => return compared(op, left.partial_cmp(&right)),
    };
    Some(Node::Float(value))
}

#[expect(clippy::cast_precision_loss, reason = "Go converts the same way")]
fn integers(op: BinaryOp, left: i64, right: i64) -> Option<Node> {
    let value = match op {
        BinaryOp::Add => left.wrapping_add(right),
        BinaryOp::Subtract => left.wrapping_sub(right),
        BinaryOp::Multiply => left.wrapping_mul(right),
        BinaryOp::Divide if right == 0 => return Some(Node::Float(0.0)),
        BinaryOp::Divide => return Some(Node::Float(left as f64 / right as f64)),
        BinaryOp::Modulo if right == 0 => 0,
        BinaryOp::Modulo => left.wrapping_rem(right),
        BinaryOp::BitAnd => left & right,
        BinaryOp::BitOr => left | right,
        BinaryOp::BitXor => left ^ right,
        _ => return compared(op, Some(left.cmp(&right))),
    };
    Some(Node::Integer(value))
}

/// A signed and an unsigned integer, the other way round where `swapped`.
fn mixed(op: BinaryOp, signed: i64, other: u64, swapped: bool) -> Option<Node> {
    let ordered = matches!(
        op,
        BinaryOp::Less | BinaryOp::LessOrEqual | BinaryOp::Greater | BinaryOp::GreaterOrEqual
    );
    if signed < 0 && ordered {
        let order = if swapped { Ordering::Greater } else { Ordering::Less };
        return compared(op, Some(order));
    }
    let signed = signed.cast_unsigned();
    if swapped { unsigned(op, other, signed) } else { unsigned(op, signed, other) }
}

fn unsigned(op: BinaryOp, left: u64, right: u64) -> Option<Node> {
    let value = match op {
        BinaryOp::Add => left.wrapping_add(right),
        BinaryOp::Subtract => left.wrapping_sub(right),
        BinaryOp::Multiply => left.wrapping_mul(right),
        BinaryOp::Divide => left.checked_div(right).unwrap_or(0),
        BinaryOp::Modulo => left.checked_rem(right).unwrap_or(0),
        _ => return compared(op, Some(left.cmp(&right))),
    };
    Some(Node::Unsigned(value))
}

fn durations(op: BinaryOp, left: i64, right: i64) -> Option<Node> {
    match op {
        BinaryOp::Add => Some(Node::Duration(left.wrapping_add(right))),
        BinaryOp::Subtract => Some(Node::Duration(left.wrapping_sub(right))),
        _ => compared(op, Some(left.cmp(&right))),
    }
}

/// A duration times or divided by a number.
fn scaled(op: BinaryOp, left: i64, right: i64) -> Option<Node> {
    match op {
        BinaryOp::Multiply => Some(Node::Duration(left.wrapping_mul(right))),
        BinaryOp::Divide if right == 0 => Some(Node::Duration(0)),
        BinaryOp::Divide => Some(Node::Duration(left.wrapping_div(right))),
        _ => None,
    }
}

const fn shifted(op: BinaryOp, time: i128, by: i128) -> Option<Node> {
    match op {
        BinaryOp::Add => Some(Node::Time(time + by)),
        BinaryOp::Subtract => Some(Node::Time(time - by)),
        _ => None,
    }
}

fn instants(op: BinaryOp, left: i128, right: i128) -> Option<Node> {
    match op {
        // Go's `Time.Sub` stays within a duration's range.
        BinaryOp::Subtract => Some(Node::Duration(saturated(left - right))),
        _ => compared(op, Some(left.cmp(&right))),
    }
}

fn compared(op: BinaryOp, order: Option<Ordering>) -> Option<Node> {
    let value = match op {
        BinaryOp::Equal => order == Some(Ordering::Equal),
        BinaryOp::NotEqual => order != Some(Ordering::Equal),
        BinaryOp::Less => order == Some(Ordering::Less),
        BinaryOp::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        BinaryOp::Greater => order == Some(Ordering::Greater),
        BinaryOp::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        _ => return None,
    };
    Some(Node::Boolean(value))
}

/// The nearest 64-bit number.
pub(crate) fn saturated(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// As Go converts on the machines that InfluxDB runs on: towards zero, and what doesn't fit is the least.
#[expect(clippy::cast_possible_truncation, reason = "guarded")]
pub(crate) fn float_to_integer(value: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&value) { value as i64 } else { i64::MIN }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reduced(node: &Node) -> Node {
        Reducer { now: Some(1_000), zone: None, math: true }.reduce(node)
    }

    fn call(name: &str, args: Vec<Node>) -> Node {
        Node::Call(Call { name: name.into(), args })
    }

    #[test]
    fn integers_divide_to_a_float() {
        let third = Node::binary(BinaryOp::Divide, Node::Integer(3), Node::Integer(2));
        assert_eq!(reduced(&third), Node::Float(1.5));
        let by_zero = Node::binary(BinaryOp::Divide, Node::Integer(3), Node::Integer(0));
        assert_eq!(reduced(&by_zero), Node::Float(0.0));
    }

    #[test]
    fn now_and_durations() {
        let ago = Node::binary(BinaryOp::Subtract, call("now", vec![]), Node::Duration(400));
        assert_eq!(reduced(&ago), Node::Time(600));
        let twice = Node::binary(BinaryOp::Multiply, Node::Duration(400), Node::Integer(2));
        assert_eq!(reduced(&twice), Node::Duration(800));
    }

    #[test]
    fn texts_are_times_beside_durations() {
        let text = Node::Text("1970-01-01T00:00:01Z".into());
        let later = Node::binary(BinaryOp::Add, text, Node::Duration(5));
        assert_eq!(reduced(&later), Node::Time(1_000_000_005));
        let plain = Node::binary(BinaryOp::Add, Node::Text("x".into()), Node::Duration(5));
        assert_eq!(reduced(&plain), plain);
    }

    #[test]
    fn what_is_known_is_decided() {
        let x = Node::Reference(super::super::node::Reference { name: "x".into(), kind: None });
        let or = |operands| reduced(&Node::Logic(LogicOp::Or, operands));
        assert_eq!(or(vec![x.clone(), Node::Boolean(true)]), Node::Boolean(true));
        assert_eq!(or(vec![x.clone(), Node::Boolean(false)]), x);
    }

    #[test]
    fn negative_integers_are_less_than_unsigned_ones() {
        let less = Node::binary(BinaryOp::Less, Node::Integer(-1), Node::Unsigned(u64::MAX));
        assert_eq!(reduced(&less), Node::Boolean(true));
    }
}
