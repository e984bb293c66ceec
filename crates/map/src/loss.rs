//! What nodes lost: counts over time, and the sentences that say what they mean.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::document::{LossKind, NodeLoss, Severity};
use crate::time::{Millis, Span};

/// Moments of one loss past these are joined with their neighbours.
const TIMES_MAX: usize = 200;

/// One kind's count and bytes over time; both only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LossTimeline(Vec<Moment>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    at: Millis,
    count: u64,
    bytes: u64,
}

/// Everything that a node lost, by the kind as it is stored.
pub type Losses = BTreeMap<Arc<str>, LossTimeline>;

impl LossTimeline {
    /// The counts as they stood at an instant, told in the order of time.
    pub fn take(&mut self, at: Millis, count: u64, bytes: u64) {
        let last = self.0.last();
        if last.is_none_or(|last| (last.count, last.bytes) != (count, bytes)) {
            self.0.push(Moment { at, count, bytes });
        }
    }

    /// How many were added within the span.
    #[must_use]
    pub fn added(&self, span: Span) -> u64 {
        self.within(span).iter().map(|moment| moment.1).fold(0, u64::saturating_add)
    }

    /// What was added at each moment of the span: when, how many, bytes.
    fn within(&self, span: Span) -> Vec<(Millis, u64, u64)> {
        let mut before = Moment { at: Millis::MIN, count: 0, bytes: 0 };
        let mut all = Vec::new();
        for moment in &self.0 {
            // A count that fell began anew.
            let added = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now);
            let each = (added(moment.count, before.count), added(moment.bytes, before.bytes));
            if span.contains(moment.at) && each != (0, 0) {
                all.push((moment.at, each.0, each.1));
            }
            before = *moment;
        }
        all
    }
}

/// What a kind means.
struct Meaning {
    kind: LossKind,
    severity: Severity,
    /// Whether the bytes are known where they are 0: nothing is missing then.
    counted: bool,
    /// Behind "3 ", for one and for more.
    words: [&'static str; 2],
    remedy: Option<&'static str>,
}

/// By the name as it is stored. A kind that this version doesn't know says its own name.
fn meaning(name: &str) -> Option<Meaning> {
    use LossKind as Kind;
    let warning = |kind, words, remedy| Meaning {
        kind,
        severity: Severity::Warning,
        counted: false,
        words,
        remedy: Some(remedy),
    };
    let info = |kind, words, remedy| Meaning {
        kind,
        severity: Severity::Info,
        counted: true,
        words,
        remedy,
    };
    const BUFFER: &str = "Run the agent as root, so that it may force a larger receive buffer; or let it use nftables.";
    Some(match name {
        "events-dropped" => warning(
            Kind::EventsDropped,
            [
                "time the kernel dropped events of connections",
                "times the kernel dropped events of connections",
            ],
            BUFFER,
        ),
        "ended-unseen" => warning(
            Kind::EndedUnseen,
            ["connection ended unseen", "connections ended unseen"],
            BUFFER,
        ),
        "set-full" => warning(
            Kind::SetFull,
            ["packet was turned away by a full set", "packets were turned away by a full set"],
            "An address scan fills the set of direct edges; edges of services have their own. Find the scanner among the endpoints.",
        ),
        "table-lost" => warning(
            Kind::TableLost,
            [
                "time svcflow's table was removed or changed",
                "times svcflow's table was removed or changed",
            ],
            "Find who runs `nft flush ruleset`; from kernel 6.9 on the table is protected.",
        ),
        "epoch-gap" => warning(
            Kind::EpochGap,
            [
                "time the counters began anew: what ran in between is unknown",
                "times the counters began anew: what ran in between is unknown",
            ],
            "Nothing where the host was started again. Else keep the agent's state: `state_dir`.",
        ),
        "collector-epoch-changed" | "collector-rewound" => warning(
            Kind::EpochGap,
            [
                "time the agent began anew: what ran before its first look is unknown",
                "times the agent began anew: what ran before its first look is unknown",
            ],
            "Nothing where the host was started again. Else keep the agent's state: `state_dir`.",
        ),
        "collector-counter-fell" => warning(
            Kind::EpochGap,
            [
                "counter fell: what ran meanwhile is unknown",
                "counters fell: what ran meanwhile is unknown",
            ],
            "Look into the agent's log for what changed its counters.",
        ),
        "collector-intervals-missing" => warning(
            Kind::MissedIntervals,
            [
                "interval is missing without a word of the agent",
                "intervals are missing without a word of the agent",
            ],
            "Look into the agent's log.",
        ),
        "collector-intervals-merged" => info(
            Kind::MissedIntervals,
            [
                "interval came as a sum: its bytes are counted, their times are not known",
                "intervals came as a sum: their bytes are counted, their times are not known",
            ],
            Some("Let the agent keep more: `keep` in its configuration."),
        ),
        "edges-folded" => info(
            Kind::EdgesFolded,
            [
                "edge past the cap was folded: its traffic is in the total of the others",
                "edges past the cap were folded: their traffic is in the total of the others",
            ],
            Some("Raise `edges_max` in the agent's configuration."),
        ),
        "connections-untracked" => warning(
            Kind::ConnectionsUntracked,
            [
                "connection past the cap was not followed",
                "connections past the cap were not followed",
            ],
            "Raise `connections_max` in the agent's configuration.",
        ),
        "readings-unfollowed" => warning(
            Kind::ReadingsUnfollowed,
            ["reading past the cap was not followed", "readings past the cap were not followed"],
            "Raise `edges_max` in the agent's configuration.",
        ),
        "uncounted" => warning(
            Kind::Uncounted,
            [
                "connection carries no counters: it began while accounting was off",
                "connections carry no counters: they began while accounting was off",
            ],
            "`sysctl -w net.netfilter.nf_conntrack_acct=1` counts new ones.",
        ),
        "unreadable" => warning(
            Kind::Unreadable,
            ["message made no sense", "messages made no sense"],
            "Record a trace and report it: `svcflow trace --help`.",
        ),
        "related-errors" => info(
            Kind::RelatedErrors,
            ["ICMP error belongs to no edge", "ICMP errors belong to no edge"],
            None,
        ),
        "unclassified" => warning(
            Kind::Unclassified,
            ["packet belongs to no known connection", "packets belong to no known connection"],
            "Look for `notrack` rules and asymmetric routes; within a bridge it ends with the connections that were open before.",
        ),
        _ => return None,
    })
}

/// What a node lost of each kind within the span, and how grave it is.
#[must_use]
pub fn node_losses(node: &str, losses: &Losses, span: Span) -> Vec<(Severity, NodeLoss)> {
    losses.iter().filter_map(|(kind, timeline)| node_loss(node, kind, timeline, span)).collect()
}

fn node_loss(
    node: &str,
    kind: &str,
    timeline: &LossTimeline,
    span: Span,
) -> Option<(Severity, NodeLoss)> {
    let moments = timeline.within(span);
    let (first, last) = (moments.first()?.0, moments.last()?.0);
    let sum =
        |of: fn(&(Millis, u64, u64)) -> u64| moments.iter().map(of).fold(0, u64::saturating_add);
    let (count, bytes) = (sum(|moment| moment.1), sum(|moment| moment.2));
    let known = meaning(kind);
    let about = if bytes > 0 { format!(" (about {})", about(bytes)) } else { String::new() };
    let message = match &known {
        Some(Meaning { words: [one, more], .. }) => {
            let words = if count == 1 { one } else { more };
            format!("{node}: {} {words}{about}", grouped(count))
        }
        None => format!("{node}: {kind}, {}{about}", grouped(count)),
    };
    let severity = known.as_ref().map_or(Severity::Warning, |meaning| meaning.severity);
    let counted = known.as_ref().is_some_and(|meaning| meaning.counted);
    let loss = NodeLoss {
        kind: known.as_ref().map_or(LossKind::Unreadable, |meaning| meaning.kind),
        count,
        bytes: (bytes > 0 || counted).then_some(bytes),
        first,
        last,
        message,
        remedy: known.and_then(|meaning| meaning.remedy).map(str::to_owned),
        times: joined(&moments),
    };
    Some((severity, loss))
}

/// Time and count of each moment, neighbours joined where there are too many.
fn joined(moments: &[(Millis, u64, u64)]) -> Vec<(i64, i64)> {
    let each = moments.len().div_ceil(TIMES_MAX).max(1);
    let join = |some: &[(Millis, u64, u64)]| {
        let count = some.iter().map(|moment| moment.1).fold(0, u64::saturating_add);
        Some((some.first()?.0, i64::try_from(count).unwrap_or(i64::MAX)))
    };
    moments.chunks(each).filter_map(join).collect()
}

/// "12 kB"
fn about(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let (mut value, mut unit) = (bytes, UNITS[0]);
    for next in UNITS {
        unit = next;
        value = value.saturating_add(500) / 1_000;
        if value < 1_000 {
            break;
        }
    }
    format!("{value} {unit}")
}

/// "1,840"
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(kind: &str, moments: &[(i64, u64, u64)]) -> Losses {
        let mut timeline = LossTimeline::default();
        moments.iter().for_each(|(at, count, bytes)| timeline.take(*at, *count, *bytes));
        Losses::from([(Arc::from(kind), timeline)])
    }

    fn one(kind: &str, moments: &[(i64, u64, u64)], from: i64, until: i64) -> NodeLoss {
        let all = node_losses("n1", &losses(kind, moments), Span { from, until });
        assert_eq!(all.len(), 1);
        all[0].1.clone()
    }

    #[test]
    fn only_what_was_added_within_the_range_counts() {
        let moments = [(10, 5, 500), (20, 5, 500), (30, 8, 12_788), (40, 9, 12_788)];
        let loss = one("ended-unseen", &moments, 10, 35);
        assert_eq!((loss.count, loss.bytes, loss.first, loss.last), (3, Some(12_288), 30, 30));
        assert_eq!(loss.message, "n1: 3 connections ended unseen (about 12 kB)");
        assert_eq!(loss.times, [(30, 3)]);
        let all = losses("ended-unseen", &moments);
        assert!(node_losses("n1", &all, Span { from: 10, until: 29 }).is_empty());
        let whole = one("ended-unseen", &moments, 0, 100);
        assert_eq!((whole.count, whole.times.len()), (9, 3));
    }

    #[test]
    fn a_count_that_fell_began_anew() {
        let loss = one("set-full", &[(10, 1_000, 0), (20, 840, 0)], 5, 30);
        assert_eq!((loss.count, loss.bytes), (1_840, None));
        assert_eq!(loss.message, "n1: 1,840 packets were turned away by a full set");
    }

    #[test]
    fn moments_are_joined_and_none_is_left_out() {
        let moments: Vec<_> = (1..=1_001_i64).map(|at| (at, at.unsigned_abs(), 0)).collect();
        let loss = one("uncounted", &moments, 0, 2_000);
        assert!(loss.times.len() <= TIMES_MAX);
        assert_eq!(loss.times.iter().map(|(_, count)| count).sum::<i64>(), 1_001);
        assert_eq!(loss.message.matches("1,001").count(), 1);
    }

    #[test]
    fn an_unknown_kind_says_its_name() {
        assert_eq!(one("new-kind", &[(1, 1, 0)], 0, 2).message, "n1: new-kind, 1");
    }

    #[test]
    fn sizes_are_rounded() {
        for (bytes, text) in
            [(0, "0 B"), (999, "999 B"), (1_499, "1 kB"), (999_600, "1 MB"), (u64::MAX, "18 EB")]
        {
            assert_eq!(about(bytes), text);
        }
    }
}
