//! Between what is visible.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use svcflow_model::Protocol;

use super::gather::{Gathered, MemberSum};
use crate::document::{MapEdge, Path};
use crate::grouping::{CardId, Grouping};
use crate::sums::{Condition, Sum};

/// Members of a card past these are only counted.
pub(super) const MEMBERS_MAX: usize = 100;

/// The members of a card that are given: those with most bytes, in the order of their addresses.
pub(super) fn given(members: &BTreeMap<IpAddr, MemberSum>) -> Vec<(IpAddr, &MemberSum)> {
    let weight = |member: &MemberSum| member.asked.bytes().saturating_add(member.served.bytes());
    let mut ranked: Vec<_> = members.iter().map(|(address, member)| (*address, member)).collect();
    // Stable: of equal ones the lower address.
    ranked.sort_by_key(|(_, member)| std::cmp::Reverse(weight(member)));
    ranked.truncate(MEMBERS_MAX);
    ranked.sort_by_key(|(address, _)| *address);
    ranked
}

/// One map edge.
pub(super) struct Link {
    id: String,
    from: String,
    to: String,
    pub(super) sum: Sum,
    condition: Condition,
    protocols: BTreeSet<Protocol>,
    translated: bool,
    direct: bool,
}

impl Link {
    pub(super) fn document(&self) -> MapEdge {
        let mut protocols: Vec<String> = self.protocols.iter().map(ToString::to_string).collect();
        protocols.sort();
        MapEdge {
            id: self.id.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            path: match (self.translated, self.direct) {
                (true, true) => Path::Mixed,
                (true, false) => Path::Service,
                (false, _) => Path::Direct,
            },
            protocols,
            count: self.sum.count,
            rates: self.sum.rates,
            totals: self.sum.totals.into(),
            state: self.condition.state,
            state_since: self.condition.since,
            marks: self.condition.marks.list(),
        }
    }
}

/// A card, or one of its members that is given.
type End = (CardId, Option<IpAddr>);

/// Every map edge, the greatest first.
pub(super) fn links(
    grouping: &Grouping<'_>,
    gathered: &Gathered<'_>,
    members: &HashMap<CardId, BTreeMap<IpAddr, MemberSum>>,
) -> Vec<Link> {
    let mut visible = HashSet::new();
    for (card, members) in members {
        visible.extend(given(members).into_iter().map(|(address, _)| (*card, address)));
    }
    let end = |card, member: Option<IpAddr>| -> End {
        (card, member.filter(|member| visible.contains(&(card, *member))))
    };
    let name = |(card, member): End| match member {
        Some(member) => format!("{}!{member}", grouping.id(card)),
        None => grouping.id(card).to_owned(),
    };
    let mut places: HashMap<(End, End), usize, foldhash::fast::RandomState> = HashMap::default();
    let mut links: Vec<Link> = Vec::new();
    for (edge, ends) in &gathered.edges {
        let (from, to) = (end(ends.from, ends.from_member), end(ends.to, ends.to_member));
        let place = *places.entry((from, to)).or_insert_with(|| {
            let (from, to) = (name(from), name(to));
            links.push(Link {
                id: format!("{from}~{to}"),
                from,
                to,
                sum: Sum::default(),
                condition: Condition::default(),
                protocols: BTreeSet::new(),
                translated: false,
                direct: false,
            });
            links.len() - 1
        });
        if let Some(link) = links.get_mut(place) {
            link.sum.add(edge);
            link.condition.add(edge);
            link.protocols.insert(edge.key.protocol);
            *(if edge.key.service.is_some() { &mut link.translated } else { &mut link.direct }) =
                true;
        }
    }
    links.sort_by(|a, b| b.sum.bytes().cmp(&a.sum.bytes()).then_with(|| a.id.cmp(&b.id)));
    links
}
