//! The independent count: every packet of a client's interface, per flow, as the IP layer would count it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use svcflow_model::{Counters, Protocol};

use crate::error::{Context, Error, Result};
use crate::lab::Host;
use crate::sys::{Packet, Ring};

/// A flow as the client sees it: the remote side is the service's address, not the provider's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Flow {
    pub(crate) client: IpAddr,
    pub(crate) client_port: u16,
    pub(crate) remote: IpAddr,
    pub(crate) remote_port: u16,
    pub(crate) protocol: Protocol,
}

#[derive(Default)]
struct Counts {
    flows: HashMap<Flow, Counters>,
    fragments: HashMap<(IpAddr, IpAddr, u32), Partial>,
}

/// Fragments seen of one datagram; any may come first, so the ports may be learnt late.
#[derive(Default)]
struct Partial {
    ports: Option<(u16, u16)>,
    bytes: u64,
    covered: u64,
    total: Option<u64>,
}

#[derive(Default)]
struct Shared {
    counts: Mutex<Counts>,
    packets: AtomicU64,
    stop: AtomicBool,
}

/// A running count in one client's namespace.
pub(crate) struct Capture {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Result<()>>>,
    ring_drops: Arc<AtomicU64>,
}

struct Seen {
    source: IpAddr,
    target: IpAddr,
    protocol: u8,
    bytes: u64,
    ports: Option<(u16, u16)>,
    fragment: Option<Fragment>,
}

struct Fragment {
    id: u32,
    offset: u64,
    payload: u64,
    more: bool,
    header: u64,
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Capture {
    pub(crate) fn start(host: &Host) -> Result<Self> {
        let shared = Arc::<Shared>::default();
        let ring_drops = Arc::<AtomicU64>::default();
        let mut ring = host
            .namespace()
            .run(|| Ring::open("eth0"))?
            .context(|| format!("count packets of {}", host.address))?;
        let (to, drops, host) = (Arc::clone(&shared), Arc::clone(&ring_drops), host.clone());
        let work = move || loop {
            let stopping = to.stop.load(Ordering::Relaxed);
            let mut any = false;
            {
                let mut counts = lock(&to.counts);
                while ring.next_block(|packet| {
                    to.packets.fetch_add(1, Ordering::Relaxed);
                    counts.add(&packet, &host);
                }) {
                    any = true;
                }
            }
            let lost = ring.drops().context(|| "read the ring's statistics".to_owned())?;
            drops.fetch_add(lost, Ordering::Relaxed);
            if stopping && !any {
                return Ok(());
            }
            ring.wait(20);
        };
        let thread = std::thread::Builder::new()
            .name("lab-count".to_owned())
            .spawn(work)
            .context(|| "start a counting thread".to_owned())?;
        Ok(Self { shared, thread: Some(thread), ring_drops })
    }

    /// The counts once no packet has come for 60 ms, at most 5 s from now.
    pub(crate) fn settled(&self) -> Result<HashMap<Flow, Counters>> {
        quiet(std::slice::from_ref(self))?;
        self.counts()
    }

    /// The counts so far.
    pub(crate) fn counts(&self) -> Result<HashMap<Flow, Counters>> {
        match self.ring_drops.load(Ordering::Relaxed) {
            0 => Ok(lock(&self.shared.counts).flows.clone()),
            lost => Err(Error::Dropped(lost)),
        }
    }
}

/// Waits until no packet has come to any for 60 ms, at most 5 s.
pub(crate) fn quiet(captures: &[Capture]) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(5);
    let mut last = u64::MAX;
    loop {
        let packets = captures.iter().map(|one| one.shared.packets.load(Ordering::Relaxed));
        let now = packets.sum();
        if now == last {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(Error::Unsettled);
        }
        last = now;
        std::thread::sleep(Duration::from_millis(60));
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Counts {
    fn add(&mut self, packet: &Packet<'_>, host: &Host) {
        let Some(seen) = read(packet) else { return };
        match &seen.fragment {
            None => self.count(&seen, seen.ports.unwrap_or((0, 0)), seen.bytes, host),
            Some(fragment) => self.reassemble(&seen, fragment, host),
        }
    }

    fn reassemble(&mut self, seen: &Seen, fragment: &Fragment, host: &Host) {
        let key = (seen.source, seen.target, fragment.id);
        let partial = self.fragments.entry(key).or_default();
        partial.bytes = fragment.header;
        partial.covered += fragment.payload;
        partial.ports = partial.ports.or(seen.ports);
        if !fragment.more {
            partial.total = Some(fragment.offset + fragment.payload);
        }
        if partial.total == Some(partial.covered) {
            let (bytes, ports) = (partial.bytes + partial.covered, partial.ports);
            self.fragments.remove(&key);
            self.count(seen, ports.unwrap_or((0, 0)), bytes, host);
        }
    }

    fn count(&mut self, seen: &Seen, (source, target): (u16, u16), bytes: u64, host: &Host) {
        let outward = host.has(seen.source);
        let protocol = Protocol(seen.protocol);
        let (client, client_port, remote, remote_port) = if outward {
            (seen.source, source, seen.target, target)
        } else {
            (seen.target, target, seen.source, source)
        };
        let flow = Flow { client, client_port, remote, remote_port, protocol };
        let mut one = Counters::ZERO;
        if outward {
            (one.bytes_out, one.packets_out) = (bytes, 1);
        } else {
            (one.bytes_in, one.packets_in) = (bytes, 1);
        }
        self.flows.entry(flow).or_default().add(&one);
    }
}

fn be16(head: &[u8], at: usize) -> Option<u16> {
    head.get(at..)?.first_chunk().map(|b| u16::from_be_bytes(*b))
}

fn ports(head: &[u8], at: usize, protocol: u8) -> Option<(u16, u16)> {
    if !Protocol(protocol).has_ports() {
        return Some((0, 0));
    }
    Some((be16(head, at)?, be16(head, at + 2)?))
}

fn read(packet: &Packet<'_>) -> Option<Seen> {
    match packet.head.first()? >> 4 {
        4 => read4(packet),
        6 => read6(packet),
        _ => None, // ARP
    }
}

fn read4(packet: &Packet<'_>) -> Option<Seen> {
    let head = packet.head;
    let header = usize::from(head.first()? & 15) * 4;
    let protocol = *head.get(9)?;
    let source = Ipv4Addr::from(*head.get(12..)?.first_chunk::<4>()?);
    let target = Ipv4Addr::from(*head.get(16..)?.first_chunk::<4>()?);
    if be16(head, 0)? & 0xff == 0 && protocol == 0 {
        return None;
    }
    if protocol == 1 && !matches!(*head.get(header)?, 0 | 8) {
        return None; // an ICMP error belongs to no edge
    }
    let stated = u64::from(be16(head, 2)?);
    let bytes = if stated == 0 { u64::from(packet.length) } else { stated };
    let (flags, id) = (be16(head, 6)?, be16(head, 4)?);
    let offset = u64::from(flags & 0x1fff) * 8;
    let more = flags & 0x2000 != 0;
    let fragment = (more || offset > 0).then(|| Fragment {
        id: id.into(),
        offset,
        payload: bytes.saturating_sub(header as u64),
        more,
        header: header as u64,
    });
    let ports = if offset == 0 { ports(head, header, protocol) } else { None };
    Some(Seen { source: source.into(), target: target.into(), protocol, bytes, ports, fragment })
}

fn read6(packet: &Packet<'_>) -> Option<Seen> {
    let head = packet.head;
    let source = Ipv6Addr::from(*head.get(8..)?.first_chunk::<16>()?);
    let target = Ipv6Addr::from(*head.get(24..)?.first_chunk::<16>()?);
    let stated = u64::from(be16(head, 4)?);
    let bytes = if stated == 0 { u64::from(packet.length) } else { stated + 40 };
    let (mut protocol, mut at, mut fragment) = (*head.get(6)?, 40, None);
    let mut offset = 0;
    if protocol == 44 {
        let bits = be16(head, 42)?;
        offset = u64::from(bits & 0xfff8);
        protocol = *head.get(40)?;
        at = 48;
        let id = u32::from_be_bytes(*head.get(44..)?.first_chunk::<4>()?);
        let payload = bytes.saturating_sub(48);
        fragment = Some(Fragment { id, offset, payload, more: bits & 1 != 0, header: 40 });
    }
    if protocol == 0 || (protocol == 58 && !matches!(*head.get(at)?, 128 | 129)) {
        return None; // MLD, neighbour discovery, ICMP errors
    }
    let ports = if offset == 0 { ports(head, at, protocol) } else { None };
    Some(Seen { source: source.into(), target: target.into(), protocol, bytes, ports, fragment })
}
