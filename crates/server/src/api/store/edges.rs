//! From a series' tags to an edge.

use std::net::IpAddr;

use svcflow_model::{Edge, Service};

/// The node and edge of a series, where its tags are those that svcflow writes, no more and no less: two
/// series of one edge would be two histories of it.
pub(super) fn edge_of<'t>(
    tags: impl Iterator<Item = (&'t str, &'t str)>,
) -> Option<(&'t str, Edge)> {
    let (mut node, mut protocol) = (None, None);
    let (mut endpoint, mut provider, mut provider_port) = (None, None, None);
    let (mut service, mut service_port) = (None, None);
    for (key, value) in tags {
        match key {
            "EndpointIP" => endpoint = Some(value.parse::<IpAddr>().ok()?),
            "Node" => node = Some(value),
            "Protocol" => protocol = Some(value.parse().ok()?),
            "ProviderIP" => provider = Some(value.parse::<IpAddr>().ok()?),
            "ProviderPort" => provider_port = Some(value.parse::<u16>().ok()?),
            "ServiceIP" => service = Some(value.parse::<IpAddr>().ok()?),
            "ServicePort" => service_port = Some(value.parse::<u16>().ok()?),
            _ => return None,
        }
    }
    let service = match (service, service_port) {
        (None, None) => None,
        (address, port) => Some(Service { address: address?, port: port? }),
    };
    let edge = Edge {
        endpoint: endpoint?,
        service,
        provider: provider?,
        provider_port: provider_port?,
        protocol: protocol?,
    };
    Some((node?, edge))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIRECT: [(&str, &str); 5] = [
        ("EndpointIP", "11.1.1.2"),
        ("Node", "n1"),
        ("Protocol", "TCP"),
        ("ProviderIP", "fd00::1"),
        ("ProviderPort", "80"),
    ];

    #[test]
    fn only_svcflow_s_own_tags_are_an_edge() {
        let (node, edge) = edge_of(DIRECT.into_iter()).unwrap();
        assert_eq!((node, edge.service), ("n1", None));
        let service = [("ServiceIP", "100.1.1.3"), ("ServicePort", "8080")];
        let (_, edge) = edge_of(DIRECT.into_iter().chain(service)).unwrap();
        assert_eq!(edge.service.unwrap().port, 8080);
        for wrong in [
            DIRECT.into_iter().chain([("host", "n1")]).collect::<Vec<_>>(),
            DIRECT.into_iter().chain([("ServiceIP", "100.1.1.3")]).collect(),
            DIRECT.into_iter().filter(|tag| tag.0 != "Node").collect(),
            DIRECT.into_iter().map(|tag| (tag.0, "x")).collect(),
            vec![],
        ] {
            assert_eq!(edge_of(wrong.iter().copied()), None, "{wrong:?}");
        }
    }
}
