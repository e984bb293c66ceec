use serde::{Deserialize, Serialize};
use svcflow_model::{Cidr, Timestamp};

use crate::Labels;
use crate::ledger::Entity;

/// Who has an address, as one source says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// What tells it from any other of its source, its successors at the same address too: a
    /// container's or endpoint's ID, a name in a file.
    pub identity: String,
    /// What people call it.
    pub name: String,
    /// What it is.
    pub kind: OwnerKind,
    /// Its addresses, the one to name it by first; and networks, where a whole network has one name.
    pub addresses: Vec<Cidr>,
    /// Its labels.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// The host that it lives on, where the source knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// When it began, where the source knows; else it began when it was first told of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// What an owner is. Serialised in kebab-case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OwnerKind {
    /// A container, or Contiv's endpoint.
    Container,
    /// A task of a Swarm service, maybe on another host.
    Task,
    /// Not a client but where a load balancer's traffic comes from: the clients behind it can't be told
    /// apart (case 15).
    Ingress,
    /// A network, or whatever else a person named.
    Named,
}

impl Entity for Owner {
    type Key = Cidr;

    fn identity(&self) -> &str {
        &self.identity
    }

    fn keys(&self) -> impl Iterator<Item = Cidr> {
        self.addresses.iter().map(|cidr| Cidr::of(cidr.address, cidr.prefix))
    }

    fn since(&self) -> Option<Timestamp> {
        self.since
    }
}
