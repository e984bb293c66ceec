//! `SELECT` and its clauses.

use std::num::NonZeroU64;

use proptest::prelude::*;
use svcflow_influxql::{
    Dimension, Expr, Field, Fill, Measurement, MeasurementName, Page, Select, SortOrder, Source,
    Span, Target, TimeDimension,
};

use super::expr::{reference, wildcard};
use super::{expr, full_name, name, regex};

pub(crate) fn page() -> impl Strategy<Value = Page> {
    (any::<Option<u64>>(), prop_oneof![Just(0), any::<u64>()])
        .prop_map(|(limit, offset)| Page { limit: limit.and_then(NonZeroU64::new), offset })
}

pub(crate) fn sort_order() -> impl Strategy<Value = SortOrder> {
    prop_oneof![Just(SortOrder::Ascending), Just(SortOrder::Descending)]
}

pub(crate) fn measurement() -> BoxedStrategy<Measurement> {
    let last = prop_oneof![
        3 => name().prop_map(MeasurementName::Name),
        1 => regex().prop_map(MeasurementName::Regex),
    ];
    let qualifier = || prop::option::of(full_name());
    (qualifier(), qualifier(), last)
        .prop_map(|(database, retention_policy, name)| Measurement {
            database,
            retention_policy,
            name,
            span: Span::default(),
        })
        .boxed()
}

pub(crate) fn dimension() -> BoxedStrategy<Dimension> {
    let time = (expr(false), prop::option::of(expr(false)))
        .prop_map(|(interval, offset)| TimeDimension { interval, offset, span: Span::default() });
    prop_oneof![
        reference().prop_map(Dimension::Tag),
        time.prop_map(Dimension::Time),
        wildcard().prop_map(Dimension::Wildcard),
        regex().prop_map(|it| Dimension::Regex(it, Span::default())),
        expr(true)
            .prop_filter("something that is of another kind", |it| !matches!(
                it,
                Expr::Reference(_) | Expr::Wildcard(_)
            ) && !matches!(it, Expr::Call(call) if call.name == "time"))
            .prop_map(Dimension::Other),
    ]
    .boxed()
}

fn fill() -> BoxedStrategy<Fill> {
    prop_oneof![
        Just(Fill::Null),
        Just(Fill::None),
        Just(Fill::Previous),
        Just(Fill::Linear),
        any::<i64>().prop_map(Fill::Integer),
        any::<f64>().prop_filter("finite", |it| it.is_finite()).prop_map(Fill::Number),
    ]
    .boxed()
}

fn field() -> BoxedStrategy<Field> {
    let what =
        prop_oneof![4 => expr(false), 1 => regex().prop_map(|it| Expr::Regex(it, Span::default()))];
    (what, prop::option::of(full_name()))
        .prop_map(|(expr, alias)| Field { expr, alias, span: Span::default() })
        .boxed()
}

pub(super) fn target() -> BoxedStrategy<Target> {
    let part = || prop::option::of(full_name());
    (part(), part(), prop::option::of(name()))
        .prop_map(|(database, retention_policy, measurement)| Target {
            database,
            retention_policy,
            measurement,
            span: Span::default(),
        })
        .boxed()
}

/// With subqueries up to three deep.
pub(crate) fn select() -> BoxedStrategy<Select> {
    let leaf = measurement().prop_map(Source::Measurement).boxed();
    select_from(leaf)
        .prop_recursive(3, 6, 2, |inner| {
            let source = prop_oneof![
                measurement().prop_map(Source::Measurement),
                inner.prop_map(|select| Source::Subquery(Box::new(select))),
            ];
            select_from(source.boxed())
        })
        .boxed()
}

fn select_from(source: BoxedStrategy<Source>) -> BoxedStrategy<Select> {
    let body = (
        prop::collection::vec(field(), 1..3),
        prop::option::of(target()),
        prop::collection::vec(source, 1..3),
        prop::option::of(expr(true)),
        prop::collection::vec(dimension(), 0..3),
    );
    let tail = (fill(), sort_order(), page(), page(), any::<Option<String>>());
    (body, tail)
        .prop_map(
            |(
                (fields, into, from, condition, group_by),
                (fill, order, rows, series, time_zone),
            )| Select {
                fields,
                into,
                from,
                condition,
                group_by,
                fill,
                order,
                rows,
                series,
                time_zone,
                span: Span::default(),
            },
        )
        .boxed()
}
