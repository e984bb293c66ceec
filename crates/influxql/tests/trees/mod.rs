//! Trees as a parser could have made them.

mod expr;
mod select;
mod statement;

use proptest::prelude::*;
use svcflow_influxql::{Duration, Regex};

pub(crate) use expr::expr;
pub(crate) use select::{dimension, measurement, page, select, sort_order};
pub(crate) use statement::statement;

/// Names: plain, reserved, and whatever else.
pub(crate) fn name() -> BoxedStrategy<String> {
    prop_oneof![
        "[a-z_][a-zA-Z0-9_]{0,6}",
        Just("select".to_owned()),
        Just("Time".to_owned()),
        Just("fill".to_owned()),
        Just("1a".to_owned()),
        Just(String::new()),
        Just("a.b".to_owned()),
        any::<String>(),
    ]
    .boxed()
}

/// Names that may not be empty, since that would be none.
pub(crate) fn full_name() -> impl Strategy<Value = String> {
    name().prop_filter("an empty name is none", |name| !name.is_empty())
}

pub(crate) fn regex() -> BoxedStrategy<Regex> {
    prop_oneof![
        Just("".to_owned()),
        Just("a/b".to_owned()),
        Just("\\/".to_owned()),
        Just("\\\\a".to_owned()),
        Just("[^/]*$".to_owned()),
        Just("*".to_owned()),
        "[a-z/.*\\\\\\[\\]()|^$-]{0,8}",
    ]
    .prop_filter("no text has such", |pattern| !pattern.ends_with('\\'))
    .prop_filter_map("no regular expression", |pattern| Regex::new(&pattern).ok())
    .boxed()
}

/// Any but the one whose digits are one too many.
pub(crate) fn duration() -> BoxedStrategy<Duration> {
    let units = prop_oneof![
        Just(1_i64),
        Just(1_000_000_000),
        Just(60_000_000_000),
        Just(604_800_000_000_000)
    ];
    prop_oneof![
        (-15_000_i64..15_000, units).prop_map(|(count, unit)| Duration(count * unit)),
        (-i64::MAX..=i64::MAX).prop_map(Duration),
    ]
    .boxed()
}

pub(crate) fn positive_duration() -> impl Strategy<Value = Duration> {
    duration().prop_map(|duration| Duration(duration.0.abs()))
}

/// Words of the language in any order, which get deeper into the parser than any text.
pub(crate) fn soup() -> impl Strategy<Value = String> {
    let word = prop::sample::select(
        "SELECT FROM WHERE GROUP BY fill( tz( ORDER time DESC LIMIT OFFSET INTO SHOW TAG KEYS VALUES WITH KEY IN \
         SERIES CARDINALITY MEASUREMENTS ON CREATE DROP DATABASE RETENTION POLICY DURATION INF DELETE AND OR = != =~ \
         !~ < >= + - * / % ( ) , . :: : ; a b \"c\" 'd' /e/ 5 1.5 1h $x true distinct -- /* */ \n \\ \" ' :MEASUREMENT \
         ::tag *::field now() mean(a) time(1m) m.n.o p..q"
            .split(' ')
            .collect::<Vec<_>>(),
    );
    prop::collection::vec((word, prop::sample::select(vec!["", " ", " ", " "])), 0..24)
        .prop_map(|words| words.into_iter().flat_map(|(word, blank)| [word, blank]).collect())
}
