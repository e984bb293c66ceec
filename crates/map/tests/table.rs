//! The table: what filters select, sorting, paging, what an id is made of; and the graph.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly; clippy.toml exempts test functions but not their helpers"
)]

mod support;

use svcflow_map::document::{RelationName, Side};
use svcflow_map::{Asked, Column, Sort, csv, graph};

use support::*;

/// Two services of one label each, a stranger, a direct edge, IPv6.
fn world() -> World {
    let mut world = World::demo();
    world.add("n2", "203.0.113.7 > 100.1.1.3:8080 > 10.1.1.1:80", (10, 10));
    world.add("n2", "11.1.1.1 > 10.1.1.15:5432", (20, 10));
    world.add("n2", "fd11::2 > [fd64::3]:8080 > [fd10::1]:80", (30, 10));
    world.edges.last_mut().unwrap().edge.protocol = svcflow_model::Protocol::UDP;
    world
}

/// How many edges a filter selects, in a window and one by one.
fn count(text: &str) -> usize {
    let (world, filter) = (world(), filter(text));
    let (names, at) = (world.names(), svcflow_model::Timestamp(LATEST * 1_000_000));
    let alone = world.edges.iter().filter(|it| filter.selects(&it.edge, &it.node, &names, at));
    let count = world.rows(|request| request.filter = filter.clone()).len();
    assert_eq!(alone.count(), count, "{text}");
    count
}

#[test]
fn filters_select_by_any_party_and_negated_ones_by_none() {
    assert_eq!(count(""), 11);
    for (text, rows) in [
        ("tier=db", 3),
        ("tier==db", 3),
        ("tier=web", 9),
        // None of its parties may bear it.
        ("tier!=db", 8),
        ("tier!=web", 2),
        ("tier notin (web,db)", 1),
        ("!tier", 1),
        ("label:tier", 10),
        ("tier in (db, nothing)", 3),
        ("tier=db,release=stable", 3),
        // app-1 is stable and web; app-2 is canary and web.
        ("tier=web,release=stable", 5),
        ("tier=web release=stable", 6),
        ("tier=web,release=canary", 4),
        ("role=client,!tier", 0),
        ("role=client,tier!=db", 6),
        ("role=client tier=db", 1),
        ("name:app", 9),
        ("name:DEFAULT:D*b", 2),
        ("name:a*2", 4),
        ("!name:app", 2),
        ("node:n2", 3),
        ("node:n", 0),
        ("!node:n2", 8),
        ("proto:udp", 1),
        ("proto:TCP", 10),
        ("port:8080", 10),
        ("port:5432", 1),
        ("!port:80", 1),
        ("203.0.113.7", 1),
        ("100.1.1.3", 7),
        ("11.1.1.0/24", 7),
        ("!11.1.1.0/24", 4),
        ("fd10::/16", 1),
        ("::/0", 1),
        ("0.0.0.0/0", 10),
        ("0.0.0.0/0 ::/0", 0),
        ("client", 7),
        ("STABLE", 7),
        ("\"app-1\"", 5),
        ("203.0", 1),
        ("!\"client\"", 4),
        ("!client", 11),
        ("node:n1 tier=db", 2),
    ] {
        assert_eq!(count(text), rows, "{text}");
    }
}

#[test]
fn rows_tell_everything_of_an_edge() {
    let rows = world().rows(|request| request.filter = filter("node:n2 port:5432"));
    let row = &rows[0];
    assert_eq!(row.id, "edge:n2,11.1.1.1,-,10.1.1.15:5432,TCP");
    assert_eq!((row.endpoint_name.as_str(), row.provider_name.as_str()), ("client-1", "db-1"));
    assert_eq!(
        (row.service.as_deref(), row.service_port, row.service_name.as_deref()),
        (None, None, None)
    );
    assert_eq!(row.relation, RelationName::ProviderNode, "the client lives on n1");
    assert_eq!((row.bytes_in, row.rate_bytes_in), (600, Some(2.0)));
    assert_eq!((row.first, row.last), (FIRST, LATEST));
    let rows = world().rows(|request| request.filter = filter("fd64::3"));
    assert_eq!(rows[0].id, "edge:n2,fd11::2,[fd64::3]:8080,[fd10::1]:80,UDP");
    assert_eq!(rows[0].service_name, None);
}

#[test]
fn rows_come_sorted_ties_by_id_and_unknown_last() {
    let world = world();
    let order = |sort: &str, of: fn(&svcflow_map::document::EdgeRow) -> String| {
        let rows = world.rows(|request| request.sort = sort.parse::<Sort>().unwrap());
        rows.iter().map(of).collect::<Vec<_>>()
    };
    let by_service = order("service", |row| row.service.clone().unwrap_or_default());
    assert_eq!(
        (by_service[0].as_str(), by_service[9].as_str(), by_service[10].as_str()),
        ("100.1.1.3", "fd64::3", "")
    );
    let by_service = order("-service", |row| row.service.clone().unwrap_or_default());
    assert_eq!((by_service[0].as_str(), by_service[10].as_str()), ("fd64::3", ""));
    let default = world.rows(|_| {});
    assert!(default.windows(2).all(|pair| pair[0].bytes_in >= pair[1].bytes_in));
    let by_address = order("endpoint", |row| row.endpoint.clone());
    assert_eq!((by_address[0].as_str(), by_address[10].as_str()), ("10.1.1.1", "fd11::2"));
    for column in Column::ALL.iter().filter(|column| !["id", "marks"].contains(&column.name())) {
        let rows = world.rows(|request| request.sort = column.name().parse().unwrap());
        assert_eq!(rows.len(), 11, "{}", column.name());
        let ties: Vec<_> = rows.iter().map(|row| &row.id).collect();
        let again = world.rows(|request| request.sort = column.name().parse().unwrap());
        assert_eq!(ties, again.iter().map(|row| &row.id).collect::<Vec<_>>());
    }
    for wrong in ["id", "-marks", "x", "", "-", "--bytes_in"] {
        assert!(wrong.parse::<Sort>().is_err(), "{wrong}");
    }
}

#[test]
fn pages_are_parts_of_the_whole() {
    let all = world().rows(|_| {});
    let page = world().rows(|request| (request.offset, request.limit) = (3, Some(4)));
    assert_eq!(page, all[3..7]);
    assert!(world().rows(|request| request.offset = 11).is_empty());
}

#[test]
fn an_id_gives_what_it_is_made_of() {
    let of = |id: &str, side| {
        world()
            .rows(|request| {
                request.of = place(id);
                request.side = side;
            })
            .len()
    };
    assert_eq!(of("all", None), 11);
    assert_eq!(of("service:default:app", None), 9);
    assert_eq!(of("service:default:app", Some(Side::Served)), 7);
    assert_eq!(of("service:default:app", Some(Side::Asked)), 2);
    assert_eq!(of("service:default:app!10.1.1.2", None), 4);
    assert_eq!(of("clients~service:default:app", None), 6);
    assert_eq!(of("clients!11.1.1.1~service:default:app!10.1.1.1", None), 1);
    assert_eq!(of("edge:n2,11.1.1.1,-,10.1.1.15:5432,TCP", None), 1);
    for nothing in [
        "service:default:gone",
        "clients!1.2.3.4",
        "edge:n9,11.1.1.1,-,10.1.1.15:5432,TCP",
        "clients~gone:x",
    ] {
        let id = svcflow_map::Place::parse(nothing);
        assert!(id.is_err() || of(nothing, None) == 0, "{nothing}");
    }
}

#[test]
fn csv_holds_the_same_as_the_rows() {
    let rows = world().rows(|_| {});
    let text = csv(&rows, &[Column::Id, Column::BytesIn, Column::Marks]);
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!((lines.len(), lines[0]), (12, "id,bytes_in,marks"));
    assert_eq!(lines[1], format!("\"{}\",{},", rows[0].id, rows[0].bytes_in));
}

#[test]
fn the_graph_is_services_and_addresses() {
    let world = world();
    let readings = world.read(Asked::default());
    let made = world.with(|context| graph(&readings, context, &filter("")));
    let place = |id: &str| made.vertices.id.iter().position(|it| it == id).unwrap();
    assert_eq!(made.vertices.id.len(), 3 + 9);
    let app = place("service:default:app");
    assert_eq!((made.vertices.kind[app], made.vertices.name[app].as_str()), (0, "default:app"));
    let kinds = ["endpoint:10.1.1.1", "endpoint:11.1.1.1", "endpoint:203.0.113.7"]
        .map(|id| made.vertices.kind[place(id)]);
    assert_eq!(kinds, [1, 2, 3]);
    assert_eq!(made.vertices.name[place("endpoint:11.1.1.1")], "client-1");
    let links: Vec<_> = made.links.from.iter().zip(&made.links.to).collect();
    let client = u32::try_from(place("endpoint:11.1.1.1")).unwrap();
    let app = u32::try_from(app).unwrap();
    let at = links.iter().position(|(from, to)| (**from, **to) == (client, app)).unwrap();
    assert_eq!(made.links.bytes_in[at], Some(3_000.0), "to both providers");
    assert_eq!(links.len(), links.iter().collect::<std::collections::HashSet<_>>().len());
    assert_eq!(made.cut, 0);
    let total = made.vertices.bytes_in[app as usize].unwrap();
    assert_eq!(total, (180_000.0 + 10.0) / 10.0, "each edge once");
}
