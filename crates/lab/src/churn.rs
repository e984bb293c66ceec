//! Connections opened and closed as fast as they go, counted without knowing which they were.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use svcflow_model::{Counters, Edge, EdgeRow, Protocol, Service};

use crate::capture::{self, Capture};
use crate::error::{Context, Error, Result};
use crate::lab::{Host, Lab};
use crate::server::{HEADER, IDENTITY, header};
use crate::setup;
use crate::topology::ServiceSpec;

/// One connection may take this long; at thousands a second it is lost if it does.
const PATIENCE: Duration = Duration::from_secs(3);

/// Short TCP connections to one service: some bytes out, 16 back, and the provider closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChurnPlan {
    /// The service's name.
    pub service: String,
    /// The clients' IPv4 or IPv6 addresses.
    pub clients: Vec<IpAddr>,
    /// How long new connections are opened.
    pub duration: Duration,
    /// How many connections are open at once, over all clients; each client has one at least.
    pub threads: usize,
    /// How many amounts the clients send in turn, from 17 bytes up by one: with 1 all connections are
    /// alike, with up to 1,000 each still sends one packet.
    pub amounts: u64,
}

/// What a churn was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Churned {
    /// Connections that were opened, answered and closed.
    pub connections: u64,
    /// The edges, as each client's own node should report them.
    pub expected: Vec<EdgeRow>,
}

impl Lab {
    /// Opens and closes connections through the service's address until `duration` is over, and returns
    /// the counts once the network is quiet. Nothing else may talk to the service's providers meanwhile.
    ///
    /// The count is of whole packets in the providers' namespaces. A client sees the service's address
    /// only, so each connection's provider would have to be kept, and told apart from the next one on the
    /// same port; a provider sees both ends of the edge in every packet. It is the packet ring and not a
    /// counter of nftables because it shares nothing with what is held against it, and each provider's
    /// ring gets only its share: it says so if it loses a packet, and does not.
    ///
    /// The provider closes first, so no client port waits for a minute; the clients use all ports from
    /// 1024 up, and the nodes forget closed connections after 1 s, from now on, so that their ends come at the
    /// rate of their beginnings.
    ///
    /// # Errors
    /// Where a connection fails, a connection table turned a packet away, or the count lost a packet.
    pub fn churn(&self, plan: &ChurnPlan) -> Result<Churned> {
        let service = self.service(&plan.service)?;
        let clients = plan.clients.iter().map(|address| Ok((*address, self.client(*address)?)));
        let clients = clients.collect::<Result<Vec<_>>>()?;
        let providers = service.providers.iter().map(|address| self.provider((*address).into()));
        let providers = providers.collect::<Result<Vec<_>>>()?;
        self.nodes().iter().try_for_each(|node| setup::forget_soon(node.namespace()))?;
        clients.iter().try_for_each(|(_, host)| setup::all_ports(host.namespace()))?;

        let refused = self.refused()?;
        let captures = providers.into_iter().map(Capture::start).collect::<Result<Vec<_>>>()?;
        let connections = open_and_close(plan, service, &clients);
        // A full table makes connections fail, so it is the better answer.
        match self.refused()?.saturating_sub(refused) {
            0 => {}
            packets => return Err(Error::TableFull(packets)),
        }
        let connections = connections?;
        capture::quiet(&captures)?;
        let mut edges: BTreeMap<Edge, (String, Counters)> = BTreeMap::new();
        for capture in &captures {
            for (flow, counters) in capture.counts()? {
                // The provider's view: what we call client is the provider, and in is out.
                let client = clients.iter().find(|(address, _)| *address == flow.remote);
                let ours =
                    flow.protocol == Protocol::TCP && flow.client_port == service.provider_port;
                let Some((endpoint, host)) = client.filter(|_| ours) else { continue };
                let edge = Edge {
                    endpoint: *endpoint,
                    service: Some(Service {
                        address: address(service, *endpoint),
                        port: service.port,
                    }),
                    provider: flow.client,
                    provider_port: flow.client_port,
                    protocol: flow.protocol,
                };
                let node = || (self.node_name(host), Counters::ZERO);
                edges.entry(edge).or_insert_with(node).1.add(&turned(&counters));
            }
        }
        let row = |(edge, (node, counters)): (&Edge, &(String, Counters))| {
            EdgeRow::new(node, edge, counters)
        };
        Ok(Churned { connections, expected: edges.iter().map(row).collect() })
    }

    /// Packets that the nodes' connection tables turned away so far, or made room for.
    fn refused(&self) -> Result<u64> {
        let path = "/proc/thread-self/net/stat/nf_conntrack";
        let mut refused = 0;
        for node in self.nodes() {
            let read = node.namespace().run(|| fs::read_to_string(path))?;
            refused += refusals(&read.context(|| format!("read {path}"))?);
        }
        Ok(refused)
    }
}

fn address(service: &ServiceSpec, endpoint: IpAddr) -> IpAddr {
    if endpoint.is_ipv4() { service.address.into() } else { service.address6.into() }
}

fn turned(counters: &Counters) -> Counters {
    Counters {
        bytes_in: counters.bytes_out,
        bytes_out: counters.bytes_in,
        packets_in: counters.packets_out,
        packets_out: counters.packets_in,
    }
}

/// `drop` and `early_drop` of every CPU; a line of names, then a line of hexadecimal numbers for each.
fn refusals(table: &str) -> u64 {
    let mut lines = table.lines();
    let Some(names) = lines.next() else { return 0 };
    let columns: Vec<bool> =
        names.split_whitespace().map(|name| matches!(name, "drop" | "early_drop")).collect();
    let values = lines.flat_map(|line| line.split_whitespace().zip(&columns));
    values
        .filter(|(_, counts)| **counts)
        .filter_map(|(value, _)| u64::from_str_radix(value, 16).ok())
        .sum()
}

fn open_and_close(
    plan: &ChurnPlan,
    service: &ServiceSpec,
    clients: &[(IpAddr, &Host)],
) -> Result<u64> {
    let (end, stop) = (Instant::now() + plan.duration, AtomicBool::new(false));
    let threads = plan.threads.max(clients.len());
    thread::scope(|scope| {
        let (stop, amounts) = (&stop, plan.amounts.max(1));
        let mut running = Vec::new();
        for (from, host) in clients.iter().cycle().take(threads) {
            let remote = SocketAddr::new(address(service, *from), service.port);
            let work = move || {
                host.namespace().enter_current_thread()?;
                let mut connections = 0_u64;
                while Instant::now() < end && !stop.load(Ordering::Relaxed) {
                    if let Err(error) = connection(remote, connections % amounts) {
                        stop.store(true, Ordering::Relaxed);
                        return Err(error).context(|| {
                            format!("talk to {remote} from {from} after {connections} connections")
                        });
                    }
                    connections += 1;
                }
                Ok(connections)
            };
            let builder = thread::Builder::new().name("lab-churn".to_owned());
            let started = builder.spawn_scoped(scope, work);
            running.push(started.context(|| "start a client thread".to_owned())?);
        }
        let ended = running.into_iter().map(|thread| thread.join().map_err(|_| Error::Thread)?);
        ended.sum::<Result<u64>>()
    })
}

fn connection(remote: SocketAddr, more: u64) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&remote, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let out = HEADER as u64 + more;
    let mut request = header(out, IDENTITY as u64, true).to_vec();
    request.resize(usize::try_from(out).map_err(io::Error::other)?, b'c');
    stream.write_all(&request)?;
    let mut answer = [0; IDENTITY];
    stream.read_exact(&mut answer)?;
    match stream.read(&mut answer)? {
        0 => Ok(()),
        _ => Err(io::Error::other("the provider answered too much")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_summed_over_processors() {
        let table = "entries  clashres insert drop early_drop\n\
                     00000010 00000001 000000ff 0000000a 00000001\n\
                     00000010 00000001 000000ff 00000000 00000010\n";
        assert_eq!(refusals(table), 27);
        assert_eq!(refusals(""), 0);
    }
}
