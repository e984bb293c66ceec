//! The codec against what a 6.18 kernel sent: a dump with eleven kinds of connection, and the events of
//! their coming and going. Then the same bytes cut, flipped and mixed.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking too")]

use std::fmt::Write;

use proptest::prelude::*;
use svcflow_conntrack::{
    DecodeError, Entries, Entry, Event, Filter, Status, TcpState, Transport, protocol,
};
use svcflow_netlink::{Builder, Messages, flags, message_type};

const DUMP: &[u8] = include_bytes!("recorded/dump.bin");
const EVENTS: &[u8] = include_bytes!("recorded/events.bin");

fn entries(buffer: &[u8]) -> Vec<(Event, Entry)> {
    Entries::new(buffer).map(Result::unwrap).collect()
}

#[test]
fn a_recorded_dump_reads_as_conntrack_printed_it() {
    let mut text = String::new();
    for (event, entry) in entries(DUMP) {
        assert_eq!(event, Event::Listed);
        writeln!(text, "{entry}").unwrap();
    }
    assert_eq!(text, include_str!("recorded/dump.txt"));
}

#[test]
fn what_the_text_does_not_show_is_there_too() {
    for (_, entry) in entries(DUMP) {
        assert!(entry.id.is_some(), "{entry}");
        let timestamp = entry.timestamp.unwrap();
        assert!(timestamp.start.unwrap() > 1_600_000_000_000_000_000, "{entry}");
        assert_eq!(timestamp.stop, None);
        assert!(entry.status.contains(Status::CONFIRMED));
        let icmp = matches!(entry.protocol(), protocol::ICMP | protocol::ICMPV6);
        assert_eq!(matches!(entry.original.transport, Transport::Icmp { .. }), icmp);
        let tcp = entry.protocol() == protocol::TCP;
        assert_eq!(entry.tcp_state, tcp.then_some(TcpState::ESTABLISHED));
    }
}

#[test]
fn recorded_events_tell_beginnings_changes_and_ends() {
    let events = entries(EVENTS);
    let count = |kind| events.iter().filter(|(event, _)| *event == kind).count();
    assert_eq!((count(Event::New), count(Event::Destroy), count(Event::Listed)), (11, 11, 0));
    assert!(count(Event::Update) > 0);
    for (event, entry) in events {
        assert_eq!(entry.counters.is_some(), event == Event::Destroy, "{event:?} {entry}");
        let stop = entry.timestamp.and_then(|timestamp| timestamp.stop);
        assert_eq!(stop.is_some(), event == Event::Destroy, "{event:?} {entry}");
    }
}

#[test]
fn the_filter_admits_what_the_kernel_would() {
    let zone = Filter { zone: Some(7), ..Filter::default() };
    let replied =
        Filter { status: Some((Status::SEEN_REPLY, Status::SEEN_REPLY)), ..Filter::default() };
    let marked = Filter { mark: Some((1, 1)), ..Filter::default() };
    let admitted =
        |filter: Filter| entries(DUMP).iter().filter(|(_, entry)| filter.admits(entry)).count();
    assert_eq!((admitted(zone), admitted(replied), admitted(marked)), (1, 4, 0));
    assert_eq!(admitted(Filter::default()), 11);
    // Neither who is in zone 7 nor who is in one by its original direction only is in zone 0 too.
    assert_eq!(admitted(Filter { zone: Some(0), ..Filter::default() }), 9);
}

/// A message with hand-built attributes behind both tuples of a recorded entry.
fn built(tuples: &[u16], more: impl FnOnce(&mut Builder)) -> Vec<u8> {
    let recorded = Messages::new(DUMP).next().unwrap().unwrap();
    let mut builder = Builder::new();
    builder.begin(message_type(1, 0), flags::MULTI, 1, 2, 0);
    for attribute in recorded.attributes().unwrap().map(Result::unwrap) {
        if tuples.contains(&attribute.kind) {
            builder.attribute(attribute.kind, attribute.payload);
        }
    }
    more(&mut builder);
    builder.bytes().to_vec()
}

fn decode(bytes: &[u8]) -> Result<Entry, DecodeError> {
    Entry::decode(&Messages::new(bytes).next().unwrap().unwrap())
}

#[test]
fn two_tuples_are_enough_and_both_are_needed() {
    let entry = decode(&built(&[1, 2], |_| {})).unwrap();
    assert_eq!((entry.counters, entry.mark, entry.id, entry.status.0), (None, None, None, 0));
    assert_eq!(decode(&built(&[1], |_| {})).unwrap_err().what, "entry without reply tuple");
    assert_eq!(decode(&built(&[2], |_| {})).unwrap_err().what, "entry without original tuple");
}

#[test]
fn old_counters_offload_and_the_unknown_are_read() {
    let bytes = built(&[1, 2], |builder| {
        for direction in [9, 10] {
            let nest = builder.nest(direction);
            builder.be_u32(3, 5);
            builder.be_u32(4, u32::MAX);
            builder.end(nest);
        }
        builder.be_u32(3, (Status::OFFLOAD | Status::ASSURED | Status::SEEN_REPLY).0);
        builder.attribute(999, b"from the future");
        let info = builder.nest(4);
        let dccp = builder.nest(2);
        builder.u8(1, 4);
        builder.end(dccp);
        builder.end(info);
    });
    let entry = decode(&bytes).unwrap();
    let counters = entry.counters.unwrap();
    assert_eq!((counters.original.packets, counters.reply.bytes), (5, u64::from(u32::MAX)));
    assert!(entry.status.is_offloaded());
    let text = entry.to_string();
    assert!(text.contains(" OPEN src=") && text.ends_with(" [OFFLOAD]"), "{text}");
}

#[test]
fn half_a_counter_is_none() {
    let bytes = built(&[1, 2], |builder| {
        let nest = builder.nest(9);
        builder.be_u64(1, 5);
        builder.end(nest);
    });
    assert_eq!(decode(&bytes).unwrap().counters, None);
}

#[test]
fn an_attribute_of_the_wrong_length_is_an_error_with_its_place() {
    let bytes = built(&[1, 2], |builder| builder.u8(8, 1));
    let error = decode(&bytes).unwrap_err();
    assert_eq!((error.what, error.offset), ("attribute of wrong length", bytes.len() - 4));
}

#[test]
fn every_cut_is_read_without_panic_and_said() {
    for recorded in [DUMP, EVENTS] {
        let whole = Entries::new(recorded).count();
        for cut in 0..recorded.len() {
            let bytes = &recorded[..cut];
            let results: Vec<_> = Entries::new(bytes).collect();
            assert!(results.len() <= whole + 1);
            for error in results.into_iter().filter_map(Result::err) {
                assert!(error.offset <= cut, "{error} of {cut}");
            }
        }
    }
}

#[test]
fn a_message_cut_short_but_framed_right_is_an_error_or_poorer() {
    for message in Messages::new(DUMP).map(Result::unwrap).filter(|message| !message.is_end()) {
        for length in 0..message.payload.len() {
            let mut cut = message;
            cut.payload = &message.payload[..length];
            if let Err(error) = Entry::decode(&cut) {
                assert!(error.offset <= message.offset + length, "{error}");
            }
        }
    }
}

#[test]
fn every_flipped_bit_is_read_without_panic() {
    for recorded in [DUMP, EVENTS] {
        let mut bytes = recorded.to_vec();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                bytes[place] ^= 1 << bit;
                for (_, entry) in Entries::new(&bytes).flatten() {
                    // Text of whatever was read; one message around the flip is enough.
                    if bit == 0 && place % 64 == 0 {
                        assert!(!entry.to_string().is_empty());
                    }
                }
                bytes[place] ^= 1 << bit;
            }
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        for (_, entry) in Entries::new(&bytes).flatten() {
            prop_assert!(!entry.to_string().is_empty());
        }
    }

    #[test]
    fn overwritten_stretches_never_panic(
        start in 0..EVENTS.len(),
        noise in proptest::collection::vec(any::<u8>(), 1..40),
    ) {
        let mut bytes = EVENTS.to_vec();
        for (place, byte) in bytes[start..].iter_mut().zip(noise) {
            *place = byte;
        }
        for (_, entry) in Entries::new(&bytes).flatten() {
            prop_assert!(!entry.to_string().is_empty());
        }
    }
}
