//! The table of family `bridge`: conntrack isn't there, so who is client and who is server is learnt.
//!
//! A TCP server is known by its SYN+ACK, a UDP server by being asked first. What is learnt is kept in
//! sets that count nothing. Only the first rules of a protocol's chain decide; then a chain for each
//! direction counts, as the leaves of family `inet` do.

use std::time::Duration;

use crate::batch::{Batch, SetOptions};
use crate::expression::Expressions;
use crate::layout::{
    Field, Kind, Place, Protocol, TCP, TURNED_AWAY_DIRECT, UNCLASSIFIED, direction_name,
    header_port, protocol_chain,
};
use crate::uapi::{GOTO, RETURN, meta};
use crate::{Direction, Placement};

/// A set of what is learnt is looked up, never read out, so it may be larger than those that count.
const LEARNT: u32 = 65_536;
/// As conntrack keeps a UDP stream by default.
const UDP_TIMEOUT: Duration = Duration::from_secs(180);
const FIN_SYN_RST_ACK: u8 = 0x17;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
/// `PACKET_BROADCAST` and `PACKET_MULTICAST` of `include/uapi/linux/if_packet.h`
const TO_ALL: [u8; 2] = [1, 2];
/// `NF_BR_FORWARD`, and behind the filters of this family, which stand at -200.
const FORWARD: (u32, i32) = (2, 10);

impl Batch<'_> {
    /// Everything but the named counters. `place` is that of all counting sets.
    pub(crate) fn bridged(&mut self, options: SetOptions, place: Place) {
        let (hook, priority) = FORWARD;
        self.base_chain("forward", hook, priority);
        for to_all in TO_ALL {
            // A copy goes to every port, and there is no one server.
            self.rule("forward", |rule| {
                rule.meta_is(meta::PKTTYPE, to_all).verdict(RETURN, None);
            });
        }
        for kind in Kind::all(Placement::Bridge) {
            for direction in [Direction::Out, Direction::In] {
                self.count_direction(kind, place, direction, options);
            }
            self.learn_directions(kind, options);
            let chain = protocol_chain(kind.family, kind.protocol);
            self.bridged_rule("forward", kind, |rule| {
                rule.verdict(GOTO, Some(&chain));
            });
        }
    }

    fn count_direction(
        &mut self,
        kind: Kind,
        place: Place,
        direction: Direction,
        options: SetOptions,
    ) {
        let (chain, set) = (direction_chain(kind, direction), kind.set(place, direction));
        self.chain(&chain);
        self.counting_set(kind, place, direction, options);
        self.rule(&chain, |rule| {
            rule.counter(&kind.chain());
        });
        self.bridged_rule(&chain, kind, |rule| {
            rule.update(&set, &kind.fields(direction)).verdict(RETURN, None);
        });
        self.rule(&chain, |rule| {
            rule.counter(TURNED_AWAY_DIRECT);
        });
    }

    fn learn_directions(&mut self, kind: Kind, options: SetOptions) {
        let chain = protocol_chain(kind.family, kind.protocol);
        let learnt = format!("{chain}_learnt");
        let [out, inward] = [Direction::Out, Direction::In].map(|d| direction_chain(kind, d));
        self.chain(&chain);
        self.bridged_rule(&chain, kind, |rule| {
            rule.is_later_fragment(kind.family).counter(UNCLASSIFIED).verdict(RETURN, None);
        });
        if kind.protocol == TCP {
            // The server is who sends the packet, or who gets it.
            let [sender, receiver] = [true, false].map(|source| end(kind, source));
            self.set(&learnt, &sender, SetOptions { size: LEARNT, ..options });
            // Who opens a connection from a port serves nobody there.
            self.bridged_rule(&chain, kind, |rule| {
                rule.tcp_flags_are(SYN | ACK, SYN)
                    .unlearn(&learnt, &sender)
                    .verdict(GOTO, Some(&out));
            });
            // Two rules, since a full set ends the one that learns.
            self.bridged_rule(&chain, kind, |rule| {
                rule.tcp_flags_are(SYN | ACK, SYN | ACK).learn(&learnt, &sender);
            });
            self.bridged_rule(&chain, kind, |rule| {
                rule.tcp_flags_are(SYN | ACK, SYN | ACK).verdict(GOTO, Some(&inward));
            });
            self.bridged_rule(&chain, kind, |rule| {
                rule.known(&learnt, &receiver).verdict(GOTO, Some(&out));
            });
            self.bridged_rule(&chain, kind, |rule| {
                rule.known(&learnt, &sender).learn(&learnt, &sender).verdict(GOTO, Some(&inward));
            });
            // So a SYN is refused, and nothing else (RFC 9293, 3.5.2).
            self.bridged_rule(&chain, kind, |rule| {
                rule.tcp_flags_are(FIN_SYN_RST_ACK, RST | ACK)
                    .tcp_sequence_is_zero()
                    .verdict(GOTO, Some(&inward));
            });
        } else {
            // Client and server, as they stand in a request and in a reply.
            let [forth, back] = [true, false].map(|s| [end(kind, s), end(kind, !s)].concat());
            self.set(&learnt, &forth, SetOptions { size: LEARNT, timeout: UDP_TIMEOUT });
            self.bridged_rule(&chain, kind, |rule| {
                rule.known(&learnt, &back).learn(&learnt, &back).verdict(GOTO, Some(&inward));
            });
            self.bridged_rule(&chain, kind, |rule| {
                rule.learn(&learnt, &forth).verdict(GOTO, Some(&out));
            });
        }
        self.rule(&chain, |rule| {
            rule.counter(UNCLASSIFIED);
        });
    }

    /// A rule for packets of a kind. nft takes the names of header fields from these two questions.
    fn bridged_rule(&mut self, chain: &str, kind: Kind, body: impl FnOnce(&mut Expressions<'_>)) {
        self.rule(chain, |rule| {
            rule.family_is(kind.family);
            if let Protocol::Ported(number) = kind.protocol {
                rule.meta_is(meta::L4PROTO, number);
            }
            body(rule);
        });
    }
}

fn direction_chain(kind: Kind, direction: Direction) -> String {
    format!("{}_{}", kind.chain(), direction_name(direction))
}

/// Address and port of a packet's source, or destination.
fn end(kind: Kind, source: bool) -> [Field; 2] {
    [kind.header_address(source), header_port(source)]
}
