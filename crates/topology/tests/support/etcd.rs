//! A real etcd, from `scripts/engines`; ends when dropped.

#[path = "dockerd.rs"]
mod dockerd;

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub(crate) struct Etcd(Child);

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An address that nobody listens at.
pub(crate) fn free() -> String {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    format!("http://{address}")
}

/// `None`, said aloud, where etcd isn't there.
pub(crate) fn etcd(folder: &std::path::Path, url: &str, v2: bool) -> Option<Etcd> {
    let program = dockerd::engines()?.join("usr/bin/etcd");
    let peer = free();
    let child = Command::new(program)
        .args(["--data-dir", folder.to_str().unwrap(), &format!("--enable-v2={v2}")])
        .args(["--listen-client-urls", url, "--advertise-client-urls", url])
        .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
        .args(["--initial-cluster", &format!("default={peer}")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let etcd = Etcd(child.unwrap());
    let up = || ureq::get(format!("{url}/health")).call().is_ok();
    let waited = (0..1_200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        up()
    });
    assert!(waited, "etcd does not start");
    Some(etcd)
}

/// A Netplugin registers.
pub(crate) fn put(url: &str, key: &str) {
    let url = format!("{url}/v2/keys/contiv.io/service/netplugin/{key}");
    ureq::put(url).send_form([("value", "{\"ServiceName\":\"netplugin\"}")]).unwrap();
}
