//! Which edges a filter selects. Each address and service is judged once, not each edge.

use std::net::IpAddr;

use svcflow_model::{Edge, Protocol, Timestamp};
use svcflow_topology::{Labels, Owner, Service, Snapshot};

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

impl Filter {
    /// Whether it selects an edge of a node, by what its parties are called at an instant. Of a window's many
    /// edges each party is judged once instead.
    #[must_use]
    pub fn selects(&self, edge: &Edge, node: &str, names: &Snapshot, at: Timestamp) -> bool {
        let facts = Facts {
            node,
            protocol: edge.protocol,
            ports: [Some(edge.provider_port), edge.service.map(|service| service.port)],
        };
        self.0.iter().all(|term| {
            holds(term, &facts, || {
                let owned = |address| {
                    let owner = names.owner(address, at).map(|found| &**found.entity);
                    judge_owned(term, address, owner)
                };
                let service = edge.service.map(|service| {
                    let named = names.service(service.address, service.port, edge.protocol, at);
                    judge_named(term, service.address, named.map(|found| &**found.entity))
                });
                [Some(owned(edge.endpoint)), Some(owned(edge.provider)), service]
            })
        })
    }
}

/// What a term may ask of an edge besides its parties.
struct Facts<'e> {
    node: &'e str,
    protocol: Protocol,
    ports: [Option<u16>; 2],
}

/// Whether a term holds for an edge.
fn holds(term: &Term, facts: &Facts<'_>, parties: impl FnOnce() -> [Option<Verdict>; 3]) -> bool {
    match term {
        Term::Labels(all) => {
            let parties = parties();
            let mut there = parties.iter().flatten();
            // Nothing that one party must fulfil, or one does.
            let fulfilled =
                !all.iter().any(Requirement::is_positive) || there.any(|verdict| verdict.positive);
            fulfilled && parties.iter().flatten().all(|verdict| verdict.negative)
        }
        Term::Is { what, negated } => {
            let is = match what {
                What::Node(name) => facts.node == name,
                What::Protocol(name) => facts.protocol.to_string().eq_ignore_ascii_case(name),
                What::Port(port) => facts.ports.contains(&Some(*port)),
                What::Name(_) | What::Network(_) | What::Text(_) => {
                    parties().iter().flatten().any(|verdict| verdict.positive)
                }
            };
            is != *negated
        }
    }
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
    addresses: PerId<IpAddr, Option<Verdict>>,
    services: PerId<ServiceAddress, Option<Verdict>>,
}

impl<'t, 's> Judge<'t, 's> {
    fn new(naming: &'t Naming<'s>, term: &'t Term) -> Self {
        Self {
            naming,
            term,
            addresses: PerId::filled(None, naming.catalogue.addresses().len()),
            services: PerId::filled(None, naming.catalogue.services().len()),
        }
    }

    fn takes(&mut self, edge: &EdgeKey) -> bool {
        let catalogue = self.naming.catalogue;
        let service = edge.service.map(|service| catalogue.service(service).port);
        let facts = Facts {
            node: catalogue.node(edge.node),
            protocol: edge.protocol,
            ports: [Some(edge.provider_port), service],
        };
        holds(self.term, &facts, || self.parties(edge))
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
    let owner = naming.owner(id).map(|owner| &**owner.entity);
    judge_owned(term, naming.catalogue.address(id), owner)
}

fn judge_owned(term: &Term, address: IpAddr, owner: Option<&Owner>) -> Verdict {
    let nothing = Labels::default();
    let labels = owner.map_or(&nothing, |owner| &owner.labels);
    judge(term, address, owner.map(|owner| owner.name.as_str()), &[labels])
}

fn judge_service(naming: &Naming<'_>, term: &Term, id: ServiceId) -> Verdict {
    let service = naming.service(id).map(|named| &**named.entity);
    judge_named(term, naming.catalogue.service(id).address, service)
}

fn judge_named(term: &Term, address: IpAddr, service: Option<&Service>) -> Verdict {
    match service {
        Some(service) => {
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
