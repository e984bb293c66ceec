//! What is counted, packet by packet, through a router that translates.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod support;

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::net::{AddressFamily, Protocol, SocketType, ipproto, socket};

use support::routed::routed;
use support::{IN, OUT, address, in_namespace, load, options, read, read_until, run, total};
use svcflow_nft::{Element, Options, Table};

#[test]
fn udp_is_exact_through_translation() {
    in_namespace(|| {
        let net = routed();
        let (mut table, _) = Table::install(options()).unwrap();
        net.udp("10.9.9.9:80", "10.0.2.2:8080", &[100, 200, 300], 10);
        net.udp("10.9.9.9:81", "10.0.2.2:8080", &[50], 20);
        net.udp("[fd09::9]:80", "[fd02::2]:8080", &[100, 200], 30);
        net.udp("10.0.2.2:7000", "10.0.2.2:7000", &[1], 2);
        let (elements, readout) = read(&mut table);
        let edge = |port, v6, direction| {
            total(&elements, |e| {
                e.original_destination_port == port
                    && e.original_source.is_ipv6() == v6
                    && e.direction == direction
                    && e.protocol == 17
            })
        };
        assert_eq!(edge(80, false, OUT), (3, 600 + 3 * 28));
        assert_eq!(edge(80, false, IN), (3, 30 + 3 * 28));
        assert_eq!(edge(81, false, OUT), (1, 50 + 28));
        assert_eq!(edge(81, false, IN), (1, 20 + 28));
        assert_eq!(edge(80, true, OUT), (2, 300 + 2 * 48));
        assert_eq!(edge(80, true, IN), (2, 60 + 2 * 48));
        assert_eq!(edge(7000, false, OUT), (1, 29));
        assert_eq!(elements.len(), 8, "{elements:#?}");
        let service = elements.iter().find(|e| e.original_destination_port == 81).unwrap();
        assert_eq!(service.original_source, address("10.0.1.2"));
        assert_eq!(service.original_destination, address("10.9.9.9"));
        assert_eq!((service.reply_source, service.reply_source_port), (address("10.0.2.2"), 8080));
        assert!(service.translated);
        assert!(elements.iter().all(|e| e.translated == (e.original_destination_port != 7000)));
        assert_eq!((readout.turned_away().packets, readout.unclassified.packets), (0, 0));
    });
}

#[test]
fn udp_lite_has_ports_of_its_own() {
    in_namespace(|| {
        let net = routed();
        let (mut table, _) = Table::install(options()).unwrap();
        // Linux 6.18's tracking takes UDP-Lite over veth for damaged, which is then `unclassified`.
        std::fs::write("/proc/sys/net/netfilter/nf_conntrack_checksum", "0").unwrap();
        net.datagrams(ipproto::UDPLITE, "10.0.2.2:8080", "10.0.2.2:8080", &[100, 200], 10);
        net.udp("10.0.2.2:8080", "10.0.2.2:8080", &[400], 10);
        let (elements, readout) = read(&mut table);
        let edge = |protocol, direction| {
            total(&elements, |e| e.protocol == protocol && e.direction == direction)
        };
        assert_eq!(edge(136, OUT), (2, 300 + 2 * 28));
        assert_eq!(edge(136, IN), (2, 20 + 2 * 28));
        assert_eq!(edge(17, OUT), (1, 400 + 28));
        assert_eq!(elements.len(), 4, "{elements:#?}");
        let all = |e: &Element| !e.translated && e.original_destination_port == 8080;
        assert!(elements.iter().all(all), "{elements:#?}");
        assert_eq!(readout.unclassified.packets, 0);
    });
}

/// The reference counts the same packets at the client, in a table of another namespace.
#[test]
fn tcp_is_exact_and_its_directions_are_not_swapped() {
    in_namespace(|| {
        let net = routed();
        let (mut table, _) = Table::install(options()).unwrap();
        net.client.run(|| {
            load(
                "table inet reference {\n chain in {\n type filter hook prerouting priority 0;\n \
                 iif != lo meta l4proto tcp counter\n }\n chain out {\n type filter hook \
                 postrouting priority 0;\n oif != lo meta l4proto tcp counter\n }\n}\n",
            );
        });
        net.tcp("10.9.9.9:80", "10.0.2.2:8080", 1_000_000, 10_000);
        net.tcp("[fd09::9]:81", "[fd02::2]:8080", 1_000_000, 10_000);
        let listed = net.client.run(|| run("nft", "list table inet reference"));
        let numbers: Vec<u64> =
            listed.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [.., in_packets, in_bytes, out_packets, out_bytes] = numbers[..] else {
            panic!("{listed}")
        };
        let (elements, _) = read(&mut table);
        assert_eq!(total(&elements, |e| e.direction == OUT), (out_packets, out_bytes), "{listed}");
        assert_eq!(total(&elements, |e| e.direction == IN), (in_packets, in_bytes), "{listed}");
        assert!(out_bytes > 2_000_000 && in_bytes < 200_000, "{out_bytes} {in_bytes}");
        assert_eq!(elements.len(), 4, "{elements:#?}");
    });
}

#[test]
fn a_dropped_scan_fills_nothing() {
    in_namespace(|| {
        let net = routed();
        load(
            "table inet firewall {\n chain forward {\n type filter hook forward priority 0;\n \
             ip daddr 10.0.2.2 udp dport >= 20000 drop\n }\n}\n",
        );
        let (mut table, _) = Table::install(options()).unwrap();
        net.client.run(|| {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            for port in 20_000..23_000_u16 {
                socket.send_to(&[0; 10], ("10.0.2.2", port)).unwrap();
            }
        });
        net.udp("10.9.9.9:80", "10.0.2.2:8080", &[100], 10);
        let (elements, readout) = read(&mut table);
        assert_eq!((elements.len(), readout.turned_away().packets), (2, 0));
    });
}

#[test]
fn a_full_set_says_exactly_what_it_turned_away_and_blinds_no_service() {
    in_namespace(|| {
        let net = routed();
        let (mut table, _) = Table::install(Options { set_size: 100, ..options() }).unwrap();
        net.client.run(|| {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            for port in 20_000..20_150_u16 {
                for _ in 0..2 {
                    socket.send_to(&[0; 72], ("10.0.2.9", port)).unwrap();
                }
            }
        });
        net.udp("10.9.9.9:80", "10.0.2.2:8080", &[100], 10);
        let (elements, readout) = read(&mut table);
        let direct = total(&elements, |e| !e.translated);
        let away = readout.turned_away_direct;
        assert_eq!((direct, away.packets, away.bytes), ((200, 20_000), 100, 10_000));
        assert_eq!(readout.turned_away_translated.packets, 0);
        assert_eq!(total(&elements, |e| e.translated), (2, 128 + 38));
        assert_eq!(readout.largest_set, 100);
    });
}

#[test]
fn pings_are_one_edge_and_icmp_errors_none() {
    in_namespace(|| {
        let net = routed();
        let (mut table, _) = Table::install(options()).unwrap();
        net.client.run(|| {
            ping("10.0.2.2", AddressFamily::INET, ipproto::ICMP, 8);
            ping("fd02::2", AddressFamily::INET6, ipproto::ICMPV6, 128);
        });
        let (elements, readout) = read(&mut table);
        let of = |protocol, direction| {
            total(&elements, |e: &Element| e.protocol == protocol && e.direction == direction)
        };
        assert_eq!((of(1, OUT), of(1, IN)), ((10, 840), (10, 840)));
        assert_eq!((of(58, OUT), of(58, IN)), ((10, 1_040), (10, 1_040)));
        assert_eq!((elements.len(), readout.unclassified.packets), (4, 0), "{elements:#?}");
        net.client.run(|| {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            socket.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
            socket.connect("10.0.2.2:9999").unwrap();
            socket.send(&[0; 10]).unwrap();
            let refused = socket.recv(&mut [0]).unwrap_err();
            assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        });
        let (elements, readout) = read_until(&mut table, |_, it| it.related.packets == 1);
        assert_eq!((readout.related.packets, readout.related.bytes), (1, 20 + 8 + 38));
        assert_eq!(elements.len(), 5);
    });
}

#[test]
fn growing_under_traffic_loses_nothing() {
    in_namespace(|| {
        let net = routed();
        let (mut table, _) = Table::install(options()).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let sent = net.client.start_job(move || {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            let mut sent = 0_u64;
            while !stopped.load(Ordering::Relaxed) {
                let port = 20_000 + u16::try_from(sent % 300).unwrap();
                socket.send_to(&[0; 72], ("10.0.2.9", port)).unwrap();
                sent += 1;
            }
            sent
        });
        let mut grown = 0;
        for over in [200, 200, 20, 20] {
            std::thread::sleep(std::time::Duration::from_millis(100));
            read(&mut table);
            grown += table.grow(over).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        let sent = sent.recv().unwrap();
        let all = |elements: &[Element], _: &_| total(elements, |e| e.direction == OUT).0 >= sent;
        let (elements, readout) = read_until(&mut table, all);
        assert!(grown >= 2, "{grown}");
        let counted = total(&elements, |e| e.direction == OUT);
        assert_eq!((counted, readout.turned_away().packets), ((sent, sent * 100), 0));
        assert_eq!(read(&mut table).0, elements);
    });
}

/// Ten echoes of 56 bytes through a socket that needs no raw rights.
fn ping(to: &str, family: AddressFamily, protocol: Protocol, echo: u8) {
    std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647").unwrap();
    let socket = UdpSocket::from(socket(family, SocketType::DGRAM, Some(protocol)).unwrap());
    for _ in 0..10 {
        let mut request = [0; 64];
        request[0] = echo;
        socket.send_to(&request, (to, 0)).unwrap();
        socket.recv(&mut request).unwrap();
    }
}
