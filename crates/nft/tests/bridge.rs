//! The table of family `bridge`: what passes from port to port, with directions that are learnt.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};

use support::routed::bridged;
use support::{
    IN, OUT, in_namespace, load, nft_input, on_bridge, options, read, read_until, run, total,
};
use svcflow_nft::{Element, Health, Installed, Options, Origin, Readout, Table};

#[test]
fn udp_is_exact_and_its_directions_are_learnt() {
    in_namespace(|| {
        let net = bridged();
        let (mut table, installed) = Table::install(on_bridge()).unwrap();
        assert_eq!(installed, Installed::Fresh);
        for (to, header, lengths) in
            [("10.0.0.2:53", 28, &[100, 200, 300][..]), ("[fd00::2]:53", 48, &[100, 200])]
        {
            net.udp(to, to, lengths, 10);
            let (elements, readout) = read(&mut table);
            let of = |direction| {
                total(&elements, |e| {
                    e.direction == direction
                        && e.original_destination.is_ipv6() == (header == 48)
                        && (e.protocol, e.original_destination_port) == (17, 53)
                })
            };
            let (packets, bytes) = (lengths.len() as u64, lengths.iter().sum::<usize>() as u64);
            assert_eq!(of(OUT), (packets, bytes + packets * header));
            assert_eq!(of(IN), (packets, packets * (10 + header)));
            assert_eq!((readout.turned_away().packets, readout.unclassified.packets), (0, 0));
        }
        let (elements, _) = read(&mut table);
        assert_eq!(elements.len(), 4, "{elements:#?}");
        for element in elements {
            assert!(!element.translated && element.place >= 0x8000_0000, "{element:?}");
            assert_eq!(
                element.original_source.to_string().replace("fd00::", "10.0.0."),
                "10.0.0.1"
            );
            assert_eq!(element.reply_source, element.original_destination);
            assert_eq!(element.reply_source_port, element.original_destination_port);
        }
    });
}

/// The reference counts the same packets at the client, in a table of another namespace.
#[test]
fn tcp_is_exact_and_its_directions_are_learnt() {
    in_namespace(|| {
        let net = bridged();
        let (mut table, _) = Table::install(on_bridge()).unwrap();
        net.client.run(|| {
            load(
                "table inet reference {\n chain in {\n type filter hook prerouting priority 0;\n \
                 iif != lo meta l4proto tcp counter\n }\n chain out {\n type filter hook \
                 postrouting priority 0;\n oif != lo meta l4proto tcp counter\n }\n}\n",
            );
        });
        net.tcp("10.0.0.2:8080", "10.0.0.2:8080", 1_000_000, 10_000);
        net.tcp("[fd00::2]:8081", "[fd00::2]:8081", 1_000_000, 10_000);
        // Refused: nothing is learnt, and yet it's clear which way the refusal goes.
        net.client.run(|| TcpStream::connect("10.0.0.2:9").unwrap_err());
        let listed = net.client.run(|| run("nft", "list table inet reference"));
        let numbers: Vec<u64> =
            listed.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [.., in_packets, in_bytes, out_packets, out_bytes] = numbers[..] else {
            panic!("{listed}")
        };
        let (elements, readout) = read(&mut table);
        assert_eq!(total(&elements, |e| e.direction == OUT), (out_packets, out_bytes), "{listed}");
        assert_eq!(total(&elements, |e| e.direction == IN), (in_packets, in_bytes), "{listed}");
        assert!(out_bytes > 2_000_000 && in_bytes < 200_000, "{out_bytes} {in_bytes}");
        assert_eq!(elements.len(), 6, "{elements:#?}");
        assert_eq!(readout.unclassified.packets, 0);
    });
}

#[test]
fn a_connection_older_than_the_table_is_counted_once_its_server_is_learnt() {
    in_namespace(|| {
        let net = bridged();
        let listener = net.server.run(|| TcpListener::bind("10.0.0.2:81").unwrap());
        let mut old = net.client.run(|| TcpStream::connect("10.0.0.2:81").unwrap());
        let (mut table, _) = Table::install(on_bridge()).unwrap();
        old.write_all(&[0; 100]).unwrap();
        let mut served = listener.accept().unwrap().0;
        served.read_exact(&mut [0; 100]).unwrap();
        // The acknowledgement may be late.
        let (elements, readout) = read_until(&mut table, |_, it| it.unclassified.packets >= 2);
        assert_eq!(total(&elements, |e| e.original_destination_port == 81), (0, 0));
        let unknown = readout.unclassified.packets;
        assert!(unknown >= 2, "{unknown}");
        let again = net.client.run(|| TcpStream::connect("10.0.0.2:81").unwrap());
        drop(old);
        let more = |elements: &[Element], _: &_| {
            total(elements, |e| e.original_destination_port == 81).0 > 4
        };
        let (elements, readout) = read_until(&mut table, more);
        assert!(total(&elements, |e| e.original_destination_port == 81).0 > 4);
        assert_eq!(readout.unclassified.packets, unknown);
        drop((again, served));
    });
}

#[test]
fn only_the_first_fragment_is_of_an_edge() {
    in_namespace(|| {
        let net = bridged();
        let (mut table, _) = Table::install(on_bridge()).unwrap();
        net.udp("10.0.0.2:53", "10.0.0.2:53", &[5_000], 10);
        net.udp("[fd00::2]:53", "[fd00::2]:53", &[5_000], 10);
        let (elements, readout) = read(&mut table);
        assert_eq!((elements.len(), total(&elements, |e| e.direction == OUT).0), (4, 2));
        let sent = 2 * 5_008 + 4 * 20 + 4 * 48;
        let first = total(&elements, |e| e.direction == OUT).1;
        let unknown = readout.unclassified;
        assert_eq!((unknown.packets, unknown.bytes), (6, sent - first), "{elements:#?}");
    });
}

#[test]
fn what_is_routed_or_sent_to_all_is_not_counted() {
    in_namespace(|| {
        let net = bridged();
        support::ip("addr add 10.0.0.254/24 dev br0");
        let (mut table, _) = Table::install(on_bridge()).unwrap();
        net.udp("10.0.0.2:53", "10.0.0.2:53", &[100], 10);
        let before = read(&mut table).0;
        net.client.run(|| {
            let socket = UdpSocket::bind("10.0.0.1:0").unwrap();
            socket.set_broadcast(true).unwrap();
            for to in ["10.0.0.255:99", "224.0.0.251:5353", "10.0.0.254:99"] {
                socket.send_to(&[0; 10], to).unwrap();
            }
        });
        std::thread::sleep(std::time::Duration::from_millis(50));
        let (after, readout) = read(&mut table);
        assert_eq!((after, readout.unclassified.packets), (before, 0));
    });
}

#[test]
fn a_full_set_says_exactly_what_it_turned_away() {
    in_namespace(|| {
        let net = bridged();
        let (mut table, _) = Table::install(Options { set_size: 100, ..on_bridge() }).unwrap();
        net.client.run(|| {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            for port in 20_000..20_150_u16 {
                // The refusals would be errors of the next call.
                while socket.send_to(&[0; 72], ("10.0.0.2", port)).is_err() {}
            }
        });
        let all = |elements: &[Element], it: &Readout| {
            total(elements, |e| e.direction == OUT).0 + it.turned_away_direct.packets >= 150
        };
        let (elements, readout) = read_until(&mut table, all);
        let away = readout.turned_away_direct;
        assert_eq!(total(&elements, |e| e.direction == OUT), (100, 10_000));
        assert_eq!((away.packets, away.bytes, readout.largest_set), (50, 5_000, 100));
        assert_eq!(table.grow(1).unwrap(), 0);
    });
}

#[test]
fn it_lives_beside_the_other_table_and_nft_loads_both_again() {
    in_namespace(|| {
        let net = bridged();
        let (other, _) = Table::install(options()).unwrap();
        let beside = Options { beside: Some(other.origin()), ..on_bridge() };
        let (mut table, _) = Table::install(beside.clone()).unwrap();
        net.udp("10.0.0.2:53", "10.0.0.2:53", &[100], 10);
        net.udp("[fd00::2]:53", "[fd00::2]:53", &[100], 10);
        net.tcp("10.0.0.2:8080", "10.0.0.2:8080", 1_000, 1_000);
        net.tcp("[fd00::2]:8080", "[fd00::2]:8080", 1_000, 1_000);
        let elements = read(&mut table).0;
        assert_eq!(elements.len(), 8);
        let listed = run("nft", "list ruleset");
        for said in ["@nh", "@th", "invalid type", "integer"] {
            assert!(!listed.contains(said), "{said}: {listed}");
        }
        let (taken, said) = nft_input(&["-c"], &listed);
        assert!(taken, "{said}\n{listed}");
        assert_eq!(table.check().unwrap(), Health::Intact);

        drop(table);
        let (mut table, installed) = Table::install(beside.clone()).unwrap();
        assert_eq!(installed, Installed::Adopted);
        assert_eq!(read(&mut table).0, elements);
        load("flush chain bridge svcflow ipv4_tcp");
        assert!(matches!(table.check().unwrap(), Health::Changed { .. }));
        assert!(matches!(table.repair().unwrap(), Installed::Replaced { .. }));
        net.udp("10.0.0.2:53", "10.0.0.2:53", &[100], 10);
        let places: Vec<u32> = read(&mut table).0.iter().map(|e| e.place).collect();
        assert!(!places.is_empty() && elements.iter().all(|e| !places.contains(&e.place)));
        drop(table);
        let elsewhere = Options { beside: Some(Origin { id: 1, handle: 2 }), ..beside };
        let (table, installed) = Table::install(elsewhere).unwrap();
        assert!(matches!(installed, Installed::Replaced { .. }), "{installed:?}");
        table.remove().unwrap();
        assert!(!run("nft", "list ruleset").contains("table bridge"));
        other.remove().unwrap();
    });
}

#[test]
fn an_owned_table_is_taken_over_after_a_crash() {
    in_namespace(|| {
        let owned = Options { owner: true, ..on_bridge() };
        let (mut table, _) = Table::install(owned.clone()).unwrap();
        if !table.owned() {
            eprintln!("SKIPPED: this kernel has no `persist` (6.9)");
            return;
        }
        load("flush ruleset");
        assert_eq!(table.check().unwrap(), Health::Intact);
        let refused = Table::install(owned.clone()).unwrap_err();
        assert!(refused.to_string().contains("bridge svcflow"), "{refused}");
        drop(table);
        let (table, installed) = Table::install(owned).unwrap();
        assert_eq!((installed, table.owned()), (Installed::Adopted, true));
        table.remove().unwrap();
    });
}
