//! Edges gathered into cards, and the cards past the limit folded into one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use svcflow_topology::document::ServicesDocument;

use crate::catalogue::{AddressId, NodeId};
use crate::follow::{Observed, PARTS};
use crate::grouping::{CardId, Ends, Grouping};
use crate::intern::PerId;
use crate::naming::Naming;
use crate::place;
use crate::readings::Readings;
use crate::sums::{Condition, Sum};

/// A card's little curve: bytes in each part of the range, and which parts are known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spark {
    parts: [f64; PARTS],
    known: u32,
}

impl Spark {
    const EMPTY: Self = Self { parts: [0.0; PARTS], known: 0 };

    fn add(&mut self, edge: &Observed, known: u32) {
        self.known |= known;
        let each = self.parts.iter_mut().zip(edge.parts);
        each.for_each(|(sum, part)| *sum += f64::from(part));
    }

    fn merge(&mut self, other: &Self) {
        self.known |= other.known;
        self.parts.iter_mut().zip(other.parts).for_each(|(sum, part)| *sum += part);
    }

    /// Per second, of parts of this length; `None` where unknown.
    pub(crate) fn rates(&self, seconds: f64) -> Vec<Option<f64>> {
        let known = (0..PARTS).map(|part| self.known >> part & 1 == 1);
        known.zip(self.parts).map(|(known, bytes)| known.then(|| bytes / seconds)).collect()
    }
}

/// What one card gathers.
#[derive(Clone, Debug)]
pub(crate) struct CardSum {
    pub(crate) asked: Sum,
    pub(crate) served: Sum,
    pub(crate) asked_spark: Spark,
    pub(crate) served_spark: Spark,
    pub(crate) condition: Condition,
    pub(crate) nodes: BTreeSet<NodeId>,
    pub(crate) size: u64,
}

impl CardSum {
    fn empty() -> Self {
        Self {
            asked: Sum::default(),
            served: Sum::default(),
            asked_spark: Spark::EMPTY,
            served_spark: Spark::EMPTY,
            condition: Condition::default(),
            nodes: BTreeSet::new(),
            size: 0,
        }
    }

    fn add(&mut self, edge: &Observed) {
        self.condition.add(edge);
        self.nodes.insert(edge.key.node);
    }

    fn merge(&mut self, other: &Self) {
        self.asked.merge(&other.asked);
        self.served.merge(&other.served);
        self.asked_spark.merge(&other.asked_spark);
        self.served_spark.merge(&other.served_spark);
        self.condition.merge(&other.condition);
        self.nodes.extend(&other.nodes);
    }

    /// Bytes as seen from either end.
    const fn weight(&self) -> u64 {
        self.asked.bytes().saturating_add(self.served.bytes())
    }
}

/// What one member of a card gathers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MemberSum {
    /// One of its addresses, where an edge showed one.
    pub(crate) id: Option<AddressId>,
    pub(crate) asked: Sum,
    pub(crate) served: Sum,
    pub(crate) condition: Condition,
}

/// What the cut folded away.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cut {
    pub(crate) cards: u64,
    /// Of the edges that begin or end there.
    pub(crate) sum: Sum,
}

/// Edges and their ends, and the cards that they make.
pub(crate) struct Gathered<'r> {
    pub(crate) edges: Vec<(&'r Observed, Ends)>,
    cards: PerId<String, Option<CardSum>>,
    on: HashSet<(CardId, IpAddr), foldhash::fast::RandomState>,
}

impl<'r> Gathered<'r> {
    pub(crate) fn new(
        readings: &Readings,
        naming: &Naming<'_>,
        grouping: &Grouping<'_>,
        edges: &[&'r Observed],
    ) -> Self {
        let mut gathered = Self {
            edges: Vec::with_capacity(edges.len()),
            cards: PerId::filled(None, grouping.cards().len()),
            on: HashSet::default(),
        };
        for &edge in edges {
            let ends = grouping.ends(naming, edge);
            gathered.edges.push((edge, ends));
            // What a node can't count is no curve at zero.
            let known = if edge.rates.is_none() && edge.totals.is_zero() {
                0
            } else {
                readings.known(edge.key.node)
            };
            if let Some(card) = gathered.card(ends.from) {
                card.asked.add(edge);
                card.asked_spark.add(edge, known);
                card.add(edge);
            }
            if let Some(card) = gathered.card(ends.to) {
                card.served.add(edge);
                card.served_spark.add(edge, known);
                card.add(edge);
            }
            gathered.on.extend(ends.from_member.map(|member| (ends.from, member)));
            gathered.on.extend(ends.to_member.map(|member| (ends.to, member)));
        }
        gathered
    }

    fn card(&mut self, id: CardId) -> Option<&mut CardSum> {
        Some(self.cards.get_mut(id)?.get_or_insert_with(CardSum::empty))
    }

    /// Adds the named services and their providers that have no traffic.
    pub(crate) fn add_idle(&mut self, grouping: &Grouping<'_>, provided: &ServicesDocument) {
        for (name, providers) in &provided.children {
            let id = place::named_service(name);
            let Some(card) = grouping.cards().find(id.as_str()) else { continue };
            self.card(card);
            self.on.extend(providers.iter().map(|address| (card, *address)));
        }
    }

    /// Every card that there is, with what it gathered.
    pub(crate) fn cards(&self) -> impl Iterator<Item = (CardId, &CardSum)> {
        self.cards.iter().filter_map(|(id, card)| Some((id, card.as_ref()?)))
    }

    /// Folds the cards past the greatest `limit` ones into `rest`, and counts everybody's members.
    pub(crate) fn cut(&mut self, grouping: &Grouping<'_>, limit: usize) -> Cut {
        let weighed = self.cards.iter().filter_map(|(id, sum)| Some((id, sum.as_ref()?.weight())));
        let mut ranked: Vec<(CardId, u64)> = weighed.collect();
        ranked.sort_by(|(a, weight_a), (b, weight_b)| {
            weight_b.cmp(weight_a).then_with(|| grouping.id(*a).cmp(grouping.id(*b)))
        });
        // In order, so that the same sums come out each time: rates are floats.
        let gone: BTreeSet<CardId> = ranked.into_iter().skip(limit).map(|(id, _)| id).collect();
        let mut cut = Cut { cards: gone.len() as u64, sum: Sum::default() };
        if !gone.is_empty() {
            self.fold(&gone, grouping.rest(), &mut cut);
        }
        for (card, _) in std::mem::take(&mut self.on) {
            if let Some(card) = self.card(card) {
                card.size += 1;
            }
        }
        cut
    }

    fn fold(&mut self, gone: &BTreeSet<CardId>, rest: CardId, cut: &mut Cut) {
        let mut sum = CardSum::empty();
        for id in gone {
            if let Some(card) = self.cards.get_mut(*id).and_then(Option::take) {
                sum.merge(&card);
            }
        }
        self.cards.set(rest, Some(sum));
        for (edge, ends) in &mut self.edges {
            let (from, to) = (gone.contains(&ends.from), gone.contains(&ends.to));
            if from {
                ends.from = rest;
            }
            if to {
                ends.to = rest;
            }
            if from || to {
                cut.sum.add(edge);
            }
        }
        let on = std::mem::take(&mut self.on).into_iter();
        let moved = |card| if gone.contains(&card) { rest } else { card };
        self.on = on.map(|(card, member)| (moved(card), member)).collect();
    }

    /// The members of these cards.
    pub(crate) fn members(
        &self,
        naming: &Naming<'_>,
        idle: Option<&ServicesDocument>,
        grouping: &Grouping<'_>,
        open: &HashSet<CardId>,
    ) -> HashMap<CardId, BTreeMap<IpAddr, MemberSum>> {
        let there = open.iter().filter(|card| self.cards.get(**card).is_some_and(Option::is_some));
        let mut all: HashMap<CardId, BTreeMap<IpAddr, MemberSum>> =
            there.map(|card| (*card, BTreeMap::new())).collect();
        if all.is_empty() {
            return all;
        }
        let mut member = |card: CardId, address: Option<IpAddr>, add: &dyn Fn(&mut MemberSum)| {
            if let (Some(members), Some(address)) = (all.get_mut(&card), address) {
                add(members.entry(address).or_default());
            }
        };
        for (edge, ends) in &self.edges {
            member(ends.from, ends.from_member, &|member| {
                member.id.get_or_insert(edge.key.endpoint);
                member.asked.add(edge);
                member.condition.add(edge);
            });
            member(ends.to, ends.to_member, &|member| {
                member.id.get_or_insert(edge.key.provider);
                member.served.add(edge);
                member.condition.add(edge);
            });
        }
        for (name, providers) in idle.into_iter().flat_map(|provided| &provided.children) {
            let card = grouping.cards().find(place::named_service(name).as_str());
            if let Some(members) = card.and_then(|card| all.get_mut(&card)) {
                for address in providers {
                    let member = members.entry(*address).or_default();
                    member.id = member.id.or_else(|| naming.catalogue.addresses().find(address));
                }
            }
        }
        all
    }
}
