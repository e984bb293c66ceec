//! How long the core takes for 2,000 services, 5,000 endpoints, 20,000 edges.
//!
//! `cargo bench -p svcflow-map`

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a bench may fail loudly"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::Instant;

use svcflow_map::{
    Asked, EdgesRequest, Filter, Group, MapRequest, edges, graph, intern::PerId, map,
};

use support::World;

fn world() -> World {
    let mut world = World::empty();
    let tiers = ["edge", "web", "api", "cache", "db"];
    let address =
        |place: u64| format!("10.{}.{}.{}", 64 + (place >> 12), place >> 4 & 255, (place & 15) + 1);
    for place in 0..5_000_u64 {
        let (tier, team) = (tiers[(place % 5) as usize], format!("team-{}", place / 4 % 23));
        let labels = [("tier", tier), ("team", team.as_str())];
        world.own(
            &address(place),
            &format!("pod-{place}"),
            &labels,
            Some(&format!("node-{}", place % 40)),
        );
    }
    for service in 0..2_000_u64 {
        let selectors = [("tier", tiers[(service % 5) as usize])];
        world.serve(
            &format!("service-{service}"),
            &format!("100.{}.{}.1", 100 + (service >> 8), service & 255),
            &selectors,
        );
    }
    for edge in 0..20_000_u64 {
        let (endpoint, service) = (edge * 7_919 % 5_000, edge * 104_729 % 2_000);
        let text = format!(
            "{} > 100.{}.{}.1:8080 > {}:80",
            address(endpoint),
            100 + (service >> 8),
            service & 255,
            address(1_000 + service * 2 + edge % 2)
        );
        world.add(&format!("node-{}", endpoint % 40), &text, (1_000 + edge * 31 % 100_000, 500));
    }
    world
}

fn timed<T>(what: &str, mut run: impl FnMut() -> T) {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let began = Instant::now();
        std::hint::black_box(run());
        best = best.min(began.elapsed().as_secs_f64());
    }
    println!("{what:<32} {:8.1} ms", best * 1e3);
}

fn main() {
    let world = world();
    let readings = world.read(Asked::default());
    println!("{} edges", readings.edges.len());
    world.with(|context| {
        let ask = |filter: &str, group: Group| MapRequest {
            filter: Filter::parse(filter).unwrap_or_default(),
            group,
            limit: 150,
            ..MapRequest::default()
        };
        for (what, request) in [
            ("map", ask("", Group::Service)),
            ("map tier=db", ask("tier=db", Group::Service)),
            ("map free text", ask("pod-12", Group::Service)),
            ("map by node", ask("", Group::Node)),
            ("map by team", ask("", Group::Label("team".to_owned()))),
        ] {
            timed(what, || map(&readings, context, &request, vec![], None));
        }
        timed("graph", || graph(&readings, context, &Filter::default()));
        let request = EdgesRequest {
            filter: Filter::default(),
            group: Group::Service,
            of: None,
            side: None,
            sort: svcflow_map::Sort::default(),
            offset: 0,
            limit: Some(200),
        };
        let first = PerId::filled(0, readings.catalogue.edges().len());
        timed("edges, 200 rows", || edges(&readings, context, &request, &first));
        let all = EdgesRequest { limit: None, ..request };
        timed("edges, all rows", || edges(&readings, context, &all, &first));
    });
    let names = world.names();
    timed("who is behind the services", || {
        let at = svcflow_model::Timestamp(support::LATEST * 1_000_000);
        svcflow_topology::document::services(&names, at, &[])
    });
}
