//! `GET /api/v1/map`: cards, what runs between them, and an accounted rest.

mod card;
mod gather;
mod links;

use std::collections::HashSet;

use svcflow_topology::Snapshot;
use svcflow_topology::document::ServicesDocument;

use crate::document::{Card, Map, Notice, Rest, Unlinked, Waiting};
use crate::filter::{Filter, selected};
use crate::grouping::{Group, Grouping};
use crate::naming::{Homes, Naming};
use crate::readings::Readings;
use crate::sums::Sum;

pub(crate) use card::{labels, named};
pub(crate) use gather::Gathered;

/// Map edges past these are only counted.
const LINKS_MAX: usize = 1_000;

/// The greatest number of cards where none is asked for.
pub const CARDS_DEFAULT: usize = 150;

/// What an answer is made of, besides what was read.
#[derive(Clone, Copy)]
pub struct Context<'s> {
    /// Names of now and of the past.
    pub names: &'s Snapshot,
    /// Who is behind the named services.
    pub provided: &'s ServicesDocument,
    /// Which addresses live on which node.
    pub homes: &'s Homes,
}

/// What is asked of the map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MapRequest {
    /// Which edges.
    pub filter: Filter,
    /// What a card is.
    pub group: Group,
    /// Ids of cards to give with their members.
    pub expand: HashSet<String>,
    /// The greatest number of cards, without `rest`.
    pub limit: usize,
}

/// The map of a window.
#[must_use]
pub fn map(
    readings: &Readings,
    context: &Context<'_>,
    request: &MapRequest,
    losses: Vec<Notice>,
    waiting: Option<Waiting>,
) -> Map {
    let naming = Naming::new(readings, context.names, context.homes);
    let mut grouping = Grouping::new(request.group.clone(), readings, &naming, context.provided);
    let edges = selected(readings, &naming, &request.filter);
    let mut all = Sum::default();
    edges.iter().for_each(|edge| all.add(edge));

    let idle = request.filter.is_empty() && request.group == Group::Service;
    if idle {
        let at = crate::naming::timestamp(readings.window.at);
        for service in card::named_at(context.names, at) {
            grouping.add_named(service);
        }
    }
    let mut gathered = Gathered::new(readings, &naming, &grouping, &edges);
    if idle {
        gathered.add_idle(&grouping, context.provided);
    }
    let cut = gathered.cut(&grouping, request.limit);
    let open = request.expand.iter().filter_map(|id| grouping.cards().find(id.as_str())).collect();
    let provided = idle.then_some(context.provided);
    let members = gathered.members(&naming, provided, &grouping, &open);
    let links = links::links(&grouping, &gathered, &members);
    let (shown, unlinked) = links.split_at(LINKS_MAX.min(links.len()));

    let (naming, grouping) = (&naming, &grouping);
    let maker = card::Maker { readings, naming, grouping, names: context.names };
    let made = gathered.cards().map(|(id, sum)| maker.card((id, sum), members.get(&id)));
    let mut cards: Vec<Card> = made.collect();
    card::sort(&mut cards);
    let left = unlinked.iter().fold(Sum::default(), |mut sum, link| {
        sum.merge(&link.sum);
        sum
    });
    Map {
        range: readings.window.range(),
        nodes: cards,
        edges: shown.iter().map(links::Link::document).collect(),
        all: all.traffic(),
        rest: Rest {
            cards: cut.cards,
            edges: cut.sum.count,
            totals: cut.sum.totals.into(),
            unlinked: Unlinked { count: unlinked.len() as u64, totals: left.totals.into() },
        },
        losses,
        waiting,
    }
}
