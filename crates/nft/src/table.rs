//! The table in the kernel: made or adopted, read, watched, repaired, grown, removed.

mod establish;
mod grow;

use std::time::Duration;

use establish::{comment, parse_comment};
use rustix::io::Errno;
use svcflow_netlink::{Builder, DecodeError, Message, Received, Socket, flags};

use crate::batch::{Batch, SetOptions};
use crate::layout::{self, Kind, LAYOUT, Place, Placement, parse_set};
use crate::listing::{self, Listing};
use crate::uapi::{TABLE_OWNER, element, message, object};
use crate::{Count, Direction, Element, Error, Readout, decode};

/// More elements in one set make its dump too slow: that is quadratic.
const MAX_SET_SIZE: u32 = 8_000;

/// Takes a message of a set's dump, and tells how many elements it held.
type EachMessage<'a> =
    dyn FnMut(&Message<'_>, (Kind, Place, Direction)) -> Result<u32, DecodeError> + 'a;

/// How the table is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where it counts.
    pub placement: Placement,
    /// The table's name, in its placement's family.
    pub name: String,
    /// Elements per set, at most 8,000.
    pub set_size: u32,
    /// After how much silence an element goes. Less than a read's interval loses counts.
    pub timeout: Duration,
    /// Try to own the table (kernel 6.9 and later), so that no other process can change it. While it is
    /// owned, `nft -f` of a saved `nft list ruleset` that contains the table is refused whole, the
    /// firewall's part too; where the table isn't (at boot) it loads.
    pub owner: bool,
    /// The origin of another table whose life this one shares: left by an earlier run beside another
    /// origin, it is replaced, not adopted. So its counters need no origin of their own.
    pub beside: Option<Origin>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            placement: Placement::Inet,
            name: "svcflow".to_owned(),
            set_size: MAX_SET_SIZE,
            timeout: Duration::from_secs(24 * 3_600),
            owner: true,
            beside: None,
        }
    }
}

/// How a table came to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Installed {
    /// There was none.
    Fresh,
    /// There was one of ours, with its counters. Compare [`Table::origin`] with the one known.
    Adopted,
    /// There was one that could not be used; its counters are gone.
    Replaced {
        /// Why it could not be used.
        reason: String,
    },
}

/// Where the counters began. Counters of another origin are another series: a ruleset that was saved
/// and loaded again keeps `id` and old counters, and shows in `handle`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Random, made with the table, kept in its comment.
    pub id: u64,
    /// The kernel's number for this table in this network namespace.
    pub handle: u64,
}

/// What [`Table::check`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// As we left it.
    Intact,
    /// Not there.
    Gone,
    /// Someone changed it.
    Changed {
        /// In which way.
        reason: String,
    },
}

/// The table in the kernel. It stays there when this is dropped; [`Table::remove`] deletes it.
#[derive(Debug)]
pub struct Table {
    socket: Socket,
    options: Options,
    origin: Origin,
    owned: bool,
    sets: Vec<Set>,
    fingerprint: u64,
    generation: u32,
    request: Builder,
}

#[derive(Clone, Debug)]
struct Set {
    name: String,
    kind: Kind,
    place: Place,
    direction: Direction,
    /// Elements in the last read; retired sets go when two reads in a row found none.
    elements: u32,
    empty_reads: u32,
    /// The named counter of its kind, and whether that has ever counted: else there's nothing to read.
    counter: String,
    seen: bool,
}

impl Set {
    /// One of which no read has told yet.
    fn new(name: String, kind: Kind, place: Place, direction: Direction) -> Self {
        let counter = kind.chain();
        Self { name, kind, place, direction, elements: 0, empty_reads: 0, counter, seen: false }
    }
}

impl Table {
    /// Installs the table in the calling thread's network namespace, or adopts one that is whole and
    /// was made with the same options; another of that name is replaced.
    ///
    /// # Errors
    /// Where the kernel refuses, another process owns the table, or the options can't be met.
    pub fn install(options: Options) -> Result<(Self, Installed), Error> {
        let mut table = Self::prepare(options)?;
        let installed = table.establish()?;
        Ok((table, installed))
    }

    /// As [`Table::install`], but leaves the kernel as it is until [`Table::repair`].
    ///
    /// # Errors
    /// Where there's no socket, or the options can't be met.
    pub fn prepare(options: Options) -> Result<Self, Error> {
        validate(&options)?;
        let socket = Socket::open(0)?;
        Ok(Self {
            socket,
            options,
            origin: Origin::default(),
            owned: false,
            sets: Vec::new(),
            fingerprint: 0,
            generation: 0,
            request: Builder::new(),
        })
    }

    /// Changes [`Options::beside`]: the next [`Table::repair`] replaces a table of another origin.
    pub const fn set_beside(&mut self, origin: Origin) {
        self.options.beside = Some(origin);
    }

    /// Whether there is a table of that name now, whoever made it.
    ///
    /// # Errors
    /// Where netlink fails.
    pub fn present(&mut self) -> Result<bool, Error> {
        Ok(listing::list(&mut self.socket, &self.options)?.is_some())
    }

    /// Where the counters began.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// Whether the kernel keeps other processes from changing the table.
    #[must_use]
    pub const fn owned(&self) -> bool {
        self.owned
    }

    /// How many sets a read asks for.
    #[must_use]
    pub const fn set_count(&self) -> usize {
        self.sets.len()
    }

    /// Hands over all elements as the kernel gives them; see the crate's words on merging. Sets that
    /// growing retired are deleted once they are empty.
    ///
    /// # Errors
    /// Where the table is gone or netlink fails; what was handed over is then incomplete.
    pub fn read(&mut self, each: &mut dyn FnMut(&Element)) -> Result<Readout, Error> {
        self.read_sets(&mut |message, of| decode::elements(message, of, each))
    }

    /// As [`Table::read`], but hands over the messages, which [`Element::decode`] reads, now or from a
    /// recording.
    ///
    /// # Errors
    /// As [`Table::read`].
    pub fn read_messages(&mut self, each: &mut dyn FnMut(&Message<'_>)) -> Result<Readout, Error> {
        self.read_sets(&mut |message, of| {
            each(message);
            decode::elements(message, of, &mut |_| {})
        })
    }

    fn read_sets(&mut self, each: &mut EachMessage<'_>) -> Result<Readout, Error> {
        let mut readout = self.read_counters()?;
        for index in 0..self.sets.len() {
            self.read_set(index, &mut readout, each)?;
        }
        self.drop_empty_retired()?;
        Ok(readout)
    }

    /// Whether the table is as we left it. Cheap where nothing in the namespace's rules changed.
    ///
    /// # Errors
    /// Where netlink fails.
    pub fn check(&mut self) -> Result<Health, Error> {
        let generation = listing::generation(&mut self.socket)?;
        if generation == self.generation {
            return Ok(Health::Intact);
        }
        let Some(found) = listing::list(&mut self.socket, &self.options)? else {
            return Ok(Health::Gone);
        };
        if found.fingerprint == self.fingerprint {
            self.generation = generation;
            return Ok(Health::Intact);
        }
        let reason = if found.handle == self.origin.handle {
            "its chains, rules or sets were changed"
        } else {
            "it was deleted and made again"
        };
        Ok(Health::Changed { reason: reason.to_owned() })
    }

    /// Makes the table whole again, as [`Table::install`] does, in the namespace of the first install
    /// as long as the socket lives.
    ///
    /// # Errors
    /// As [`Table::install`].
    pub fn repair(&mut self) -> Result<Installed, Error> {
        self.drain();
        self.establish()
    }

    /// Deletes the table, and nothing else.
    ///
    /// # Errors
    /// Where the kernel refuses; that it is gone already is no error.
    pub fn remove(mut self) -> Result<(), Error> {
        self.withdraw()
    }

    /// As [`Table::remove`]; [`Table::repair`] makes it anew.
    ///
    /// # Errors
    /// As [`Table::remove`].
    pub fn withdraw(&mut self) -> Result<(), Error> {
        let sequence = self.socket.next_sequence();
        let batch = Batch::new(&self.options, sequence).finish_deleted();
        match self.commit("remove table", &batch) {
            Err(error) if error.errno() == Some(Errno::NOENT) => Ok(()),
            other => other,
        }
    }

    fn read_counters(&mut self) -> Result<Readout, Error> {
        let mut readout = Readout::default();
        let name = self.options.name.as_str();
        let filter = (self.options.placement.family(), object::TABLE, name);
        let sets = &mut self.sets;
        listing::dump(&mut self.socket, "read counters", message::GETOBJ, filter, |message| {
            if decode::text(message, object::TABLE)? != Some(name) {
                return Ok(());
            }
            let Some((name, count)) = decode::counter_object(message)? else { return Ok(()) };
            let place: &mut Count = match name {
                layout::RELATED => &mut readout.related,
                layout::UNCLASSIFIED => &mut readout.unclassified,
                layout::TURNED_AWAY_TRANSLATED => &mut readout.turned_away_translated,
                layout::TURNED_AWAY_DIRECT => &mut readout.turned_away_direct,
                kind => {
                    let ours = sets.iter_mut().filter(|set| set.counter == kind);
                    ours.for_each(|set| set.seen |= count.packets > 0);
                    return Ok(());
                }
            };
            *place = count;
            Ok(())
        })?;
        Ok(readout)
    }

    fn read_set(
        &mut self,
        index: usize,
        readout: &mut Readout,
        each: &mut EachMessage<'_>,
    ) -> Result<(), Error> {
        let Some(set) = self.sets.get_mut(index).filter(|set| set.seen) else { return Ok(()) };
        self.request.clear();
        let family = self.options.placement.family();
        let asked = (message::GETSETELEM, flags::DUMP);
        listing::begin(&mut self.request, &mut self.socket, family, asked);
        self.request.string(element::LIST_TABLE, &self.options.name);
        self.request.string(element::LIST_SET, &set.name);
        let of = (set.kind, set.place, set.direction);
        let mut elements = 0;
        let dumped = self.socket.dump("read set", self.request.bytes(), |message| {
            elements += each(message, of)?;
            Ok::<(), Error>(())
        })?;
        set.elements = elements;
        set.empty_reads = if elements == 0 { set.empty_reads.saturating_add(1) } else { 0 };
        readout.elements += elements;
        readout.interrupted |= dumped.interrupted;
        let (kind, generation) = (set.kind, set.place.generation);
        if self.active(kind).is_some_and(|(active, _)| active == generation) {
            readout.largest_set = readout.largest_set.max(elements);
        }
        Ok(())
    }

    /// The generation that rules write to, and its shards.
    fn active(&self, kind: Kind) -> Option<(u16, u16)> {
        active(&self.sets, kind)
    }

    /// Takes what is there now for what ought to be.
    fn remember(&mut self) -> Result<(), Error> {
        self.generation = listing::generation(&mut self.socket)?;
        let found = listing::list(&mut self.socket, &self.options)?
            .ok_or_else(|| Error::Vanished { name: self.full_name() })?;
        let id = comment(&found.userdata).and_then(parse_comment).map_or(0, |(id, _)| id);
        let handle = self.origin.handle;
        self.origin = Origin { id, handle: found.handle };
        self.fingerprint = found.fingerprint;
        let old = std::mem::replace(&mut self.sets, known_sets(&found));
        for set in &mut self.sets {
            if let Some(before) = old.iter().find(|before| before.name == set.name) {
                (set.elements, set.empty_reads) = (before.elements, before.empty_reads);
                set.seen = before.seen && found.handle == handle;
            }
        }
        Ok(())
    }

    fn commit(&mut self, operation: &'static str, batch: &Builder) -> Result<(), Error> {
        let answer =
            self.socket.request(operation, batch.bytes(), |_| -> Result<(), Error> { Ok(()) });
        if let Err(error) = answer {
            self.drain();
            return Err(match error.errno() {
                Some(Errno::PERM) if self.exists() => Error::Owned { name: self.full_name() },
                _ => error,
            });
        }
        Ok(())
    }

    fn exists(&mut self) -> bool {
        matches!(listing::list(&mut self.socket, &self.options), Ok(Some(found))
            if found.flags & TABLE_OWNER != 0)
    }

    /// A refused batch answers once for every message that was wrong.
    fn drain(&mut self) {
        while let Ok(Received::Messages(_) | Received::Overrun) =
            self.socket.receive(Duration::ZERO)
        {}
    }

    const fn set_options(&self) -> SetOptions {
        SetOptions { size: self.options.set_size, timeout: self.options.timeout }
    }

    fn settings(&self) -> String {
        let Options { set_size, timeout, .. } = &self.options;
        let own = format!("layout={LAYOUT} size={set_size} timeout={}", timeout.as_secs());
        let beside = self.options.beside;
        beside
            .map_or(own.clone(), |Origin { id, handle }| format!("{own} beside={id:016x}-{handle}"))
    }

    fn full_name(&self) -> String {
        format!("{} {}", self.options.placement.name(), self.options.name)
    }
}

fn active(sets: &[Set], kind: Kind) -> Option<(u16, u16)> {
    let ours = || sets.iter().filter(|set| set.kind == kind);
    let generation = ours().map(|set| set.place.generation).max()?;
    let current = ours().filter(|set| set.place.generation == generation);
    Some((generation, current.map(|set| set.place.shard).max()?.saturating_add(1)))
}

fn known_sets(found: &Listing) -> Vec<Set> {
    let named = found.sets.iter().filter_map(|name| Some((name, parse_set(name)?)));
    named
        .map(|(name, (kind, place, direction))| Set::new(name.clone(), kind, place, direction))
        .collect()
}

fn validate(options: &Options) -> Result<(), Error> {
    let fault = |what| Err(Error::Options { what });
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if options.set_size == 0 || options.set_size > MAX_SET_SIZE {
        return fault("set_size must be 1 to 8,000: a larger set is too slow to read");
    }
    if options.timeout < Duration::from_secs(1) {
        return fault("timeout must be a second or more");
    }
    if !options.name.starts_with(|c: char| c.is_ascii_alphabetic())
        || !options.name.chars().all(letters)
        || options.name.len() > 64
    {
        return fault("name must be a letter, then at most 63 letters, digits or underscores");
    }
    Ok(())
}
