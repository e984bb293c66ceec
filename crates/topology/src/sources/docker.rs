//! Names from a Docker engine (its API, from 1.24 on): containers, networks, Swarm services and tasks.
//!
//! Events are subscribed to first, then everything is listed, so nothing falls between; where the stream
//! of events breaks, all is listed again. Swarm's tasks make no events, so all is listed again every so
//! often, too; a node that is no manager still knows the services of the networks that it is part of.

mod convert;
mod swarm;

use std::collections::HashMap;
use std::time::Duration;

use bollard::errors::Error as EngineError;
use bollard::models::{EventMessage, EventMessageTypeEnum};
use bollard::query_parameters::{EventsOptionsBuilder, InspectContainerOptions};
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use svcflow_model::Timestamp;
use tokio::time::{Instant, sleep, sleep_until};

use super::{Source, Teller, Watching, chain};
use crate::{Facts, Owner, Update};

/// Where Docker listens by default.
pub const SOCKET: &str = "/var/run/docker.sock";
/// An answer that takes longer is none.
const PATIENCE_SECONDS: u64 = 30;
/// Time until the engine is asked again after a failure.
const RETRY: Duration = Duration::from_secs(5);
/// Time between two listings while events flow.
const RELIST: Duration = Duration::from_secs(15);
/// After an event that only a listing tells more of, others may follow at once: they share one.
const SETTLE: Duration = Duration::from_millis(300);
/// Questions under way at once.
const QUESTIONS_MAX: usize = 16;

/// Why the engine gives no names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It can't be reached, or refuses.
    #[error("{operation} failed: is Docker running, and may this user use {socket}?")]
    Engine {
        /// What was asked for.
        operation: &'static str,
        /// Where.
        socket: String,
        /// What it said.
        #[source]
        source: EngineError,
    },
    /// The stream of events ended.
    #[error("Docker's stream of events ended")]
    EventsEnded,
}

/// An engine as a source, called `docker`.
#[derive(Clone, Debug)]
pub struct Engine {
    socket: String,
    retry: Duration,
    relist: Duration,
}

impl Engine {
    /// The engine that listens at this Unix socket.
    #[must_use]
    pub fn at(socket: &str) -> Self {
        let socket = socket.strip_prefix("unix://").unwrap_or(socket).to_owned();
        Self { socket, retry: RETRY, relist: RELIST }
    }

    /// Asks again this soon after a failure, and lists this often, instead of 5 and 15 seconds.
    #[must_use]
    pub fn timing(self, retry: Duration, relist: Duration) -> Self {
        Self { retry, relist, ..self }
    }

    async fn connect(&self) -> Result<Connected, Error> {
        let failed = |source| self.failed("connecting", source);
        let docker = Docker::connect_with_unix(&self.socket, PATIENCE_SECONDS, API_DEFAULT_VERSION)
            .map_err(failed)?;
        let docker = docker.negotiate_version().await.map_err(failed)?;
        Ok(Connected { docker, engine: self.clone(), inspected: HashMap::new() })
    }

    fn failed(&self, operation: &'static str, source: EngineError) -> Error {
        Error::Engine { operation, socket: self.socket.clone(), source }
    }

    /// Watches until something fails.
    async fn run(&self, teller: &Teller) -> Result<(), Error> {
        let mut engine = self.connect().await?;
        let mut events = engine.events(teller.now());
        let mut relist = Instant::now();
        loop {
            tokio::select! {
                // The listing first: until then an event tells of one container among many.
                biased;
                () = sleep_until(relist) => {
                    let at = teller.now();
                    let facts = engine.list().await?;
                    teller.tell(Update::Listed { at, facts }).await;
                    relist = Instant::now() + self.relist;
                }
                event = events.next() => {
                    let event = event.ok_or(Error::EventsEnded)?;
                    let event = event.map_err(|it| self.failed("reading events", it))?;
                    if engine.take(event, teller).await? {
                        relist = relist.min(Instant::now() + SETTLE);
                    }
                }
            }
        }
    }
}

impl Source for Engine {
    fn name(&self) -> &str {
        super::DOCKER
    }

    fn watch(self: Box<Self>, teller: Teller) -> Watching {
        Box::pin(async move {
            let mut said = String::new();
            loop {
                let Err(error) = self.run(&teller).await else { continue };
                let error = chain(&error);
                if said != error {
                    tracing::warn!("names of containers stay as they were: {error}");
                    said.clone_from(&error);
                }
                teller.failed(error).await;
                sleep(self.retry).await;
            }
        })
    }
}

struct Connected {
    docker: Docker,
    engine: Engine,
    /// Containers as they were last inspected. While events flow, what a listing says of them is enough to
    /// see that nothing changed, so that a listing needn't inspect them all.
    inspected: HashMap<String, Owner>,
}

impl Connected {
    /// Events from a second ago on, so that none falls between the subscription and the first listing.
    fn events(&self, now: Timestamp) -> BoxStream<'static, Result<EventMessage, EngineError>> {
        let types = ["container", "network", "service", "node"].map(str::to_owned).to_vec();
        let filters = [("type".to_owned(), types)].into_iter().collect();
        let since = now.seconds().saturating_sub(1).to_string();
        let options = EventsOptionsBuilder::new().since(&since).filters(&filters).build();
        self.docker.events(Some(options)).boxed()
    }

    fn failed(&self, operation: &'static str) -> impl Fn(EngineError) -> Error {
        move |source| self.engine.failed(operation, source)
    }

    /// Everything there is.
    async fn list(&mut self) -> Result<Facts, Error> {
        let mut facts = Facts::default();
        let running = self.docker.list_containers(None).await;
        let running = running.map_err(self.failed("listing containers"))?;
        let mut unknown = Vec::new();
        for line in running {
            let Some(id) = line.id.clone() else { continue };
            match self.inspected.get(&id).filter(|known| convert::is_still(&line, known)) {
                Some(known) => facts.owners.push(known.clone()),
                None => unknown.push(id),
            }
        }
        let this = &*self;
        let mut owners = futures_util::stream::iter(unknown)
            .map(|id| async move { this.container(&id).await })
            .buffer_unordered(QUESTIONS_MAX);
        while let Some(owner) = owners.next().await {
            facts.owners.extend(owner?);
        }
        drop(owners);
        let known = facts.owners.iter().map(|owner| (owner.identity.clone(), owner.clone()));
        self.inspected = known.collect();
        swarm::add(self, &mut facts).await?;
        Ok(facts)
    }

    /// A container that runs and has an address; `None` where it doesn't.
    async fn container(&self, id: &str) -> Result<Option<Owner>, Error> {
        let answer = self.docker.inspect_container(id, None::<InspectContainerOptions>).await;
        match answer {
            Ok(container) => Ok(convert::container(container)),
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(self.engine.failed("inspecting a container", error)),
        }
    }

    /// Takes an event; gives whether only a listing tells what it changed.
    async fn take(&mut self, event: EventMessage, teller: &Teller) -> Result<bool, Error> {
        let at = event.time_nano.map_or_else(|| teller.now(), Timestamp);
        let action = event.action.unwrap_or_default();
        let actor = event.actor.unwrap_or_default();
        let container = match event.typ {
            Some(EventMessageTypeEnum::CONTAINER) => actor.id,
            // A container that joins or leaves a network while it runs.
            Some(EventMessageTypeEnum::NETWORK)
                if action == "connect" || action == "disconnect" =>
            {
                actor.attributes.and_then(|mut it| it.remove("container"))
            }
            _ => return Ok(true),
        };
        let Some(id) = container else { return Ok(true) };
        self.inspected.remove(&id);
        match action.as_str() {
            "start" | "rename" | "update" | "connect" | "disconnect" => {
                // `None`: it has left its last network, or runs no more.
                teller
                    .tell(match self.container(&id).await? {
                        Some(owner) => Update::Owner { at, owner },
                        None => Update::OwnerEnded { at, identity: id },
                    })
                    .await;
            }
            "die" | "destroy" => teller.tell(Update::OwnerEnded { at, identity: id }).await,
            _ => {}
        }
        Ok(false)
    }
}

/// The HTTP status of a refusal.
fn status(error: &EngineError) -> Option<u16> {
    match error {
        EngineError::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}
