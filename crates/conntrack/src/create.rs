use std::net::IpAddr;
use std::time::Duration;

use svcflow_netlink::{Builder, Error, Messages, Received, SUBSYS_CTNETLINK, flags, message_type};

use crate::attribute::{MSG_DELETE, MSG_NEW, cta, ip, proto, protoinfo, tuple};
use crate::socket::timed_out;
use crate::{Conntrack, Status, TcpState, Transport, Tuple, protocol};

/// Messages per send. One that is refused doesn't hold up the others of its batch.
const BATCH: usize = 64;
const TIMEOUT: Duration = Duration::from_secs(10);

/// An entry to put into the table, as a connection that is handed over from elsewhere is.
///
/// The reply tuple may differ from the original's mirror, as with a translated connection; the
/// kernel doesn't translate packets for it and doesn't set the status bits of translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// The direction of the packet that opened it.
    pub original: Tuple,
    /// The direction of the answers.
    pub reply: Tuple,
    /// Status; [`Status::CONFIRMED`] is added, and bits that the kernel reserves are left out by it.
    pub status: Status,
    /// Seconds until it ends without traffic.
    pub timeout: u32,
    /// Its mark.
    pub mark: u32,
    /// Its zone.
    pub zone: u16,
    /// State of a TCP connection.
    pub tcp_state: Option<TcpState>,
}

impl Conntrack {
    /// Puts entries into the table, all that the kernel takes.
    ///
    /// # Errors
    /// The first refusal: EEXIST where there is such an entry, ENOSPC or ENOMEM where the table is
    /// full, EPERM without `CAP_NET_ADMIN`.
    pub fn create(&mut self, entries: &[NewEntry]) -> Result<(), Error> {
        self.change("creation of a connection", entries, |builder, sequence, entry| {
            let kind = message_type(SUBSYS_CTNETLINK, MSG_NEW);
            let flags = flags::REQUEST | flags::ACK | flags::CREATE | flags::EXCL;
            builder.begin(kind, flags, sequence, entry.original.family() as u8, 0);
            encode_new(builder, entry);
        })
    }

    /// Takes entries out of the table, found by their original tuple and zone.
    ///
    /// # Errors
    /// The first refusal: ENOENT where there is no such entry, EPERM without `CAP_NET_ADMIN`.
    pub fn delete(&mut self, entries: &[(Tuple, u16)]) -> Result<(), Error> {
        self.change("deletion of a connection", entries, |builder, sequence, (original, zone)| {
            let kind = message_type(SUBSYS_CTNETLINK, MSG_DELETE);
            let flags = flags::REQUEST | flags::ACK;
            builder.begin(kind, flags, sequence, original.family() as u8, 0);
            encode_tuple(builder, cta::TUPLE_ORIG, original);
            if *zone != 0 {
                builder.be_u16(cta::ZONE, *zone);
            }
        })
    }

    fn change<T>(
        &mut self,
        operation: &'static str,
        items: &[T],
        encode: impl Fn(&mut Builder, u32, &T),
    ) -> Result<(), Error> {
        self.finish_earlier()?;
        let mut refused = None;
        for batch in items.chunks(BATCH) {
            let mut builder = Builder::new();
            let mut last = 0;
            for item in batch {
                last = self.socket.next_sequence();
                encode(&mut builder, last, item);
            }
            self.socket.send(builder.bytes())?;
            let refusal = self.acknowledged(operation, last)?;
            refused = refused.or(refusal);
        }
        refused.map_or(Ok(()), Err)
    }

    /// Reads acks up to the one with sequence number `last`; gives the first refusal.
    fn acknowledged(&mut self, operation: &'static str, last: u32) -> Result<Option<Error>, Error> {
        let mut refused = None;
        loop {
            let Received::Messages(bytes) = self.socket.receive(TIMEOUT)? else {
                return Err(timed_out(operation));
            };
            for message in Messages::new(bytes) {
                let message = message?;
                if message.is_end() {
                    refused = refused.or(message.refusal(operation));
                    if message.sequence == last {
                        return Ok(refused);
                    }
                }
            }
        }
    }
}

fn encode_new(builder: &mut Builder, entry: &NewEntry) {
    encode_tuple(builder, cta::TUPLE_ORIG, &entry.original);
    encode_tuple(builder, cta::TUPLE_REPLY, &entry.reply);
    builder.be_u32(cta::STATUS, entry.status.union(Status::CONFIRMED).0);
    builder.be_u32(cta::TIMEOUT, entry.timeout);
    if entry.mark != 0 {
        builder.be_u32(cta::MARK, entry.mark);
    }
    if entry.zone != 0 {
        builder.be_u16(cta::ZONE, entry.zone);
    }
    if let Some(state) = entry.tcp_state {
        let info = builder.nest(cta::PROTOINFO);
        let tcp = builder.nest(protoinfo::TCP);
        builder.u8(protoinfo::STATE, state.0);
        builder.end(tcp);
        builder.end(info);
    }
}

fn encode_tuple(builder: &mut Builder, kind: u16, value: &Tuple) {
    let whole = builder.nest(kind);
    let addresses = builder.nest(tuple::IP);
    encode_address(builder, ip::V4_SRC, ip::V6_SRC, value.source);
    encode_address(builder, ip::V4_DST, ip::V6_DST, value.destination);
    builder.end(addresses);
    let transport = builder.nest(tuple::PROTO);
    builder.u8(proto::NUM, value.protocol);
    encode_transport(builder, value);
    builder.end(transport);
    if value.zone != 0 {
        builder.be_u16(tuple::ZONE, value.zone);
    }
    builder.end(whole);
}

fn encode_address(builder: &mut Builder, v4: u16, v6: u16, address: IpAddr) {
    match address {
        IpAddr::V4(address) => builder.attribute(v4, &address.octets()),
        IpAddr::V6(address) => builder.attribute(v6, &address.octets()),
    }
}

fn encode_transport(builder: &mut Builder, value: &Tuple) {
    match value.transport {
        Transport::Ports { source, destination }
        | Transport::Gre { source_key: source, destination_key: destination } => {
            builder.be_u16(proto::SRC_PORT, source);
            builder.be_u16(proto::DST_PORT, destination);
        }
        Transport::Icmp { id, kind, code } if value.protocol == protocol::ICMPV6 => {
            builder.be_u16(proto::ICMPV6_ID, id);
            builder.u8(proto::ICMPV6_TYPE, kind);
            builder.u8(proto::ICMPV6_CODE, code);
        }
        Transport::Icmp { id, kind, code } => {
            builder.be_u16(proto::ICMP_ID, id);
            builder.u8(proto::ICMP_TYPE, kind);
            builder.u8(proto::ICMP_CODE, code);
        }
        Transport::None => {}
    }
}
