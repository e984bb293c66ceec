//! Small worlds: edges with even traffic, names, and the readings of a window.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly; clippy.toml exempts test functions but not their helpers"
)]
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use svcflow_map::document::{Card, EdgeRow, Map, MapEdge};
use svcflow_map::{
    Asked, Catalogue, Clock, Context, Coverage, EdgesRequest, Filter, Follow, Grid, Group, Homes,
    MapRequest, MarkSet, MarkTimeline, Millis, Observed, PARTS, Place, Readings, Shape, Sort,
    Window, edges, intern::PerId, known_parts, map,
};
use svcflow_model::{Cidr, Counters, Edge, Marks, Protocol, Service as ServiceAt, Timestamp};
use svcflow_topology::document::{ServicesDocument, services};
use svcflow_topology::{
    Facts, Labels, Limits, Owner, OwnerKind, Port, Service, Snapshot, Topology, Update,
};

/// Data ends here: a multiple of ten seconds.
pub const LATEST: Millis = 1_790_000_000_000;
/// Data begins here: an hour before.
pub const FIRST: Millis = LATEST - 3_600_000;

pub fn grid() -> Grid {
    Grid::TEN_SECONDS
}

pub fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// `"11.1.1.2 > 100.1.1.3:8080 > 10.1.1.7:80"`, or without the middle.
pub fn edge(text: &str) -> Edge {
    let parts: Vec<&str> = text.split(" > ").collect();
    let socket = |text: &str| text.parse::<std::net::SocketAddr>().unwrap();
    let provider = socket(parts[parts.len() - 1]);
    Edge {
        endpoint: address(parts[0]),
        service: (parts.len() == 3).then(|| {
            let at = socket(parts[1]);
            ServiceAt { address: at.ip(), port: at.port() }
        }),
        provider: provider.ip(),
        provider_port: provider.port(),
        protocol: Protocol::TCP,
    }
}

/// An edge that adds the same in each interval.
#[derive(Clone, Debug)]
pub struct Even {
    pub node: String,
    pub edge: Edge,
    /// In each interval of ten seconds: bytes in, bytes out.
    pub each: (u64, u64),
    pub marks: Marks,
}

#[derive(Clone, Debug)]
pub struct World {
    pub edges: Vec<Even>,
    pub facts: Facts,
    pub homes: Vec<(Cidr, Arc<str>)>,
    /// A node that does not report from the one instant to the other.
    pub silences: Vec<(String, Millis, Millis)>,
}

impl World {
    pub fn empty() -> Self {
        Self { edges: vec![], facts: Facts::default(), homes: vec![], silences: vec![] }
    }

    pub fn add(&mut self, node: &str, text: &str, each: (u64, u64)) -> &mut Even {
        self.edges.push(Even {
            node: node.to_owned(),
            edge: edge(text),
            each,
            marks: Marks::default(),
        });
        self.edges.last_mut().unwrap()
    }

    pub fn own(&mut self, at: &str, name: &str, labels: &[(&str, &str)], node: Option<&str>) {
        self.facts.owners.push(Owner {
            identity: format!("{name}@{at}"),
            name: name.to_owned(),
            kind: OwnerKind::Container,
            addresses: vec![at.parse().unwrap()],
            labels: labels.iter().copied().collect(),
            node: node.map(str::to_owned),
            since: None,
        });
    }

    pub fn serve(&mut self, name: &str, at: &str, selectors: &[(&str, &str)]) {
        self.facts.services.push(Service {
            identity: name.to_owned(),
            tenant: "default".to_owned(),
            name: name.to_owned(),
            addresses: vec![address(at)],
            ports: vec!["8080:80:TCP".parse::<Port>().unwrap()],
            selectors: selectors.iter().copied().collect::<Labels>(),
            ..Service::default()
        });
    }

    /// Two tiers: three clients ask app, whose two providers ask db, whose one provider asks nobody.
    pub fn demo() -> Self {
        let mut world = Self::empty();
        world.serve("app", "100.1.1.3", &[("tier", "web")]);
        world.serve("db", "100.1.1.4", &[("tier", "db")]);
        world.own("10.1.1.1", "app-1", &[("tier", "web"), ("release", "stable")], Some("n1"));
        world.own("10.1.1.2", "app-2", &[("tier", "web"), ("release", "canary")], Some("n1"));
        world.own("10.1.1.15", "db-1", &[("tier", "db"), ("release", "stable")], Some("n2"));
        for client in 1..=3_u64 {
            let name = format!("client-{client}");
            world.own(&format!("11.1.1.{client}"), &name, &[("role", "client")], Some("n1"));
            for provider in 1..=2_u64 {
                let text = format!("11.1.1.{client} > 100.1.1.3:8080 > 10.1.1.{provider}:80");
                world.add("n1", &text, (10_000 * client * provider, 1_000 * client));
            }
        }
        for provider in 1..=2_u64 {
            let text = format!("10.1.1.{provider} > 100.1.1.4:8080 > 10.1.1.15:80");
            world.add("n1", &text, (7_000 * provider, 700));
        }
        world
    }

    pub fn names(&self) -> Snapshot {
        let mut topology = Topology::new(Limits::default());
        let source = topology.add_source("static").unwrap();
        let at = Timestamp(FIRST * 1_000_000 - 1_000_000_000);
        topology.apply(source, Update::Listed { at, facts: self.facts.clone() });
        topology.snapshot()
    }

    /// Reads a window as the store's reader does.
    pub fn read(&self, asked: Asked) -> Readings {
        let clock = Clock {
            now: LATEST + 3_000,
            latest: Some(LATEST),
            earliest: Some(FIRST),
            grid: grid(),
            summed: None,
        };
        let window = Window::of(asked, clock).unwrap();
        let mut catalogue = Catalogue::default();
        for even in &self.edges {
            catalogue.add(&even.node, &even.edge);
        }
        let coverage = |node: &str| {
            let mut coverage = Coverage::new(grid(), FIRST);
            let slots = (FIRST / 10_000 + 1..=LATEST / 10_000).map(|slot| slot * 10_000);
            for at in slots.filter(|at| !self.silent(node, *at)) {
                coverage.report(at, 1);
            }
            coverage
        };
        let mut known = PerId::filled(0, catalogue.nodes().len());
        for (id, name) in catalogue.nodes().iter() {
            known.set(id, known_parts(&window, &coverage(name)));
        }
        let mut observed = Vec::new();
        for even in &self.edges {
            let id = catalogue.find(&even.node, &even.edge).unwrap();
            let key = *catalogue.edges().get(id).unwrap();
            let coverage = coverage(&even.node);
            let (mut follow, mut shape) = (Follow::new(&coverage, window.span), Shape::default());
            for slot in FIRST / 10_000..=LATEST / 10_000 {
                let (at, n) = (slot * 10_000, (slot - FIRST / 10_000).unsigned_abs());
                if !self.silent(&even.node, at) && even.each != (0, 0) {
                    let counters = Counters {
                        bytes_in: 5_000 + even.each.0 * n,
                        bytes_out: 300 + even.each.1 * n,
                        packets_in: even.each.0 * n / 100,
                        packets_out: even.each.1 * n / 100,
                    };
                    follow.row(at, counters, |told, added| shape.add(&window, told, added));
                }
            }
            let mut marks = MarkTimeline::default();
            marks.set(FIRST, MarkSet::from(even.marks));
            let silent = coverage.silent_since(window.step.until).is_some();
            let seen = Observed::of((id, key), &window, &follow, &shape, Some(&marks), silent);
            observed.extend(seen);
        }
        observed.sort_by_key(|edge| edge.id);
        Readings { window, catalogue: Arc::new(catalogue), edges: observed, known_parts: known }
    }

    fn silent(&self, node: &str, at: Millis) -> bool {
        self.silences.iter().any(|(of, from, until)| of == node && *from < at && at < *until)
    }

    pub fn with<T>(&self, use_it: impl FnOnce(&Context<'_>) -> T) -> T {
        let names = self.names();
        let provided: ServicesDocument = services(&names, Timestamp(LATEST * 1_000_000), &[]);
        let homes = Homes::new(self.homes.iter().cloned());
        use_it(&Context { names: &names, provided: &provided, homes: &homes })
    }

    pub fn map(&self, change: impl FnOnce(&mut MapRequest)) -> Map {
        self.map_of(Asked::default(), change)
    }

    pub fn map_of(&self, asked: Asked, change: impl FnOnce(&mut MapRequest)) -> Map {
        let mut request = MapRequest { limit: 150, ..MapRequest::default() };
        change(&mut request);
        let readings = self.read(asked);
        self.with(|context| map(&readings, context, &request, vec![], None))
    }

    pub fn rows(&self, change: impl FnOnce(&mut EdgesRequest)) -> Vec<EdgeRow> {
        let mut request = EdgesRequest {
            filter: Filter::default(),
            group: Group::Service,
            of: None,
            side: None,
            sort: Sort::default(),
            offset: 0,
            limit: None,
        };
        change(&mut request);
        let readings = self.read(Asked::default());
        let first = PerId::filled(FIRST, readings.catalogue.edges().len());
        self.with(|context| edges(&readings, context, &request, &first)).rows
    }
}

pub fn filter(text: &str) -> Filter {
    Filter::parse(text).unwrap()
}

pub fn place(text: &str) -> Option<Place> {
    Some(Place::parse(text).unwrap())
}

pub fn expand(ids: &[&str]) -> HashSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

pub fn card<'m>(map: &'m Map, id: &str) -> &'m Card {
    let found = map.nodes.iter().find(|card| card.id == id);
    found.unwrap_or_else(|| panic!("no {id} among {:?}", ids(map)))
}

pub fn link<'m>(map: &'m Map, id: &str) -> &'m MapEdge {
    let found = map.edges.iter().find(|link| link.id == id);
    found.unwrap_or_else(|| panic!("no {id} among {:?}", links(map)))
}

pub fn ids(map: &Map) -> Vec<&str> {
    map.nodes.iter().map(|card| card.id.as_str()).collect()
}

pub fn links(map: &Map) -> Vec<&str> {
    map.edges.iter().map(|link| link.id.as_str()).collect()
}

pub const PARTS_EXPECTED: usize = PARTS;
