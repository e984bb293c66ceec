use svcflow_netlink::{Attribute, DecodeError, Message};

use crate::attribute::{counters, cta, protoinfo, timestamp};
use crate::{DccpState, Family, SctpState, Status, TcpState, Tuple};

/// One connection, as a dump or an event says it. Nothing in it is on the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The direction of the packet that opened it.
    pub original: Tuple,
    /// The direction of the answers; where it isn't the mirror, an address or port was translated.
    pub reply: Tuple,
    /// Its status bits, 0 where the message doesn't tell.
    pub status: Status,
    /// The kernel's ID of it. Not unique over time: compare tuples, protocol and zone too.
    pub id: Option<u32>,
    /// Its zone where both directions share it, else 0; see also [`Tuple::zone`].
    pub zone: u16,
    /// Its mark. Events leave it out where it is 0.
    pub mark: Option<u32>,
    /// What it carried. `None` where `nf_conntrack_acct=0`, and in events that are not its end.
    pub counters: Option<Counters>,
    /// Seconds until it ends without traffic.
    pub timeout: Option<u32>,
    /// References to it, the one of the dump included.
    pub use_count: Option<u32>,
    /// When it began and ended, with `nf_conntrack_timestamp=1`.
    pub timestamp: Option<Timestamp>,
    /// State of a TCP connection.
    pub tcp_state: Option<TcpState>,
    /// Whether a TCP connection was picked up after its beginning (`nf_conntrack_tcp_loose`): tracking
    /// saw no SYN, so which end is the original direction's source is a guess of the kernel's.
    pub picked_up: bool,
    /// State of an SCTP association.
    pub sctp_state: Option<SctpState>,
    /// State of a DCCP connection.
    pub dccp_state: Option<DccpState>,
}

/// Packets and their IP bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Packets.
    pub packets: u64,
    /// Bytes from the IP header on.
    pub bytes: u64,
}

/// What a connection carried, per direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// In the direction of the packet that opened it.
    pub original: Count,
    /// In the direction of the answers.
    pub reply: Count,
}

/// When a connection lived, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timestamp {
    /// When it was confirmed, where known.
    pub start: Option<u64>,
    /// When it left the table, where it has.
    pub stop: Option<u64>,
}

/// What is gathered while the attributes go by.
#[derive(Default)]
struct Draft {
    original: Option<Tuple>,
    reply: Option<Tuple>,
    original_count: Option<Count>,
    reply_count: Option<Count>,
    status: u32,
    id: Option<u32>,
    zone: u16,
    mark: Option<u32>,
    timeout: Option<u32>,
    use_count: Option<u32>,
    timestamp: Option<Timestamp>,
    tcp_state: Option<TcpState>,
    picked_up: bool,
    sctp_state: Option<SctpState>,
    dccp_state: Option<DccpState>,
}

impl Entry {
    /// Reads the entry that a message of ctnetlink (a dump's part or an event) holds, in one pass.
    ///
    /// # Errors
    /// Where a tuple is missing, or an attribute is cut off or of the wrong length. Attributes that
    /// are absent or unknown are fine.
    #[inline]
    pub fn decode(message: &Message<'_>) -> Result<Self, DecodeError> {
        let mut draft = Draft::default();
        for attribute in message.attributes()? {
            draft.take(&attribute?)?;
        }
        draft.finish(message.offset)
    }

    /// The family of its original addresses.
    #[must_use]
    #[inline]
    pub const fn family(&self) -> Family {
        self.original.family()
    }

    /// Its IP protocol; see [`crate::protocol`].
    #[must_use]
    #[inline]
    pub const fn protocol(&self) -> u8 {
        self.original.protocol
    }
}

impl Draft {
    #[inline]
    fn take(&mut self, attribute: &Attribute<'_>) -> Result<(), DecodeError> {
        match attribute.kind {
            cta::TUPLE_ORIG => self.original = Some(Tuple::decode(attribute)?),
            cta::TUPLE_REPLY => self.reply = Some(Tuple::decode(attribute)?),
            cta::STATUS => self.status = attribute.be_u32()?,
            cta::PROTOINFO => self.take_state(attribute)?,
            cta::TIMEOUT => self.timeout = Some(attribute.be_u32()?),
            cta::MARK => self.mark = Some(attribute.be_u32()?),
            cta::COUNTERS_ORIG => self.original_count = decode_count(attribute)?,
            cta::COUNTERS_REPLY => self.reply_count = decode_count(attribute)?,
            cta::USE => self.use_count = Some(attribute.be_u32()?),
            cta::ID => self.id = Some(attribute.be_u32()?),
            cta::ZONE => self.zone = attribute.be_u16()?,
            cta::TIMESTAMP => self.timestamp = Some(decode_timestamp(attribute)?),
            _ => {}
        }
        Ok(())
    }

    #[inline]
    fn take_state(&mut self, nest: &Attribute<'_>) -> Result<(), DecodeError> {
        for attribute in nest.nested() {
            let attribute = attribute?;
            match attribute.kind {
                protoinfo::TCP => self.take_tcp(&attribute)?,
                protoinfo::SCTP => self.sctp_state = decode_state(&attribute)?.map(SctpState),
                protoinfo::DCCP => self.dccp_state = decode_state(&attribute)?.map(DccpState),
                _ => {}
            }
        }
        Ok(())
    }

    #[inline]
    fn take_tcp(&mut self, nest: &Attribute<'_>) -> Result<(), DecodeError> {
        for attribute in nest.nested() {
            let attribute = attribute?;
            match attribute.kind {
                protoinfo::STATE => self.tcp_state = Some(TcpState(attribute.u8()?)),
                protoinfo::TCP_FLAGS => {
                    let [flags, _mask] = attribute.array()?;
                    self.picked_up = flags & protoinfo::TCP_BE_LIBERAL != 0;
                }
                _ => {}
            }
        }
        Ok(())
    }

    #[inline]
    fn finish(self, offset: usize) -> Result<Entry, DecodeError> {
        let fault = |what| DecodeError { what, offset };
        Ok(Entry {
            original: self.original.ok_or(fault("entry without original tuple"))?,
            reply: self.reply.ok_or(fault("entry without reply tuple"))?,
            status: Status(self.status),
            id: self.id,
            zone: self.zone,
            mark: self.mark,
            counters: match (self.original_count, self.reply_count) {
                (Some(original), Some(reply)) => Some(Counters { original, reply }),
                _ => None,
            },
            timeout: self.timeout,
            use_count: self.use_count,
            timestamp: self.timestamp,
            tcp_state: self.tcp_state,
            picked_up: self.picked_up,
            sctp_state: self.sctp_state,
            dccp_state: self.dccp_state,
        })
    }
}

/// Packets and bytes of one direction; half a counter is none.
#[inline]
fn decode_count(nest: &Attribute<'_>) -> Result<Option<Count>, DecodeError> {
    let (mut packets, mut bytes) = (None, None);
    for attribute in nest.nested() {
        let attribute = attribute?;
        match attribute.kind {
            counters::PACKETS => packets = Some(attribute.be_u64()?),
            counters::BYTES => bytes = Some(attribute.be_u64()?),
            counters::PACKETS_32 => packets = Some(u64::from(attribute.be_u32()?)),
            counters::BYTES_32 => bytes = Some(u64::from(attribute.be_u32()?)),
            _ => {}
        }
    }
    Ok(packets.zip(bytes).map(|(packets, bytes)| Count { packets, bytes }))
}

fn decode_timestamp(nest: &Attribute<'_>) -> Result<Timestamp, DecodeError> {
    let mut times = Timestamp::default();
    for attribute in nest.nested() {
        let attribute = attribute?;
        match attribute.kind {
            timestamp::START => times.start = Some(attribute.be_u64()?),
            timestamp::STOP => times.stop = Some(attribute.be_u64()?),
            _ => {}
        }
    }
    Ok(times)
}

#[inline]
fn decode_state(nest: &Attribute<'_>) -> Result<Option<u8>, DecodeError> {
    for attribute in nest.nested() {
        let attribute = attribute?;
        if attribute.kind == protoinfo::STATE {
            return attribute.u8().map(Some);
        }
    }
    Ok(None)
}
