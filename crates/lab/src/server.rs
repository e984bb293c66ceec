//! The providers. A TCP client's first 17 bytes say how much it sends and wants and who closes first; the
//! answer's first 16 are the provider's own address, by which the traffic code knows who answered.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::error::{Context, Result};
use crate::lab::Host;
use crate::topology::{ServiceSpec, v6_of};

pub(crate) const HEADER: usize = 17;
pub(crate) const IDENTITY: usize = 16;

pub(crate) fn header(out: u64, back: u64, server_closes: bool) -> [u8; HEADER] {
    let mut bytes = [u8::from(server_closes); HEADER];
    let fields = out.to_be_bytes().into_iter().chain(back.to_be_bytes());
    bytes.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
    bytes
}

fn parse(bytes: &[u8]) -> Option<(u64, u64, bool)> {
    let (out, rest) = bytes.split_first_chunk::<8>()?;
    let (back, rest) = rest.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*out), u64::from_be_bytes(*back), *rest.first()? == 1))
}

pub(crate) fn identity(address: IpAddr) -> [u8; IDENTITY] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

pub(crate) fn identified(bytes: &[u8]) -> io::Result<IpAddr> {
    let id = bytes.first_chunk::<IDENTITY>().ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(IpAddr::from(*id).to_canonical())
}

#[derive(Debug)]
pub(crate) struct Servers(Arc<AtomicBool>);

impl Drop for Servers {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Servers {
    pub(crate) fn start<'h>(
        providers: impl Iterator<Item = &'h Host>,
        services: &[ServiceSpec],
    ) -> Result<Self> {
        let servers = Self(Arc::default());
        for host in providers {
            for port in ports_of(host.address, services) {
                let bound = host.namespace().run(|| bind(host.address, port))??;
                serve(host.address, bound, &servers.0)?;
            }
        }
        Ok(servers)
    }
}

/// The ports that a provider serves.
pub(crate) fn ports_of(provider: Ipv4Addr, services: &[ServiceSpec]) -> BTreeSet<u16> {
    let its = services.iter().filter(|service| service.providers.contains(&provider));
    its.map(|service| service.provider_port).collect()
}

/// A provider as a process of its own: serves these ports in the calling thread's network, as `address`, until
/// the process ends.
///
/// # Errors
/// Where a port can't be had.
pub fn serve_here(address: Ipv4Addr, ports: &[u16]) -> Result<()> {
    let forever = Arc::default();
    ports.iter().try_for_each(|port| serve(address, bind(address, *port)?, &forever))
}

fn bind(address: Ipv4Addr, port: u16) -> Result<(TcpListener, UdpSocket)> {
    let any = (Ipv6Addr::UNSPECIFIED, port);
    let both = || Ok::<_, io::Error>((TcpListener::bind(any)?, UdpSocket::bind(any)?));
    both().context(|| format!("listen on {address}:{port}"))
}

fn serve(
    address: Ipv4Addr,
    (tcp, udp): (TcpListener, UdpSocket),
    stop: &Arc<AtomicBool>,
) -> Result<()> {
    let tick = Some(Duration::from_millis(500));
    udp.set_read_timeout(tick).context(|| "set a timeout".to_owned())?;
    let (tcp_stop, udp_stop) = (Arc::clone(stop), Arc::clone(stop));
    // Sockets stay in the namespace that made them; the threads need not be there.
    let start = |name: &str, f: Box<dyn FnOnce() + Send>| {
        thread::Builder::new().name(name.to_owned()).stack_size(128 << 10).spawn(f).map(drop)
    };
    start("lab-tcp", Box::new(move || accept(&tcp, &tcp_stop)))
        .and_then(|()| start("lab-udp", Box::new(move || answer(&udp, address, &udp_stop))))
        .context(|| "start a server thread".to_owned())
}

fn accept(listener: &TcpListener, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let ready = {
            use rustix::event::{PollFd, PollFlags, Timespec, poll};
            let timeout = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };
            poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&timeout))
        };
        if !matches!(ready, Ok(n) if n > 0) {
            continue;
        }
        let Ok((mut stream, _)) = listener.accept() else { continue };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
        let mut head = [0; HEADER];
        if stream.read_exact(&mut head).is_err() {
            continue;
        }
        let Some((out, back, closes)) = parse(&head) else { continue };
        if closes && out.saturating_add(back) < 4096 {
            let _ = exchange(stream, out, back, closes); // short ones: no thread for each
        } else {
            let work = move || drop(exchange(stream, out, back, closes));
            let _ = thread::Builder::new().stack_size(256 << 10).spawn(work);
        }
    }
}

fn exchange(mut stream: TcpStream, out: u64, back: u64, closes: bool) -> io::Result<()> {
    let own = stream.local_addr()?.ip().to_canonical();
    let mut rest = (&mut stream).take(out.saturating_sub(HEADER as u64));
    io::copy(&mut rest, &mut io::sink())?;
    let tail = back.saturating_sub(IDENTITY as u64);
    let id = identity(own);
    let mut all = (&id[..]).chain(io::repeat(b's').take(tail));
    let mut buffer = vec![0; usize::try_from(back.clamp(16, 65_536)).unwrap_or(65_536)];
    loop {
        let n = fill(&mut all, &mut buffer)?;
        if n == 0 {
            break;
        }
        stream.write_all(buffer.get(..n).unwrap_or_default())?;
    }
    if !closes {
        stream.set_read_timeout(None)?;
        let _ = stream.read(&mut [0; 1])?; // the client closes first, when it is told to
    }
    Ok(())
}

fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut at = 0;
    while let Some(free) = buffer.get_mut(at..).filter(|free| !free.is_empty()) {
        match from.read(free)? {
            0 => break,
            n => at += n,
        }
    }
    Ok(at)
}

/// A datagram's first 8 bytes say how long an answer it wants.
fn answer(socket: &UdpSocket, address: Ipv4Addr, stop: &AtomicBool) {
    let mut buffer = vec![0; 65_536];
    while !stop.load(Ordering::Relaxed) {
        let Ok((n, from)) = socket.recv_from(&mut buffer) else { continue };
        let Some(wanted) = buffer.get(..n).and_then(|b| b.first_chunk::<8>()) else { continue };
        let length = usize::try_from(u64::from_be_bytes(*wanted)).unwrap_or(0).clamp(16, 60_000);
        let v4 = from.ip().to_canonical().is_ipv4();
        let own = if v4 { address.into() } else { v6_of(address).into() };
        buffer.iter_mut().zip(identity(own)).for_each(|(to, id)| *to = id);
        let _ = socket.send_to(buffer.get(..length).unwrap_or_default(), from);
    }
}
