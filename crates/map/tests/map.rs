//! Cards, what runs between them, and the rest.

mod support;

use svcflow_map::document::{CardKind, Path, State};
use svcflow_map::{Asked, Group};
use svcflow_model::Marks;

use support::*;

#[test]
fn tiers_appear_by_themselves_and_in_a_fixed_order() {
    let map = World::demo().map(|_| {});
    assert_eq!(ids(&map), ["clients", "service:default:app", "service:default:db"]);
    assert_eq!(
        links(&map),
        ["clients~service:default:app", "service:default:app~service:default:db"]
    );
    let clients = card(&map, "clients");
    assert_eq!((clients.kind, clients.size, clients.served), (CardKind::Clients, 3, None));
    let app = card(&map, "service:default:app");
    assert_eq!(app.name, "default:app");
    assert_eq!(
        (&*app.addresses, &*app.ports),
        (&["100.1.1.3".to_owned()][..], &["8080/TCP".to_owned()][..])
    );
    assert_eq!(app.selectors.get("tier").map(String::as_str), Some("web"));
    assert_eq!((app.source.as_str(), app.size, app.members.is_none()), ("static", 2, true));
    assert_eq!(app.nodes, ["n1"]);
    // 30 intervals; each: clients 1 to 3 times providers 1 to 2 times 10,000.
    let served = app.served.unwrap();
    assert_eq!(served.totals.bytes_in, 30 * 10_000 * 6 * 3);
    assert_eq!(served.rates.unwrap().bytes_in, 10_000.0 * 18.0 / 10.0);
    assert_eq!(app.asked.unwrap().totals.bytes_out, 30 * 1_400);
    assert_eq!(map.all.totals.bytes_in, 30 * (180_000 + 21_000));
    assert_eq!(app.spark, vec![Some((180_000.0 + 12_000.0) / 10.0); PARTS_EXPECTED]);
    let edge = link(&map, "clients~service:default:app");
    assert_eq!(
        (edge.count, edge.path, &*edge.protocols),
        (6, Path::Service, &["TCP".to_owned()][..])
    );
    assert_eq!((map.rest.cards, map.rest.edges, map.rest.unlinked.count), (0, 0, 0));
}

#[test]
fn an_open_card_gives_its_members_with_their_shares() {
    let map = World::demo().map(|request| {
        request.expand = expand(&["service:default:app", "gone"]);
    });
    let app = card(&map, "service:default:app");
    let members = app.members.as_ref().unwrap();
    let addresses: Vec<_> = members.iter().map(|member| member.address.as_str()).collect();
    assert_eq!(addresses, ["10.1.1.1", "10.1.1.2"]);
    assert_eq!(members[0].id, "service:default:app!10.1.1.1");
    assert_eq!((members[0].name.as_str(), members[0].node.as_deref()), ("app-1", Some("n1")));
    assert_eq!(members[0].labels.get("release").map(String::as_str), Some("stable"));
    let shares: Vec<f64> = members.iter().map(|member| member.share.unwrap()).collect();
    assert!((shares[0] - 66_000.0 / 192_000.0).abs() < 1e-12, "{shares:?}");
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert_eq!(app.members_rest, None);
    // Its edges end at and begin from the members.
    assert_eq!(links(&map).len(), 4);
    assert_eq!(link(&map, "clients~service:default:app!10.1.1.2").count, 3);
    assert_eq!(link(&map, "service:default:app!10.1.1.2~service:default:db").count, 1);
}

#[test]
fn a_filter_moves_nobody_to_another_card() {
    let world = World::demo();
    let map = world.map(|request| request.filter = filter("tier=db"));
    assert_eq!(ids(&map), ["service:default:app", "service:default:db"]);
    assert_eq!(map.all.totals.bytes_in, 30 * 21_000);
    let stable = world.map(|request| request.filter = filter("release=stable,tier=web"));
    assert_eq!(link(&stable, "clients~service:default:app").count, 3);
    assert_eq!(link(&stable, "service:default:app~service:default:db").count, 1);
}

#[test]
fn idle_services_and_providers_are_shown_where_nothing_is_filtered() {
    let mut world = World::demo();
    world.serve("idle", "100.1.1.9", &[("tier", "idle")]);
    world.own("10.1.1.3", "app-3", &[("tier", "web")], Some("n1"));
    let map = world.map(|request| request.expand = expand(&["service:default:app"]));
    let idle = card(&map, "service:default:idle");
    assert_eq!((idle.size, idle.served, idle.asked), (0, None, None));
    let app = card(&map, "service:default:app");
    assert_eq!(app.size, 3);
    let member = &app.members.as_ref().unwrap()[2];
    assert_eq!((member.name.as_str(), member.served, member.share), ("app-3", None, Some(0.0)));
    let filtered = world.map(|request| request.filter = filter("!nothing"));
    assert!(!ids(&filtered).contains(&"service:default:idle"));
}

#[test]
fn strangers_are_outside_and_ours_are_not() {
    let mut world = World::demo();
    world.add("n1", "203.0.113.7 > 100.1.1.3:8080 > 10.1.1.1:80", (10, 10));
    world.add("n1", "11.1.1.1 > 192.0.2.53:53", (10, 10));
    world.add("n1", "11.1.1.1 > 10.1.1.254:9100", (10, 10));
    world.add("n1", "10.9.9.9 > 100.1.1.3:8080 > 10.1.1.1:80", (10, 10));
    world.homes = vec![
        ("10.1.1.0/24".parse().unwrap(), "n1".into()),
        ("10.9.0.0/16".parse().unwrap(), "n3".into()),
    ];
    let map = world.map(|request| request.expand = expand(&["outside", "providers", "clients"]));
    assert_eq!(
        ids(&map),
        [
            "clients",
            "outside",
            "outside-providers",
            "service:default:app",
            "service:default:db",
            "providers"
        ]
    );
    let addresses = |id| {
        let members = card(&map, id).members.as_ref().unwrap();
        members.iter().map(|member| member.address.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(addresses("outside"), ["203.0.113.7"]);
    assert_eq!(addresses("providers"), ["10.1.1.254"]);
    assert_eq!(addresses("clients"), ["10.9.9.9", "11.1.1.1", "11.1.1.2", "11.1.1.3"]);
    assert_eq!(card(&map, "clients").members.as_ref().unwrap()[0].node.as_deref(), Some("n3"));
    assert_eq!(card(&map, "outside-providers").kind, CardKind::Outside);
    assert_eq!(link(&map, "clients!11.1.1.1~providers!10.1.1.254").path, Path::Direct);
}

#[test]
fn hairpins_cycles_and_what_passes_the_service_are_drawn() {
    let mut world = World::demo();
    world.add("n1", "10.1.1.1 > 100.1.1.3:8080 > 10.1.1.2:80", (10, 10));
    world.add("n1", "10.1.1.15 > 100.1.1.3:8080 > 10.1.1.1:80", (10, 10));
    world.add("n1", "10.1.1.1 > 10.1.1.15:80", (10, 10));
    let map = world.map(|_| {});
    assert_eq!(link(&map, "service:default:app~service:default:app").path, Path::Service);
    assert!(links(&map).contains(&"service:default:db~service:default:app"));
    assert_eq!(link(&map, "service:default:app~service:default:db").path, Path::Mixed);
}

#[test]
fn a_provider_of_two_services_is_on_both_and_asks_from_the_first() {
    let mut world = World::demo();
    world.add("n1", "11.1.1.1 > 100.1.1.4:8080 > 10.1.1.1:80", (10, 10));
    world.add("n1", "11.1.1.1 > 10.1.1.1:22", (10, 10));
    let map = world.map(|_| {});
    assert_eq!(
        (card(&map, "service:default:app").size, card(&map, "service:default:db").size),
        (2, 2)
    );
    assert!(!links(&map).contains(&"service:default:db~service:default:db"));
    assert_eq!(link(&map, "clients~service:default:app").path, Path::Mixed);
}

#[test]
fn cards_past_the_limit_are_folded_and_accounted() {
    let mut world = World::empty();
    for card in 1..=20_u64 {
        world.add(
            "n1",
            &format!("11.1.1.1 > 100.1.1.{card}:80 > 10.1.1.{card}:80"),
            (1_000 * card, 0),
        );
    }
    let whole = world.map(|_| {});
    let map = world.map(|request| (request.limit, request.expand) = (5, expand(&["rest"])));
    assert_eq!(map.nodes.len(), 6, "and `rest`");
    assert_eq!((map.rest.cards, map.rest.edges), (16, 16));
    assert_eq!(map.rest.totals.bytes_in, 30 * 1_000 * (1..=16).sum::<u64>());
    assert_eq!(map.all, whole.all);
    let rest = card(&map, "rest");
    assert_eq!((rest.kind, rest.size), (CardKind::Other, 16));
    assert_eq!(rest.members.as_ref().unwrap().len(), 16);
    assert_eq!(rest.served.unwrap().totals, map.rest.totals);
    assert!(ids(&map).contains(&"service:100.1.1.20:80/TCP"), "the greatest stay");
    assert_eq!(map.nodes.last().unwrap().id, "rest");
}

#[test]
fn map_edges_past_a_thousand_are_counted() {
    let mut world = World::empty();
    for from in 0..40_u64 {
        for to in 0..30_u64 {
            world.add("n1", &format!("10.1.{from}.1 > 10.2.{to}.1:80"), (from + to, 1));
        }
    }
    let map = world.map(|request| request.group = Group::Endpoint);
    assert_eq!(map.nodes.len(), 70);
    assert_eq!((map.edges.len(), map.rest.unlinked.count), (1_000, 200));
    let shown: u64 = map.edges.iter().map(|edge| edge.totals.bytes_in).sum();
    assert_eq!(shown + map.rest.unlinked.totals.bytes_in, map.all.totals.bytes_in);
    let least = map.edges.iter().map(|edge| edge.totals.bytes_in + edge.totals.bytes_out).min();
    assert!(least.unwrap() * 200 >= map.rest.unlinked.totals.bytes_in);
}

#[test]
fn members_past_a_hundred_are_counted_with_their_share() {
    let mut world = World::empty();
    for client in 1..=150_u64 {
        world.add("n1", &format!("11.1.1.{client} > 100.1.1.1:80 > 10.1.1.1:80"), (client, 0));
    }
    let map = world.map(|request| request.expand = expand(&["outside"]));
    let outside = card(&map, "outside");
    let rest = outside.members_rest.unwrap();
    assert_eq!((outside.members.as_ref().unwrap().len(), rest.count), (100, 50));
    let left = (1..=50).sum::<u64>() as f64 / (1..=150).sum::<u64>() as f64;
    assert!((rest.share.unwrap() - left).abs() < 1e-12);
    assert_eq!(link(&map, "outside~service:100.1.1.1:80/TCP").count, 50);
    assert!(links(&map).contains(&"outside!11.1.1.51~service:100.1.1.1:80/TCP"));
}

#[test]
fn groups_are_nodes_labels_and_addresses() {
    let mut world = World::demo();
    world.own("203.0.113.0/24", "office", &[("tier", "a=b c")], None);
    world.add("n1", "203.0.113.7 > 100.1.1.3:8080 > 10.1.1.1:80", (10, 10));
    let node = world.map(|request| request.group = Group::Node);
    assert_eq!(ids(&node), ["clients", "node:n1", "node:n2"]);
    assert_eq!(card(&node, "node:n2").name, "n2");
    let label = world.map(|request| request.group = Group::Label("tier".to_owned()));
    assert_eq!(ids(&label), ["clients", "label:tier=a%3Db%20c", "label:tier=db", "label:tier=web"]);
    assert_eq!(card(&label, "label:tier=a%3Db%20c").name, "tier=a=b c");
    let endpoint = world.map(|request| request.group = Group::Endpoint);
    let one = card(&endpoint, "endpoint:10.1.1.1");
    assert_eq!((one.kind, one.name.as_str(), one.size), (CardKind::Group, "app-1", 1));
    assert_eq!(one.source, "static");
}

#[test]
fn what_agents_folded_and_could_not_split_stands_apart() {
    let mut world = World::demo();
    world.add("n1", "0.0.0.0 > 0.0.0.0:0 > 0.0.0.0:0", (50, 5)).marks =
        Marks { remainder: true, ..Marks::default() };
    world.add("n1", "0.0.0.0 > 0.0.0.0:0", (50, 5)).marks =
        Marks { remainder: true, ..Marks::default() };
    world.add("n1", "11.1.1.1 > 100.1.1.3:8080 > 0.0.0.0:80", (0, 77)).marks =
        Marks { unsplit: true, ..Marks::default() };
    let map = world.map(|_| {});
    let folded = link(&map, "folded~folded");
    assert_eq!((folded.count, folded.path), (2, Path::Mixed));
    assert_eq!(card(&map, "folded").size, 0);
    assert_eq!(serde_json::to_string(&folded.marks).unwrap(), r#"["remainder"]"#);
    let app = card(&map, "service:default:app");
    assert_eq!(app.size, 2, "an unknown provider is no member");
    assert_eq!(serde_json::to_string(&app.marks).unwrap(), r#"["unsplit"]"#);
    for group in [Group::Endpoint, Group::Node, Group::Label("tier".to_owned())] {
        let map = world.map(|request| request.group = group.clone());
        assert!(ids(&map).contains(&"service:default:app"), "{group:?}: the total has a place");
        assert!(!ids(&map).iter().any(|id| id.contains("0.0.0.0")), "{group:?}");
    }
}

#[test]
fn a_silent_node_is_stale_and_says_since_when() {
    let mut world = World::demo();
    world.add("n2", "11.1.1.1 > 100.1.1.4:8080 > 10.1.1.15:80", (100, 100));
    world.silences = vec![("n2".to_owned(), LATEST - 60_000, i64::MAX)];
    let map = world.map(|_| {});
    let stale = link(&map, "clients~service:default:db");
    assert_eq!(
        (stale.state, stale.state_since, stale.rates),
        (State::Stale, Some(LATEST - 60_000), None)
    );
    assert_eq!(stale.totals.bytes_in, 24 * 100, "what was counted before");
    let db = card(&map, "service:default:db");
    assert_eq!((db.state, db.state_since), (State::Stale, Some(LATEST - 60_000)));
    assert!(db.served.unwrap().rates.is_some(), "a part is known");
    assert_eq!(card(&map, "service:default:app").state, State::Ok);
    // As it was two minutes ago.
    let past = world.map_of(Asked { at: Some(LATEST - 120_000), ..Asked::default() }, |_| {});
    assert_eq!(link(&past, "clients~service:default:db").state, State::Ok);
    assert_eq!(link(&past, "clients~service:default:db").rates.unwrap().bytes_in, 10.0);
}

#[test]
fn an_uncounted_edge_is_unknown_and_never_zero() {
    let mut world = World::demo();
    world.add("n2", "11.1.1.1 > 10.1.1.15:5432", (0, 0)).marks =
        Marks { uncounted: true, ..Marks::default() };
    let map = world.map(|request| request.expand = expand(&["clients"]));
    let edge = link(&map, "clients!11.1.1.1~service:default:db");
    assert_eq!((edge.state, edge.state_since, edge.rates), (State::Unknown, Some(FIRST), None));
    assert_eq!((edge.count, edge.totals.bytes_in), (1, 0));
}

#[test]
fn hostile_names_are_text_and_their_ids_are_sound() {
    let names = [
        "<img src=x onerror=\"alert(1)\">",
        "~!*'()[]/?#&=+%,;:@",
        "مرحبا \u{202e}evil",
        &"x".repeat(500),
        "👩‍👩‍👧‍👦",
        "  spaces\tand\nlines  ",
        "__proto__",
    ];
    let mut world = World::empty();
    for (place, name) in names.iter().enumerate() {
        world.serve(name, &format!("100.1.1.{place}"), &[(name, name)]);
        world.own(&format!("10.1.1.{place}"), name, &[(name, name)], Some(name));
        world.add(name, &format!("11.1.1.1 > 100.1.1.{place}:8080 > 10.1.1.{place}:80"), (1, 1));
    }
    for group in [Group::Service, Group::Node, Group::Label("__proto__".to_owned())] {
        let map = world.map(|request| request.group = group.clone());
        for card in &map.nodes {
            assert!(card.id.bytes().all(|byte| byte.is_ascii_graphic()), "{}", card.id);
            assert!(svcflow_map::Place::parse(&card.id).is_ok(), "{}", card.id);
        }
        if group == Group::Service {
            let shown: Vec<&str> = map.nodes.iter().map(|card| card.name.as_str()).collect();
            for name in names {
                assert!(shown.contains(&&*format!("default:{name}")), "{name}");
            }
        }
    }
}

#[test]
fn an_owner_with_several_addresses_is_one_member() {
    let mut world = World::demo();
    let second = |owner: &mut svcflow_topology::Owner, at: &str| {
        owner.addresses.push(address(at).into());
    };
    for owner in &mut world.facts.owners {
        match owner.name.as_str() {
            "app-1" => second(owner, "fd10::1"),
            "app-2" => second(owner, "fd10::2"),
            _ => {}
        }
    }
    let before = World::demo().map(|_| {}).all.totals.bytes_in;
    world.add("n1", "11.1.1.1 > [fd64::3]:8080 > [fd10::1]:80", (1_000, 100));
    world.facts.services[0].addresses.push(address("fd64::3"));
    let map = world.map(|request| request.expand = expand(&["service:default:app"]));
    let app = card(&map, "service:default:app");
    assert_eq!(app.size, 2);
    let members = app.members.as_ref().unwrap();
    let addresses: Vec<_> = members.iter().map(|member| member.addresses.join(" ")).collect();
    assert_eq!(addresses, ["10.1.1.1 fd10::1", "10.1.1.2 fd10::2"]);
    assert_eq!(map.all.totals.bytes_in, before + 30 * 1_000, "each byte once");
    // A link may name it by either of its addresses.
    let edges = |at: &str| world.rows(|request| request.of = place(at)).len();
    assert_eq!(edges("service:default:app!fd10::1"), edges("service:default:app!10.1.1.1"));
    // By address they are apart.
    let apart = world.map(|request| request.group = Group::Endpoint);
    assert!(
        ids(&apart).contains(&"endpoint:fd10::1") && ids(&apart).contains(&"endpoint:10.1.1.1")
    );
}
