//! `svcflow endpoints`: who opened connections on a node, one address a line.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use serde_json::json;

use crate::args::EndpointsArgs;
use crate::client::Client;
use crate::exit::CliError;
use crate::output;

pub(crate) fn run(args: &EndpointsArgs) -> Result<(), CliError> {
    let client = Client::new(&args.url, &args.access)?;
    let endpoints = client.endpoints()?;
    Ok(output::print(&text(&endpoints, client.url(), args))?)
}

fn text(endpoints: &BTreeSet<IpAddr>, url: &str, args: &EndpointsArgs) -> String {
    if args.json {
        return format!("{}\n", json!(endpoints));
    }
    let line = |endpoint: &IpAddr| match args.telegraf {
        true => format!("\"{url}/{endpoint}\",\n"),
        false => format!("{endpoint}\n"),
    };
    endpoints.iter().map(line).collect()
}

/// `HOST`, `HOST:PORT`, an IPv6 address or a URL, as the URL of the agent there.
pub(crate) fn agent_url(node: &str, port: u16) -> String {
    if node.contains("://") {
        return node.trim_end_matches('/').to_owned();
    }
    if let Ok(address) = node.parse::<IpAddr>() {
        return format!("http://{}", SocketAddr::new(address, port));
    }
    let has_port = node.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if has_port { format!("http://{node}") } else { format!("http://{node}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_named_in_any_way() {
        for (node, expected) in [
            ("n1", "http://n1:4000"),
            ("n1:4100", "http://n1:4100"),
            ("10.0.0.1", "http://10.0.0.1:4000"),
            ("10.0.0.1:4001", "http://10.0.0.1:4001"),
            ("fd00::1", "http://[fd00::1]:4000"),
            ("[fd00::1]:4001", "http://[fd00::1]:4001"),
            ("http://n1:4000/", "http://n1:4000"),
        ] {
            assert_eq!(agent_url(node, 4000), expected);
        }
    }
}
