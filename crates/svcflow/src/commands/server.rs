//! `svcflow server`, and `svcflow config check --for server`.

use std::path::Path;

use svcflow_query::Engine;
use svcflow_server::{Config, Error, Server, bind, system_clock};
use svcflow_store::{Options, Store};

use super::serving::{server_runtime, signal};
use crate::args::ServerOptions;
use crate::exit::CliError;
use crate::output;

pub(crate) fn run(options: &ServerOptions) -> Result<(), CliError> {
    let config = configured(options)?;
    let store = open(&config)?;
    let engine = Engine::new(store.clone(), config.limits.clone());
    let server = Server::new(&config, store, Box::new(engine), system_clock())?;
    let runtime = server_runtime()?;
    runtime.block_on(async {
        let listener = bind(config.listen).await?;
        let address = listener.local_addr().map_err(CliError::Start)?;
        output::say(&format!("data in {}", config.data.display()));
        output::say(&format!("listening on {}://{address} (InfluxDB 1.x)", server.scheme()));
        let done = async {
            if let Err(error) = signal().await {
                tracing::error!("{error}: interrupts are not heard");
                std::future::pending::<()>().await;
            }
            output::say("stopping: writes under way are finished first");
        };
        Ok(server.serve(listener, done).await?)
    })
}

pub(crate) fn check(file: &Path) -> Result<(), CliError> {
    let config = Config::load(file)?;
    let text = format!(
        "{} is fine: data in {}, listening on {}\n",
        file.display(),
        config.data.display(),
        config.listen
    );
    Ok(output::print(&text)?)
}

fn open(config: &Config) -> Result<Store, CliError> {
    let failed = |source| Error::Store { folder: config.data.clone(), source };
    Ok(Store::open(&config.data, Options::default()).map_err(failed)?)
}

/// Flags win over the file.
fn configured(options: &ServerOptions) -> Result<Config, CliError> {
    let mut config = match &options.config {
        Some(file) => Config::load(file)?,
        None => Config::default(),
    };
    config.listen = options.listen.unwrap_or(config.listen);
    config.data = options.data.clone().unwrap_or(config.data);
    config.users_file = options.users_file.clone().or(config.users_file);
    config.insecure |= options.insecure;
    config.validate()?;
    Ok(config)
}
