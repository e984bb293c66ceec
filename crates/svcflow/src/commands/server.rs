//! `svcflow server`, `svcflow standalone`, and `svcflow config check --for server`.

use std::path::Path;
use std::time::Duration;

use svcflow_agent::{Options as AgentOptions, Protection, kernel_source, start_with};
use svcflow_query::Engine;
use svcflow_server::{Error, Server, bind, system_clock};
use svcflow_store::{Options, PolicySpec, Store};

use super::collecting::Collecting;
use super::serving::{Listen, Serving, server_runtime, signal};
use crate::args::{ServerOptions, StandaloneOptions};
use crate::exit::CliError;
use crate::output;
use crate::settings::ServerFile;

/// How long the database that agents' samples go to keeps them, where it is made here.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);

pub(crate) fn run(options: &ServerOptions) -> Result<(), CliError> {
    let file = configured(options)?;
    serve(&file, Duration::MAX)
}

/// An agent, a collector that asks it, and a server, in one process.
pub(crate) fn standalone(options: &StandaloneOptions) -> Result<(), CliError> {
    let mut file = configured(&options.server)?;
    let mut config = file.agent.take().unwrap_or_default();
    config.listen = options.agent_listen.unwrap_or(config.listen);
    if options.observe_only {
        config.source = svcflow_source::Preference::Conntrack;
    }
    config.validate()?;
    let (listen, interval) = (Listen::At(config.listen), config.interval);
    let token = config.token_file.clone();
    let protection = Protection::load(&config)?;
    let agent = start_with(kernel_source(config.source), AgentOptions::new(config))?;
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
    let served = serve(&file, options.duration.unwrap_or(Duration::MAX));
    drop(serving);
    agent.shutdown();
    served
}

pub(crate) fn check(path: &Path) -> Result<(), CliError> {
    let file = ServerFile::load(Some(path))?;
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
fn serve(file: &ServerFile, duration: Duration) -> Result<(), CliError> {
    let config = &file.server;
    let store = open(file)?;
    let engine = Engine::new(store.clone(), config.limits.clone());
    let server = Server::new(config, store.clone(), Box::new(engine), system_clock())?;
    server_runtime()?.block_on(async {
        let listener = bind(config.listen).await?;
        let address = listener.local_addr().map_err(CliError::Start)?;
        output::say(&format!("data in {}", config.data.display()));
        output::say(&format!("listening on {}://{address} (InfluxDB 1.x)", server.scheme()));
        let collecting = Collecting::start(file.collector.as_ref(), &store, &config.data)?;
        let server = collecting.beside(server);
        let served = server.serve(listener, ended(duration)).await;
        collecting.shutdown().await;
        Ok(served?)
    })
}

async fn ended(duration: Duration) {
    let signalled = async {
        if let Err(error) = signal().await {
            tracing::error!("{error}: interrupts are not heard");
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = signalled => {}
        () = tokio::time::sleep(duration) => {}
    }
    output::say("stopping: writes under way are finished first");
}

/// Opens the store, with the database that samples go to.
fn open(file: &ServerFile) -> Result<Store, CliError> {
    let failed = |source| Error::Store { folder: file.server.data.clone(), source };
    let store = Store::open(&file.server.data, Options::default()).map_err(failed)?;
    if let Some(collector) = &file.collector
        && collector.store.is_none()
    {
        let policy = PolicySpec::new("autogen", Some(KEPT));
        store.create_database(&collector.database, policy).map_err(failed)?;
    }
    Ok(store)
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
