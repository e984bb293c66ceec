//! The kernel counts: our nftables table, read at each look.

use std::time::Duration;

use svcflow_model::{Baseline, Counters, Edge, EdgeReading, LossKind, Origin, Protocol, Service};
use svcflow_nft as nft;

use crate::{Description, EachFrame, Frame, FrameSource, SourceError, host};

/// A dump is quadratic in a set's size, and a set costs a dump. Measured (nft's `cost` test): growing
/// at 800 keeps 50,000 edges at 53 times the cost of 1,000, growing at 1,500 at 70 times.
const GROW_OVER: u32 = 800;

/// Reads our nftables table.
pub struct NftablesSource {
    table: nft::Table,
    description: Description,
    /// What to say of the origin at the next look; set whenever it changed.
    origin: Option<Baseline>,
    /// Losses the table had counted when we last looked.
    reported: Reported,
}

/// Cumulative counts of the table that were already handed over.
#[derive(Clone, Copy, Default)]
struct Reported {
    turned_away: nft::Count,
    related: nft::Count,
    unclassified: nft::Count,
}

impl NftablesSource {
    /// Installs our table, or adopts the one that an earlier run left.
    ///
    /// # Errors
    /// Where the kernel has no nftables or doesn't let us.
    pub fn open(reason: &str) -> Result<Self, SourceError> {
        let tracked_before = host::tracking_in_use();
        let (table, installed) = nft::Table::install(nft::Options::default()).map_err(refused)?;
        let mut blind_spots = host::blind_spots();
        if installed == nft::Installed::Fresh && !tracked_before {
            blind_spots.push(
                "connection tracking was not in use before: a TCP connection that was already open \
                 may show with its ends swapped until it closes"
                    .to_owned(),
            );
        }
        let description = Description { name: "nftables", reason: reason.to_owned(), blind_spots };
        let origin = Some(baseline(&installed));
        Ok(Self { table, description, origin, reported: Reported::default() })
    }

    /// Removes the table: nothing of ours stays in the kernel.
    ///
    /// # Errors
    /// Where the kernel refuses.
    pub fn remove(self) -> Result<(), SourceError> {
        self.table.remove().map_err(SourceError::failed("removing the nftables table"))
    }

    fn repair_if_needed(&mut self, each: &mut EachFrame<'_>) -> Result<(), SourceError> {
        let health =
            self.table.check().map_err(SourceError::failed("checking the nftables table"))?;
        if health == nft::Health::Intact {
            return Ok(());
        }
        let installed =
            self.table.repair().map_err(SourceError::failed("making the nftables table anew"))?;
        tracing::warn!("the nftables table was removed or changed by another program; made anew");
        each(&Frame::Lost { kind: LossKind::TableLost, count: 1, bytes: 0 });
        self.origin = Some(baseline(&installed));
        self.reported = Reported::default();
        Ok(())
    }

    fn report(&mut self, readout: &nft::Readout, each: &mut EachFrame<'_>) {
        let now = Reported {
            turned_away: readout.turned_away(),
            related: readout.related,
            unclassified: readout.unclassified,
        };
        let before = std::mem::replace(&mut self.reported, now);
        lost(each, LossKind::SetFull, now.turned_away, before.turned_away);
        lost(each, LossKind::RelatedErrors, now.related, before.related);
        lost(each, LossKind::Unclassified, now.unclassified, before.unclassified);
    }
}

impl FrameSource for NftablesSource {
    fn description(&self) -> &Description {
        &self.description
    }

    fn listen(&mut self, timeout: Duration, _each: &mut EachFrame<'_>) -> Result<(), SourceError> {
        // Nothing comes by itself: the kernel counts, and a changed table shows at the next look.
        std::thread::sleep(timeout);
        Ok(())
    }

    fn look(&mut self, each: &mut EachFrame<'_>) -> Result<(), SourceError> {
        self.repair_if_needed(each)?;
        if let Some(baseline) = self.origin.take() {
            let nft::Origin { id, handle } = self.table.origin();
            each(&Frame::Origin { origin: Origin { id, handle }, baseline });
        }
        each(&Frame::LookBegan);
        let read =
            self.table.read_messages(&mut |message| each(&Frame::NftElements(message.payload)));
        each(&Frame::LookEnded { complete: read.is_ok() });
        let readout = read.map_err(SourceError::failed("reading the nftables table"))?;
        self.report(&readout, each);
        if readout.largest_set > GROW_OVER {
            self.table
                .grow(GROW_OVER)
                .map_err(SourceError::failed("growing the nftables table"))?;
        }
        Ok(())
    }
}

/// A table that an earlier run left counted before we came; accounting that knows its origin goes on
/// where it was, any other takes the first reading as its baseline.
fn baseline(installed: &nft::Installed) -> Baseline {
    match installed {
        nft::Installed::Adopted => Baseline::FirstReading,
        nft::Installed::Fresh | nft::Installed::Replaced { .. } => Baseline::Zero,
    }
}

fn lost(each: &mut EachFrame<'_>, kind: LossKind, now: nft::Count, before: nft::Count) {
    let count = now.packets.saturating_sub(before.packets);
    if count > 0 {
        each(&Frame::Lost { kind, count, bytes: now.bytes.saturating_sub(before.bytes) });
    }
}

fn refused(error: nft::Error) -> SourceError {
    SourceError::from_errno("counting with nftables", "nf_tables", error.errno(), error)
}

/// What we make of an element: one direction's half of an edge's counters.
pub(crate) fn reading(element: &nft::Element) -> EdgeReading {
    let edge = Edge {
        endpoint: element.original_source,
        service: element.translated.then_some(Service {
            address: element.original_destination,
            port: element.original_destination_port,
        }),
        provider: element.reply_source,
        provider_port: element.reply_source_port,
        protocol: Protocol(element.protocol),
    };
    let (bytes, packets) = (element.bytes, element.packets);
    let counters = match element.direction {
        nft::Direction::In => Counters { bytes_in: bytes, packets_in: packets, ..Counters::ZERO },
        nft::Direction::Out => {
            Counters { bytes_out: bytes, packets_out: packets, ..Counters::ZERO }
        }
    };
    EdgeReading { edge, place: element.place, counters }
}
