//! `svcflow server`, `svcflow standalone`, and `svcflow config check --for server`.

use std::path::Path;
use std::time::Duration;

use svcflow_agent::{Options, Protection, name_sources, source_of, start_with};
use svcflow_source::Preference;
use svcflow_source::contiv::{self, NETPLUGIN};

use super::history::{History, Named};
use super::serving::{Listen, Serving};
use crate::args::{ServerOptions, StandaloneOptions};
use crate::exit::CliError;
use crate::output;
use crate::settings::ServerFile;

pub(crate) fn run(options: &ServerOptions) -> Result<(), CliError> {
    serve(configured(options)?, None, Named::default())
}

/// An agent, a collector that asks it, and a server, in one process.
pub(crate) fn standalone(options: &StandaloneOptions) -> Result<(), CliError> {
    let mut file = configured(&options.server)?;
    let mut config = file.agent.take().unwrap_or_default();
    config.listen = options.agent_listen.unwrap_or(config.listen);
    if options.observe_only {
        config.source = Preference::Conntrack;
    }
    if config.source == Preference::Auto && contiv::answers(NETPLUGIN) {
        output::say(&format!(
            "Netplugin answers at {NETPLUGIN}: `source = \"nftables\"` counts here instead"
        ));
        config.source = Preference::Contiv;
    }
    config.validate()?;
    let (listen, interval) = (Listen::At(config.listen), config.interval);
    let token = config.token_file.clone();
    let protection = Protection::load(&config)?;
    let (sources, source) = (name_sources(&config)?, source_of(&config)?);
    let settings = Options::new(config);
    let names = settings.names.clone();
    let agent = start_with(source, settings)?;
    let serving = Serving::start(&agent, &listen, protection)?;
    super::agent::say_what_is_seen(&agent.shared().snapshot());
    output::say(&format!("listening on {} (agent)", serving.url()));
    let collector = file.collector.get_or_insert_with(|| svcflow_collector::config::Config {
        interval,
        timeout: interval.min(Duration::from_secs(5)),
        ..Default::default()
    });
    if let Some(token) = token {
        collector.agent_token_files.entry(serving.address.to_string()).or_insert(token);
    }
    collector.agents.push(serving.url());
    let served = serve(file, options.duration, Named { names, sources });
    drop(serving);
    agent.shutdown();
    served
}

pub(crate) fn check(path: &Path) -> Result<(), CliError> {
    let file = ServerFile::load(Some(path))?;
    file.names.sources()?;
    let collects = match &file.collector {
        None => "collecting from no agents".to_owned(),
        Some(collector) => format!("collecting every {:?}", collector.interval),
    };
    let text = format!(
        "{} is fine: data in {}, listening on {}, {collects}\n",
        path.display(),
        file.server.data.display(),
        file.server.listen
    );
    Ok(output::print(&text)?)
}

/// Serves until an interrupt, a termination, or the end of `duration`.
fn serve(file: ServerFile, duration: Option<Duration>, named: Named) -> Result<(), CliError> {
    let (data, listen) = (file.server.data.clone(), file.server.listen);
    let mut history = History::start(file, &Listen::At(listen), None, named)?;
    history.expect_signals()?;
    output::say(&format!("data in {}", data.display()));
    output::say(&format!("listening on {0} (InfluxDB 1.x; the map: {0}/)", history.url()));
    history.wait(async { tokio::time::sleep(duration.unwrap_or(Duration::MAX)).await })?;
    output::say("stopping: writes under way are finished first");
    history.finish()
}

/// Flags win over the file.
fn configured(options: &ServerOptions) -> Result<ServerFile, CliError> {
    let mut file = ServerFile::load(options.config.as_deref())?;
    let config = &mut file.server;
    config.listen = options.listen.unwrap_or(config.listen);
    if let Some(data) = &options.data {
        config.data.clone_from(data);
    }
    config.users_file = options.users_file.clone().or(config.users_file.take());
    config.insecure |= options.insecure;
    config.validate()?;
    Ok(file)
}
