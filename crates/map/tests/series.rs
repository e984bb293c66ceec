//! A thing's history: which edges, which steps, what is known.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may fail loudly; clippy.toml exempts test functions but not their helpers"
)]

mod support;

use svcflow_map::document::{Series, Side};
use svcflow_map::{
    Asked, Columns, Coverage, Follow, Grid, Group, Place, SeriesRequest, Steps, Window, plan,
};
use svcflow_model::Counters;

use support::*;

fn series(world: &World, id: &str, asked: Asked, points: usize, side: Option<Side>) -> Series {
    let request = SeriesRequest {
        id: id.to_owned(),
        place: Place::parse(id).unwrap(),
        filter: filter(""),
        group: Group::Service,
        side,
        points,
        summed_in: None,
    };
    let readings = world.read(asked);
    let plan = world.with(|context| plan(&readings, context, &request));
    let coverage: Vec<Coverage> = readings
        .catalogue
        .nodes()
        .iter()
        .map(|(_, node)| {
            let mut coverage = Coverage::new(grid(), FIRST);
            for slot in FIRST / 10_000 + 1..=LATEST / 10_000 {
                let silent = |(of, from, until): &(String, i64, i64)| {
                    **of == **node && *from < slot * 10_000 && slot * 10_000 < *until
                };
                if !world.silences.iter().any(silent) {
                    coverage.report(slot * 10_000, 1);
                }
            }
            coverage
        })
        .collect();
    let mut columns = Columns::new(plan.steps);
    for (id, key) in &plan.edges {
        let coverage = &coverage[key.node.index()];
        let even = &world.edges[id.index()];
        let mut follow = Follow::new(coverage, plan.steps.span());
        let mut node = columns.node(key.node);
        for slot in FIRST / 10_000..=LATEST / 10_000 {
            let n = (slot - FIRST / 10_000).unsigned_abs();
            let counters = Counters {
                bytes_in: even.each.0 * n,
                bytes_out: even.each.1 * n,
                ..Counters::ZERO
            };
            let silent = world.silences.iter().any(|(of, from, until)| {
                *of == even.node && *from < slot * 10_000 && slot * 10_000 < *until
            });
            if !silent && even.each != (0, 0) {
                follow.row(slot * 10_000, counters, |told, added| node.add(told, added));
            }
        }
    }
    plan.finish(&columns, |node| coverage.get(node.index()), |_| vec![])
}

#[test]
fn steps_are_the_shortest_usual_multiple_of_the_interval() {
    let length = |seconds: i64, interval: u64, points: usize| {
        let clock = svcflow_map::Clock {
            now: LATEST,
            latest: Some(LATEST),
            earliest: None,
            grid: Grid::new(std::time::Duration::from_secs(interval)),
            summed: None,
        };
        let asked = Asked { from: Some(-seconds * 1_000), ..Asked::default() };
        let window = Window::of(asked, clock).unwrap();
        let steps = Steps::of(&window, points);
        assert!(steps.count <= points, "{seconds} {interval} {points}: {}", steps.count);
        assert!(steps.count > 0, "{seconds} {interval} {points}");
        assert!(steps.first >= window.span.from && steps.span().until <= window.span.until);
        steps.length / 1_000
    };
    assert_eq!(length(300, 10, 300), 10);
    assert_eq!(length(3_600, 10, 300), 20);
    assert_eq!(length(86_400, 10, 300), 300);
    assert_eq!(length(7 * 86_400, 10, 300), 3_600);
    assert_eq!(length(300, 1, 300), 1);
    assert_eq!(length(3_600, 15, 300), 15);
    assert_eq!(length(3_600, 7, 300), 14, "the only usual one that is a multiple of 7 s is a week");
    assert_eq!(length(3_600, 13, 300), 13);
    assert_eq!(length(20 * 365 * 86_400, 10, 2), 315_360_000);
}

#[test]
fn a_card_s_series_is_of_what_it_serves_unless_it_only_asks() {
    let world = World::demo();
    let app = series(&world, "service:default:app", Asked::default(), 300, None);
    assert_eq!((app.side, app.name.as_str()), (Some(Side::Served), "default:app"));
    assert_eq!((app.times.len(), app.range.step), (30, 10_000));
    assert_eq!(app.bytes_in, vec![Some(18_000.0); 30]);
    assert_eq!(app.totals.bytes_in, 30 * 180_000);
    assert_eq!((app.average.unwrap().bytes_in, app.peak.unwrap().bytes_in), (18_000.0, 18_000.0));
    let bytes = (180_000 + 12_000) as f64;
    assert!((app.share.unwrap() - bytes / (bytes + 22_400.0)).abs() < 1e-12);
    let asked = series(&world, "service:default:app", Asked::default(), 300, Some(Side::Asked));
    assert_eq!((asked.side, asked.bytes_in[0]), (Some(Side::Asked), Some(2_100.0)));
    let clients = series(&world, "clients", Asked::default(), 300, None);
    assert_eq!((clients.side, clients.bytes_in[0]), (Some(Side::Asked), Some(18_000.0)));
    let all = series(&world, "all", Asked::default(), 300, None);
    assert_eq!((all.side, all.share, all.name.as_str()), (None, Some(1.0), "everything"));
}

#[test]
fn names_are_those_of_the_contract() {
    let world = World::demo();
    let name = |id: &str| series(&world, id, Asked::default(), 300, None).name;
    assert_eq!(
        name("edge:n1,11.1.1.2,100.1.1.3:8080,10.1.1.2:80,TCP"),
        "11.1.1.2 → 100.1.1.3:8080 → 10.1.1.2:80"
    );
    assert_eq!(name("clients~service:default:app"), "clients → default:app");
    assert_eq!(name("service:default:app!10.1.1.2"), "10.1.1.2");
    assert_eq!(name("service:gone%20one"), "gone one");
}

#[test]
fn what_is_not_there_is_unknown_and_what_is_idle_is_zero() {
    let mut world = World::demo();
    world.add("n1", "11.1.1.1 > 10.1.1.15:5432", (0, 0));
    let gone = series(&world, "service:gone", Asked::default(), 300, None);
    assert_eq!((gone.bytes_in, gone.average, gone.totals.bytes_in), (vec![None; 30], None, 0));
    let idle = series(&world, "edge:n1,11.1.1.1,-,10.1.1.15:5432,TCP", Asked::default(), 300, None);
    assert_eq!((idle.bytes_in, idle.totals.bytes_in), (vec![Some(0.0); 30], 0));
}

#[test]
fn a_gap_is_a_gap_and_longer_steps_bridge_it() {
    let mut world = World::demo();
    world.add("n2", "11.1.1.1 > 10.1.1.15:5432", (1_000, 0));
    world.silences = vec![("n2".to_owned(), LATEST - 200_000, LATEST - 100_000)];
    let id = "edge:n2,11.1.1.1,-,10.1.1.15:5432,TCP";
    let fine = series(&world, id, Asked::default(), 300, None);
    let known: Vec<bool> = fine.bytes_in.iter().map(Option::is_some).collect();
    assert_eq!(known.iter().filter(|known| !**known).count(), 10);
    assert!(known[..10].iter().all(|known| *known) && !known[10] && !known[19] && known[20]);
    assert_eq!(fine.totals.bytes_in, 30 * 1_000, "no byte is lost");
    let all = series(&world, "all", Asked::default(), 300, None);
    assert!(all.bytes_in.iter().all(Option::is_some), "the other node is known");
    let hour = Asked { from: Some(-3_600_000), ..Asked::default() };
    let coarse = series(&world, id, hour, 6, None);
    assert_eq!(coarse.range.step, 600_000);
    let inside = coarse.times.iter().all(|from| {
        let ends = [*from, from + 600_000];
        !ends.iter().any(|end| (LATEST - 199_999..LATEST - 100_000).contains(end))
    });
    assert_eq!(coarse.bytes_in.iter().all(Option::is_some), inside);
}

#[test]
fn the_query_names_its_edges_and_is_left_out_where_there_are_too_many() {
    let mut world = World::demo();
    let query = series(&world, "clients!11.1.1.2", Asked::default(), 300, None).influxql.unwrap();
    assert!(query.contains(
        r#"("Node"='n1' AND "EndpointIP"='11.1.1.2' AND "ServiceIP"='100.1.1.3' AND "ServicePort"='8080' AND "ProviderIP"='10.1.1.2' AND "ProviderPort"='80' AND "Protocol"='TCP')"#
    ), "{query}");
    assert!(query.ends_with("GROUP BY time(10000ms, 1ms) fill(0)"), "{query}");
    for client in 0..60 {
        world.add("it's\\", &format!("12.1.1.{client} > 10.1.1.15:5432"), (1, 1));
    }
    assert_eq!(series(&world, "all", Asked::default(), 300, None).influxql, None);
    let one =
        series(&world, "edge:it%27s%5C,12.1.1.1,-,10.1.1.15:5432,TCP", Asked::default(), 300, None);
    assert!(one.influxql.unwrap().contains(r#""Node"='it\'s\\'"#));
}
