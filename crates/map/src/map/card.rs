//! Cards and members as documents.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use svcflow_model::{Cidr, Protocol, Timestamp};
use svcflow_topology::{Service, Snapshot};

use super::gather::{CardSum, MemberSum};
use super::links::given;
use crate::document::{Card, CardKind, Labels, Member, MembersRest};
use crate::grouping::{CardId, Grouping, Subject};
use crate::naming::{Named, Naming, timestamp};
use crate::place;
use crate::readings::Readings;
use crate::sums::share;
use crate::time::Millis;

/// Names of nodes on a card past these are left out.
const NODES_MAX: usize = 20;

/// Every named service at `at`, with whose word it is.
pub(super) fn named_at(names: &Snapshot, at: Timestamp) -> Vec<Named<'_, Service>> {
    names.services_at(at).into_iter().filter_map(|service| named(names, service, at)).collect()
}

/// Whose word a service is: it is found by one of its own addresses and ports.
pub(crate) fn named<'s>(
    names: &'s Snapshot,
    service: &Arc<Service>,
    at: Timestamp,
) -> Option<Named<'s, Service>> {
    let ports = service.ports.iter().map(|port| (port.port, port.protocol));
    let ports: Vec<_> = ports.chain(service.ports.is_empty().then_some((0, Protocol(0)))).collect();
    let keys = service
        .addresses
        .iter()
        .flat_map(|address| ports.iter().map(move |(port, protocol)| (*address, *port, *protocol)));
    let mut found =
        keys.filter_map(|(address, port, protocol)| names.service(address, port, protocol, at));
    found.find(|found| Arc::ptr_eq(found.entity, service)).map(Named::from)
}

/// What a card is, apart from its traffic.
struct Identity {
    kind: CardKind,
    name: String,
    addresses: Vec<String>,
    ports: Vec<String>,
    labels: Labels,
    selectors: Labels,
    source: String,
    since: Option<Millis>,
}

impl Identity {
    fn of(subject: &Subject<'_>) -> Self {
        let mut identity = Self {
            kind: kind(subject),
            name: subject.name(),
            addresses: Vec::new(),
            ports: Vec::new(),
            labels: Labels::new(),
            selectors: Labels::new(),
            source: "observed".to_owned(),
            since: None,
        };
        match subject {
            Subject::Service(named) => identity.be_service(named),
            Subject::Unnamed(service) => {
                identity.addresses.push(service.address.to_string());
                identity.ports.push(place::port_text(service.port, service.protocol));
            }
            Subject::Endpoint(address, owner) => {
                identity.addresses.push(address.to_string());
                if let Some(owner) = owner {
                    identity.labels = labels(&owner.entity.labels);
                    owner.source.clone_into(&mut identity.source);
                    identity.since = Some(owner.since);
                }
            }
            _ => {}
        }
        identity
    }

    fn be_service(&mut self, named: &Named<'_, Service>) {
        let service = named.entity;
        let ports = service.ports.iter().map(|port| place::port_text(port.port, port.protocol));
        self.addresses = service.addresses.iter().map(ToString::to_string).collect();
        self.ports = ports.collect();
        self.labels = labels(&service.labels);
        self.selectors = labels(&service.selectors);
        named.source.clone_into(&mut self.source);
        self.since = Some(named.since);
    }
}

const fn kind(subject: &Subject<'_>) -> CardKind {
    match subject {
        Subject::Service(_) | Subject::Unnamed(_) => CardKind::Service,
        Subject::Endpoint(..) | Subject::Group(_) => CardKind::Group,
        Subject::Clients => CardKind::Clients,
        Subject::Providers => CardKind::Providers,
        Subject::Outside | Subject::OutsideProviders => CardKind::Outside,
        Subject::Folded | Subject::Rest => CardKind::Other,
    }
}

pub(crate) fn labels(labels: &svcflow_topology::Labels) -> Labels {
    labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Makes documents of what was gathered.
pub(super) struct Maker<'m, 's> {
    pub(super) readings: &'m Readings,
    pub(super) naming: &'m Naming<'s>,
    pub(super) grouping: &'m Grouping<'s>,
    pub(super) names: &'s Snapshot,
}

impl Maker<'_, '_> {
    /// A card; with its members where it is open.
    pub(super) fn card(
        &self,
        (id, sum): (CardId, &CardSum),
        members: Option<&BTreeMap<IpAddr, MemberSum>>,
    ) -> Card {
        let identity = Identity::of(self.grouping.subject(id).unwrap_or(&Subject::Rest));
        let (shown, spark) = if sum.served.count > 0 {
            (&sum.served, &sum.served_spark)
        } else {
            (&sum.asked, &sum.asked_spark)
        };
        #[expect(clippy::cast_precision_loss, reason = "30")]
        let part = self.readings.window.span.seconds() / crate::follow::PARTS as f64;
        let open = members.map(|members| self.members(id, sum, shown.bytes(), members));
        let (members, members_rest) = open.map_or((None, None), |(all, rest)| (Some(all), rest));
        let nodes = sum.nodes.iter().map(|node| self.naming.catalogue.node(*node).to_owned());
        let mut nodes: Vec<String> = nodes.collect();
        nodes.sort();
        nodes.truncate(NODES_MAX);
        Card {
            id: self.grouping.id(id).to_owned(),
            kind: identity.kind,
            name: identity.name,
            addresses: identity.addresses,
            ports: identity.ports,
            labels: identity.labels,
            selectors: identity.selectors,
            source: identity.source,
            since: identity.since,
            size: sum.size,
            nodes,
            served: sum.served.some_traffic(),
            asked: sum.asked.some_traffic(),
            spark: spark.rates(part),
            state: sum.condition.state,
            state_since: sum.condition.since,
            marks: sum.condition.marks.list(),
            members,
            members_rest,
        }
    }

    fn members(
        &self,
        card: CardId,
        sum: &CardSum,
        whole: u64,
        members: &BTreeMap<IpAddr, MemberSum>,
    ) -> (Vec<Member>, Option<MembersRest>) {
        let serves = sum.served.count > 0;
        let bytes = |member: &MemberSum| if serves { member.served } else { member.asked }.bytes();
        let mut given_bytes = 0_u64;
        let mut made = Vec::new();
        for (address, member) in given(members) {
            given_bytes = given_bytes.saturating_add(bytes(member));
            made.push(self.member(card, address, member, share(bytes(member), whole)));
        }
        let count = sum.size.saturating_sub(made.len() as u64);
        let share = share(whole.saturating_sub(given_bytes), whole);
        (made, (count > 0).then_some(MembersRest { count, share }))
    }

    fn member(&self, card: CardId, address: IpAddr, sum: &MemberSum, share: Option<f64>) -> Member {
        let at = timestamp(self.readings.window.at);
        let owner = sum.id.and_then(|id| self.naming.owner(id));
        let owner = owner.or_else(|| self.names.owner(address, at).map(Named::from));
        let lives = sum.id.and_then(|id| self.naming.node(id));
        let node = lives.or_else(|| owner.and_then(|owner| owner.entity.node.as_deref()));
        // Of an owner of a whole network only the one that was seen.
        let addresses = owner.map(|owner| &owner.entity.addresses[..]).unwrap_or_default();
        let all = if addresses.contains(&address.into()) { addresses } else { &[address.into()] };
        Member {
            id: format!("{}!{address}", self.grouping.id(card)),
            address: address.to_string(),
            addresses: all.iter().map(address_text).collect(),
            name: owner.map(|owner| owner.entity.name.clone()).unwrap_or_default(),
            labels: owner.map(|owner| labels(&owner.entity.labels)).unwrap_or_default(),
            node: node.map(str::to_owned),
            since: owner.map(|owner| owner.since),
            share,
            served: sum.served.some_traffic(),
            asked: sum.asked.some_traffic(),
            state: sum.condition.state,
            state_since: sum.condition.since,
            marks: sum.condition.marks.list(),
        }
    }
}

/// A host without the length of its prefix.
fn address_text(address: &Cidr) -> String {
    if address.is_single() { address.address.to_string() } else { address.to_string() }
}

/// By kind as the map reads from left to right, then by name, then by id.
pub(super) fn sort(cards: &mut [Card]) {
    let rank = |kind| match kind {
        CardKind::Clients => 0,
        CardKind::Outside => 1,
        CardKind::Service => 2,
        CardKind::Group => 3,
        CardKind::Providers => 4,
        CardKind::Other => 5,
    };
    cards.sort_by(|a, b| (rank(a.kind), &a.name, &a.id).cmp(&(rank(b.kind), &b.name, &b.id)));
}
