//! The kernel counts: our nftables tables, read at each look.

use std::time::Duration;

use svcflow_conntrack::{Conntrack, Filter};
use svcflow_model::{Baseline, Counters, Edge, EdgeReading, LossKind, Origin, Protocol, Service};
use svcflow_nft as nft;

use crate::{Description, EachFrame, Frame, FrameSource, SourceError, host};

/// A dump is quadratic in a set's size, and a set costs a dump. Measured (nft's `cost` test): growing
/// at 800 keeps 50,000 edges at 53 times the cost of 1,000, growing at 1,500 at 70 times.
const GROW_OVER: u32 = 800;

/// Where our table turned connection tracking on, connections that were open before are picked up at
/// their next packet, some with their ends swapped. So many looks ask which: beyond a minute of silence
/// a dump of all connections a look would cost more than it tells, and the blind spot is stated.
const LOOKS_FOR_OLDER: u8 = 6;

/// Reads our nftables tables: that of family `inet`, and where what passes within a bridge isn't seen
/// there, that of family `bridge`.
pub struct NftablesSource {
    inet: Counted,
    bridge: Bridged,
    description: Description,
    /// What to say of the origin at the next look; set whenever it changed.
    origin: Option<Baseline>,
    /// Asks which connections are older than tracking here, and in how many looks still.
    older: Option<(Conntrack, u8)>,
}

/// A table, and the losses it had counted when we last looked.
struct Counted {
    table: nft::Table,
    reported: Reported,
}

/// Cumulative counts of a table that were already handed over.
#[derive(Clone, Copy, Default)]
struct Reported {
    turned_away: nft::Count,
    related: nft::Count,
    unclassified: nft::Count,
}

impl NftablesSource {
    /// Installs our tables, or adopts those that an earlier run left.
    ///
    /// # Errors
    /// Where the kernel has no nftables or doesn't let us.
    pub fn open(reason: &str) -> Result<Self, SourceError> {
        let tracked_before = host::tracking_in_use();
        let (table, installed) = nft::Table::install(nft::Options::default()).map_err(refused)?;
        let bridge = Bridged::open(table.origin())?;
        let mut blind_spots = host::blind_spots(bridge.there);
        let turned_on = installed == nft::Installed::Fresh && !tracked_before;
        if turned_on {
            blind_spots.push(
                "connection tracking was not in use before: a TCP connection that was already open \
                 may show with its ends swapped until it closes"
                    .to_owned(),
            );
        }
        let description = Description {
            name: "nftables",
            reason: reason.to_owned(),
            blind_spots,
            follows_connections: false,
        };
        let origin = Some(baseline(&installed));
        let open = || Conntrack::open().inspect_err(unmarked).ok();
        let older = turned_on.then(open).flatten().map(|table| (table, LOOKS_FOR_OLDER));
        Ok(Self { inet: Counted::new(table), bridge, description, origin, older })
    }

    /// Removes the tables: nothing of ours stays in the kernel.
    ///
    /// # Errors
    /// Where the kernel refuses.
    pub fn remove(mut self) -> Result<(), SourceError> {
        self.bridge.withdraw()?;
        self.inet.table.remove().map_err(SourceError::failed("removing the nftables table"))
    }

    /// Hands over all connections, for the edges of older ones to be marked.
    fn mark_older(&mut self, each: &mut EachFrame<'_>) {
        let Some((table, looks)) = &mut self.older else { return };
        let dumped = table.begin_dump(&Filter::default()).and_then(|mut dump| {
            while let Some(buffer) = dump.next_buffer()? {
                each(&Frame::PickedUp(buffer));
            }
            Ok(())
        });
        *looks = looks.saturating_sub(1);
        if dumped.inspect_err(unmarked).is_err() || *looks == 0 {
            self.older = None;
        }
    }

    fn repair_if_needed(&mut self, each: &mut EachFrame<'_>) -> Result<(), SourceError> {
        let made = self.inet.repair_if_needed(each)?;
        self.bridge.repair_if_needed(self.inet.table.origin(), made.is_some(), each)?;
        self.origin = made.as_ref().map(baseline).or(self.origin);
        Ok(())
    }
}

impl Counted {
    fn new(table: nft::Table) -> Self {
        Self { table, reported: Reported::default() }
    }

    /// How it came to be, where it had to be made anew.
    fn repair_if_needed(
        &mut self,
        each: &mut EachFrame<'_>,
    ) -> Result<Option<nft::Installed>, SourceError> {
        let health =
            self.table.check().map_err(SourceError::failed("checking the nftables table"))?;
        if health == nft::Health::Intact {
            return Ok(None);
        }
        let installed = self.make()?;
        tracing::warn!("the nftables table was removed or changed by another program; made anew");
        each(&Frame::Lost { kind: LossKind::TableLost, count: 1, bytes: 0 });
        Ok(Some(installed))
    }

    fn make(&mut self) -> Result<nft::Installed, SourceError> {
        self.reported = Reported::default();
        self.table.repair().map_err(SourceError::failed("making the nftables table anew"))
    }

    fn read(&mut self, each: &mut EachFrame<'_>) -> Result<nft::Readout, SourceError> {
        self.table
            .read_messages(&mut |message| each(&Frame::NftElements(message.payload)))
            .map_err(SourceError::failed("reading the nftables table"))
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

/// The table of family `bridge`. It shares the life of that of family `inet`, and so its origin; its
/// place in the readings is new whenever it is made, so that it may come and go under that origin.
struct Bridged {
    counted: Counted,
    bridges: host::Bridges,
    there: bool,
    /// The kernel didn't take it.
    refused: bool,
}

impl Bridged {
    fn open(beside: nft::Origin) -> Result<Self, SourceError> {
        let placement = nft::Placement::Bridge;
        let options = nft::Options { placement, ..nft::Options::default() };
        let table = nft::Table::prepare(options).map_err(refused)?;
        let mut bridges = host::Bridges::open();
        let mut counted = Counted::new(table);
        // What an earlier run left is read once more, even if it is no longer wanted.
        let wanted = counted.table.present().map_err(refused)? || wanted(&mut bridges);
        let mut bridged = Self { counted, bridges, there: false, refused: false };
        if wanted {
            bridged.make(beside);
        }
        Ok(bridged)
    }

    fn make(&mut self, beside: nft::Origin) {
        self.counted.table.set_beside(beside);
        match self.counted.make() {
            Ok(_) => self.there = true,
            Err(error) => {
                tracing::warn!("traffic within a bridge is not counted: {}", error.chain());
                (self.there, self.refused) = (false, true);
            }
        }
    }

    fn repair_if_needed(
        &mut self,
        beside: nft::Origin,
        beside_new: bool,
        each: &mut EachFrame<'_>,
    ) -> Result<(), SourceError> {
        if self.there && !beside_new {
            return self.counted.repair_if_needed(each).map(drop);
        }
        if self.there || (!self.refused && wanted(&mut self.bridges)) {
            self.make(beside);
        }
        Ok(())
    }

    fn read(&mut self, each: &mut EachFrame<'_>) -> Result<nft::Readout, SourceError> {
        if self.there { self.counted.read(each) } else { Ok(nft::Readout::default()) }
    }

    /// After a look: where family `inet` sees it all by now, it goes, or it would count twice.
    fn report(
        &mut self,
        readout: &nft::Readout,
        each: &mut EachFrame<'_>,
    ) -> Result<(), SourceError> {
        if self.there {
            self.counted.report(readout, each);
            if self.bridges.pass_hooks() {
                self.withdraw()?;
            }
        }
        Ok(())
    }

    fn withdraw(&mut self) -> Result<(), SourceError> {
        if self.there {
            self.counted
                .table
                .withdraw()
                .map_err(SourceError::failed("removing the nftables table of bridges"))?;
            self.there = false;
        }
        Ok(())
    }
}

/// Whether there is traffic that family `inet` doesn't see.
fn wanted(bridges: &mut host::Bridges) -> bool {
    !bridges.pass_hooks() && !bridges.names().is_empty()
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
            let nft::Origin { id, handle } = self.inet.table.origin();
            each(&Frame::Origin { origin: Origin { id, handle }, baseline });
        }
        each(&Frame::LookBegan);
        let read = self.inet.read(each).and_then(|inet| Ok((inet, self.bridge.read(each)?)));
        self.mark_older(each);
        each(&Frame::LookEnded { complete: read.is_ok() });
        let (readout, of_bridge) = read?;
        self.inet.report(&readout, each);
        self.bridge.report(&of_bridge, each)?;
        if readout.largest_set > GROW_OVER {
            self.inet
                .table
                .grow(GROW_OVER)
                .map_err(SourceError::failed("growing the nftables table"))?;
        }
        Ok(())
    }
}

fn unmarked(error: &svcflow_conntrack::Error) {
    tracing::warn!("can't tell which connections are older than tracking here: {error}");
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
