//! `svcflow demo --runtime docker`: the demo's clients and providers as containers of an engine on this host.
//!
//! The containers are started without a network and get the demo's, as an orchestrator's network plugin would do it:
//! so the host's own network, and Docker's, stay as they are. Their image is this program and the libraries that it
//! is linked with: nothing is pulled. A container ends with its standard input, which the demo holds: when the
//! demo ends, however it ends, the engine removes them.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use bollard::errors::Error as EngineError;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, CreateImageOptionsBuilder,
    InspectContainerOptions, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
    StartContainerOptions,
};
use bollard::{API_DEFAULT_VERSION, Docker, body_full};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use svcflow_lab::{Namespace, Topology};
use tokio::io::AsyncWrite;
use tokio::runtime::Runtime;

use super::names;
use crate::commands::serving::runtime;
use crate::exit::CliError;
use crate::output;

const IMAGE: &str = "svcflow-demo";
/// Tells the demo's containers from others.
const LABEL: &str = "io.svcflow.demo";
/// An answer that takes longer is none.
const PATIENCE_SECONDS: u64 = 120;
/// Containers that are started at the same time.
const AT_ONCE: usize = 4;
/// A container serves after this, or never.
const READY_MAX: Duration = Duration::from_secs(20);
/// How long a runtime may take to become the program that it runs.
const OURS_MAX: Duration = Duration::from_secs(3);
/// Where the program and its libraries are in the image.
const PROGRAM: &str = "svcflow";
const LIBRARIES: &str = "lib";

/// A running container.
pub(super) struct Container {
    /// The engine's.
    pub(super) id: String,
    /// What it is called.
    pub(super) name: String,
    namespace: Namespace,
    /// It ends where this ends.
    _input: Pin<Box<dyn AsyncWrite + Send>>,
}

/// The demo's containers, by address; removed when dropped.
#[derive(Default)]
pub(super) struct Containers {
    all: BTreeMap<Ipv4Addr, Container>,
    engine: Option<(Runtime, Engine)>,
}

/// One to start.
struct Wanted {
    address: Ipv4Addr,
    name: String,
    labels: Vec<(String, String)>,
    ports: Vec<u16>,
}

impl Containers {
    /// Starts a container for each host of a lab.
    pub(super) fn start(topology: &Topology, socket: &str) -> Result<Self, CliError> {
        if !rustix::process::geteuid().is_root() {
            return Err(CliError::NotRoot);
        }
        let runtime = runtime()?;
        let (engine, all) = runtime.block_on(async {
            let engine = Engine::connect(socket).await?;
            engine.remove_all().await?;
            let program = engine.import().await?;
            let all = stream::iter(wanted(topology))
                .map(|wanted| engine.run(wanted, &program))
                .buffer_unordered(AT_ONCE)
                .try_collect()
                .await;
            if all.is_err() {
                engine.remove_all().await?;
            }
            Ok::<_, CliError>((engine, all?))
        })?;
        let containers = Self { all, engine: Some((runtime, engine)) };
        output::say(&format!("{} containers of the image {IMAGE}", containers.all.len()));
        Ok(containers)
    }

    /// Their networks.
    pub(super) fn namespaces(&self) -> BTreeMap<Ipv4Addr, Namespace> {
        let all = self.all.iter();
        all.map(|(address, container)| (*address, container.namespace.clone())).collect()
    }

    /// The one with this address.
    pub(super) fn at(&self, address: IpAddr) -> Option<&Container> {
        match address {
            IpAddr::V4(address) => self.all.get(&address),
            IpAddr::V6(_) => None,
        }
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        if let Some((runtime, engine)) = self.engine.take()
            && let Err(error) = runtime.block_on(engine.remove_all())
        {
            output::say(&format!(
                "some containers may be left ({error}): docker rm -f $(docker ps -aq --filter label={LABEL})"
            ));
        }
    }
}

fn wanted(topology: &Topology) -> Vec<Wanted> {
    let clients = (1..).zip(&topology.clients).map(|(n, client)| Wanted {
        address: client.address,
        name: format!("client-{n}"),
        labels: Vec::new(),
        ports: Vec::new(),
    });
    let mut all: Vec<Wanted> = clients.collect();
    for service in &topology.services {
        let (_, name) = service.name.split_once(':').unwrap_or(("", &service.name));
        let labels = names::labels(service);
        let labels = labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
        let labels: Vec<(String, String)> = labels.collect();
        for (n, address) in (1..).zip(&service.providers) {
            all.push(Wanted {
                address: *address,
                name: format!("{name}-{n}"),
                labels: labels.clone(),
                ports: topology.ports_of(*address),
            });
        }
    }
    all
}

struct Engine {
    docker: Docker,
    socket: String,
}

impl Engine {
    async fn connect(socket: &str) -> Result<Self, CliError> {
        let socket = socket.strip_prefix("unix://").unwrap_or(socket).to_owned();
        let failed =
            |source| CliError::Engine { operation: "connecting", socket: socket.clone(), source };
        let docker = Docker::connect_with_unix(&socket, PATIENCE_SECONDS, API_DEFAULT_VERSION);
        let docker = docker.map_err(failed)?.negotiate_version().await.map_err(failed)?;
        Ok(Self { docker, socket })
    }

    fn failed(&self, operation: &'static str) -> impl Fn(EngineError) -> CliError {
        let socket = self.socket.clone();
        move |source| CliError::Engine { operation, socket: socket.clone(), source }
    }

    /// Those of this demo, and of one that was killed.
    async fn remove_all(&self) -> Result<(), CliError> {
        let ours = std::collections::HashMap::from([("label", vec![LABEL])]);
        let listing = ListContainersOptionsBuilder::new().all(true).filters(&ours).build();
        let listed = self.docker.list_containers(Some(listing)).await;
        for container in listed.map_err(self.failed("listing containers"))? {
            let force = RemoveContainerOptionsBuilder::new().force(true).build();
            let id = container.id.unwrap_or_default();
            match self.docker.remove_container(&id, Some(force)).await {
                // Gone already, or being removed as it ended.
                Err(EngineError::DockerResponseServerError { status_code: 404 | 409, .. }) => {}
                removed => removed.map_err(self.failed("removing a container"))?,
            }
        }
        Ok(())
    }

    /// Makes the image; gives how the program is called in it.
    async fn import(&self) -> Result<Vec<String>, CliError> {
        let (archive, program) = image().map_err(CliError::Image)?;
        let options =
            CreateImageOptionsBuilder::new().from_src("-").repo(IMAGE).tag("latest").build();
        let made = self.docker.create_image(Some(options), Some(body_full(archive.into())), None);
        made.try_for_each(|_| std::future::ready(Ok(())))
            .await
            .map_err(self.failed("importing an image"))?;
        Ok(program)
    }

    async fn run(
        &self,
        wanted: Wanted,
        program: &[String],
    ) -> Result<(Ipv4Addr, Container), CliError> {
        let Wanted { address, name, labels, ports } = wanted;
        let name = format!("svcflow-demo-{name}");
        let words = ["lab-host".to_owned(), address.to_string()];
        let command = program.iter().cloned().chain(words);
        let command = command.chain(ports.iter().map(ToString::to_string)).collect();
        let marked = [(LABEL.to_owned(), "true".to_owned())];
        let body = ContainerCreateBody {
            image: Some(IMAGE.to_owned()),
            cmd: Some(command),
            labels: Some(labels.into_iter().chain(marked).collect()),
            open_stdin: Some(true),
            stdin_once: Some(true),
            network_disabled: Some(false),
            host_config: Some(HostConfig {
                network_mode: Some("none".to_owned()),
                auto_remove: Some(true),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        let made = self.docker.create_container(Some(options), body).await;
        let id = made.map_err(self.failed("making a container"))?.id;
        let attach = AttachContainerOptionsBuilder::new().stdin(true).stream(true).build();
        let attached = self.docker.attach_container(&id, Some(attach)).await;
        let input = attached.map_err(self.failed("attaching to a container"))?.input;
        let started = self.docker.start_container(&id, None::<StartContainerOptions>).await;
        started.map_err(self.failed("starting a container"))?;
        let inspected = self.docker.inspect_container(&id, None::<InspectContainerOptions>).await;
        let state = inspected.map_err(self.failed("inspecting a container"))?.state;
        let pid = state.and_then(|state| state.pid).and_then(|pid| u32::try_from(pid).ok());
        let elsewhere = || CliError::EngineElsewhere { socket: self.socket.clone() };
        let pid = pid.ok_or_else(elsewhere)?;
        if !is_ours(pid, address).await {
            return Err(elsewhere());
        }
        ready(pid, &ports, &name).await?;
        let namespace = Namespace::of_process(pid)?;
        Ok((address, Container { id, name, namespace, _input: input }))
    }
}

/// Whether this process is that container's: the engine's numbers may be of another host, or process namespace, and
/// then some other process here has this one. A container that has just started may still be its runtime's process.
async fn is_ours(pid: u32, address: Ipv4Addr) -> bool {
    let end = tokio::time::Instant::now() + OURS_MAX;
    loop {
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = command.split(|byte| *byte == 0).skip_while(|word| *word != b"lab-host");
        if words.nth(1) == Some(address.to_string().as_bytes()) {
            return true;
        }
        if tokio::time::Instant::now() > end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until all ports are served, over UDP, which is bound last.
async fn ready(pid: u32, ports: &[u16], name: &str) -> Result<(), CliError> {
    let end = tokio::time::Instant::now() + READY_MAX;
    loop {
        let bound = std::fs::read_to_string(format!("/proc/{pid}/net/udp6")).unwrap_or_default();
        if ports.iter().all(|port| bound.contains(&format!(":{port:04X} "))) {
            return Ok(());
        }
        if tokio::time::Instant::now() > end {
            return Err(CliError::ContainerSilent { name: name.to_owned() });
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// This program and what it is linked with as an archive, and the words that run it there.
fn image() -> io::Result<(Vec<u8>, Vec<String>)> {
    let mut archive = tar::Builder::new(Vec::new());
    add(&mut archive, Path::new("/proc/self/exe"), PROGRAM)?;
    let libraries = libraries()?;
    let mut program = vec![format!("/{PROGRAM}")];
    for path in &libraries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        add(&mut archive, path, &format!("{LIBRARIES}/{name}"))?;
        if name.starts_with("ld-") {
            // Called itself, it needs to be nowhere in particular.
            let loader = [
                format!("/{LIBRARIES}/{name}"),
                "--library-path".to_owned(),
                format!("/{LIBRARIES}"),
            ];
            program.splice(0..0, loader);
        }
    }
    Ok((archive.into_inner()?, program))
}

fn add(archive: &mut tar::Builder<Vec<u8>>, file: &Path, name: &str) -> io::Result<()> {
    let content = std::fs::read(file)?;
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o755);
    header.set_size(content.len() as u64);
    archive.append_data(&mut header, name, content.as_slice())
}

/// The libraries that this process has loaded; none where it is linked statically.
fn libraries() -> io::Result<Vec<PathBuf>> {
    let own = std::fs::read_link("/proc/self/exe")?;
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let paths = maps.lines().filter(|line| line.contains(" r-xp "));
    let paths = paths.filter_map(|line| line.split_once('/')).map(|(_, path)| format!("/{path}"));
    let mut all: Vec<PathBuf> = paths.map(PathBuf::from).filter(|path| *path != own).collect();
    all.sort();
    all.dedup();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_holds_this_program_and_how_to_run_it() {
        let (archive, program) = image().unwrap();
        let mut archive = tar::Archive::new(archive.as_slice());
        let names: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| format!("/{}", entry.unwrap().path().unwrap().display()))
            .collect();
        assert!(names.contains(&"/svcflow".to_owned()), "{names:?}");
        assert!(names.contains(&program[0]), "{program:?} {names:?}");
        assert_eq!(program.last().unwrap(), "/svcflow");
    }

    #[test]
    fn every_host_of_the_demo_is_a_container() {
        let all = wanted(&Topology::demo().with_second_node());
        assert_eq!(all.len(), 24);
        let first = all.iter().find(|it| it.address == Ipv4Addr::new(10, 1, 1, 15)).unwrap();
        assert_eq!((&*first.name, &*first.ports), ("app-db-1", &[80][..]));
        assert!(first.labels.contains(&("tier".to_owned(), "db".to_owned())));
    }
}
