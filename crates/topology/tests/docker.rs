//! Names from a real engine: containers that come, go, are renamed and reuse addresses; networks; Swarm; and
//! a stream of events that breaks.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

#[path = "support/dockerd.rs"]
mod dockerd;
#[path = "support/watched.rs"]
mod watched;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dockerd::{Dockerd, engines};
use svcflow_model::{Protocol, Timestamp};
use svcflow_topology::sources::docker::Engine;
use svcflow_topology::sources::system_now;
use svcflow_topology::{OwnerKind, Snapshot, SourceState};
use tokio::net::{UnixListener, UnixStream};
use watched::Watched;

const SOON: Duration = Duration::from_secs(30);

fn now() -> Timestamp {
    system_now()()
}

fn name_at(snapshot: &Snapshot, address: &str, at: Timestamp) -> Option<String> {
    let owner = snapshot.owner(address.parse().unwrap(), at)?;
    Some(owner.entity.name.clone())
}

fn name(snapshot: &Snapshot, address: &str) -> Option<String> {
    name_at(snapshot, address, now())
}

fn is_ok(snapshot: &Snapshot) -> bool {
    matches!(snapshot.sources()[0].state, SourceState::Ok { .. })
}

/// Between the source and the engine, to be cut.
struct Proxy {
    socket: PathBuf,
    open: Arc<AtomicBool>,
}

impl Proxy {
    fn start(folder: &Path, to: PathBuf) -> Self {
        let socket = folder.join("proxy.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let open = Arc::new(AtomicBool::new(true));
        let is_open = Arc::clone(&open);
        tokio::spawn(async move {
            while let Ok((mut caller, _)) = listener.accept().await {
                let (to, is_open) = (to.clone(), Arc::clone(&is_open));
                tokio::spawn(async move {
                    let Ok(mut engine) = UnixStream::connect(&to).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut caller, &mut engine) => {}
                        () = closed(&is_open) => {}
                    }
                });
            }
        });
        Self { socket, open }
    }

    fn set(&self, open: bool) {
        self.open.store(open, Ordering::SeqCst);
    }
}

async fn closed(open: &AtomicBool) {
    while open.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn run(docker: &Dockerd, name: &str, more: &[&str]) -> String {
    let args = [&["run", "-d", "--name", name][..], more, &["sleeper:1"]].concat();
    let _ = docker.docker(&args);
    address(docker, name)
}

fn address(docker: &Dockerd, name: &str) -> String {
    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}";
    let all = docker.docker(&["inspect", "-f", format, name]);
    all.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_follow_the_engine() {
    let Some(engines) = engines() else { return };
    let docker = Dockerd::start(engines);
    let before = run(&docker, "before", &["--label", "tier=web"]);
    let proxy = Proxy::start(docker.folder(), docker.socket());
    let engine = Engine::at(&proxy.socket.display().to_string());
    let timing = (Duration::from_millis(200), Duration::from_secs(2));
    let watched = Watched::start(vec![Box::new(engine.timing(timing.0, timing.1))]);

    let snapshot = watched.until("ok", SOON, is_ok).await;
    assert_eq!(name(&snapshot, &before).as_deref(), Some("before"));
    let owner = snapshot.owner(before.parse().unwrap(), now()).unwrap();
    assert_eq!(
        (owner.entity.kind, owner.entity.labels.get("tier")),
        (OwnerKind::Container, Some("web"))
    );
    assert!(owner.from < snapshot_time(&snapshot), "it began before it was asked for");
    let gateway = name(&snapshot, "172.17.255.254");
    assert_eq!(gateway.as_deref(), Some("network bridge"), "the rest of its network");

    lives(&docker, &watched).await;
    lost_events(&docker, &watched, &proxy).await;
    swarm(&docker, &watched).await;
}

fn snapshot_time(snapshot: &Snapshot) -> Timestamp {
    match snapshot.sources()[0].state {
        SourceState::Ok { at } => at,
        _ => Timestamp(0),
    }
}

/// Started, renamed, removed, its address given to the next within the second; another network.
async fn lives(docker: &Dockerd, watched: &Watched) {
    let label = "com.docker.compose.project=shop";
    let first = run(docker, "first", &["--label", label]);
    let there = |wanted: &'static str, address: String| {
        move |it: &Snapshot| name(it, &address).as_deref() == Some(wanted)
    };
    let snapshot = watched.until("started", SOON, there("first", first.clone())).await;
    let owner = snapshot.owner(first.parse().unwrap(), now()).unwrap().entity;
    assert_eq!(owner.labels.get("com.docker.compose.project"), Some("shop"));
    let as_first = now();
    let _ = docker.docker(&["rename", "first", "renamed"]);
    watched.until("renamed", SOON, there("renamed", first.clone())).await;
    let as_renamed = now();
    let _ = docker.docker(&["rm", "-f", "renamed"]);
    let second = run(docker, "second", &[]);
    assert_eq!(second, first, "the engine gives the address to the next");
    let snapshot = watched.until("reused", SOON, there("second", first.clone())).await;
    assert_eq!(name_at(&snapshot, &first, as_first).as_deref(), Some("first"));
    assert_eq!(name_at(&snapshot, &first, as_renamed).as_deref(), Some("renamed"));

    let _ = docker.docker(&["network", "create", "--subnet", "10.77.0.0/24", "back"]);
    let _ = docker.docker(&["network", "connect", "--ip", "10.77.0.9", "back", "second"]);
    watched.until("connected", SOON, there("second", "10.77.0.9".to_owned())).await;
    let _ = docker.docker(&["network", "disconnect", "back", "second"]);
    let left = |it: &Snapshot| name(it, "10.77.0.9").as_deref() == Some("network back");
    watched.until("disconnected", SOON, left).await;
}

/// What happens while nobody is told: names stay, stale; then all is listed anew.
async fn lost_events(docker: &Dockerd, watched: &Watched, proxy: &Proxy) {
    let gone = address(docker, "second");
    proxy.set(false);
    watched.until("stale", SOON, |it| it.sources()[0].state.age(now()).is_some()).await;
    let _ = docker.docker(&["rm", "-f", "second"]);
    let _ = docker.docker(&["network", "create", "--subnet", "10.78.0.0/24", "unseen"]);
    let third = run(docker, "third", &["--network", "unseen"]);
    let meanwhile = watched.names.snapshot();
    assert_eq!(name(&meanwhile, &gone).as_deref(), Some("second"), "the last known name stays");
    proxy.set(true);
    let snapshot = watched
        .until("resynced", SOON, |it| is_ok(it) && name(it, &third).as_deref() == Some("third"))
        .await;
    assert_eq!(name(&snapshot, &gone).as_deref(), Some("network bridge"));
}

async fn swarm(docker: &Dockerd, watched: &Watched) {
    let _ = docker.docker(&["swarm", "init", "--advertise-addr", "127.0.0.1"]);
    let _ =
        docker.docker(&["network", "create", "-d", "overlay", "--subnet", "10.79.0.0/24", "mesh"]);
    let create = [
        "service",
        "create",
        "-d",
        "--name",
        "api",
        "--network",
        "mesh",
        "--replicas",
        "2",
        "--label",
        "team=shop",
        "--publish",
        "8080:80",
        "sleeper:1",
    ];
    let _ = docker.docker(&create);
    let found = |it: &Snapshot| {
        let all = it.services_at(now());
        let api = all.iter().find(|service| service.name == "api")?;
        let of_mesh = |it: &&std::net::IpAddr| it.to_string().starts_with("10.79.");
        let vip = api.addresses.iter().find(of_mesh)?;
        let tasks: Vec<_> = api.providers.iter().flatten().filter(of_mesh).copied().collect();
        (tasks.len() == 2).then(|| (api.labels.clone(), *vip, tasks))
    };
    let most = Duration::from_secs(60);
    let snapshot = watched.until("a service with two tasks", most, |it| found(it).is_some()).await;
    let (labels, vip, tasks) = found(&snapshot).unwrap();
    assert_eq!(labels.get("team"), Some("shop"));
    let service = snapshot.service(vip, 80, Protocol::TCP, now()).unwrap();
    assert_eq!(service.entity.full_name(), "api");
    for task in tasks {
        let owner = snapshot.owner(task, now()).unwrap().entity.name.clone();
        assert!(owner.starts_with("api."), "{owner}");
    }
    let ingress = |it: &Snapshot| {
        let owners = it.owners_at(now());
        owners.values().any(|it| it.kind == OwnerKind::Ingress && it.name == "via ingress")
    };
    watched.until("the ingress is named", most, ingress).await;
}
