//! Which edges a filter selects. Each address and service is judged once, not each edge.

use std::net::IpAddr;

use svcflow_topology::{Labels, Service};

use super::{Filter, Requirement, Term, What};
use crate::catalogue::{AddressId, EdgeKey, ServiceAddress, ServiceId};
use crate::follow::Observed;
use crate::intern::{Id, PerId};
use crate::naming::Naming;
use crate::readings::Readings;

/// The edges that the filter selects, in their order.
pub(crate) fn selected<'r>(
    readings: &'r Readings,
    naming: &Naming<'_>,
    filter: &Filter,
) -> Vec<&'r Observed> {
    let mut edges: Vec<&Observed> = readings.edges.iter().collect();
    for term in &filter.0 {
        let mut judge = Judge::new(naming, term);
        edges.retain(|edge| judge.takes(&edge.key));
    }
    edges
}

/// How one party stands to a term's requirements.
#[derive(Clone, Copy)]
struct Verdict {
    /// All positive ones hold; or the one condition that is no label's does.
    positive: bool,
    /// All negative ones hold.
    negative: bool,
}

/// Judges one term, remembering the verdict on each party.
struct Judge<'t, 's> {
    naming: &'t Naming<'s>,
    term: &'t Term,
    /// Whether the term asks for anything that one party must fulfil.
    asks: bool,
    addresses: PerId<IpAddr, Option<Verdict>>,
    services: PerId<ServiceAddress, Option<Verdict>>,
}

impl<'t, 's> Judge<'t, 's> {
    fn new(naming: &'t Naming<'s>, term: &'t Term) -> Self {
        let asks = match term {
            Term::Labels(all) => all.iter().any(Requirement::is_positive),
            Term::Is { .. } => true,
        };
        Self {
            naming,
            term,
            asks,
            addresses: PerId::filled(None, naming.catalogue.addresses().len()),
            services: PerId::filled(None, naming.catalogue.services().len()),
        }
    }

    fn takes(&mut self, edge: &EdgeKey) -> bool {
        match self.term {
            Term::Labels(_) => {
                let parties = self.parties(edge);
                let mut there = parties.iter().flatten();
                let fulfilled = !self.asks || there.any(|verdict| verdict.positive);
                fulfilled && parties.iter().flatten().all(|verdict| verdict.negative)
            }
            Term::Is { what, negated } => self.is(edge, what) != *negated,
        }
    }

    fn is(&mut self, edge: &EdgeKey, what: &What) -> bool {
        let catalogue = self.naming.catalogue;
        match what {
            What::Node(name) => catalogue.node(edge.node) == name,
            What::Protocol(name) => edge.protocol.to_string().eq_ignore_ascii_case(name),
            What::Port(port) => {
                let service = edge.service.map(|service| catalogue.service(service).port);
                edge.provider_port == *port || service == Some(*port)
            }
            What::Name(_) | What::Network(_) | What::Text(_) => {
                self.parties(edge).iter().flatten().any(|verdict| verdict.positive)
            }
        }
    }

    fn parties(&mut self, edge: &EdgeKey) -> [Option<Verdict>; 3] {
        let (naming, term) = (self.naming, self.term);
        let mut address =
            |id: AddressId| remembered(&mut self.addresses, id, || judge_address(naming, term, id));
        let [endpoint, provider] = [address(edge.endpoint), address(edge.provider)];
        let service = edge
            .service
            .map(|id| remembered(&mut self.services, id, || judge_service(naming, term, id)));
        [Some(endpoint), Some(provider), service]
    }
}

fn remembered<T>(
    all: &mut PerId<T, Option<Verdict>>,
    id: Id<T>,
    judge: impl FnOnce() -> Verdict,
) -> Verdict {
    match all.get(id) {
        Some(Some(verdict)) => *verdict,
        _ => {
            let verdict = judge();
            all.set(id, Some(verdict));
            verdict
        }
    }
}

fn judge_address(naming: &Naming<'_>, term: &Term, id: AddressId) -> Verdict {
    let owner = naming.owner(id);
    let nothing = Labels::default();
    let labels = owner.map_or(&nothing, |owner| &owner.entity.labels);
    let name = owner.map(|owner| owner.entity.name.as_str());
    judge(term, naming.catalogue.address(id), name, &[labels])
}

fn judge_service(naming: &Naming<'_>, term: &Term, id: ServiceId) -> Verdict {
    let address = naming.catalogue.service(id).address;
    match naming.service(id) {
        Some(named) => {
            let service: &Service = named.entity;
            let labels = [&service.labels, &service.selectors];
            judge(term, address, Some(&service.full_name()), &labels)
        }
        None => judge(term, address, None, &[]),
    }
}

/// A service bears its own labels and its selectors: each requirement may be met by either, and a
/// forbidden label by neither.
fn judge(term: &Term, address: IpAddr, name: Option<&str>, labels: &[&Labels]) -> Verdict {
    let is = |what: &What| match what {
        What::Name(glob) => name.is_some_and(|name| glob.matches(name)),
        What::Network(network) => network.contains(address),
        What::Text(text) => {
            let pairs = labels.iter().flat_map(|labels| labels.iter());
            let mut texts = name.into_iter().chain(pairs.flat_map(|(key, value)| [key, value]));
            address.to_string().contains(text) || texts.any(|it| it.to_lowercase().contains(text))
        }
        What::Node(_) | What::Protocol(_) | What::Port(_) => false,
    };
    match term {
        Term::Labels(all) => {
            let (positive, negative): (Vec<_>, Vec<_>) =
                all.iter().partition(|requirement| requirement.is_positive());
            Verdict {
                positive: positive.iter().all(|it| labels.iter().any(|labels| it.holds(labels))),
                negative: negative.iter().all(|it| labels.iter().all(|labels| it.holds(labels))),
            }
        }
        Term::Is { what, .. } => Verdict { positive: is(what), negative: true },
    }
}
