//! What is a card, and where an edge begins and ends.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::str::FromStr;

use svcflow_topology::document::ServicesDocument;
use svcflow_topology::{Owner, Service};

use crate::catalogue::{AddressId, NOWHERE, ServiceAddress, ServiceId};
use crate::document::Mark;
use crate::follow::Observed;
use crate::intern::{Id, Interner, PerId};
use crate::naming::{Named, Naming};
use crate::place;
use crate::readings::Readings;

/// What a card is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Group {
    /// A service, with whoever is behind it.
    #[default]
    Service,
    /// Each address.
    Endpoint,
    /// A node, with whoever lives there.
    Node,
    /// Whoever bears the same value of this label.
    Label(String),
}

/// Text that is no grouping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`group`: expected `service`, `endpoint`, `node` or `label:KEY`")]
pub struct NoGroup;

impl FromStr for Group {
    type Err = NoGroup;

    fn from_str(text: &str) -> Result<Self, NoGroup> {
        match text {
            "service" => Ok(Self::Service),
            "endpoint" => Ok(Self::Endpoint),
            "node" => Ok(Self::Node),
            other => match other.strip_prefix("label:") {
                Some(key) if !key.is_empty() => Ok(Self::Label(key.to_owned())),
                _ => Err(NoGroup),
            },
        }
    }
}

/// A card's place among those of one request.
pub(crate) type CardId = Id<String>;

/// What a card stands for.
#[derive(Clone, Debug)]
pub(crate) enum Subject<'s> {
    Service(Named<'s, Service>),
    Unnamed(ServiceAddress),
    Endpoint(IpAddr, Option<Named<'s, Owner>>),
    /// A node or a label's value; its name.
    Group(String),
    Clients,
    Providers,
    Outside,
    OutsideProviders,
    Folded,
    Rest,
}

impl Subject<'_> {
    /// What it is called.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Service(named) => named.entity.full_name(),
            Self::Unnamed(service) => {
                std::net::SocketAddr::new(service.address, service.port).to_string()
            }
            Self::Endpoint(address, owner) => match owner {
                Some(owner) if !owner.entity.name.is_empty() => owner.entity.name.clone(),
                _ => address.to_string(),
            },
            Self::Group(name) => name.clone(),
            Self::Clients => "clients".to_owned(),
            Self::Providers => "direct providers".to_owned(),
            Self::Outside => "outside".to_owned(),
            Self::OutsideProviders => "outside providers".to_owned(),
            Self::Folded => "other endpoints".to_owned(),
            Self::Rest => "other cards".to_owned(),
        }
    }
}

/// Where an edge begins and ends. A member is none where its address is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) from: CardId,
    pub(crate) from_member: Option<IpAddr>,
    pub(crate) to: CardId,
    pub(crate) to_member: Option<IpAddr>,
}

/// The cards of a request, and which address is on which. Depends on the whole window, not on the filter,
/// so that a filter moves nothing.
pub(crate) struct Grouping<'s> {
    group: Group,
    cards: Interner<String>,
    subjects: PerId<String, Option<Subject<'s>>>,
    of_address: PerId<IpAddr, Option<CardId>>,
    of_service: PerId<ServiceAddress, Option<CardId>>,
    folded: CardId,
    rest: CardId,
}

impl<'s> Grouping<'s> {
    /// `provided`: who is behind the named services, as the sources of names say.
    pub(crate) fn new(
        group: Group,
        readings: &Readings,
        naming: &Naming<'s>,
        provided: &ServicesDocument,
    ) -> Self {
        let catalogue = naming.catalogue;
        let mut cards = Interner::default();
        let (folded, rest) = (cards.intern("folded".to_owned()), cards.intern("rest".to_owned()));
        let mut grouping = Self {
            group,
            cards,
            subjects: PerId::default(),
            of_address: PerId::filled(None, catalogue.addresses().len()),
            of_service: PerId::filled(None, catalogue.services().len()),
            folded,
            rest,
        };
        grouping.describe(folded, Subject::Folded);
        grouping.describe(rest, Subject::Rest);
        for edge in &readings.edges {
            if let Some(service) = edge.key.service {
                grouping.add_service(naming, service);
            }
        }
        let homes = grouping.homes(readings, naming, provided);
        let answering = readings.edges.iter().map(|edge| naming.party(edge.key.provider));
        let answering: HashSet<IpAddr, foldhash::fast::RandomState> = answering.collect();
        for edge in &readings.edges {
            for id in [edge.key.endpoint, edge.key.provider] {
                let party = naming.party(id);
                let home = homes.get(&party).copied();
                grouping.add_address(naming, id, home, answering.contains(&party));
            }
        }
        grouping
    }

    /// The service that each provider is at home in: of several the one with the smallest id.
    fn homes(
        &self,
        readings: &Readings,
        naming: &Naming<'s>,
        provided: &ServicesDocument,
    ) -> HashMap<IpAddr, CardId, foldhash::fast::RandomState> {
        let mut homes = HashMap::default();
        let mut settle = |party: IpAddr, card: CardId| {
            let home = homes.entry(party).or_insert(card);
            if self.id(card) < self.id(*home) {
                *home = card;
            }
        };
        for edge in readings.edges.iter().filter(|edge| !is_folded(naming, edge)) {
            let card = edge.key.service.and_then(|service| *self.of_service.get(service)?);
            card.into_iter().for_each(|card| settle(naming.party(edge.key.provider), card));
        }
        for (name, providers) in &provided.children {
            let Some(card) = self.cards.find(place::named_service(name).as_str()) else { continue };
            providers.iter().for_each(|address| settle(*address, card));
        }
        homes
    }

    fn add_service(&mut self, naming: &Naming<'s>, id: ServiceId) {
        if self.of_service.get(id).is_none_or(Option::is_some) {
            return;
        }
        let card = match naming.service(id) {
            Some(named) => self.add_named(named),
            None => {
                let service = naming.catalogue.service(id);
                self.card(place::unnamed_service(&service), Subject::Unnamed(service))
            }
        };
        self.of_service.set(id, Some(card));
    }

    /// The card of a service that somebody named.
    pub(crate) fn add_named(&mut self, named: Named<'s, Service>) -> CardId {
        let id = place::named_service(&named.entity.full_name());
        self.card(id, Subject::Service(named))
    }

    fn add_address(
        &mut self,
        naming: &Naming<'s>,
        id: AddressId,
        home: Option<CardId>,
        answers: bool,
    ) {
        if self.of_address.get(id).is_none_or(Option::is_some) {
            return;
        }
        let card = self.grouped(naming, id).or(home).unwrap_or_else(|| {
            let (id, subject) = match (answers, naming.is_ours(id)) {
                (true, true) => ("providers", Subject::Providers),
                (true, false) => ("outside-providers", Subject::OutsideProviders),
                (false, true) => ("clients", Subject::Clients),
                (false, false) => ("outside", Subject::Outside),
            };
            self.card(id.to_owned(), subject)
        });
        self.of_address.set(id, Some(card));
    }

    /// The card that the grouping itself gives an address.
    fn grouped(&mut self, naming: &Naming<'s>, id: AddressId) -> Option<CardId> {
        match &self.group {
            Group::Service => None,
            Group::Endpoint => {
                let address = naming.catalogue.address(id);
                let subject = Subject::Endpoint(address, naming.owner(id));
                Some(self.card(format!("endpoint:{address}"), subject))
            }
            Group::Node => {
                let node = naming.node(id)?;
                Some(self.card(place::encoded("node:", node), Subject::Group(node.to_owned())))
            }
            Group::Label(key) => {
                let value = naming.owner(id)?.entity.labels.get(key)?;
                let (id, name) = (place::label(key, value), format!("{key}={value}"));
                Some(self.card(id, Subject::Group(name)))
            }
        }
    }

    fn card(&mut self, id: String, subject: Subject<'s>) -> CardId {
        let card = self.cards.intern(id);
        self.describe(card, subject);
        card
    }

    fn describe(&mut self, card: CardId, subject: Subject<'s>) {
        self.subjects.reach(card, || None);
        if let Some(there) = self.subjects.get_mut(card) {
            there.get_or_insert(subject);
        }
    }

    /// Where an edge of the window begins and ends.
    pub(crate) fn ends(&self, naming: &Naming<'_>, edge: &Observed) -> Ends {
        if is_folded(naming, edge) {
            let (from, to) = (self.folded, self.folded);
            return Ends { from, from_member: None, to, to_member: None };
        }
        let card = |id| self.of_address.get(id).copied().flatten().unwrap_or(self.folded);
        let unsplit = naming.catalogue.address(edge.key.provider) == NOWHERE;
        let service = edge.key.service.and_then(|service| *self.of_service.get(service)?);
        let to = service.filter(|_| unsplit || self.group == Group::Service);
        let member = |id| match self.group {
            Group::Endpoint => naming.catalogue.address(id),
            _ => naming.party(id),
        };
        Ends {
            from: card(edge.key.endpoint),
            from_member: Some(member(edge.key.endpoint)),
            to: to.unwrap_or_else(|| if unsplit { self.folded } else { card(edge.key.provider) }),
            to_member: (!unsplit).then(|| member(edge.key.provider)),
        }
    }

    pub(crate) const fn cards(&self) -> &Interner<String> {
        &self.cards
    }

    /// The card `rest`, on which nothing is by itself.
    pub(crate) const fn rest(&self) -> CardId {
        self.rest
    }

    /// A card's id.
    pub(crate) fn id(&self, card: CardId) -> &str {
        self.cards.get(card).map_or("", String::as_str)
    }

    /// What a card stands for.
    pub(crate) fn subject(&self, card: CardId) -> Option<&Subject<'s>> {
        self.subjects.get(card)?.as_ref()
    }
}

/// Whether an edge stands for edges that an agent folded together.
fn is_folded(naming: &Naming<'_>, edge: &Observed) -> bool {
    edge.marks.has(Mark::Remainder) || naming.catalogue.address(edge.key.endpoint) == NOWHERE
}
