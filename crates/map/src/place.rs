//! Ids of cards, members, map edges and edges: text that is stable and can be kept in links.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use svcflow_model::{Edge, Protocol, Service};

use crate::catalogue::{Catalogue, EdgeKey, ServiceAddress};

/// Longer ids are none of ours.
const ID_MAX: usize = 16_384;

/// What an id names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Everything that the filter selects.
    All,
    /// One edge, on its node.
    Edge(String, Edge),
    /// A card or a member of one.
    At(Stop),
    /// A map edge.
    Between(Stop, Stop),
}

/// A card, or one address of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The card's id.
    pub card: String,
    /// The member's address.
    pub member: Option<IpAddr>,
}

/// Text that names nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no id of a card, member, map edge or edge")]
pub struct NoPlace(String);

impl Place {
    /// Reads an id.
    ///
    /// # Errors
    /// Where it has none of the forms.
    pub fn parse(id: &str) -> Result<Self, NoPlace> {
        let fault = || NoPlace(id.chars().take(200).collect());
        if id.is_empty() || id.len() > ID_MAX {
            return Err(fault());
        }
        let place = if id == "all" {
            Some(Self::All)
        } else if let Some(parts) = id.strip_prefix("edge:") {
            edge(parts).map(|(node, edge)| Self::Edge(node, edge))
        } else if let Some((from, to)) = id.split_once('~') {
            stop(from).zip(stop(to)).map(|(from, to)| Self::Between(from, to))
        } else {
            stop(id).map(Self::At)
        };
        place.ok_or_else(fault)
    }
}

fn stop(text: &str) -> Option<Stop> {
    let (card, member) = match text.split_once('!') {
        Some((card, member)) => (card, Some(member.parse().ok()?)),
        None => (text, None),
    };
    let known = matches!(
        card,
        "clients" | "providers" | "outside" | "outside-providers" | "folded" | "rest"
    );
    let kinds = ["service:", "endpoint:", "node:", "label:"];
    let made = || kinds.iter().any(|kind| card.len() > kind.len() && card.starts_with(kind));
    (known || made()).then(|| Stop { card: card.to_owned(), member })
}

fn edge(text: &str) -> Option<(String, Edge)> {
    let mut parts = text.split(',');
    let node = decode(parts.next()?)?;
    let endpoint = parts.next()?.parse().ok()?;
    let service = match parts.next()? {
        "-" => None,
        text => {
            let at: SocketAddr = text.parse().ok()?;
            Some(Service { address: at.ip(), port: at.port() })
        }
    };
    let provider: SocketAddr = parts.next()?.parse().ok()?;
    let protocol = parts.next()?.parse().ok()?;
    let (provider, provider_port) = (provider.ip(), provider.port());
    let edge = Edge { endpoint, service, provider, provider_port, protocol };
    parts.next().is_none().then_some((node, edge))
}

/// An edge's id.
#[must_use]
pub fn edge_id(catalogue: &Catalogue, key: &EdgeKey) -> String {
    let mut id = String::from("edge:");
    encode(&mut id, catalogue.node(key.node));
    let endpoint = catalogue.address(key.endpoint);
    let provider = SocketAddr::new(catalogue.address(key.provider), key.provider_port);
    // Writing to a `String` can't fail.
    let _ = match key.service.map(|service| catalogue.service(service)) {
        Some(service) => {
            write!(id, ",{endpoint},{}", SocketAddr::new(service.address, service.port))
        }
        None => write!(id, ",{endpoint},-"),
    };
    let _ = write!(id, ",{provider},{}", key.protocol);
    id
}

/// The id of a named service's card.
pub(crate) fn named_service(name: &str) -> String {
    encoded("service:", name)
}

/// The id of the card of a service that nobody named.
pub(crate) fn unnamed_service(service: &ServiceAddress) -> String {
    format!("service:{}", service_text(service))
}

/// `ADDRESS:PORT/PROTOCOL`
pub(crate) fn service_text(service: &ServiceAddress) -> String {
    format!("{}/{}", SocketAddr::new(service.address, service.port), service.protocol)
}

/// `PORT/PROTOCOL`
pub(crate) fn port_text(port: u16, protocol: Protocol) -> String {
    format!("{port}/{protocol}")
}

/// The id of a label's value.
pub(crate) fn label(key: &str, value: &str) -> String {
    let mut id = encoded("label:", key);
    id.push('=');
    encode(&mut id, value);
    id
}

/// An id of this kind and name.
pub(crate) fn encoded(kind: &str, name: &str) -> String {
    let mut id = kind.to_owned();
    encode(&mut id, name);
    id
}

fn encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._:/[]".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a `String` can't fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// The text that was encoded; `None` where it wasn't.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some_edge(service: Option<&str>, provider: &str, port: u16) -> Edge {
        Edge {
            endpoint: "11.1.1.2".parse().unwrap(),
            service: service.map(|it| Service { address: it.parse().unwrap(), port: 8080 }),
            provider: provider.parse().unwrap(),
            provider_port: port,
            protocol: Protocol::TCP,
        }
    }

    fn id(node: &str, edge: &Edge) -> String {
        let mut catalogue = Catalogue::default();
        let id = catalogue.add(node, edge);
        edge_id(&catalogue, catalogue.edges().get(id).unwrap())
    }

    #[test]
    fn edges_have_the_ids_of_the_contract() {
        let edge = some_edge(Some("100.1.1.3"), "10.1.1.7", 80);
        assert_eq!(id("n1", &edge), "edge:n1,11.1.1.2,100.1.1.3:8080,10.1.1.7:80,TCP");
        let direct = some_edge(None, "fd10::1", 5432);
        assert_eq!(id("a,b", &direct), "edge:a%2Cb,11.1.1.2,-,[fd10::1]:5432,TCP");
        assert_eq!(Place::parse(&id("a,b", &direct)), Ok(Place::Edge("a,b".to_owned(), direct)));
    }

    #[test]
    fn names_are_encoded_byte_by_byte() {
        assert_eq!(named_service("default:app-svc"), "service:default:app-svc");
        assert_eq!(
            named_service("~!*'()[]/?#&=+%,;:@ ü"),
            "service:%7E%21%2A%27%28%29[]/%3F%23%26%3D%2B%25%2C%3B:%40%20%C3%BC"
        );
        assert_eq!(label("app/name", "a=b"), "label:app/name=a%3Db");
    }

    #[test]
    fn places_are_taken_apart() {
        let stop = |card: &str, member: Option<&str>| Stop {
            card: card.to_owned(),
            member: member.map(|it| it.parse().unwrap()),
        };
        assert_eq!(Place::parse("all"), Ok(Place::All));
        assert_eq!(Place::parse("clients"), Ok(Place::At(stop("clients", None))));
        assert_eq!(
            Place::parse("clients~service:a!10.1.1.5"),
            Ok(Place::Between(stop("clients", None), stop("service:a", Some("10.1.1.5"))))
        );
        assert_eq!(Place::parse("rest!fd00::1"), Ok(Place::At(stop("rest", Some("fd00::1")))));
        let long = format!("service:{}", "x".repeat(ID_MAX));
        for wrong in [
            "",
            "x",
            "service:",
            "clients!",
            "clients!x",
            "clients~",
            "~",
            "edge:",
            "edge:n,1.1.1.1,-,2.2.2.2,TCP",
            "edge:%zz,1.1.1.1,-,2.2.2.2:1,TCP",
            &long,
        ] {
            assert!(Place::parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_name_survives(name in "\\PC*") {
            let id = encoded("node:", &name);
            prop_assert_eq!(decode(id.strip_prefix("node:").unwrap()), Some(name));
            prop_assert!(id.bytes().all(|byte| byte.is_ascii_graphic() && !b"~!,= ".contains(&byte)));
        }

        #[test]
        fn any_id_is_read_or_refused(id in "(edge:|service:)?\\PC{0,60}") {
            let _ = Place::parse(&id);
        }
    }
}
