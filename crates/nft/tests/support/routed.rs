//! Client, router and server in a namespace each; the calling thread is the router.

use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use std::io::{Read, Write};

use rustix::net::{AddressFamily, Protocol, SocketType, ipproto};

use super::{enter, ip, run};

type Job = Box<dyn FnOnce() + Send>;

/// A thread in a network namespace of its own.
pub(crate) struct Worker {
    pub(crate) tid: i32,
    jobs: mpsc::Sender<Job>,
}

impl Worker {
    fn start() -> Self {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let (say, hear) = mpsc::channel();
        std::thread::spawn(move || {
            enter();
            say.send(rustix::thread::gettid().as_raw_nonzero().get()).unwrap();
            inbox.into_iter().for_each(|job| job());
        });
        Self { tid: hear.recv().unwrap(), jobs }
    }

    /// Runs `job` there and waits for what it returns.
    pub(crate) fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        self.start_job(job).recv().expect("the job panicked")
    }

    pub(crate) fn start_job<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> mpsc::Receiver<T> {
        let (say, hear) = mpsc::channel();
        self.jobs
            .send(Box::new(move || {
                let _ = say.send(job());
            }))
            .unwrap();
        hear
    }
}

/// Waits until these links of the calling thread's namespace carry packets. The kernel takes them into use in the
/// background, once their other end is up (net/core/link_watch.c); until then it drops what is sent.
fn carrying(links: &[&str]) {
    let deadline = Instant::now() + Duration::from_secs(10);
    for link in links {
        while !run("ip", &format!("-o link show dev {link}")).contains("state UP") {
            assert!(Instant::now() < deadline, "{link} doesn't carry packets");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

pub(crate) struct Routed {
    pub(crate) client: Worker,
    pub(crate) server: Worker,
}

/// Addresses: client 10.0.1.2 and fd01::2, server 10.0.2.2 and fd02::2; services on 10.9.9.9 and
/// fd09::9: ports 80 and 81, both translated to the server's 8080.
pub(crate) fn routed() -> Routed {
    let net = Routed { client: Worker::start(), server: Worker::start() };
    for (number, worker) in [(1, &net.client), (2, &net.server)] {
        ip(&format!("link add r{number} type veth peer name eth0 netns {}", worker.tid));
        ip(&format!("link set r{number} address 02:00:00:00:00:0{number}"));
        ip(&format!("addr add 10.0.{number}.1/24 dev r{number}"));
        ip(&format!("addr add fd0{number}::1/64 dev r{number} nodad"));
        ip(&format!("link set r{number} up"));
        worker.run(move || {
            ip(&format!("link set eth0 address 02:00:00:00:01:0{number}"));
            ip(&format!("addr add 10.0.{number}.2/24 dev eth0"));
            ip(&format!("addr add fd0{number}::2/64 dev eth0 nodad"));
            ip("link set eth0 up");
            for (address, family) in
                [(format!("10.0.{number}.1"), 4), (format!("fd0{number}::1"), 6)]
            {
                ip(&format!("neigh replace {address} lladdr 02:00:00:00:00:0{number} dev eth0"));
                ip(&format!("-{family} route add default via {address}"));
            }
        });
        for address in [format!("10.0.{number}.2"), format!("fd0{number}::2")] {
            let to = format!("lladdr 02:00:00:00:01:0{number} dev r{number}");
            ip(&format!("neigh replace {address} {to}"));
        }
    }
    carrying(&["r1", "r2"]);
    std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
    std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").unwrap();
    super::load(
        "table ip nat {\n chain pre {\n type nat hook prerouting priority -100;\n \
         ip daddr 10.9.9.9 meta l4proto { tcp, udp } th dport { 80, 81 } dnat to 10.0.2.2:8080\n }\n}\n\
         table ip6 nat {\n chain pre {\n type nat hook prerouting priority -100;\n \
         ip6 daddr fd09::9 meta l4proto { tcp, udp } th dport { 80, 81 } dnat to [fd02::2]:8080\n }\n}\n",
    );
    net
}

/// Client and server on a bridge of the calling thread's namespace: 10.0.0.1 and fd00::1, 10.0.0.2 and
/// fd00::2. The bridge has heard both: a packet to one that it hasn't is copied to every port.
pub(crate) fn bridged() -> Routed {
    let net = Routed { client: Worker::start(), server: Worker::start() };
    ip("link add br0 type bridge mcast_snooping 0 forward_delay 0");
    ip("link set br0 up");
    for (number, worker) in [(1, &net.client), (2, &net.server)] {
        ip(&format!("link add b{number} type veth peer name eth0 netns {}", worker.tid));
        ip(&format!("link set b{number} master br0 up"));
        worker.run(move || {
            ip(&format!("addr add 10.0.0.{number}/24 dev eth0"));
            ip(&format!("addr add fd00::{number}/64 dev eth0 nodad"));
            ip("link set eth0 up");
        });
    }
    carrying(&["b1", "b2"]);
    for to in ["10.0.0.2:9", "[fd00::2]:9"] {
        // Refused, but heard.
        net.client.run(move || drop(TcpStream::connect(to)));
    }
    net
}

impl Routed {
    pub(crate) fn udp(&self, to: &str, at: &str, lengths: &[usize], answer: usize) {
        self.datagrams(ipproto::UDP, to, at, lengths, answer);
    }

    /// Sends `lengths` to `to`; the server at `at` answers each datagram with one of `answer` bytes.
    pub(crate) fn datagrams(
        &self,
        protocol: Protocol,
        to: &str,
        at: &str,
        lengths: &[usize],
        answer: usize,
    ) {
        let (to, at): (SocketAddr, SocketAddr) = (to.parse().unwrap(), at.parse().unwrap());
        let count = lengths.len();
        let (ready, wait) = mpsc::channel();
        let served = self.server.start_job(move || {
            let socket = bound(protocol, at);
            ready.send(()).unwrap();
            let mut buffer = [0; 2_000];
            for _ in 0..count {
                let (_, from) = socket.recv_from(&mut buffer).unwrap();
                socket.send_to(&vec![0; answer], from).unwrap();
            }
        });
        wait.recv().unwrap();
        let lengths = lengths.to_vec();
        self.client.run(move || {
            let socket = bound(protocol, (unspecified(to), 0).into());
            socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            for length in lengths {
                socket.send_to(&vec![0; length], to).unwrap();
                assert_eq!(socket.recv(&mut [0; 2_000]).expect("no answer"), answer);
            }
        });
        served.recv().unwrap();
    }

    /// One connection: `up` bytes to the server, `down` bytes back, closed by both.
    pub(crate) fn tcp(&self, to: &str, at: &str, up: usize, down: usize) {
        let (to, at): (SocketAddr, SocketAddr) = (to.parse().unwrap(), at.parse().unwrap());
        let (ready, wait) = mpsc::channel();
        let served = self.server.start_job(move || {
            let listener = TcpListener::bind(at).unwrap();
            ready.send(()).unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut vec![0; up]).unwrap();
            stream.write_all(&vec![0; down]).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let _ = stream.read(&mut [0]);
        });
        wait.recv().unwrap();
        self.client.run(move || {
            let mut stream = TcpStream::connect(to).unwrap();
            stream.write_all(&vec![0; up]).unwrap();
            stream.read_exact(&mut vec![0; down]).unwrap();
            let _ = stream.read(&mut [0]);
        });
        served.recv().unwrap();
        std::thread::sleep(Duration::from_millis(50)); // the last acknowledgement
    }
}

/// A socket of UDP, or of what is sent and received like it (UDP-Lite).
fn bound(protocol: Protocol, at: SocketAddr) -> UdpSocket {
    let family = if at.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket(family, SocketType::DGRAM, Some(protocol)).unwrap();
    rustix::net::bind(&socket, &at).unwrap();
    socket.into()
}

fn unspecified(to: SocketAddr) -> std::net::IpAddr {
    if to.is_ipv4() {
        std::net::Ipv4Addr::UNSPECIFIED.into()
    } else {
        std::net::Ipv6Addr::UNSPECIFIED.into()
    }
}
