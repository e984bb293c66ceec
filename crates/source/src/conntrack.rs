//! We look: the kernel's connection table at each look, and the ends of connections as they happen.

use std::time::{Duration, Instant};

use svcflow_conntrack::{
    Conntrack, Entry, Error, Events, Filter, Groups, Received, Transport, Tuple,
};
use svcflow_model::{Baseline, Connection, Counters, LossKind, Origin, Protocol};

use crate::{Description, EachFrame, Frame, FrameSource, SourceError, host};

/// What we ask for the event queue: the kernel books about 1 kB an event, so these are some 60,000
/// ends of connections, four seconds of 14,000 a second.
const EVENT_BUFFER: usize = 64 << 20;

/// Reads connection tracking.
pub struct ConntrackSource {
    table: Conntrack,
    events: Events,
    description: Description,
    /// Handed over once, at the first look.
    origin: Option<Origin>,
}

impl ConntrackSource {
    /// Subscribes to the ends of connections; the first look is the baseline.
    ///
    /// # Errors
    /// Where the kernel has no connection tracking or doesn't let us listen.
    pub fn open(reason: &str) -> Result<Self, SourceError> {
        // Subscribe, then dump, then merge (design rule 2): what ends between the two is then known.
        let events = Events::open(Groups::DESTROY, EVENT_BUFFER).map_err(refused)?;
        let mut table = Conntrack::open().map_err(refused)?;
        // Listening is free for all, dumping is not: find out now, not at the first look.
        table
            .begin_dump(&Filter::default())
            .and_then(|mut d| d.next_buffer().map(drop))
            .map_err(refused)?;
        let description = Description {
            name: "conntrack",
            reason: reason.to_owned(),
            blind_spots: blind_spots(&events),
            follows_connections: true,
        };
        let origin = Some(Origin { id: rand_id()?, handle: 0 });
        Ok(Self { table, events, description, origin })
    }
}

impl FrameSource for ConntrackSource {
    fn description(&self) -> &Description {
        &self.description
    }

    fn listen(&mut self, timeout: Duration, each: &mut EachFrame<'_>) -> Result<(), SourceError> {
        let until = Instant::now() + timeout;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            hear(&mut self.events, left, each)?;
            if left.is_zero() {
                return Ok(());
            }
        }
    }

    fn look(&mut self, each: &mut EachFrame<'_>) -> Result<(), SourceError> {
        if let Some(origin) = self.origin.take() {
            each(&Frame::Origin { origin, baseline: Baseline::FirstReading });
        }
        each(&Frame::LookBegan);
        let looked = dump(&mut self.table, &mut self.events, each);
        each(&Frame::LookEnded { complete: looked.is_ok() });
        looked
    }
}

/// Dumps the table. The event queue is drained between the dump's buffers: a dump of a large table
/// takes longer than the queue lasts.
fn dump(
    table: &mut Conntrack,
    events: &mut Events,
    each: &mut EachFrame<'_>,
) -> Result<(), SourceError> {
    let failed = |error| SourceError::failed("reading connection tracking")(error);
    let mut dump = table.begin_dump(&Filter::default()).map_err(failed)?;
    while let Some(buffer) = dump.next_buffer().map_err(failed)? {
        each(&Frame::ConntrackDump(buffer));
        while hear(events, Duration::ZERO, each)? {}
    }
    Ok(())
}

/// Hands over one buffer of events; false where there was none within `timeout`.
fn hear(
    events: &mut Events,
    timeout: Duration,
    each: &mut EachFrame<'_>,
) -> Result<bool, SourceError> {
    match events
        .receive(timeout)
        .map_err(SourceError::failed("listening to connection tracking"))?
    {
        Received::Messages(buffer) => each(&Frame::ConntrackEvents(buffer)),
        Received::Overrun => {
            each(&Frame::Lost { kind: LossKind::EventsDropped, count: 1, bytes: 0 })
        }
        Received::Nothing => return Ok(false),
    }
    Ok(true)
}

/// What we make of an entry.
pub(crate) fn connection(entry: &Entry) -> Connection {
    let (original, reply) = (&entry.original, &entry.reply);
    Connection {
        id: entry.id.unwrap_or(0),
        zone: entry.zone,
        protocol: Protocol(entry.protocol()),
        original_source: original.source,
        original_destination: original.destination,
        original_source_port: source_port(original),
        original_destination_port: destination_port(original),
        reply_source: reply.source,
        reply_destination: reply.destination,
        reply_source_port: source_port(reply),
        reply_destination_port: destination_port(reply),
        destination_translated: entry.status.contains(svcflow_conntrack::Status::DST_NAT),
        offloaded: entry.status.is_offloaded(),
        direction_unknown: entry.picked_up,
        counters: entry.counters.map(|counted| Counters {
            bytes_in: counted.reply.bytes,
            bytes_out: counted.original.bytes,
            packets_in: counted.reply.packets,
            packets_out: counted.original.packets,
        }),
    }
}

/// What tells connections apart on the sender's side, where there are no ports too.
fn source_port(tuple: &Tuple) -> u16 {
    match tuple.transport {
        Transport::Ports { source, .. } => source,
        Transport::Icmp { id, .. } => id,
        Transport::Gre { source_key, .. } => source_key,
        Transport::None => 0,
    }
}

fn destination_port(tuple: &Tuple) -> u16 {
    match tuple.transport {
        Transport::Ports { destination, .. } => destination,
        Transport::Icmp { kind, code, .. } => u16::from_be_bytes([kind, code]),
        Transport::Gre { destination_key, .. } => destination_key,
        Transport::None => 0,
    }
}

fn blind_spots(events: &Events) -> Vec<String> {
    let mut spots = host::blind_spots(false);
    if host::ACCOUNTING.read() == Some(0) {
        spots.push(format!(
            "connections are not counted ({0} is 0), so bytes are unknown, not zero: \
             `sysctl -w {0}=1` counts new connections",
            host::ACCOUNTING.name
        ));
    }
    if host::EVENTS.read() == Some(2) {
        spots.push(format!(
            "connections older than this agent may end unseen ({0} is 2): `sysctl -w {0}=1` shows every end",
            host::EVENTS.name
        ));
    }
    if events.given() < events.asked() {
        spots.push(format!(
            "the event queue is {} kB instead of {} kB, so bursts of short connections may be lost: \
             run as root, or `sysctl -w net.core.rmem_max={}`",
            events.given() / 1024,
            events.asked() / 1024,
            events.asked()
        ));
    }
    spots
}

fn rand_id() -> Result<u64, SourceError> {
    let mut bytes = [0; 8];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(SourceError::failed("asking the kernel for a random number"))?;
    Ok(u64::from_ne_bytes(bytes))
}

fn refused(error: Error) -> SourceError {
    SourceError::from_errno(
        "observing connection tracking",
        "nf_conntrack_netlink",
        error.errno(),
        error,
    )
}
