use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::Protocol;

/// The virtual address and port that a client connected to, before translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Service {
    /// The virtual address.
    pub address: IpAddr,
    /// The port before translation; 0 where the protocol has none.
    pub port: u16,
}

/// Who talks to whom, through which service, on one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Edge {
    /// The address that opened the connection.
    pub endpoint: IpAddr,
    /// What it connected to, where this node translated it; `None` on a direct edge.
    pub service: Option<Service>,
    /// The address that answered.
    pub provider: IpAddr,
    /// The port that answered; 0 where the protocol has none.
    pub provider_port: u16,
    /// The IP protocol.
    pub protocol: Protocol,
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.endpoint)?;
        if let Some(service) = self.service {
            write!(f, " -> {}", SocketAddr::new(service.address, service.port))?;
        }
        write!(f, " -> {} {}", SocketAddr::new(self.provider, self.provider_port), self.protocol)
    }
}
