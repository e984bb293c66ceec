//! Against the running kernel: real connections and made ones, each test in a network namespace of its
//! own.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
#![allow(clippy::panic, reason = "a test's helpers fail by panicking too")]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket,
};
use std::process::Command;
use std::time::{Duration, Instant};

#[allow(
    deprecated,
    reason = "its successor is unsafe for the sake of CLONE_FILES, not used here"
)]
use rustix::thread::{UnshareFlags, unshare};
use svcflow_conntrack::{
    Conntrack, Count, DecodeError, Entries, Entry, Error, Event, Events, Family, Filter, Groups,
    NewEntry, Received, Status, TcpState, Transport, Tuple, protocol,
};

const PATIENCE: Duration = Duration::from_secs(60);
const LOOPBACKS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Runs `test` in a network namespace that tracks and counts connections. The rule is what turns
/// tracking on.
fn in_namespace(test: impl FnOnce() + Send + 'static) {
    if !rustix::process::geteuid().is_root() {
        let remedy = "needs root for network namespaces: run with sudo or inside `unshare -Urn`";
        assert!(std::env::var_os("CI").is_none(), "{remedy}");
        eprintln!("SKIPPED: {remedy}");
        return;
    }
    let thread = std::thread::spawn(|| {
        #[allow(deprecated, reason = "as above")]
        unshare(UnshareFlags::NEWNET).unwrap();
        run("ip", &["link", "set", "lo", "up"]);
        let rules = "add table inet t
            add chain inet t c { type filter hook output priority 0; }
            add rule inet t c ct state new counter";
        run("nft", &[rules]);
        write_sysctl("nf_conntrack_acct", "1");
        test();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn run(tool: &str, arguments: &[&str]) -> String {
    let output = Command::new(tool).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{tool}: {error}; see scripts/setup"));
    assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn write_sysctl(name: &str, value: &str) {
    std::fs::write(format!("/proc/sys/net/netfilter/{name}"), value).unwrap();
}

fn dump(conntrack: &mut Conntrack, filter: &Filter) -> Vec<Entry> {
    let mut entries = Vec::new();
    let summary = conntrack
        .dump(filter, |entry| {
            entries.push(*entry);
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!((summary.entries, summary.unreadable), (entries.len() as u64, 0));
    entries
}

/// Dumps until `found` finds its entry.
fn await_entry(conntrack: &mut Conntrack, found: impl Fn(&Entry) -> bool) -> Entry {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let entries = dump(conntrack, &Filter::default());
        if let Some(entry) = entries.iter().find(|entry| found(entry)) {
            return *entry;
        }
        assert!(Instant::now() < deadline, "not among {entries:#?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits for an event, and gives it with those before it.
fn await_event(events: &mut Events, found: impl Fn(Event, &Entry) -> bool) -> Vec<(Event, Entry)> {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    loop {
        match events.receive(deadline.saturating_duration_since(Instant::now())).unwrap() {
            Received::Messages(buffer) => {
                seen.extend(Entries::new(buffer).map(Result::unwrap));
                if seen.iter().any(|(event, entry)| found(*event, entry)) {
                    return seen;
                }
            }
            Received::Overrun => panic!("events were lost after {seen:#?}"),
            Received::Nothing => panic!("the event didn't come; before it {seen:#?}"),
        }
    }
}

/// Reads all that is there, and tells how often events had been lost.
fn drain(events: &mut Events) -> usize {
    let mut overruns = 0;
    loop {
        match events.receive(Duration::ZERO).unwrap() {
            Received::Messages(_) => {}
            Received::Overrun => overruns += 1,
            Received::Nothing => return overruns,
        }
    }
}

/// A datagram of each of `sent` bytes there, and of each of `answered` back. Gives both addresses.
fn udp(at: IpAddr, sent: &[usize], answered: &[usize]) -> (SocketAddr, SocketAddr) {
    let client = UdpSocket::bind((at, 0)).unwrap();
    let server = UdpSocket::bind((at, 0)).unwrap();
    let ends = (client.local_addr().unwrap(), server.local_addr().unwrap());
    for (from, to, address, sizes) in
        [(&client, &server, ends.1, sent), (&server, &client, ends.0, answered)]
    {
        for size in sizes {
            from.send_to(&vec![0; *size], address).unwrap();
            to.recv_from(&mut [0; 2048]).unwrap();
        }
    }
    ends
}

/// A connection that carries `sent` bytes there and then `answered` back, and is over. Gives both
/// addresses.
fn tcp(at: IpAddr, sent: usize, answered: usize) -> (SocketAddr, SocketAddr) {
    let listener = TcpListener::bind((at, 0)).unwrap();
    let server = std::thread::scope(|scope| {
        let server = scope.spawn(|| {
            let (mut stream, client) = listener.accept().unwrap();
            assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), sent);
            stream.write_all(&vec![0; answered]).unwrap();
            client
        });
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream.write_all(&vec![0; sent]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), answered);
        server.join().unwrap()
    });
    (server, listener.local_addr().unwrap())
}

fn is_between(entry: &Entry, (client, server): (SocketAddr, SocketAddr)) -> bool {
    let ends = Transport::Ports { source: client.port(), destination: server.port() };
    let original = &entry.original;
    (original.source, original.destination, original.transport) == (client.ip(), server.ip(), ends)
}

/// The `number`th made connection: between addresses of documentation, so nobody's traffic touches it.
fn made(number: u16) -> NewEntry {
    let [high, low] = number.to_be_bytes();
    let transport = Transport::Ports { source: 1, destination: 2 };
    let original = Tuple {
        source: Ipv4Addr::new(10, 1, high, low).into(),
        destination: Ipv4Addr::new(192, 0, 2, 1).into(),
        protocol: protocol::UDP,
        transport,
        zone: 0,
    };
    NewEntry {
        original,
        reply: answer(&original),
        status: Status::default(),
        timeout: 600,
        mark: 0,
        zone: 0,
        tcp_state: None,
    }
}

/// As [`made`], but of IPv6.
fn made_v6(number: u16) -> NewEntry {
    let original = Tuple {
        source: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number).into(),
        destination: Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1).into(),
        ..made(number).original
    };
    NewEntry { original, reply: answer(&original), ..made(number) }
}

fn answer(original: &Tuple) -> Tuple {
    let transport = match original.transport {
        Transport::Ports { source, destination } => {
            Transport::Ports { source: destination, destination: source }
        }
        Transport::Icmp { id, kind, code } => {
            // The types of an answer to an echo request, of IPv4 and IPv6.
            let kind = if kind == 8 { 0 } else { kind + 1 };
            Transport::Icmp { id, kind, code }
        }
        Transport::Gre { source_key, destination_key } => {
            Transport::Gre { source_key: destination_key, destination_key: source_key }
        }
        Transport::None => Transport::None,
    };
    Tuple { source: original.destination, destination: original.source, transport, ..*original }
}

#[test]
fn counters_of_udp_are_exact() {
    in_namespace(|| {
        let mut conntrack = Conntrack::open().unwrap();
        for at in LOOPBACKS {
            let ends = udp(at, &[0, 100, 1000], &[7, 8]);
            let entry = await_entry(&mut conntrack, |entry| is_between(entry, ends));
            let header = if at.is_ipv4() { 28 } else { 48 };
            let counters = entry.counters.unwrap();
            assert_eq!(counters.original, Count { packets: 3, bytes: 1100 + 3 * header });
            assert_eq!(counters.reply, Count { packets: 2, bytes: 15 + 2 * header });
            assert_eq!(entry.protocol(), protocol::UDP);
            assert_eq!(entry.reply, answer(&entry.original));
            assert!(entry.status.contains(Status::SEEN_REPLY | Status::CONFIRMED));
        }
    });
}

#[test]
fn counters_of_tcp_are_payload_and_headers() {
    in_namespace(|| {
        let mut conntrack = Conntrack::open().unwrap();
        for at in LOOPBACKS {
            // Within any first window, so that nothing is sent twice however busy the machine is.
            let ends = tcp(at, 30_000, 20_000);
            let over = |entry: &Entry| {
                is_between(entry, ends) && entry.tcp_state == Some(TcpState::TIME_WAIT)
            };
            let entry = await_entry(&mut conntrack, over);
            let counters = entry.counters.unwrap();
            // How many packets carry it is the kernel's choice; each has an IP and a TCP header.
            let (low, high) = if at.is_ipv4() { (40, 80) } else { (60, 100) };
            for (count, payload) in [(counters.original, 30_000), (counters.reply, 20_000)] {
                let headers = count.bytes - payload;
                assert!(count.packets >= 3, "{entry}");
                assert!((low * count.packets..=high * count.packets).contains(&headers), "{entry}");
            }
            assert_eq!(entry.protocol(), protocol::TCP);
            assert!(entry.status.contains(Status::ASSURED));
        }
    });
}

#[test]
fn events_tell_of_the_beginning_and_of_the_end_with_counters() {
    in_namespace(|| {
        write_sysctl("nf_conntrack_events", "1");
        let mut conntrack = Conntrack::open().unwrap();
        let mut events = Events::open(Groups::ALL, 1 << 20).unwrap();
        for at in LOOPBACKS {
            let ends = udp(at, &[100, 200], &[50]);
            let seen = await_event(&mut events, |event, entry| {
                event == Event::New && is_between(entry, ends)
            });
            let original =
                seen.iter().find(|(_, entry)| is_between(entry, ends)).unwrap().1.original;
            conntrack.delete(&[(original, 0)]).unwrap();
            let ended =
                |event, entry: &Entry| event == Event::Destroy && entry.original == original;
            let seen = await_event(&mut events, ended);
            let (_, last) = seen.iter().find(|(event, entry)| ended(*event, entry)).unwrap();
            let header = if at.is_ipv4() { 28 } else { 48 };
            let counters = last.counters.unwrap();
            assert_eq!(counters.original, Count { packets: 2, bytes: 300 + 2 * header });
            assert_eq!(counters.reply, Count { packets: 1, bytes: 50 + header });
            assert!(!dump(&mut conntrack, &Filter::default()).iter().any(|e| is_between(e, ends)));
        }
    });
}

/// Without it, that is with the default of 2, it depends on whether anyone on the host listened then.
#[test]
fn with_events_forced_who_is_older_than_the_listener_ends_with_an_event() {
    in_namespace(|| {
        write_sysctl("nf_conntrack_events", "1");
        let mut conntrack = Conntrack::open().unwrap();
        conntrack.create(&[made(1)]).unwrap();
        let mut events = Events::open(Groups::DESTROY, 1 << 20).unwrap();
        conntrack.create(&[made(2)]).unwrap();
        conntrack.delete(&[(made(1).original, 0), (made(2).original, 0)]).unwrap();
        let seen = await_event(&mut events, |_, entry| entry.original == made(2).original);
        let seen: Vec<_> = seen.iter().map(|(event, entry)| (*event, entry.original)).collect();
        assert_eq!(seen, [1, 2].map(|number| (Event::Destroy, made(number).original)));
    });
}

#[test]
fn lost_events_are_said_and_later_ones_still_come() {
    in_namespace(|| {
        write_sysctl("nf_conntrack_events", "1");
        let mut conntrack = Conntrack::open().unwrap();
        let mut events = Events::open(Groups::NEW, 1).unwrap();
        for round in 0..3_u16 {
            let burst: Vec<_> = (0..4000).map(|number| made(round * 5000 + number)).collect();
            conntrack.create(&burst).unwrap();
            assert!(drain(&mut events) > 0);
            let late = made(round * 5000 + 4500);
            conntrack.create(&[late]).unwrap();
            let seen = await_event(&mut events, |_, entry| entry.original == late.original);
            assert_eq!(seen.len(), 1, "{seen:?}");
        }
        assert_eq!(dump(&mut conntrack, &Filter::default()).len(), 3 * 4001);
    });
}

#[test]
fn the_receive_buffer_is_read_back() {
    in_namespace(|| {
        // Within any kernel's `net.core.rmem_max`.
        let small = Events::open(Groups::ALL, 64 << 10).unwrap();
        assert_eq!((small.asked(), small.given()), (64 << 10, 64 << 10));
        // Below the kernel's least.
        let least = Events::open(Groups::ALL, 1).unwrap();
        assert_eq!(least.asked(), 1);
        assert!((1024..64 << 10).contains(&least.given()), "{}", least.given());
        // Beyond it only root may go, who is root for the kernel too.
        let large = Events::open(Groups::ALL, 64 << 20).unwrap();
        assert_eq!(large.asked(), 64 << 20);
        let map = std::fs::read_to_string("/proc/self/uid_map").unwrap();
        if map.split_whitespace().eq(["0", "0", "4294967295"]) {
            assert_eq!(large.given(), 64 << 20);
        } else {
            assert!(large.given() <= large.asked());
        }
    });
}

#[test]
fn dumps_bring_what_the_filter_admits() {
    in_namespace(|| {
        let mut conntrack = Conntrack::open().unwrap();
        let assured = Status::SEEN_REPLY | Status::ASSURED;
        let entries = [
            made(1),
            NewEntry { status: assured, ..made(2) },
            NewEntry { mark: 0x11, ..made(3) },
            NewEntry { mark: 0x21, status: assured, ..made(4) },
            NewEntry { zone: 7, ..made(5) },
            NewEntry { zone: 7, mark: 0x11, ..made_v6(6) },
            made_v6(7),
            NewEntry { original: Tuple { zone: 3, ..made(8).original }, ..made(8) },
        ];
        conntrack.create(&entries).unwrap();
        let all = Filter::default();
        let status = |value, mask| Filter { status: Some((value, mask)), ..all };
        let mark = |value, mask| Filter { mark: Some((value, mask)), ..all };
        let zone = |zone| Filter { zone: Some(zone), ..all };
        let family = |family| Filter { family: Some(family), ..all };
        let none = Status::default();
        let cases: [(Filter, &[usize]); 13] = [
            (all, &[1, 2, 3, 4, 5, 6, 7, 8]),
            (family(Family::V4), &[1, 2, 3, 4, 5, 8]),
            (family(Family::V6), &[6, 7]),
            (status(assured, assured), &[2, 4]),
            (status(none, Status::ASSURED), &[1, 3, 5, 6, 7, 8]),
            (mark(0x11, u32::MAX), &[3, 6]),
            (mark(0x01, 0x0f), &[3, 4, 6]),
            (mark(0, u32::MAX), &[1, 2, 5, 7, 8]),
            (zone(7), &[5, 6]),
            (zone(0), &[1, 2, 3, 4, 7]),
            (zone(3), &[8]),
            (zone(8), &[]),
            (Filter { family: Some(Family::V6), ..mark(0x11, 0xff) }, &[6]),
        ];
        for (filter, expected) in cases {
            let found: BTreeSet<usize> = dump(&mut conntrack, &filter)
                .iter()
                .filter_map(|entry| entries.iter().position(|new| new.original == entry.original))
                .map(|place| place + 1)
                .collect();
            assert_eq!(found, expected.iter().copied().collect(), "{filter:?}");
        }
        // What the kernel keeps back itself, as every supported one does by family and mark.
        for (filter, expected) in [(family(Family::V6), 2), (mark(0x11, u32::MAX), 2)] {
            let mut dump = conntrack.begin_dump(&filter).unwrap();
            let mut brought = 0;
            while let Some(buffer) = dump.next_buffer().unwrap() {
                brought += Entries::new(buffer).count();
            }
            assert_eq!(brought, expected, "{filter:?}");
        }
    });
}

#[test]
fn what_is_created_is_read_back() {
    in_namespace(|| {
        let mut conntrack = Conntrack::open().unwrap();
        let translated = Ipv4Addr::new(198, 51, 100, 9).into();
        let new = NewEntry {
            reply: Tuple { source: translated, protocol: protocol::TCP, ..made(1).reply },
            original: Tuple { protocol: protocol::TCP, ..made(1).original },
            status: Status::SEEN_REPLY | Status::ASSURED,
            mark: 5,
            zone: 9,
            tcp_state: Some(TcpState::ESTABLISHED),
            ..made(1)
        };
        conntrack.create(&[new]).unwrap();
        let read = dump(&mut conntrack, &Filter::default());
        let [entry] = read[..] else { panic!("{read:?}") };
        assert_eq!((entry.original, entry.reply), (new.original, new.reply));
        assert!(entry.status.contains(new.status | Status::CONFIRMED));
        assert_eq!((entry.mark, entry.zone, entry.tcp_state), (Some(5), 9, new.tcp_state));
        assert!((590..=600).contains(&entry.timeout.unwrap()), "{entry}");
        assert_eq!(entry.counters.unwrap().original, Count::default());
        conntrack.delete(&[(new.original, 9)]).unwrap();
        assert_eq!(dump(&mut conntrack, &Filter::default()), []);
    });
}

#[test]
fn a_refusal_is_given_and_holds_up_none_of_the_others() {
    in_namespace(|| {
        let mut conntrack = Conntrack::open().unwrap();
        let entries: Vec<_> = (0..200).map(made).collect();
        conntrack.create(&entries[100..101]).unwrap();
        let exists = conntrack.create(&entries).unwrap_err();
        assert_eq!(errno(&exists), Some(rustix::io::Errno::EXIST), "{exists}");
        assert_eq!(dump(&mut conntrack, &Filter::default()).len(), 200);
        let keys: Vec<_> = entries.iter().map(|entry| (entry.original, 0)).collect();
        conntrack.delete(&keys[..1]).unwrap();
        let missing = conntrack.delete(&keys).unwrap_err();
        assert_eq!(errno(&missing), Some(rustix::io::Errno::NOENT), "{missing}");
        assert_eq!(dump(&mut conntrack, &Filter::default()), []);
    });
}

fn errno(error: &Error) -> Option<rustix::io::Errno> {
    match error {
        Error::Refused { source, .. } => rustix::io::Errno::from_io_error(source),
        _ => None,
    }
}

#[test]
fn an_abandoned_dump_does_not_disturb_what_comes_after() {
    in_namespace(|| {
        let mut conntrack = Conntrack::open().unwrap();
        let entries: Vec<_> = (0..5000).map(made).collect();
        conntrack.create(&entries).unwrap();
        let abandon = |conntrack: &mut Conntrack| {
            let mut dump = conntrack.begin_dump(&Filter::default()).unwrap();
            let first = Entries::new(dump.next_buffer().unwrap().unwrap()).count();
            assert!((1..5000).contains(&first), "{first}");
        };
        abandon(&mut conntrack);
        assert_eq!(dump(&mut conntrack, &Filter::default()).len(), 5000);
        abandon(&mut conntrack);
        conntrack.create(&[made(6000)]).unwrap();
        abandon(&mut conntrack);
        conntrack.delete(&[(made(6000).original, 0)]).unwrap();
        // Not even read from, and ended by its reader's own error.
        conntrack.begin_dump(&Filter::default()).unwrap();
        let enough = |_: &Entry| Err(Error::from(DecodeError { what: "enough", offset: 0 }));
        assert!(conntrack.dump(&Filter::default(), enough).is_err());
        assert_eq!(dump(&mut conntrack, &Filter::default()).len(), 5000);
    });
}

#[test]
fn entries_print_as_conntrack_prints_them() {
    in_namespace(|| {
        let mut conntrack = Conntrack::open().unwrap();
        for at in LOOPBACKS {
            udp(at, &[10], &[]);
            udp(at, &[10, 20], &[30]);
            let ends = tcp(at, 1000, 2000);
            await_entry(&mut conntrack, |entry| {
                is_between(entry, ends) && entry.tcp_state == Some(TcpState::TIME_WAIT)
            });
        }
        let with = |entry: NewEntry, protocol, transport| {
            let original = Tuple { protocol, transport, ..entry.original };
            NewEntry { original, reply: answer(&original), ..entry }
        };
        let ports = Transport::Ports { source: 10, destination: 65_535 };
        let echo = |kind| Transport::Icmp { id: 300, kind, code: 0 };
        let assured = Status::SEEN_REPLY | Status::ASSURED;
        let mut entries = vec![
            NewEntry { mark: u32::MAX, status: assured, ..made(1) },
            NewEntry { zone: 12, ..made(2) },
            NewEntry { zone: 13, mark: 1, ..made_v6(3) },
            with(made(4), protocol::ICMP, echo(8)),
            with(made_v6(5), protocol::ICMPV6, echo(128)),
            with(made(6), protocol::UDPLITE, ports),
            with(made(7), protocol::SCTP, ports),
            with(made(8), 89, Transport::None),
        ];
        let states = (1..=9).map(|state| NewEntry {
            tcp_state: Some(TcpState(state)),
            ..with(made(100 + u16::from(state)), protocol::TCP, ports)
        });
        entries.extend(states);
        conntrack.create(&entries).unwrap();
        let listed =
            ["ipv4", "ipv6"].map(|family| run("conntrack", &["-L", "-f", family])).concat();
        let theirs: BTreeSet<_> = listed.lines().map(steady).collect();
        let ours: Vec<_> =
            dump(&mut conntrack, &Filter::default()).iter().map(Entry::to_string).collect();
        assert!(ours.len() >= 6 + entries.len(), "{ours:#?}");
        assert_eq!(ours.iter().map(|line| steady(line)).collect::<BTreeSet<_>>(), theirs);
    });
}

/// A line without what differs between two dumps: the timeout, the third word, and `use`.
fn steady(line: &str) -> String {
    let mut place = 0;
    let words = line.split_inclusive(' ').filter(|word| {
        place += usize::from(!word.trim().is_empty());
        place != 3 && !word.starts_with("use=")
    });
    words.collect::<String>().trim_end().to_owned()
}
