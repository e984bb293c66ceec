//! Every selected edge is in exactly one map edge, and totals add up, whatever the world and the question.

mod support;

use std::collections::HashSet;

use proptest::prelude::*;
use svcflow_map::document::{Map, Totals};
use svcflow_map::{Asked, Group};
use svcflow_model::Marks;

use support::*;

fn address_text() -> impl Strategy<Value = String> {
    (0..3_u8, 0..6_u8).prop_map(|(net, host)| match (net, host) {
        (0, 0) => "0.0.0.0".to_owned(),
        (2, host) => format!("[fd00::{host}]"),
        (net, host) => format!("10.{net}.0.{host}"),
    })
}

fn bare(text: &str) -> String {
    text.trim_matches(['[', ']']).to_owned()
}

prop_compose! {
    fn some_edge()(
        node in 0..3_u8,
        endpoint in address_text(),
        service in prop::option::of(0..4_u8),
        provider in address_text(),
        each in (0..1_000_000_u64, 0..1_000_u64),
        marks in any::<(bool, bool, bool)>(),
    ) -> (String, String, (u64, u64), Marks) {
        let service = service.map(|it| format!(" > 100.0.0.{it}:8080")).unwrap_or_default();
        let text = format!("{}{service} > {provider}:80", bare(&endpoint));
        let marks = Marks {
            uncounted: marks.0 && marks.1,
            direction_unknown: marks.1,
            remainder: marks.0 && marks.2,
            undercounted: false,
            unsplit: false,
        };
        (format!("n{node}"), text, each, marks)
    }
}

fn world() -> impl Strategy<Value = World> {
    (prop::collection::vec(some_edge(), 0..40), any::<[bool; 4]>(), any::<bool>()).prop_map(
        |(edges, named, silent)| {
            let mut world = World::empty();
            let mut seen = HashSet::new();
            for (node, text, each, marks) in edges {
                if seen.insert((node.clone(), text.clone())) {
                    world.add(&node, &text, each).marks = marks;
                }
            }
            for (service, named) in named.into_iter().enumerate() {
                if named {
                    world.serve(
                        &format!("s{}", service / 2),
                        &format!("100.0.0.{service}"),
                        &[("s", "x")],
                    );
                }
            }
            for host in 0..3 {
                let label = if host == 1 { "x" } else { "y" };
                world.own(
                    &format!("10.1.0.{host}"),
                    &format!("o{host}"),
                    &[("s", label)],
                    Some("n1"),
                );
            }
            if silent {
                world.silences = vec![("n1".to_owned(), LATEST - 200_000, LATEST - 100_000)];
            }
            world
        },
    )
}

fn group() -> impl Strategy<Value = Group> {
    prop::sample::select(vec![
        Group::Service,
        Group::Endpoint,
        Group::Node,
        Group::Label("s".to_owned()),
    ])
}

fn sum<'t>(totals: impl Iterator<Item = &'t Totals>) -> Totals {
    totals.fold(Totals::default(), |mut sum, more| {
        sum.bytes_in += more.bytes_in;
        sum.bytes_out += more.bytes_out;
        sum.packets_in += more.packets_in;
        sum.packets_out += more.packets_out;
        sum
    })
}

fn adds_up(map: &Map) -> Result<(), TestCaseError> {
    let edges = sum(map.edges.iter().map(|edge| &edge.totals).chain([&map.rest.unlinked.totals]));
    prop_assert_eq!(edges, map.all.totals);
    for side in [
        sum(map.nodes.iter().filter_map(|card| card.asked.as_ref()).map(|it| &it.totals)),
        sum(map.nodes.iter().filter_map(|card| card.served.as_ref()).map(|it| &it.totals)),
    ] {
        prop_assert_eq!(side, map.all.totals, "each edge begins at one card and ends at one");
    }
    let known: f64 =
        map.edges.iter().filter_map(|edge| edge.rates).map(|rates| rates.bytes_in).sum();
    let all = map.all.rates.map_or(0.0, |rates| rates.bytes_in);
    prop_assert!((known - all).abs() <= 1e-9 * all.max(1.0), "{} {}", known, all);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn totals_add_up(
        world in world(),
        group in group(),
        limit in 1..12_usize,
        text in prop::sample::select(vec!["", "s=x", "s!=x", "10.1.0.0/16", "!node:n0", "name:o", "100"]),
        open in prop::collection::vec(0..20_usize, 0..4),
        from in prop::sample::select(vec![-5_000_i64, -60_000, -300_000, -3_000_000]),
    ) {
        let asked = Asked { from: Some(from), ..Asked::default() };
        let ask = |expand: HashSet<String>| {
            world.map_of(asked, |request| {
                request.filter = filter(text);
                request.group = group.clone();
                request.limit = limit;
                request.expand = expand;
            })
        };
        let closed = ask(HashSet::new());
        adds_up(&closed)?;
        let ids: Vec<String> = closed.nodes.iter().map(|card| card.id.clone()).collect();
        let expand = open.iter().filter_map(|place| ids.get(*place).cloned()).collect();
        let opened = ask(expand);
        adds_up(&opened)?;

        // Opening a card changes no card's numbers, no id, no order; asking again changes nothing at all.
        prop_assert_eq!(&closed.all, &opened.all);
        prop_assert_eq!(opened.nodes.iter().map(|card| &card.id).collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
        prop_assert_eq!(&closed, &ask(HashSet::new()));
        prop_assert!(closed.nodes.len() <= limit + 1);

        // Ids are unique, and every end of a map edge is there.
        let mut places = HashSet::new();
        for card in &opened.nodes {
            prop_assert!(places.insert(card.id.clone()));
            for member in card.members.iter().flatten() {
                prop_assert!(places.insert(member.id.clone()));
            }
            let given = card.members.as_ref().map_or(0, Vec::len) as u64;
            let left = card.members_rest.map_or(0, |rest| rest.count);
            prop_assert!(card.members.is_none() || given + left == card.size, "{}", card.id);
        }
        for edge in &opened.edges {
            prop_assert!(places.contains(&edge.from) && places.contains(&edge.to), "{}", edge.id);
            prop_assert_eq!(&edge.id, &format!("{}~{}", edge.from, edge.to));
        }
        let rows: u64 = opened.edges.iter().map(|edge| edge.count).sum();
        let selected = world.read(asked);
        if text.is_empty() {
            prop_assert_eq!(rows, selected.edges.len() as u64);
        }
    }

    #[test]
    fn a_card_s_edges_are_those_of_the_table(world in world(), group in group()) {
        let map = world.map(|request| request.group = group.clone());
        for edge in &map.edges {
            let rows = world.rows(|request| {
                request.group = group.clone();
                request.of = place(&edge.id);
            });
            prop_assert_eq!(rows.len() as u64, edge.count, "{}", edge.id);
            prop_assert_eq!(rows.iter().map(|row| row.bytes_in).sum::<u64>(), edge.totals.bytes_in);
        }
    }
}
