//! Where observations come from: the kernel's nftables sets, its connection tracking, Contiv's Netplugin,
//! or a recorded trace. A source turns what it reads into [`Observation`](svcflow_model::Observation)s and knows
//! nothing of how they are accounted.

mod choose;
mod conntrack;
pub mod contiv;
mod frame;
pub mod host;
mod live;
mod nftables;
mod replay;
mod trace;

use std::error::Error;
use std::time::Duration;

use rustix::io::Errno;

use svcflow_model::ObservationSink;

pub use choose::{Preference, open};
pub use conntrack::ConntrackSource;
pub use contiv::ContivSource;
pub use frame::Frame;
pub use live::{EachFrame, FrameSource, Live, record};
pub use nftables::NftablesSource;
pub use replay::Replay;
pub use trace::{TraceError, TraceReader, TraceWriter};

/// A place that traffic observations come from.
///
/// One thread owns a source: it listens until the next look is due, looks, and so on.
pub trait TrafficSource: Send {
    /// Which source this is, why it was chosen, and what it can't see on this host.
    fn description(&self) -> &Description;

    /// Hands over what arrives by itself (ends of connections, losses) until `timeout` is over.
    ///
    /// # Errors
    /// Where the source can't go on. A loss is no error: it is observed.
    fn listen(
        &mut self,
        timeout: Duration,
        sink: &mut dyn ObservationSink,
    ) -> Result<(), SourceError>;

    /// Takes one look at everything there is, between `LookBegan` and `LookEnded`.
    ///
    /// # Errors
    /// Where the source can't go on.
    fn look(&mut self, sink: &mut dyn ObservationSink) -> Result<(), SourceError>;
}

/// What a source says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// `nftables`, `conntrack`, `contiv` or `replay`.
    pub name: &'static str,
    /// Why it was chosen, in one sentence.
    pub reason: String,
    /// What it can't see on this host and what to do about it, a sentence each.
    pub blind_spots: Vec<String>,
    /// Whether it follows connections one by one, so that how many live is known.
    pub follows_connections: bool,
}

/// A source that can't start or can't go on. The message names the remedy.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The kernel doesn't let us.
    #[error("{operation} is not permitted: {remedy}")]
    NotPermitted {
        /// What was tried.
        operation: &'static str,
        /// What the user can do.
        remedy: &'static str,
        /// What the kernel said.
        #[source]
        source: Cause,
    },
    /// The kernel has no such feature.
    #[error("the kernel lacks {feature}: {remedy}")]
    Unsupported {
        /// What is missing.
        feature: &'static str,
        /// What the user can do.
        remedy: &'static str,
        /// What the kernel said.
        #[source]
        source: Cause,
    },
    /// Anything else.
    #[error("{operation} failed")]
    Failed {
        /// What was tried.
        operation: &'static str,
        /// Why.
        #[source]
        source: Cause,
    },
}

type Cause = Box<dyn Error + Send + Sync>;

impl SourceError {
    pub(crate) fn failed<E: Into<Cause>>(operation: &'static str) -> impl Fn(E) -> Self {
        move |source| Self::Failed { operation, source: source.into() }
    }

    /// Sorts a kernel's refusal by what the user can do about it.
    pub(crate) fn from_errno(
        operation: &'static str,
        feature: &'static str,
        errno: Option<Errno>,
        source: impl Into<Cause>,
    ) -> Self {
        let source = source.into();
        match errno {
            Some(Errno::PERM | Errno::ACCESS) => Self::NotPermitted {
                operation,
                remedy: "run it as root, or give it the capability: \
                         `sudo setcap cap_net_admin+ep $(command -v svcflow)`",
                source,
            },
            Some(Errno::PROTONOSUPPORT | Errno::OPNOTSUPP | Errno::INVAL | Errno::AFNOSUPPORT) => {
                Self::Unsupported { feature, remedy: "load the module with `modprobe`", source }
            }
            _ => Self::Failed { operation, source },
        }
    }

    /// The error and its causes in one line.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}
