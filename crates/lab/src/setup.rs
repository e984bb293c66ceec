//! Links, addresses, routes, neighbours and rules, by `ip -batch` and `nft -f` inside the namespaces.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Context, Error, Result};
use crate::namespace::Namespace;
use crate::topology::{ServiceSpec, v6_of};

/// How long a link may take until it carries packets: on a busy machine the kernel's workers come late.
const CARRYING_MAX: Duration = Duration::from_secs(10);

/// One host to hang on a node's bridge.
pub(crate) struct Port<'a> {
    pub(crate) address: Ipv4Addr,
    pub(crate) bridge: &'static str,
    pub(crate) namespace: &'a Namespace,
}

pub(crate) fn mac(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

pub(crate) fn gateway(address: Ipv4Addr) -> Ipv4Addr {
    let [a, b, c, _] = address.octets();
    Ipv4Addr::new(a, b, c, 254)
}

/// What the program prints when it is given the input.
fn feed(program: &'static str, arguments: &[&str], input: &str) -> Result<String> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(Error::Missing(program)),
        other => other.context(|| format!("run {program}"))?,
    };
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(input.as_bytes()).context(|| format!("write to {program}"))?;
    }
    let output = child.wait_with_output().context(|| format!("wait for {program}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Program { program, message })
}

pub(crate) fn ip(namespace: &Namespace, batch: &str) -> Result<()> {
    namespace.run(|| feed("ip", &["-batch", "-"], batch))?.map(drop)
}

/// Waits until a namespace's links to others carry packets. The kernel takes them into use in the
/// background, once their other end is up (net/core/link_watch.c); until then it drops what is sent through them.
pub(crate) fn carrying(namespace: &Namespace) -> Result<()> {
    let deadline = Instant::now() + CARRYING_MAX;
    loop {
        let links =
            namespace.run(|| feed("ip", &["-o", "link", "show", "up", "type", "veth"], ""))??;
        let Some(idle) = links.lines().find(|link| !link.contains("state UP")) else {
            return Ok(());
        };
        if Instant::now() > deadline {
            let message = format!("a link doesn't carry packets: {idle}");
            return Err(Error::Program { program: "ip", message });
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn nft(namespace: &Namespace, rules: &str) -> Result<()> {
    namespace.run(|| feed("nft", &["-f", "-"], rules))?.map(drop)
}

fn sysctl(name: &str, value: &str) -> Result<()> {
    fs::write(format!("/proc/sys/net/{name}"), value).context(|| format!("set net/{name}={value}"))
}

/// No address and no neighbour packet but those asked for.
fn quiet() -> Result<()> {
    for which in ["all", "default"] {
        sysctl(&format!("ipv4/conf/{which}/rp_filter"), "0")?;
        for (name, value) in [
            // Docker turns it off in containers without a network.
            ("disable_ipv6", "0"),
            ("accept_ra", "0"),
            ("autoconf", "0"),
            ("accept_dad", "0"),
            ("router_solicitations", "0"),
        ] {
            sysctl(&format!("ipv6/conf/{which}/{name}"), value)?;
        }
    }
    sysctl("ipv6/conf/default/addr_gen_mode", "1")
}

pub(crate) fn host(port: &Port<'_>) -> Result<()> {
    let (v4, gw) = (port.address, gateway(port.address));
    let (v6, gw6) = (v6_of(v4), v6_gateway(v4));
    ip(
        port.namespace,
        &format!(
            "link set lo up\naddr add {v4}/24 dev eth0\naddr add {v6}/64 dev eth0 nodad\nlink set eth0 up\n\
             neigh replace {gw} lladdr {mac} dev eth0 nud permanent\n\
             neigh replace {gw6} lladdr {mac} dev eth0 nud permanent\n\
             route add default via {gw}\nroute add default via {gw6}\n",
            mac = mac(gw)
        ),
    )
}

pub(crate) fn quieten(namespace: &Namespace) -> Result<()> {
    namespace.run(quiet)?
}

pub(crate) fn v6_gateway(address: Ipv4Addr) -> std::net::Ipv6Addr {
    let [a, b, c, ..] = v6_of(address).segments();
    std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0xfe)
}

pub(crate) fn router(namespace: &Namespace, bridge_nf_call: bool) -> Result<()> {
    namespace.run(|| {
        quiet()?;
        sysctl("ipv4/ip_forward", "1")?;
        sysctl("ipv6/conf/all/forwarding", "1")?;
        for which in ["all", "default"] {
            sysctl(&format!("ipv4/conf/{which}/send_redirects"), "0")?;
        }
        let call = if bridge_nf_call { "1" } else { "0" };
        for name in ["iptables", "ip6tables"] {
            // Absent where br_netfilter is not loaded, which is the same as 0.
            let set = sysctl(&format!("bridge/bridge-nf-call-{name}"), call);
            if bridge_nf_call {
                set?;
            }
        }
        Ok(())
    })?
}

/// What makes conntrack count and tell; its files exist once the rules are loaded.
pub(crate) fn conntrack(namespace: &Namespace) -> Result<()> {
    namespace.run(|| {
        sysctl("netfilter/nf_conntrack_acct", "1")?;
        sysctl("netfilter/nf_conntrack_events", "1")
    })?
}

/// Lets a node forget closed connections soon, so that fast ones do not fill its table.
pub(crate) fn forget_soon(node: &Namespace) -> Result<()> {
    node.run(|| {
        let states = ["time_wait", "close", "close_wait", "fin_wait", "last_ack"];
        let set = |state| sysctl(&format!("netfilter/nf_conntrack_tcp_timeout_{state}"), "1");
        states.into_iter().try_for_each(set)
    })?
}

/// Lets a client open connections from any port but the privileged.
pub(crate) fn all_ports(client: &Namespace) -> Result<()> {
    client.run(|| sysctl("ipv4/ip_local_port_range", "1024 65535"))?
}

pub(crate) fn bridges(namespace: &Namespace, bridges: &[(&str, Ipv4Addr)]) -> Result<()> {
    let mut batch = "link set lo up\n".to_owned();
    for (name, address) in bridges {
        let (mac, v6) = (mac(*address), v6_gateway(*address));
        let _ = writeln!(
            batch,
            "link add {name} address {mac} type bridge mcast_snooping 0 forward_delay 0\n\
             addr add {address}/24 dev {name}\naddr add {v6}/64 dev {name} nodad\nlink set {name} up"
        );
    }
    ip(namespace, &batch)
}

/// The name of a host's port on its node's bridge.
pub(crate) fn port_name(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("v{a}.{b}.{c}.{d}")
}

pub(crate) fn ports(node: &Namespace, ports: &[Port<'_>]) -> Result<()> {
    let mut batch = String::new();
    for Port { address, bridge, namespace } in ports {
        let (name, mac, path) = (port_name(*address), mac(*address), namespace.path());
        let v6 = v6_of(*address);
        let _ = writeln!(
            batch,
            "link add {name} type veth peer name eth0 address {mac} netns {path}\n\
             link set {name} master {bridge} up\n\
             link set {name} type bridge_slave hairpin on\n\
             neigh replace {address} lladdr {mac} dev {bridge} nud permanent\n\
             neigh replace {v6} lladdr {mac} dev {bridge} nud permanent"
        );
    }
    ip(node, &batch)
}

/// Joins the second node to the first.
pub(crate) fn join(first: &Namespace, second: &Namespace) -> Result<()> {
    let side = |own: u8, other: u8, networks: [(&str, &str); 1]| {
        let mac = format!("02:00:c0:a8:00:{other:02x}");
        let mut text = format!(
            "link set peer up\naddr add 192.168.0.{own}/24 dev peer\naddr add fd99::{own}/64 dev peer nodad\n\
             neigh replace 192.168.0.{other} lladdr {mac} dev peer nud permanent\n\
             neigh replace fd99::{other} lladdr {mac} dev peer nud permanent\n"
        );
        for (v4, v6) in networks {
            let _ = writeln!(
                text,
                "route add {v4} via 192.168.0.{other}\nroute add {v6} via fd99::{other}"
            );
        }
        text
    };
    ip(
        first,
        &format!(
            "link add peer address 02:00:c0:a8:00:01 type veth peer name peer address 02:00:c0:a8:00:02 netns {}\n{}",
            second.path(),
            side(1, 2, [("11.1.2.0/24", "fd11:1:2::/64")])
        ),
    )?;
    ip(second, &side(2, 1, [("10.1.1.0/24", "fd10:1:1::/64")]))
}

/// The load balancer: each new connection goes to the next provider.
pub(crate) fn translation(services: &[ServiceSpec]) -> String {
    let mut rules =
        "table inet lab {\n chain pre {\n  type nat hook prerouting priority dstnat;\n".to_owned();
    for service in services {
        let n = service.providers.len();
        let list = |v6: bool| {
            let entry = |(i, p): (usize, &Ipv4Addr)| {
                if v6 { format!("{i} : {}", v6_of(*p)) } else { format!("{i} : {p}") }
            };
            service.providers.iter().enumerate().map(entry).collect::<Vec<_>>().join(", ")
        };
        let (port, behind) = (service.port, service.provider_port);
        for protocol in ["tcp", "udp"] {
            let _ = writeln!(
                rules,
                "  ip daddr {} {protocol} dport {port} dnat ip to numgen inc mod {n} map {{ {} }}:{behind}\n  \
                 ip6 daddr {} {protocol} dport {port} dnat ip6 to numgen inc mod {n} map {{ {} }}:{behind}",
                service.address,
                list(false),
                service.address6,
                list(true)
            );
        }
    }
    rules + " }\n}\n"
}
