//! The edges that an id is made of.

use crate::catalogue::EdgeId;
use crate::document::Side;
use crate::follow::Observed;
use crate::grouping::{CardId, Ends, Grouping, Subject};
use crate::map::{CARDS_DEFAULT, Gathered};
use crate::naming::Naming;
use crate::place::{self, Place, Stop};
use crate::readings::Readings;

/// A stop as numbers; what isn't there meets nothing.
#[derive(Clone, Copy)]
struct Target {
    card: CardId,
    member: Option<std::net::IpAddr>,
}

impl Target {
    fn of(stop: &Stop, naming: &Naming<'_>, grouping: &Grouping<'_>) -> Option<Self> {
        let card = grouping.cards().find(stop.card.as_str())?;
        // Whichever of its addresses a link names.
        let member = stop.member.map(|address| match naming.catalogue.addresses().find(&address) {
            Some(id) if !stop.card.starts_with("endpoint:") => naming.party(id),
            _ => address,
        });
        Some(Self { card, member })
    }

    fn begins(self, ends: &Ends) -> bool {
        ends.from == self.card && (self.member.is_none() || ends.from_member == self.member)
    }

    fn ends(self, ends: &Ends) -> bool {
        ends.to == self.card && (self.member.is_none() || ends.to_member == self.member)
    }
}

/// Of the selected edges those that a place is made of; of a card or member those of one side, or both.
pub(crate) fn pick<'r>(
    readings: &Readings,
    naming: &Naming<'_>,
    grouping: &Grouping<'_>,
    edges: &[&'r Observed],
    place: &Place,
    side: Option<Side>,
) -> Vec<&'r Observed> {
    let (from, to) = match place {
        Place::All => return edges.to_vec(),
        Place::Edge(node, edge) => {
            let id = naming.catalogue.find(node, edge);
            return edges.iter().copied().filter(|edge| Some(edge.id) == id).collect();
        }
        Place::At(stop) => (Some(stop), None),
        Place::Between(from, to) => (Some(from), Some(to)),
    };
    let target = |stop: &Stop| Target::of(stop, naming, grouping);
    let Some(first) = from.and_then(target) else { return Vec::new() };
    let second = to.map(target);
    let takes = |ends: &Ends| match second {
        None => {
            first.begins(ends) && side != Some(Side::Served)
                || first.ends(ends) && side != Some(Side::Asked)
        }
        Some(second) => first.begins(ends) && second.is_some_and(|second| second.ends(ends)),
    };
    let mut gathered = Gathered::new(readings, naming, grouping, edges);
    // What `rest` is depends on the cut; ids don't say which, so it is the one that is made by default.
    let rest = |stop: &Stop| stop.card == grouping.id(grouping.rest());
    if from.is_some_and(rest) || to.is_some_and(rest) {
        gathered.cut(grouping, CARDS_DEFAULT);
    }
    let taken = gathered.edges.iter().filter(|(_, ends)| takes(ends));
    taken.map(|(edge, _)| *edge).collect()
}

/// An edge of the catalogue by its id, seen in the window or not.
pub(crate) fn edge(naming: &Naming<'_>, place: &Place) -> Option<EdgeId> {
    match place {
        Place::Edge(node, edge) => naming.catalogue.find(node, edge),
        _ => None,
    }
}

/// What a place is called.
pub(crate) fn name(grouping: &Grouping<'_>, place: &Place) -> String {
    match place {
        Place::All => "everything".to_owned(),
        Place::Edge(_, edge) => {
            let service = edge.service.map(|it| std::net::SocketAddr::new(it.address, it.port));
            let service = service.map(|it| format!("{it} → ")).unwrap_or_default();
            let provider = std::net::SocketAddr::new(edge.provider, edge.provider_port);
            format!("{} → {service}{provider}", edge.endpoint)
        }
        Place::At(stop) => stop_name(grouping, stop),
        Place::Between(from, to) => {
            format!("{} → {}", stop_name(grouping, from), stop_name(grouping, to))
        }
    }
}

fn stop_name(grouping: &Grouping<'_>, stop: &Stop) -> String {
    if let Some(member) = stop.member {
        return member.to_string();
    }
    let subject = grouping.cards().find(stop.card.as_str()).and_then(|id| grouping.subject(id));
    subject.map(Subject::name).unwrap_or_else(|| {
        let name = stop.card.split_once(':').map_or(stop.card.as_str(), |(_, name)| name);
        place::decode(name).unwrap_or_else(|| name.to_owned())
    })
}
