//! `svcflow telegraf-config`: a complete `telegraf.conf` for the nodes there are.

use std::time::Duration;

use svcflow_agent::EdgesDocument;
use svcflow_topology::discovery::{Discovery, Registry};
use svcflow_transport::{Client as Http, ClientTls, Trust};

use super::conf::{self, Conf};
use crate::args::{AccessArgs, TelegrafConfigArgs, TelegrafPlugin};
use crate::client::Client;
use crate::commands::endpoints::agent_url;
use crate::document::is_unknown;
use crate::exit::CliError;
use crate::output;

/// Longest time for a connection to a registry.
const CONNECT_MAX: Duration = Duration::from_secs(5);

pub(crate) fn run(args: &TelegrafConfigArgs) -> Result<(), CliError> {
    let nodes = nodes(args)?;
    let mut urls = Vec::new();
    for node in &nodes {
        match args.plugin {
            TelegrafPlugin::Http => urls.push(format!("{node}/endpoints")),
            TelegrafPlugin::Httpjson => {
                urls.extend(edges(node, &Client::new(node, &AccessArgs::default())?.edges()?));
            }
        }
    }
    if urls.is_empty() {
        return Err(CliError::NoNodes);
    }
    let read = |path: &std::path::PathBuf| {
        std::fs::read_to_string(path)
            .map_err(|source| CliError::Read { path: path.clone(), source })
    };
    let base = args.base.as_ref().map(read).transpose()?;
    if base.as_deref().is_some_and(conf::asks_already) {
        output::say(
            "the file has an [[inputs.httpjson]] called `svcstats` already: take it out, or every edge is \
             written twice",
        );
    }
    let conf = Conf {
        urls: &urls,
        plugin: args.plugin,
        influxdb: &args.influxdb,
        retention_policy: &args.retention_policy,
        base: base.as_deref(),
    };
    let file = args.base.clone().unwrap_or_default();
    let text =
        conf.text().map_err(|source| CliError::Base { path: file, source: Box::new(source) })?;
    Ok(output::print(&text)?)
}

/// The agents' URLs: those that are named, then those that registries know.
fn nodes(args: &TelegrafConfigArgs) -> Result<Vec<String>, CliError> {
    let mut urls: Vec<String> = args.node.iter().map(|it| agent_url(it, args.port)).collect();
    let etcd = args.etcd.iter().map(|url| Registry::etcd(url));
    let registries = etcd.chain(args.consul.iter().map(|url| Registry::consul(url)));
    let registries = registries.collect::<Result<Vec<_>, _>>()?;
    if !registries.is_empty() {
        let https = args.etcd.iter().chain(&args.consul).any(|url| url.starts_with("https:"));
        let tls = ClientTls::read(&Trust::where_needed(https, None), None, None)
            .map_err(CliError::Tls)?;
        let mut discovery = Discovery::new(registries, Http::new(&tls, CONNECT_MAX));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let found = runtime.map_err(CliError::Start)?.block_on(discovery.ask());
        found.faults.iter().for_each(|fault| output::say(fault));
        // The registered port is Netplugin's own: the agent of that node has another.
        urls.extend(found.nodes.iter().map(|it| agent_url(&it.ip().to_string(), args.port)));
    }
    urls.sort();
    urls.dedup();
    Ok(urls)
}

/// A URL an edge: what Telegraf before 1.2 needs, which takes one object an answer.
fn edges(node: &str, document: &EdgesDocument) -> Vec<String> {
    let known = document.edges.iter().filter(|edge| !is_unknown(edge));
    let mut urls: Vec<String> = known
        .map(|edge| {
            let service = edge.row.service.map_or("none".to_owned(), |it| it.to_string());
            format!("{node}/{}?service={service}&provider={}", edge.row.endpoint, edge.row.provider)
        })
        .collect();
    urls.sort();
    urls.dedup();
    urls
}
