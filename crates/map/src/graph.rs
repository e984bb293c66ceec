//! `GET /api/v1/graph`: everything, in compact columns.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::catalogue::{AddressId, NOWHERE, ServiceId};
use crate::document::{Graph, Links, Mark, Vertices};
use crate::filter::{Filter, selected};
use crate::follow::Observed;
use crate::intern::PerId;
use crate::map::Context;
use crate::naming::Naming;
use crate::place;
use crate::readings::Readings;
use crate::sums::{Condition, Sum};

/// Links past these are only counted.
const LINKS_MAX: usize = 50_000;

/// What a vertex stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Vertex {
    Named(u32),
    Service(ServiceId),
    Address(AddressId),
    Folded,
}

/// The codes of the contract.
#[derive(Clone, Copy)]
enum Kind {
    Service = 0,
    Provider = 1,
    Client = 2,
    Outside = 3,
    Folded = 4,
}

#[derive(Default)]
struct Made {
    sum: Sum,
    condition: Condition,
}

/// The graph of a window.
#[must_use]
pub fn graph(readings: &Readings, context: &Context<'_>, filter: &Filter) -> Graph {
    let naming = Naming::new(readings, context.names, context.homes);
    let edges = selected(readings, &naming, filter);
    let mut builder = Builder::new(readings, &naming);
    edges.into_iter().for_each(|edge| builder.add(edge));
    builder.finish(readings)
}

struct Builder<'n, 's> {
    naming: &'n Naming<'s>,
    /// Services of one name are one vertex.
    names: HashMap<String, u32>,
    answers: PerId<std::net::IpAddr, bool>,
    places: HashMap<Vertex, u32, foldhash::fast::RandomState>,
    vertices: Vec<(Vertex, Made)>,
    link_places: HashMap<(u32, u32), usize, foldhash::fast::RandomState>,
    links: Vec<((u32, u32), Sum)>,
}

impl<'n, 's> Builder<'n, 's> {
    fn new(readings: &Readings, naming: &'n Naming<'s>) -> Self {
        let mut answers = PerId::filled(false, naming.catalogue.addresses().len());
        readings.edges.iter().for_each(|edge| answers.set(edge.key.provider, true));
        Self {
            naming,
            names: HashMap::new(),
            answers,
            places: HashMap::default(),
            vertices: Vec::new(),
            link_places: HashMap::default(),
            links: Vec::new(),
        }
    }

    fn add(&mut self, edge: &Observed) {
        let from = self.address(edge.key.endpoint, edge);
        let service = edge.key.service.map(|service| self.service(service, edge));
        let to = self.address(edge.key.provider, edge);
        // A total that can't be split ends at the service.
        let unsplit =
            matches!((service, to), (Some(Vertex::Named(_) | Vertex::Service(_)), Vertex::Folded));
        let way: Vec<u32> = [Some(from), service, (!unsplit).then_some(to)]
            .into_iter()
            .flatten()
            .map(|it| self.place(it))
            .collect();
        let mut touched = way.clone();
        touched.sort_unstable();
        touched.dedup();
        for place in touched {
            if let Some((_, made)) = self.vertices.get_mut(place as usize) {
                made.sum.add(edge);
                made.condition.add(edge);
            }
        }
        for (from, to) in way.iter().zip(way.iter().skip(1)) {
            let links = &mut self.links;
            let place = *self.link_places.entry((*from, *to)).or_insert_with(|| {
                links.push(((*from, *to), Sum::default()));
                links.len() - 1
            });
            if let Some((_, sum)) = self.links.get_mut(place) {
                sum.add(edge);
            }
        }
    }

    fn address(&self, id: AddressId, edge: &Observed) -> Vertex {
        let nowhere = self.naming.catalogue.address(id) == NOWHERE;
        if nowhere || edge.marks.has(Mark::Remainder) {
            Vertex::Folded
        } else {
            Vertex::Address(id)
        }
    }

    fn service(&mut self, id: ServiceId, edge: &Observed) -> Vertex {
        if edge.marks.has(Mark::Remainder) {
            return Vertex::Folded;
        }
        match self.naming.service(id) {
            None => Vertex::Service(id),
            Some(named) => {
                let next = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
                Vertex::Named(*self.names.entry(named.entity.full_name()).or_insert(next))
            }
        }
    }

    fn place(&mut self, vertex: Vertex) -> u32 {
        let vertices = &mut self.vertices;
        *self.places.entry(vertex).or_insert_with(|| {
            vertices.push((vertex, Made::default()));
            u32::try_from(vertices.len() - 1).unwrap_or(u32::MAX)
        })
    }

    fn finish(self, readings: &Readings) -> Graph {
        let Self { naming, names, answers, vertices, mut links, .. } = self;
        let mut by_place: Vec<&str> = vec![""; names.len()];
        for (name, place) in &names {
            if let Some(there) = by_place.get_mut(*place as usize) {
                *there = name;
            }
        }
        let mut columns = Vertices::default();
        for (vertex, made) in &vertices {
            let (id, name, kind) = describe(naming, &by_place, &answers, *vertex);
            columns.id.push(id);
            columns.name.push(name);
            columns.kind.push(kind as u8);
            columns.state.push(made.condition.state);
            let rates = made.sum.rates;
            columns.bytes_in.push(rates.map(|rates| rates.bytes_in));
            columns.bytes_out.push(rates.map(|rates| rates.bytes_out));
        }
        let cut = links.len().saturating_sub(LINKS_MAX);
        if cut > 0 {
            links.sort_by(|(a, x), (b, y)| y.bytes().cmp(&x.bytes()).then(a.cmp(b)));
            links.truncate(LINKS_MAX);
        }
        let mut kept = Links::default();
        for ((from, to), sum) in links {
            kept.from.push(from);
            kept.to.push(to);
            kept.bytes_in.push(sum.rates.map(|rates| rates.bytes_in));
            kept.bytes_out.push(sum.rates.map(|rates| rates.bytes_out));
        }
        Graph { range: readings.window.range(), vertices: columns, links: kept, cut: cut as u64 }
    }
}

fn describe(
    naming: &Naming<'_>,
    names: &[&str],
    answers: &PerId<std::net::IpAddr, bool>,
    vertex: Vertex,
) -> (String, String, Kind) {
    match vertex {
        Vertex::Named(place) => {
            let name = names.get(place as usize).copied().unwrap_or_default();
            (place::named_service(name), name.to_owned(), Kind::Service)
        }
        Vertex::Service(id) => {
            let service = naming.catalogue.service(id);
            let name = SocketAddr::new(service.address, service.port).to_string();
            (place::unnamed_service(&service), name, Kind::Service)
        }
        Vertex::Address(id) => {
            let address = naming.catalogue.address(id).to_string();
            let name = naming.owner_name(id);
            let kind = match (answers.get(id), naming.is_ours(id)) {
                (Some(true), _) => Kind::Provider,
                (_, true) => Kind::Client,
                (_, false) => Kind::Outside,
            };
            let name = if name.is_empty() { address.clone() } else { name.to_owned() };
            (format!("endpoint:{address}"), name, kind)
        }
        Vertex::Folded => ("folded".to_owned(), "other endpoints".to_owned(), Kind::Folded),
    }
}
