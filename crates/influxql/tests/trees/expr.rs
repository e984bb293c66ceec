//! Expressions, with parentheses wherever the text would need them.

use proptest::prelude::*;
use svcflow_influxql::{
    Binary, BinaryOp, Call, DataType, Distinct, Expr, Literal, Logic, LogicOp, Paren, Reference,
    Span, Wildcard, WildcardKind,
};

use super::{duration, name, regex};

const ARITHMETIC: [BinaryOp; 8] = [
    BinaryOp::Add,
    BinaryOp::Subtract,
    BinaryOp::BitOr,
    BinaryOp::BitXor,
    BinaryOp::Multiply,
    BinaryOp::Divide,
    BinaryOp::Modulo,
    BinaryOp::BitAnd,
];

const COMPARISONS: [BinaryOp; 6] = [
    BinaryOp::Equal,
    BinaryOp::NotEqual,
    BinaryOp::Less,
    BinaryOp::LessOrEqual,
    BinaryOp::Greater,
    BinaryOp::GreaterOrEqual,
];

/// A field's expression, or with `conditions` a condition.
pub(crate) fn expr(conditions: bool) -> BoxedStrategy<Expr> {
    leaf().prop_recursive(4, 24, 3, move |inner| node(conditions, inner).boxed()).boxed()
}

fn leaf() -> BoxedStrategy<Expr> {
    prop_oneof![
        4 => reference().prop_map(Expr::Reference),
        4 => literal().prop_map(|it| Expr::Literal(it, Span::default())),
        1 => wildcard().prop_map(Expr::Wildcard),
        1 => name().prop_map(|name| Expr::Distinct(Distinct { name, span: Span::default() })),
    ]
    .boxed()
}

pub(super) fn reference() -> BoxedStrategy<Reference> {
    let data_type = prop::sample::select(vec![
        DataType::Float,
        DataType::Integer,
        DataType::Unsigned,
        DataType::String,
        DataType::Boolean,
        DataType::Field,
        DataType::Tag,
    ]);
    (name(), prop::option::of(data_type))
        .prop_map(|(name, data_type)| Reference { name, data_type, span: Span::default() })
        .boxed()
}

pub(super) fn wildcard() -> impl Strategy<Value = Wildcard> {
    prop::option::of(prop::sample::select(vec![WildcardKind::Field, WildcardKind::Tag]))
        .prop_map(|kind| Wildcard { kind, span: Span::default() })
}

fn literal() -> BoxedStrategy<Literal> {
    prop_oneof![
        any::<i64>().prop_map(Literal::Integer),
        (-2_i64..3).prop_map(Literal::Integer),
        (i64::MAX.unsigned_abs() + 1..).prop_map(Literal::Unsigned),
        any::<f64>().prop_filter("finite", |it| it.is_finite()).prop_map(Literal::Number),
        any::<String>().prop_map(Literal::String),
        any::<bool>().prop_map(Literal::Boolean),
        duration().prop_map(Literal::Duration),
    ]
    .boxed()
}

fn node(conditions: bool, inner: BoxedStrategy<Expr>) -> BoxedStrategy<Expr> {
    let argument = prop_oneof![
        3 => inner.clone(),
        1 => regex().prop_map(|it| Expr::Regex(it, Span::default())),
    ];
    let call = (name().prop_map(|it| it.to_lowercase()), prop::collection::vec(argument, 0..3))
        .prop_map(|(name, args)| Expr::Call(Call { name, args, span: Span::default() }));
    let calculation = (inner.clone(), prop::sample::select(ARITHMETIC.to_vec()), inner.clone())
        .prop_map(|(left, op, right)| binary(left, op, right));
    let calculating = prop_oneof![call, calculation, inner.clone().prop_map(paren)];
    if !conditions {
        return calculating.boxed();
    }
    let comparison = (inner.clone(), prop::sample::select(COMPARISONS.to_vec()), inner.clone())
        .prop_map(|(left, op, right)| binary(left, op, right));
    let matching = (inner.clone(), any::<bool>(), regex()).prop_map(|(left, yes, pattern)| {
        let op = if yes { BinaryOp::Matches } else { BinaryOp::NotMatches };
        binary(left, op, Expr::Regex(pattern, Span::default()))
    });
    let op = prop::sample::select(vec![LogicOp::And, LogicOp::Or]);
    let logic =
        (op, prop::collection::vec(inner, 2..4)).prop_map(|(op, operands)| logic(op, operands));
    prop_oneof![calculating, comparison, matching, logic].boxed()
}

fn paren(inner: Expr) -> Expr {
    Expr::Paren(Box::new(Paren { inner, span: Span::default() }))
}

/// How tightly what is outermost in an expression binds.
fn tightness(expr: &Expr) -> u8 {
    match expr {
        Expr::Logic(Logic { op: LogicOp::Or, .. }) => 1,
        Expr::Logic(Logic { op: LogicOp::And, .. }) => 2,
        Expr::Binary(it) => of(it.op),
        _ => u8::MAX,
    }
}

fn of(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Add | BinaryOp::Subtract | BinaryOp::BitOr | BinaryOp::BitXor => 4,
        BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Modulo | BinaryOp::BitAnd => 5,
        _ => 3,
    }
}

fn at_least(expr: Expr, least: u8) -> Expr {
    if tightness(&expr) < least { paren(expr) } else { expr }
}

/// Nothing can be calculated from a pattern, so it ends what is left of an operator.
fn ends_in_pattern(expr: &Expr) -> bool {
    matches!(expr, Expr::Binary(it) if matches!(it.right, Expr::Regex(..)))
}

fn binary(left: Expr, op: BinaryOp, right: Expr) -> Expr {
    let left =
        if ends_in_pattern(&left) && of(op) > 3 { paren(left) } else { at_least(left, of(op)) };
    let right = at_least(right, of(op) + 1);
    Expr::Binary(Box::new(Binary { left, op, right, span: Span::default() }))
}

fn logic(op: LogicOp, operands: Vec<Expr>) -> Expr {
    let least = if op == LogicOp::Or { 2 } else { 3 };
    let operands = operands.into_iter().map(|it| at_least(it, least)).collect();
    Expr::Logic(Logic { op, operands, span: Span::default() })
}
