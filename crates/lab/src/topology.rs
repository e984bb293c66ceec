use std::net::{Ipv4Addr, Ipv6Addr};

/// A service: a virtual address whose connections are spread over providers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSpec {
    /// Its name with the tenant, as in `default:app-svc`.
    pub name: String,
    /// The virtual IPv4 address.
    pub address: Ipv4Addr,
    /// The virtual IPv6 address.
    pub address6: Ipv6Addr,
    /// The port before translation.
    pub port: u16,
    /// The port behind.
    pub provider_port: u16,
    /// The selectors; every provider bears them as labels.
    pub selectors: Vec<(String, String)>,
    /// The providers' addresses; one address may stand under several services.
    pub providers: Vec<Ipv4Addr>,
}

/// A client and the node it lives on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSpec {
    /// Its IPv4 address.
    pub address: Ipv4Addr,
    /// The index of its node.
    pub node: usize,
    /// The name of the service that background traffic goes to.
    pub service: String,
}

/// The network to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// Services; their providers are on the first node.
    pub services: Vec<ServiceSpec>,
    /// Clients.
    pub clients: Vec<ClientSpec>,
    /// One or two; the second is routed to the first, and translates for its own clients.
    pub nodes: usize,
    /// First-node clients on the providers' bridge, with addresses 10.1.1.101 and up. With `bridge_nf_call`
    /// off only direct traffic works there: a translated answer would not pass the translation again.
    pub same_bridge: bool,
    /// Whether bridged packets pass the IP hooks too.
    pub bridge_nf_call: bool,
}

impl Topology {
    /// The demo: one node, two services, 17 providers, four clients.
    #[must_use]
    pub fn demo() -> Self {
        let service =
            |name: &str, tier: &str, last: u8, providers: std::ops::RangeInclusive<u8>| {
                let pairs = [("tier", tier), ("release", "stable"), ("environment", "prod")];
                ServiceSpec {
                    name: format!("default:{name}"),
                    address: Ipv4Addr::new(100, 1, 1, last),
                    address6: Ipv6Addr::new(0xfd64, 1, 1, 0, 0, 0, 0, u16::from(last)),
                    port: 8080,
                    provider_port: 80,
                    selectors: pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec(),
                    providers: providers.map(|n| Ipv4Addr::new(10, 1, 1, n)).collect(),
                }
            };
        let client = |n: u8| ClientSpec {
            address: Ipv4Addr::new(11, 1, 1, n),
            node: 0,
            service: if n == 4 { "default:app-db" } else { "default:app-svc" }.to_owned(),
        };
        Self {
            services: vec![
                service("app-svc", "web", 3, 1..=14),
                service("app-db", "db", 4, 15..=17),
            ],
            clients: (1..=4).map(client).collect(),
            nodes: 1,
            same_bridge: false,
            bridge_nf_call: true,
        }
    }

    /// Adds a second node with three more clients of app-svc.
    #[must_use]
    pub fn with_second_node(mut self) -> Self {
        self.nodes = 2;
        self.clients.extend((1..=3).map(|n| ClientSpec {
            address: Ipv4Addr::new(11, 1, 2, n),
            node: 1,
            service: "default:app-svc".to_owned(),
        }));
        self
    }

    /// The ports that a provider serves.
    #[must_use]
    pub fn ports_of(&self, provider: Ipv4Addr) -> Vec<u16> {
        crate::server::ports_of(provider, &self.services).into_iter().collect()
    }

    /// Puts the first node's clients on the providers' bridge, in the providers' network.
    #[must_use]
    pub fn on_one_bridge(mut self) -> Self {
        self.same_bridge = true;
        for client in self.clients.iter_mut().filter(|client| client.node == 0) {
            let [.., last] = client.address.octets();
            client.address = Ipv4Addr::new(10, 1, 1, last.saturating_add(100));
        }
        self
    }
}

/// The IPv6 address that goes with a host's IPv4 address: 10.1.1.5 has fd10:1:1::5.
#[must_use]
pub fn v6_of(v4: Ipv4Addr) -> Ipv6Addr {
    let [a, b, c, d] = v4.octets();
    // Decimal digits read as hexadecimal: 11 becomes 0x11.
    let bcd = |n: u8| ((u16::from(n) / 10 % 10) << 4) | (u16::from(n) % 10);
    Ipv6Addr::new(0xfd00 | bcd(a), b.into(), c.into(), 0, 0, 0, 0, d.into())
}
