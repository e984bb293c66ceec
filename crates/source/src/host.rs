//! What this host's datapath lets us see, and what it doesn't (accounting.md, "What each datapath lets
//! us see"). All of it is read from `/proc` and `/sys` of the calling thread's network namespace.

use std::fs;
use std::path::Path;

/// Our table's name.
pub(crate) const OUR_TABLE: &str = "svcflow";

/// A switch of the kernel under `/proc/sys/net`.
#[derive(Clone, Copy, Debug)]
pub struct Switch {
    /// Path below `/proc/sys`.
    pub path: &'static str,
    /// The same as `sysctl` writes it.
    pub name: &'static str,
}

/// Counting of connections.
pub const ACCOUNTING: Switch =
    Switch { path: "net/netfilter/nf_conntrack_acct", name: "net.netfilter.nf_conntrack_acct" };
/// Events of connections; 2 (autodetect) omits those of connections older than their listener.
pub const EVENTS: Switch =
    Switch { path: "net/netfilter/nf_conntrack_events", name: "net.netfilter.nf_conntrack_events" };

impl Switch {
    /// Its value, `None` where the kernel has no such switch.
    #[must_use]
    pub fn read(&self) -> Option<i64> {
        read_number(&format!("/proc/sys/{}", self.path))
    }

    /// Sets it.
    ///
    /// # Errors
    /// Where it isn't there or not ours to set.
    pub fn write(&self, value: i64) -> std::io::Result<()> {
        fs::write(format!("/proc/sys/{}", self.path), value.to_string())
    }
}

/// How many connections are tracked in this namespace; `None` where tracking isn't there.
fn tracked_connections() -> Option<i64> {
    read_number("/proc/sys/net/netfilter/nf_conntrack_count")
}

/// Whether packets were tracked here before we came: there are connections, or another's rules, which
/// on any host with containers translate.
#[must_use]
pub fn tracking_in_use() -> bool {
    tracked_connections().unwrap_or(0) > 0 || other_rules()
}

/// Whether there are tables of nftables (iptables' included) that aren't ours, or of legacy iptables.
fn other_rules() -> bool {
    let legacy = |file| fs::read_to_string(file).is_ok_and(|tables| tables.contains("nat"));
    legacy("/proc/thread-self/net/ip_tables_names")
        || legacy("/proc/thread-self/net/ip6_tables_names")
        || svcflow_nft::other_tables(OUR_TABLE).unwrap_or(false)
}

/// What can't be seen on this host, whatever the source, each with its remedy.
#[must_use]
pub fn blind_spots() -> Vec<String> {
    [bridge(), flowtable(), ipvs(), ebpf(), userland_proxy()].into_iter().flatten().collect()
}

/// Traffic within one bridge passes no hook of ours unless bridge-nf-call is on.
fn bridge() -> Option<String> {
    let sys_net = Path::new("/sys/class/net");
    let bridges =
        fs::read_dir(sys_net).ok()?.flatten().filter(|e| e.path().join("bridge").is_dir());
    let seen = read_number("/proc/sys/net/bridge/bridge-nf-call-iptables") == Some(1);
    let names: Vec<_> = bridges.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    (!seen && !names.is_empty()).then(|| {
        format!(
            "traffic between containers on one bridge ({}) is not seen: \
             `modprobe br_netfilter; sysctl -w net.bridge.bridge-nf-call-iptables=1` shows it",
            names.join(", ")
        )
    })
}

/// Connections that a flowtable took over pass no hook and are no longer counted.
fn flowtable() -> Option<String> {
    let names = svcflow_nft::flowtables().ok()?;
    (!names.is_empty()).then(|| {
        format!(
            "connections offloaded to a flowtable ({}) are under-counted: their packets bypass the \
             counters; take the `flow add` rule out to count them",
            names.join(", ")
        )
    })
}

/// IPVS translates between input and output and tracks connections only where told.
fn ipvs() -> Option<String> {
    let table = fs::read_to_string("/proc/thread-self/net/ip_vs").ok()?;
    let services = table.lines().filter(|l| l.starts_with("TCP") || l.starts_with("UDP")).count();
    let tracked = read_number("/proc/sys/net/ipv4/vs/conntrack") == Some(1);
    (services > 0 && !tracked).then(|| {
        format!(
            "{services} IPVS services are translated without connection tracking and are not seen: \
             `sysctl -w net.ipv4.vs.conntrack=1` shows them"
        )
    })
}

/// eBPF load balancers translate before netfilter.
fn ebpf() -> Option<String> {
    let pinned = fs::read_dir("/sys/fs/bpf/tc/globals").ok()?;
    let cilium = pinned.flatten().any(|e| e.file_name().to_string_lossy().starts_with("cilium_"));
    cilium.then(|| {
        "Cilium translates services in eBPF, before netfilter: those edges show as direct or not at all"
            .to_owned()
    })
}

/// A userland proxy ends connections and opens its own.
fn userland_proxy() -> Option<String> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let proxies = processes.filter(|process| {
        fs::read_to_string(process.path().join("comm"))
            .is_ok_and(|c| c.trim_end() == "docker-proxy")
    });
    let count = proxies.count();
    (count > 0).then(|| {
        format!(
            "{count} docker-proxy processes relay connections that come over loopback: those show as \
             two direct edges; `\"userland-proxy\": false` in Docker's daemon.json makes them one"
        )
    })
}

fn read_number(path: &str) -> Option<i64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}
