//! The query that gives the rates of a series, for whoever goes on in Grafana or `influx`.

use std::fmt::Write;

use crate::catalogue::{Catalogue, EdgeKey};
use crate::series::Steps;

/// More edges make a text that nobody pastes.
const EDGES_MAX: usize = 50;
const FIELDS: [&str; 4] = ["BytesIn", "BytesOut", "PacketsIn", "PacketsOut"];

/// Where the rows of a range are.
pub(crate) enum Kept<'p> {
    /// Each is in the default policy.
    Whole,
    /// Only sums are, in this policy.
    Summed(&'p str),
}

/// Rates of these edges together; `None` where there is none, or too many.
///
/// What each edge added, summed up, and then by the second; rows that are sums say themselves what was added. A sum of
/// counters jumps whenever an edge begins, and derivatives with `fill(previous)` come out wrong in InfluxDB 1.x as soon as one edge begins within the range.
/// Points are written at the end of their interval, and InfluxQL's buckets hold their first instant: so
/// the buckets begin a millisecond later. The answer begins a step before the range: that one only gives the values
/// to start from (a condition on time binds the query within, too).
pub(crate) fn rates<'k>(
    catalogue: &Catalogue,
    edges: impl ExactSizeIterator<Item = &'k EdgeKey>,
    steps: &Steps,
    kept: &Kept<'_>,
) -> Option<String> {
    if edges.len() == 0 || edges.len() > EDGES_MAX || steps.count == 0 {
        return None;
    }
    let conditions: Vec<String> = edges.map(|edge| condition(catalogue, edge)).collect();
    let (step, span) = (steps.length, steps.span());
    if let Kept::Summed(policy) = kept {
        let sums =
            FIELDS.map(|field| format!("sum(\"{field}_increase\") * 1000 / {step} AS \"{field}\""));
        return Some(format!(
            "SELECT {} FROM {}.\"httpjson_svcstats\" WHERE time >= {}ms AND time < {}ms AND ({}) \
             GROUP BY time({step}ms) fill(0)",
            sums.join(", "),
            between('"', policy),
            span.from,
            span.until,
            conditions.join(" OR ")
        ));
    }
    let (from, until) = (span.from.saturating_sub(step).saturating_add(1), span.until);
    let time = format!("time >= {from}ms AND time <= {until}ms");
    let each = |make: &dyn Fn(&str) -> String| FIELDS.map(make).join(", ");
    let outer = each(&|field| format!("sum(\"{field}\") * 1000 / {step} AS \"{field}\""));
    let inner = each(&|field| format!("non_negative_difference(last(\"{field}\")) AS \"{field}\""));
    Some(format!(
        "SELECT {outer} FROM (SELECT {inner} FROM \"httpjson_svcstats\" \
         WHERE {time} AND ({}) \
         GROUP BY time({step}ms, 1ms), * fill(none)) \
         WHERE {time} GROUP BY time({step}ms, 1ms) fill(0)",
        conditions.join(" OR ")
    ))
}

/// The edge's tags; an absent one is equal to an empty one.
fn condition(catalogue: &Catalogue, edge: &EdgeKey) -> String {
    let service = edge.service.map(|service| catalogue.service(service));
    let tags = [
        ("Node", catalogue.node(edge.node).to_owned()),
        ("EndpointIP", catalogue.address(edge.endpoint).to_string()),
        ("ServiceIP", service.map(|it| it.address.to_string()).unwrap_or_default()),
        ("ServicePort", service.map(|it| it.port.to_string()).unwrap_or_default()),
        ("ProviderIP", catalogue.address(edge.provider).to_string()),
        ("ProviderPort", edge.provider_port.to_string()),
        ("Protocol", edge.protocol.to_string()),
    ];
    let mut text = String::new();
    for (place, (tag, value)) in tags.iter().enumerate() {
        let before = if place == 0 { "(" } else { " AND " };
        // Writing to a `String` can't fail.
        let _ = write!(text, "{before}\"{tag}\"={}", quoted(value));
    }
    text.push(')');
    text
}

fn quoted(value: &str) -> String {
    between('\'', value)
}

fn between(quote: char, value: &str) -> String {
    let mut text = String::from(quote);
    for c in value.chars() {
        match c {
            '\n' => text.push_str("\\n"),
            c if c == '\\' || c == quote => text.extend(['\\', c]),
            other => text.push(other),
        }
    }
    text.push(quote);
    text
}
