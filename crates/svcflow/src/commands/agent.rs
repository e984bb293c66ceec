//! `svcflow agent` and `svcflow config check`.

use std::path::Path;

use svcflow_agent::{Config, Options, Protection, name_sources, source_of, start_with};
use svcflow_source::Preference;
use svcflow_topology::Journal;

use super::serving::{Listen, Serving};
use crate::args::AgentOptions;
use crate::exit::CliError;
use crate::output;

pub(crate) fn run(options: &AgentOptions) -> Result<(), CliError> {
    let config = configured(options)?;
    let listen = Listen::At(config.listen);
    let protection = Protection::load(&config)?;
    let sources = name_sources(&config)?;
    let source = source_of(&config)?;
    let journal = Journal::default();
    let settings = Options { journal: Some(journal.clone()), ..Options::new(config) };
    let names = settings.names.clone();
    let agent = start_with(source, settings)?;
    let serving = Serving::start(&agent, &listen, protection)?;
    serving.watch(sources, names, journal);
    say_what_is_seen(&agent.shared().snapshot());
    output::say(&format!("listening on {}", serving.url()));
    serving.wait(options.duration)?;
    drop(serving);
    agent.shutdown();
    Ok(())
}

pub(crate) fn check(file: &Path) -> Result<(), CliError> {
    let config = Config::load(file)?;
    name_sources(&config)?;
    let text = format!(
        "{} is fine: node {}, source {}, a look every {:?}, listening on {}\n",
        file.display(),
        config.node,
        config.source,
        config.interval,
        config.listen
    );
    Ok(output::print(&text)?)
}

/// Says which source was chosen and why, what was done to the host, and what can't be seen.
pub(crate) fn say_what_is_seen(snapshot: &svcflow_agent::Snapshot) {
    output::say(&format!("counting with {}: {}", snapshot.source.name, snapshot.source.reason));
    for line in snapshot.notes.iter().chain(&snapshot.source.blind_spots) {
        output::say(line);
    }
}

/// Flags win over the file.
fn configured(options: &AgentOptions) -> Result<Config, CliError> {
    let mut config = match &options.config {
        Some(file) => Config::load(file)?,
        None => Config::default(),
    };
    config.listen = options.listen.unwrap_or(config.listen);
    config.interval = options.interval.unwrap_or(config.interval);
    config.source = options.source.unwrap_or(config.source);
    if options.observe_only {
        config.source = Preference::Conntrack;
    }
    if let Some(node) = &options.node {
        config.node.clone_from(node);
    }
    config.state_dir = options.state_dir.clone().or(config.state_dir);
    config.netplugin = options.netplugin.clone().or(config.netplugin);
    config.names = options.names.clone().or(config.names);
    config.netmaster = options.netmaster.clone().or(config.netmaster);
    config.docker = options.docker.clone().or(config.docker);
    config.enable_conntrack_accounting |= options.enable_conntrack_accounting;
    config.insecure |= options.insecure;
    config.validate()?;
    Ok(config)
}
