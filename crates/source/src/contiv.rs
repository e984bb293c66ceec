//! Contiv's Netplugin as a source: what its Open vSwitch datapath counted, asked for over HTTP (contracts.md
//! 1). In docs/accounting.md: what of it is exact.

mod split;
mod svcstats;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use svcflow_model::{Baseline, LossKind, Observation, ObservationSink, Origin, Timestamp};

use crate::{Description, SourceError, TrafficSource};
use split::Split;

/// Where a node's Netplugin listens.
pub const NETPLUGIN: &str = "http://127.0.0.1:9090";
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(5);
/// Whoever is asked whether it is a Netplugin says so sooner.
const PROBE_PATIENCE: Duration = Duration::from_millis(500);
/// 10,000 endpoints with ten services each are about 60 MB.
const ANSWER_MAX: u64 = 256 << 20;

/// A Netplugin that is asked at each look.
///
/// What is known of outgoing traffic is shared by clones: a source that failed goes on in its clone.
#[derive(Clone, Debug)]
pub struct ContivSource {
    url: String,
    http: ureq::Agent,
    description: Description,
    origin: Origin,
    split: Arc<Mutex<Split>>,
}

impl ContivSource {
    /// Will ask the Netplugin at `url`, such as [`NETPLUGIN`]; asks nothing yet.
    ///
    /// # Errors
    /// Where that is no HTTP address.
    pub fn new(url: &str) -> Result<Self, SourceError> {
        let url = url.trim_end_matches('/');
        if url.strip_prefix("http://").is_none_or(str::is_empty) {
            return Err(SourceError::failed("reading the address of Netplugin")(format!(
                "`{url}` is none: write {NETPLUGIN}"
            )));
        }
        let description = Description {
            name: "contiv",
            reason: format!("the configuration names Netplugin at {url}"),
            blind_spots: vec![
                "Netplugin counts traffic to services only: direct edges are not seen".to_owned(),
            ],
            follows_connections: false,
        };
        // No counter of Netplugin's tells when it began, so each source is an origin of its own.
        let now = Timestamp::from(SystemTime::now()).0.cast_unsigned();
        let origin = Origin { id: now, handle: u64::from(std::process::id()) };
        Ok(Self {
            url: url.to_owned(),
            http: agent(PATIENCE),
            description,
            origin,
            split: Arc::default(),
        })
    }

    fn ask(&self) -> Result<Vec<u8>, SourceError> {
        let url = format!("{}/svcstats", self.url);
        get(&self.http, &url).map_err(|cause| {
            SourceError::failed("asking Netplugin")(format!("{url}: {cause}; is it running there?"))
        })
    }
}

/// Whether a Netplugin answers at `url`, within half a second: for those who choose a source by themselves.
/// An agent of svcflow answers like one, too.
#[must_use]
pub fn answers(url: &str) -> bool {
    let body = get(&agent(PROBE_PATIENCE), &format!("{}/svcstats", url.trim_end_matches('/')));
    body.is_ok_and(|body| svcstats::read(&body, |_| {}).is_ok_and(|unreadable| unreadable == 0))
}

fn agent(patience: Duration) -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(patience)).build().into()
}

fn get(http: &ureq::Agent, url: &str) -> Result<Vec<u8>, ureq::Error> {
    http.get(url).call()?.body_mut().with_config().limit(ANSWER_MAX).read_to_vec()
}

impl TrafficSource for ContivSource {
    fn description(&self) -> &Description {
        &self.description
    }

    /// Nothing comes by itself: returns at once.
    fn listen(&mut self, _: Duration, _: &mut dyn ObservationSink) -> Result<(), SourceError> {
        Ok(())
    }

    fn look(&mut self, sink: &mut dyn ObservationSink) -> Result<(), SourceError> {
        let body = self.ask()?;
        let mut services = Vec::new();
        let unreadable = svcstats::read(&body, |service| services.push(service));
        let unreadable = unreadable.map_err(|error| {
            let begins: String = String::from_utf8_lossy(&body).chars().take(40).collect();
            let text = format!("{error} (it begins `{begins}`): is {} Netplugin's?", self.url);
            SourceError::failed("reading Netplugin's answer")(text)
        })?;
        let at = Timestamp::from(SystemTime::now());
        let mut split = self.split.lock().unwrap_or_else(PoisonError::into_inner);
        // The source of a look that failed may have been another: the origin is stated each time.
        let baseline = Baseline::FirstLook;
        sink.observe(at, &Observation::Origin { origin: self.origin, baseline });
        sink.observe(at, &Observation::LookBegan);
        let whole = unreadable == 0;
        let unfollowed = split.look(&services, whole, at, &mut |it| sink.observe(at, it));
        for (kind, count) in
            [(LossKind::Unreadable, unreadable), (LossKind::ReadingsUnfollowed, unfollowed)]
        {
            if count > 0 {
                sink.observe(at, &Observation::Lost { kind, count, bytes: 0 });
            }
        }
        sink.observe(at, &Observation::LookEnded { complete: true });
        Ok(())
    }
}
