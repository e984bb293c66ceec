//! From a configuration to a running collector: files read, spools opened, clients made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderValue;
use svcflow_agent::Clock;
use svcflow_store::Store;
use svcflow_transport::{Client, ClientTls, Limits, Token, Trust};

use crate::collector::{Collector, Parts, Settings};
use crate::config::{Config, Credentials, Place, Remote, SinkSettings};
use crate::discovery::{Discovery, system_resolver};
use crate::error::Error;
use crate::history::{Embedded, History, Influx as InfluxHistory};
use crate::names::Gatherer;
use crate::scrape::HttpAgents;
use crate::sink::{Influx, InfluxTarget, Lines, Prometheus, Sink};

/// One attempt to connect may take this long.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// The spool of `store = "influxdb"`; no sink can have this name.
const STORE_SPOOL: &str = "store.influxdb";

/// Starts a collector on the running tokio runtime.
///
/// `store` is the embedded store, whose database of the configured name must exist; it is not used where the
/// configuration names an engine instead. `data` is the server's data folder. What agents know of names goes to
/// `names`.
///
/// # Errors
/// Where a file, a folder or a certificate can't be used.
pub fn start(
    config: &Config,
    store: Option<&Store>,
    data: &Path,
    clock: Arc<dyn Clock>,
    names: Gatherer,
) -> Result<Collector, Error> {
    let spools = config.spool_dir.clone().unwrap_or_else(|| data.join("spool"));
    let history = history(config, store, &spools)?;
    let sinks = config.sinks.iter().map(|settings| sink(settings, &spools));
    let sinks = sinks.collect::<Result<_, _>>()?;
    let limits = Limits {
        time: config.timeout,
        bytes: usize::try_from(config.answer_max).unwrap_or(usize::MAX),
    };
    let agents = HttpAgents::new(agents_client(config)?, Arc::clone(&clock), limits);
    let settings = settings(config)?;
    let (places, scheme) = (config.places(), config.scheme());
    let mut registries = places.registries.iter();
    let registry = registries.find(|(url, _)| url.starts_with("https:"));
    let asks = client(registry.map_or("", |(url, _)| url), None)?;
    let discovery =
        Discovery::new(places, scheme, config.shard, system_resolver()).with_client(asks);
    let parts = Parts { clock, agents: Arc::new(agents), discovery, history, sinks, names };
    Ok(Collector::start(settings, parts))
}

fn settings(config: &Config) -> Result<Settings, Error> {
    let token = |path: &PathBuf| Token::read(path).map_err(Error::Security);
    let tokens = config.agent_token_files.iter();
    let tokens: Result<BTreeMap<_, _>, Error> =
        tokens.map(|(target, path)| Ok((target.clone(), token(path)?))).collect();
    Ok(Settings {
        interval: config.interval,
        timeout: config.timeout,
        clock_tolerance: config.clock_tolerance,
        forget_after: config.forget_after,
        shard: config.shard,
        token: config.token_file.as_ref().map(token).transpose()?,
        tokens: tokens?,
        insecure: config.insecure,
    })
}

fn agents_client(config: &Config) -> Result<Client, Error> {
    let identity = config.tls_certificate.as_deref().zip(config.tls_key.as_deref());
    let tls = ClientTls::read(&config.trust(), identity, config.tls_server_name.as_deref());
    match tls {
        Ok(tls) => Ok(Client::new(&tls, CONNECT_MAX)),
        // A host without CAs asks agents without TLS all the same.
        Err(svcflow_transport::Error::NoRoots) if !config.tls => nobody_is_believed(),
        Err(error) => Err(Error::Security(error)),
    }
}

fn nobody_is_believed() -> Result<Client, Error> {
    let tls = ClientTls::read(&Trust::Pinned(Vec::new()), None, None).map_err(Error::Security)?;
    Ok(Client::new(&tls, CONNECT_MAX))
}

fn client(url: &str, tls_ca: Option<&PathBuf>) -> Result<Client, Error> {
    if !url.starts_with("https://") {
        return nobody_is_believed();
    }
    let trust = tls_ca.map_or(Trust::System, |path| Trust::Ca(path.clone()));
    let tls = ClientTls::read(&trust, None, None).map_err(Error::Security)?;
    Ok(Client::new(&tls, CONNECT_MAX))
}

fn history(
    config: &Config,
    store: Option<&Store>,
    spools: &Path,
) -> Result<Arc<dyn History>, Error> {
    if let Some(remote) = &config.store {
        let target = Arc::new(influx_target(remote)?);
        let writer = Influx::new(Arc::clone(&target), true);
        let folder = spools.join(STORE_SPOOL);
        let sink = Sink::start(STORE_SPOOL, writer, &folder, config.store_spool_max)
            .map_err(|source| Error::Spool { folder, source })?;
        return Ok(Arc::new(InfluxHistory::new(target, sink)));
    }
    let store = store.ok_or(Error::NoStore)?;
    let embedded = Embedded::new(store.clone(), &config.database).map_err(Error::History)?;
    Ok(Arc::new(embedded))
}

fn influx_target(remote: &Remote) -> Result<InfluxTarget, Error> {
    Ok(InfluxTarget {
        client: client(&remote.url, remote.tls_ca.as_ref())?,
        url: remote.url.clone(),
        version: remote.version.clone(),
        authorization: authorization(&remote.credentials, "Token")?,
    })
}

fn sink(settings: &SinkSettings, spools: &Path) -> Result<Arc<Sink>, Error> {
    let folder = spools.join(&settings.name);
    let (name, most) = (&settings.name, settings.spool_max);
    let started = match &settings.place {
        Place::Influx(remote) => {
            let target = Influx::new(Arc::new(influx_target(remote)?), false);
            Sink::start(name, target, &folder, most)
        }
        Place::Prometheus { url, credentials, tls_ca } => {
            let target = Prometheus {
                client: client(url, tls_ca.as_ref())?,
                url: url.clone(),
                authorization: authorization(credentials, "Bearer")?,
            };
            Sink::start(name, target, &folder, most)
        }
        Place::File(path) => Sink::start(name, Lines::File(path.clone()), &folder, most),
        Place::Stdout => Sink::start(name, Lines::Stdout, &folder, most),
    };
    started.map_err(|source| Error::Spool { folder, source })
}

/// The `Authorization` header; `scheme` is what the target calls a token.
fn authorization(credentials: &Credentials, scheme: &str) -> Result<Option<HeaderValue>, Error> {
    let (path, value) = match credentials {
        Credentials::None => return Ok(None),
        Credentials::Token(path) => (path, format!("{scheme} {}", secret(path)?)),
        Credentials::User(user, path) => {
            let pair = format!("{user}:{}", secret(path)?);
            (path, format!("Basic {}", base64(pair.as_bytes())))
        }
    };
    let mut value =
        HeaderValue::try_from(value).map_err(|_| Error::SecretUnusable { path: path.clone() })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn secret(path: &Path) -> Result<String, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| Error::SecretUnreadable { path: path.to_owned(), source })?;
    let line = text.lines().next().unwrap_or_default().trim().to_owned();
    if line.is_empty() { Err(Error::SecretUnusable { path: path.to_owned() }) } else { Ok(line) }
}

/// RFC 4648, with padding: one header's worth of it.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        let word = word << (8 * (3 - three.len()));
        for place in 0..4 {
            let six = (word >> (18 - 6 * place) & 63) as usize;
            let letter = ALPHABET.get(six).filter(|_| place <= three.len());
            out.push(letter.map_or('=', |letter| char::from(*letter)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_the_standards() {
        for (plain, encoded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }
}
