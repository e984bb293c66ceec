use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use svcflow_model::{Protocol, Timestamp};

use crate::Labels;
use crate::ledger::Entity;

/// A virtual address and what is behind it, as one source says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// What tells it from any other of its source, its successors of the same name too.
    pub identity: String,
    /// Whose it is; empty where the source knows no tenants.
    #[serde(default)]
    pub tenant: String,
    /// What people call it.
    pub name: String,
    /// Its virtual addresses.
    pub addresses: Vec<IpAddr>,
    /// Its ports; none: every port of its addresses is its.
    #[serde(default)]
    pub ports: Vec<Port>,
    /// What its providers bear as labels.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub selectors: Labels,
    /// Its own labels.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// Who is behind it; `None`: whoever bears the selectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub providers: Option<Vec<IpAddr>>,
    /// When it began, where the source knows; else it began when it was first told of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

impl Service {
    /// `tenant:name`, or the name where there is no tenant.
    #[must_use]
    pub fn full_name(&self) -> String {
        if self.tenant.is_empty() {
            self.name.clone()
        } else {
            format!("{}:{}", self.tenant, self.name)
        }
    }
}

/// A port of a service, written `8080:80:TCP`: before translation, behind it, protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Port {
    /// The port before translation.
    pub port: u16,
    /// The port behind.
    pub provider_port: u16,
    /// The protocol.
    pub protocol: Protocol,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.port, self.provider_port, self.protocol)
    }
}

/// Text that is no service port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no port of a service: write `8080:80:TCP` (port, port behind, protocol)")]
pub struct ParsePortError(String);

impl FromStr for Port {
    type Err = ParsePortError;

    /// Also reads `8080` and `8080:80`, which are TCP.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || ParsePortError(text.to_owned());
        let mut parts = text.split(':');
        let port: u16 = parts.next().and_then(|part| part.trim().parse().ok()).ok_or_else(fault)?;
        let behind = parts.next().map(|part| part.trim().parse().map_err(|_| fault()));
        let protocol = parts.next().map(|part| part.trim().parse().map_err(|_| fault()));
        match parts.next() {
            Some(_) => Err(fault()),
            None => Ok(Self {
                port,
                provider_port: behind.transpose()?.unwrap_or(port),
                protocol: protocol.transpose()?.unwrap_or(Protocol::TCP),
            }),
        }
    }
}

impl Serialize for Port {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a service is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ServiceKey {
    pub(crate) address: IpAddr,
    /// `None`: every port that no other service of the address has.
    pub(crate) port: Option<(u16, Protocol)>,
}

impl Entity for Service {
    type Key = ServiceKey;

    fn identity(&self) -> &str {
        &self.identity
    }

    fn keys(&self) -> impl Iterator<Item = ServiceKey> {
        let whole = self.ports.is_empty().then_some(None);
        self.addresses.iter().flat_map(move |address| {
            let ports = self.ports.iter().map(|port| Some((port.port, port.protocol)));
            ports.chain(whole).map(|port| ServiceKey { address: *address, port })
        })
    }

    fn since(&self) -> Option<Timestamp> {
        self.since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_read_their_own_writing() {
        let port: Port = "8080:80:tcp".parse().unwrap();
        assert_eq!(port, Port { port: 8080, provider_port: 80, protocol: Protocol::TCP });
        assert_eq!(port.to_string(), "8080:80:TCP");
        assert_eq!("53:53:UDP".parse::<Port>().unwrap().protocol, Protocol::UDP);
        assert_eq!("443".parse::<Port>().unwrap().to_string(), "443:443:TCP");
        for wrong in ["", ":", "80:", "80:x:TCP", "80:80:tcpx", "80:80:TCP:1", "70000:80:TCP", "-1"]
        {
            assert!(wrong.parse::<Port>().is_err(), "{wrong}");
        }
    }
}
