//! What a source reads from the kernel, before anyone interprets it.
//!
//! Both live sources and a recorded trace yield frames, and one function turns frames into
//! observations. So a trace replays through the very code that read the kernel, and whoever sends us a
//! trace sends the raw messages, not our opinion of them.

use svcflow_conntrack::{Entry, Event};
use svcflow_model::{Baseline, LossKind, Observation, ObservationSink, Origin, Timestamp};
use svcflow_netlink::{DecodeError, Message, Messages};
use svcflow_nft as nft;

use crate::conntrack::connection;
use crate::nftables::reading;

/// One thing a source read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// The counters' origin; see [`Observation::Origin`].
    Origin {
        /// Which.
        origin: Origin,
        /// What a first reading is worth.
        baseline: Baseline,
    },
    /// A look begins.
    LookBegan,
    /// Netlink messages of a conntrack dump.
    ConntrackDump(&'a [u8]),
    /// Netlink messages of conntrack events.
    ConntrackEvents(&'a [u8]),
    /// Netlink messages of a conntrack dump that is only to tell which connections were picked up after
    /// their beginning.
    PickedUp(&'a [u8]),
    /// One netlink message of a dump of a set of ours, without its header.
    NftElements(&'a [u8]),
    /// A look ended.
    LookEnded {
        /// Whether the dump came to its end.
        complete: bool,
    },
    /// Something was lost.
    Lost {
        /// What kind.
        kind: LossKind,
        /// How many.
        count: u64,
        /// Bytes known to be missing.
        bytes: u64,
    },
}

impl Frame<'_> {
    /// Hands over what the frame says. Messages that can't be read are counted, not passed over.
    pub fn interpret(&self, at: Timestamp, sink: &mut dyn ObservationSink) {
        match *self {
            Self::Origin { origin, baseline } => {
                sink.observe(at, &Observation::Origin { origin, baseline });
            }
            Self::LookBegan => sink.observe(at, &Observation::LookBegan),
            Self::LookEnded { complete } => sink.observe(at, &Observation::LookEnded { complete }),
            Self::Lost { kind, count, bytes } => {
                sink.observe(at, &Observation::Lost { kind, count, bytes });
            }
            Self::ConntrackDump(buffer) => each_message(at, buffer, sink, |message, sink| {
                let connection = connection(&Entry::decode(message)?);
                sink.observe(at, &Observation::Connection(connection));
                Ok(())
            }),
            Self::PickedUp(buffer) => each_message(at, buffer, sink, |message, sink| {
                let entry = Entry::decode(message)?;
                if entry.picked_up {
                    sink.observe(at, &Observation::DirectionUnknown(connection(&entry).edge()));
                }
                Ok(())
            }),
            Self::ConntrackEvents(buffer) => each_message(at, buffer, sink, |message, sink| {
                if Event::of(message) == Some(Event::Destroy) {
                    let connection = connection(&Entry::decode(message)?);
                    sink.observe(at, &Observation::ConnectionEnded(connection));
                }
                Ok(())
            }),
            Self::NftElements(payload) => elements(at, payload, sink),
        }
    }
}

fn elements(at: Timestamp, payload: &[u8], sink: &mut dyn ObservationSink) {
    let message = Message { kind: 0, flags: 0, sequence: 0, payload, offset: 0 };
    let read = nft::Element::decode(&message, &mut |element| {
        sink.observe(at, &Observation::Edge(reading(element)));
    });
    if read.is_err() {
        unreadable(at, 1, sink);
    }
}

fn unreadable(at: Timestamp, count: u64, sink: &mut dyn ObservationSink) {
    sink.observe(at, &Observation::Lost { kind: LossKind::Unreadable, count, bytes: 0 });
}

/// Messages below this are netlink's own (`NLMSG_MIN_TYPE`): the end of a dump, an ack.
const FIRST_PAYLOAD_TYPE: u16 = 0x10;

fn each_message(
    at: Timestamp,
    buffer: &[u8],
    sink: &mut dyn ObservationSink,
    mut each: impl FnMut(&Message<'_>, &mut dyn ObservationSink) -> Result<(), DecodeError>,
) {
    let mut failed = 0;
    for message in Messages::new(buffer) {
        let done = message.and_then(|message| {
            if message.kind < FIRST_PAYLOAD_TYPE { Ok(()) } else { each(&message, sink) }
        });
        failed += u64::from(done.is_err());
    }
    if failed > 0 {
        unreadable(at, failed, sink);
    }
}
