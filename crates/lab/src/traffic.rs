use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use svcflow_model::{Counters, Edge, EdgeRow, Protocol, Service};

use crate::capture::{Capture, Flow};
use crate::error::{Context, Result};
use crate::lab::Lab;
use crate::server::{HEADER, header, identified};

/// Where a transfer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A service by name; the family is the client address's.
    Service(String),
    /// A provider's own address and port.
    Direct(SocketAddr),
}

/// How long a connection lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Closed as soon as the payload is through.
    Short,
    /// Held open until [`Running::release`].
    Long,
}

/// One kind of connection, made `connections` times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The client's IPv4 or IPv6 address.
    pub client: IpAddr,
    /// Where to.
    pub target: Target,
    /// TCP, or else UDP.
    pub protocol: Protocol,
    /// Payload from the client, each connection; at least 17.
    pub bytes_out: u64,
    /// Payload to the client, each connection; at least 16.
    pub bytes_in: u64,
    /// How many, one after the other.
    pub connections: u32,
    /// TCP only.
    pub lifetime: Lifetime,
    /// The size of a UDP datagram; above the link's 1,472 it travels in fragments.
    pub datagram: u64,
}

/// Transfers, made in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The transfers.
    pub transfers: Vec<Transfer>,
}

/// What the packet count in the clients' namespaces saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The edges of this plan, as each client's own node should report them.
    pub expected: Vec<EdgeRow>,
    /// Packets of flows that this plan did not make.
    pub unattributed: u64,
}

/// Traffic whose long connections are still open.
pub struct Running {
    captures: Vec<Capture>,
    held: Vec<TcpStream>,
    made: BTreeMap<Flow, (String, Edge)>,
}

/// One connection that was made.
pub(crate) struct Made {
    flow: Flow,
    node: String,
    edge: Edge,
    stream: Option<TcpStream>,
}

impl Running {
    /// Closes the long connections.
    pub fn release(&mut self) {
        self.held.clear();
    }

    /// The counts so far, once the network is quiet.
    ///
    /// # Errors
    /// Where the count lost a packet.
    pub fn outcome(&self) -> Result<Outcome> {
        let mut edges: BTreeMap<(String, Edge), Counters> = BTreeMap::new();
        let mut outcome = Outcome::default();
        for capture in &self.captures {
            for (flow, counters) in capture.settled()? {
                match self.made.get(&flow) {
                    Some(owner) => edges.entry(owner.clone()).or_default().add(&counters),
                    None => outcome.unattributed += counters.packets_in + counters.packets_out,
                }
            }
        }
        outcome.expected = edges.iter().map(|((node, e), c)| EdgeRow::new(node, e, c)).collect();
        Ok(outcome)
    }
}

impl Lab {
    /// Makes the plan's traffic, closes all of it and returns the counts.
    ///
    /// # Errors
    /// Where a transfer fails or the count lost a packet.
    pub fn run(&self, plan: &Plan) -> Result<Outcome> {
        let mut running = self.start(plan)?;
        running.release();
        running.outcome()
    }

    /// Makes the plan's traffic, keeping long connections open.
    ///
    /// # Errors
    /// Where a transfer fails.
    pub fn start(&self, plan: &Plan) -> Result<Running> {
        let captures = self.clients().iter().map(Capture::start).collect::<Result<_>>()?;
        let mut running = Running { captures, held: Vec::new(), made: BTreeMap::new() };
        for transfer in &plan.transfers {
            for _ in 0..transfer.connections {
                let made = self.make(transfer)?;
                running.held.extend(made.stream.filter(|_| transfer.lifetime == Lifetime::Long));
                running.made.insert(made.flow, (made.node, made.edge));
            }
        }
        Ok(running)
    }

    /// Makes one connection of a transfer.
    pub(crate) fn make(&self, transfer: &Transfer) -> Result<Made> {
        let host = self.client(transfer.client)?;
        let (remote, service, port) = match &transfer.target {
            Target::Direct(address) => (*address, None, address.port()),
            Target::Service(name) => {
                let spec = self.service(name)?;
                let v4 = transfer.client.is_ipv4();
                let address = if v4 { spec.address.into() } else { spec.address6.into() };
                let service = Service { address, port: spec.port };
                (SocketAddr::new(address, spec.port), Some(service), spec.provider_port)
            }
        };
        let done = host.namespace().run(|| match transfer.protocol {
            Protocol::TCP => tcp(transfer, remote).map(|(l, p, s)| (l, p, Some(s))),
            _ => udp(transfer, remote).map(|(l, p)| (l, p, None)),
        })?;
        let (local, provider, stream) =
            done.context(|| format!("talk to {remote} from {}", transfer.client))?;
        let flow = Flow {
            client: local.ip(),
            client_port: local.port(),
            remote: remote.ip(),
            remote_port: remote.port(),
            protocol: transfer.protocol,
        };
        let edge = Edge {
            endpoint: local.ip(),
            service,
            provider,
            provider_port: port,
            protocol: transfer.protocol,
        };
        Ok(Made { flow, node: self.node_name(host), edge, stream })
    }
}

fn tcp(transfer: &Transfer, remote: SocketAddr) -> io::Result<(SocketAddr, IpAddr, TcpStream)> {
    let mut stream = TcpStream::connect_timeout(&remote, Duration::from_secs(3))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let (out, back) = (transfer.bytes_out.max(HEADER as u64), transfer.bytes_in.max(16));
    stream.write_all(&header(out, back, false))?;
    io::copy(&mut io::repeat(b'c').take(out - HEADER as u64), &mut stream)?;
    let mut id = [0; 16];
    stream.read_exact(&mut id)?;
    let got = io::copy(&mut (&mut stream).take(back - 16), &mut io::sink())?;
    if got != back - 16 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((stream.local_addr()?, identified(&id)?, stream))
}

fn udp(transfer: &Transfer, remote: SocketAddr) -> io::Result<(SocketAddr, IpAddr)> {
    let any: IpAddr = if remote.is_ipv4() { [0, 0, 0, 0].into() } else { [0_u16; 8].into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(remote)?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    let size = transfer.datagram.clamp(16, 60_000);
    let count = transfer.bytes_out.div_ceil(size).max(1);
    let (mut out, mut back) = (transfer.bytes_out.max(16), transfer.bytes_in.max(16 * count));
    let mut buffer = vec![0; 65_536];
    let mut provider = None;
    for left in (1..=count).rev() {
        let (this, wanted) = (out.min(size).max(16), (back / left).clamp(16, 60_000));
        let length = usize::try_from(this).map_err(io::Error::other)?;
        buffer.iter_mut().zip(wanted.to_be_bytes()).for_each(|(to, from)| *to = from);
        socket.send(buffer.get(..length).unwrap_or_default())?;
        let n = socket.recv(&mut buffer)?;
        provider = Some(identified(buffer.get(..n).unwrap_or_default())?);
        (out, back) = (out.saturating_sub(this), back.saturating_sub(wanted));
    }
    Ok((socket.local_addr()?, provider.ok_or(io::ErrorKind::UnexpectedEof)?))
}
