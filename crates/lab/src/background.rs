//! Steady traffic for people to look at: every client talks to its service, each at its own pace.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use svcflow_model::Protocol;

use crate::error::{Context, Result};
use crate::lab::Lab;
use crate::topology::ClientSpec;
use crate::traffic::{Lifetime, Target, Transfer};

/// The pause between two connections of one client.
const PAUSE: Duration = Duration::from_millis(150);

/// Traffic that goes on until this is dropped.
#[derive(Debug)]
pub struct Background {
    stop: Arc<AtomicBool>,
    failures: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Background {
    /// Connections that failed so far.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Lab {
    /// Starts steady traffic: a thread a client, one connection at a time.
    ///
    /// # Errors
    /// Where a thread can't be made.
    pub fn background(self: &Arc<Self>) -> Result<Background> {
        let mut background =
            Background { stop: Arc::default(), failures: Arc::default(), threads: Vec::new() };
        for (index, client) in (0_u64..).zip(self.topology().clients.clone()) {
            let lab = Arc::clone(self);
            let (stop, failures) = (Arc::clone(&background.stop), Arc::clone(&background.failures));
            let talk = move || {
                for round in 0_u64.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let failed = lab.make(&transfer(&lab, &client, index, round)).is_err();
                    failures.fetch_add(u64::from(failed), Ordering::Relaxed);
                    thread::sleep(PAUSE);
                }
            };
            let name = format!("client-{}", index + 1);
            let thread = thread::Builder::new().name(name).spawn(talk);
            background.threads.push(thread.context(|| "start a client thread".to_owned())?);
        }
        Ok(background)
    }
}

/// What a client does in a round: mostly its service over TCP, now and then UDP, IPv6, and a provider
/// directly. Amounts swell and ebb, so that a curve is a curve.
fn transfer(lab: &Lab, client: &ClientSpec, index: u64, round: u64) -> Transfer {
    let wave = [4, 6, 9, 12, 14, 15, 14, 12, 9, 6, 4, 3];
    let phase = usize::try_from((round / 8 + index * 3) % 12).unwrap_or(0);
    let strength = wave.get(phase).copied().unwrap_or(4) * (index + 1);
    let service = Target::Service(client.service.clone());
    let (address, target, protocol) = match round % 8 {
        3 => (client.address.into(), service, Protocol::UDP),
        5 => (v6(lab, client), service, Protocol::TCP),
        7 => (client.address.into(), direct(lab, client).unwrap_or(service), Protocol::TCP),
        _ => (client.address.into(), service, Protocol::TCP),
    };
    Transfer {
        client: address,
        target,
        protocol,
        bytes_out: 800 * strength,
        bytes_in: 8_000 * strength,
        connections: 1,
        lifetime: Lifetime::Short,
        datagram: 1_200,
    }
}

fn v6(lab: &Lab, client: &ClientSpec) -> IpAddr {
    // On one bridge the lab has no IPv6 clients.
    let v4 = client.address;
    if lab.topology().same_bridge { v4.into() } else { crate::topology::v6_of(v4).into() }
}

fn direct(lab: &Lab, client: &ClientSpec) -> Option<Target> {
    let service = lab.service(&client.service).ok()?;
    let provider = service.providers.first()?;
    Some(Target::Direct(SocketAddr::from((*provider, service.provider_port))))
}
