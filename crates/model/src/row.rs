use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Counters, Edge, Protocol, Sample, Service};

/// An edge as every interface prints it: one flat object, `service` null on a direct edge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EdgeRow {
    /// The node that counted it.
    pub node: String,
    /// The address that opened the connection.
    pub endpoint: IpAddr,
    /// The virtual address, or null.
    pub service: Option<IpAddr>,
    /// The virtual port, or null.
    pub service_port: Option<u16>,
    /// The address that answered.
    pub provider: IpAddr,
    /// The port that answered.
    pub provider_port: u16,
    /// The IP protocol's name.
    pub protocol: Protocol,
    /// Bytes towards the endpoint.
    pub bytes_in: u64,
    /// Bytes from the endpoint.
    pub bytes_out: u64,
    /// Packets towards the endpoint.
    pub packets_in: u64,
    /// Packets from the endpoint.
    pub packets_out: u64,
}

impl EdgeRow {
    /// The row of one edge on one node.
    #[must_use]
    pub fn new(node: &str, edge: &Edge, counters: &Counters) -> Self {
        Self {
            node: node.to_owned(),
            endpoint: edge.endpoint,
            service: edge.service.map(|service| service.address),
            service_port: edge.service.map(|service| service.port),
            provider: edge.provider,
            provider_port: edge.provider_port,
            protocol: edge.protocol,
            bytes_in: counters.bytes_in,
            bytes_out: counters.bytes_out,
            packets_in: counters.packets_in,
            packets_out: counters.packets_out,
        }
    }

    /// The row of a sample.
    #[must_use]
    pub fn of(node: &str, sample: &Sample) -> Self {
        Self::new(node, &sample.edge, &sample.counters)
    }

    /// The edge the row speaks of.
    #[must_use]
    pub fn edge(&self) -> Edge {
        Edge {
            endpoint: self.endpoint,
            service: self
                .service
                .map(|address| Service { address, port: self.service_port.unwrap_or(0) }),
            provider: self.provider,
            provider_port: self.provider_port,
            protocol: self.protocol,
        }
    }

    /// The counters of the row.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            packets_in: self.packets_in,
            packets_out: self.packets_out,
        }
    }
}
