//! Nodes from a real etcd's v2 keys, from Consul's KV as its API is documented, and listed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

#[path = "support/etcd.rs"]
mod etcd;

use std::time::Duration;

use etcd::{etcd, free, put};
use svcflow_lab::standin::{Reply, StandIn};
use svcflow_topology::discovery::{Discovery, Found, Registry};
use svcflow_transport::{Client, ClientTls, Trust};

fn client() -> Client {
    let tls = ClientTls::read(&Trust::Pinned(Vec::new()), None, None).unwrap();
    Client::new(&tls, Duration::from_secs(1))
}

fn nodes(found: &Found) -> Vec<String> {
    found.nodes.iter().map(ToString::to_string).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_register_in_a_real_etcd_are_found_and_stay_while_it_is_away() {
    let (folder, url) = (tempfile::tempdir().unwrap(), free());
    let Some(server) = etcd(folder.path(), &url, true) else { return };
    let mut discovery = Discovery::new(vec![Registry::etcd(&url).unwrap()], client());
    assert_eq!(discovery.ask().await, Found::default(), "nobody registered yet");
    put(&url, "192.168.2.10:9002");
    put(&url, "192.168.2.11:9002");
    let found = discovery.ask().await;
    assert_eq!(nodes(&found), ["192.168.2.10:9002", "192.168.2.11:9002"]);
    assert_eq!(found.faults, [] as [&str; 0]);
    put(&url, "nonsense");
    assert_eq!(discovery.ask().await.faults.len(), 1);
    drop(server);
    let found = discovery.ask().await;
    assert_eq!(found.nodes.len(), 2);
    assert!(found.faults[0].contains("its last 2 nodes stay"), "{:?}", found.faults);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_etcd_without_v2_keys_says_how_to_get_them() {
    let (folder, url) = (tempfile::tempdir().unwrap(), free());
    let Some(_server) = etcd(folder.path(), &url, false) else { return };
    let error = Registry::etcd(&url).unwrap().nodes(&client()).await.unwrap_err().to_string();
    assert!(error.contains("--enable-v2"), "{error}");
}

#[tokio::test]
async fn consuls_keys_are_read_as_its_api_gives_them() {
    let server = StandIn::start(|target| match target {
        "/v1/kv/contiv.io/service/netplugin/?keys" => Reply::ok(
            r#"["contiv.io/service/netplugin/","contiv.io/service/netplugin/10.0.0.1:9002","contiv.io/service/netplugin/[fd00::1]:9002"]"#,
        ),
        _ => Reply::status(404, ""),
    })
    .unwrap();
    let registry = Registry::consul(&server.url()).unwrap();
    let found = registry.nodes(&client()).await.unwrap();
    assert_eq!(nodes(&found), ["10.0.0.1:9002", "[fd00::1]:9002"]);
    server.answer(|_| Reply::status(404, ""));
    assert_eq!(registry.nodes(&client()).await.unwrap(), Found::default());
    server.answer(|_| Reply::status(403, "Permission denied"));
    assert!(registry.nodes(&client()).await.unwrap_err().to_string().contains("403"));
    server.answer(|_| Reply::ok("<html>"));
    assert!(registry.nodes(&client()).await.unwrap_err().to_string().contains("no list of keys"));
}

#[tokio::test]
async fn registries_add_up() {
    let listed = Registry::Listed(vec!["10.0.0.9:9002".parse().unwrap()]);
    let away = Registry::etcd(&free()).unwrap();
    let found = Discovery::new(vec![listed, away], client()).ask().await;
    assert_eq!((nodes(&found), found.faults.len()), (vec!["10.0.0.9:9002".to_owned()], 1));
    for wrong in ["etcd:2379", "", "http://", "http://x/path", "ftp://x"] {
        assert!(Registry::etcd(wrong).is_err() && Registry::consul(wrong).is_err(), "{wrong}");
    }
}
