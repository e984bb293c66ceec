//! What this host's datapath lets us see, and what it doesn't (accounting.md, "What each datapath lets
//! us see"). All of it is read from `/proc` and `/sys` of the calling thread's network namespace.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use svcflow_netlink::{Attribute, Attributes, Builder, Error, Message, Socket, flags};

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

/// What can't be seen on this host, each with its remedy. `bridged`: whether a table of ours counts
/// what passes within a bridge.
#[must_use]
pub fn blind_spots(bridged: bool) -> Vec<String> {
    [bridge(bridged), flowtable(), ipvs(), ebpf(), userland_proxy()].into_iter().flatten().collect()
}

/// The bridges of the network namespace where this was opened, wherever it is asked, and whether what
/// passes from port to port there goes through the hooks of family `inet` too.
#[derive(Debug)]
pub(crate) struct Bridges {
    links: Option<Socket>,
    switches: [Kept; 2],
}

/// A switch under `/proc/sys` in the namespace where it was opened. One that wasn't there then is looked
/// for again in the calling thread's.
#[derive(Debug)]
struct Kept {
    path: &'static str,
    file: Option<File>,
}

impl Kept {
    fn open(path: &'static str) -> Self {
        Self { path, file: File::open(path).ok() }
    }

    fn is_on(&mut self) -> bool {
        if self.file.is_none() {
            self.file = File::open(self.path).ok();
        }
        let mut digit = [0];
        let read = self.file.as_ref().and_then(|file| file.read_at(&mut digit, 0).ok());
        read == Some(1) && digit != *b"0"
    }
}

impl Bridges {
    pub(crate) fn open() -> Self {
        let switches = [
            "/proc/sys/net/bridge/bridge-nf-call-iptables",
            "/proc/sys/net/bridge/bridge-nf-call-ip6tables",
        ];
        Self { links: Socket::open_route().ok(), switches: switches.map(Kept::open) }
    }

    /// Whether IPv4 or IPv6 packets within a bridge pass the hooks of family `inet`.
    pub(crate) fn pass_hooks(&mut self) -> bool {
        self.switches.iter_mut().any(Kept::is_on)
    }

    /// The bridges' names. `/sys/class/net` would show those of the namespace that mounted it.
    pub(crate) fn names(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        let Some(socket) = &mut self.links else { return names };
        let mut request = Builder::new();
        let sequence = socket.next_sequence();
        request.begin(RTM_GETLINK, flags::REQUEST | flags::DUMP, sequence, 0, 0);
        let dumped = socket.dump("list links", request.bytes(), |message| {
            names.extend(bridge_name(message));
            Ok::<(), Error>(())
        });
        if dumped.is_err() {
            self.links = None; // it is out of step
        }
        names
    }
}

/// Of `include/uapi/linux/rtnetlink.h`: `struct ifinfomsg`, 16 bytes, then `IFLA_IFNAME` (3) and
/// `IFLA_LINKINFO` (18) with `IFLA_INFO_KIND` (1).
const RTM_GETLINK: u16 = 18;

fn bridge_name(message: &Message<'_>) -> Option<String> {
    let attributes = || Attributes::new(message.payload.get(16..).unwrap_or_default(), 0).flatten();
    let of = |kind| move |attribute: &Attribute<'_>| attribute.kind == kind;
    let kind = attributes().find(of(18))?.nested().flatten().find(of(1))?;
    (kind.text() == Some("bridge")).then(|| attributes().find(of(3))?.text().map(str::to_owned))?
}

/// Traffic within one bridge passes no hook of family `inet` unless bridge-nf-call is on, and a table of
/// family `bridge` doesn't see all of it.
fn bridge(counted: bool) -> Option<String> {
    let mut bridges = Bridges::open();
    let names = bridges.names().join(", ");
    if names.is_empty() || bridges.pass_hooks() {
        return None;
    }
    let what = if counted {
        "counted as TCP and UDP only, untranslated, and where a connection was open before, from when \
         its server answers another"
    } else {
        "not seen"
    };
    Some(format!(
        "traffic between containers on one bridge ({names}) is {what}: \
         `modprobe br_netfilter; sysctl -w net.bridge.bridge-nf-call-iptables=1` shows all of it"
    ))
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
