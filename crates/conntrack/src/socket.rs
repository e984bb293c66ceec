use std::time::Duration;

use svcflow_netlink::{
    Builder, Error, Messages, Received, SUBSYS_CTNETLINK, Socket, flags, message_type,
};

use crate::attribute::{MSG_GET, cta};
use crate::{Entry, Event, Family, Status};

/// The kernel answers a dump at once; this only keeps a lost answer from hanging us for ever.
const TIMEOUT: Duration = Duration::from_secs(10);
const DUMP: &str = "dump of connection tracking";

/// Which entries a dump is to bring. The kernel filters, so that those left out cost it less.
///
/// Kernels before 5.8 don't know the filter by status and before 6.8 not the one by zone; they
/// bring more then, so [`Conntrack::dump`] asks [`Filter::admits`] of every entry too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this family.
    pub family: Option<Family>,
    /// Only entries whose status has, under the second's bits, exactly the first's.
    pub status: Option<(Status, Status)>,
    /// Only entries whose mark has, under the second's bits, exactly the first's.
    pub mark: Option<(u32, u32)>,
    /// Only this zone, be it of both directions or of one; 0 is those without a zone.
    pub zone: Option<u16>,
}

impl Filter {
    /// Whether an entry passes.
    #[must_use]
    #[inline]
    pub fn admits(&self, entry: &Entry) -> bool {
        self.family.is_none_or(|family| entry.family() == family)
            && self.status.is_none_or(|(value, mask)| entry.status.0 & mask.0 == value.0)
            && self.mark.is_none_or(|(value, mask)| entry.mark.unwrap_or(0) & mask == value)
            && self.zone.is_none_or(|zone| {
                // 0 is the zone of those that have none, not a direction's lack of its own.
                zone == entry.zone | entry.original.zone | entry.reply.zone
            })
    }

    fn request(&self, sequence: u32) -> Builder {
        let mut builder = Builder::new();
        let family = self.family.map_or(0, |family| family as u8);
        let kind = message_type(SUBSYS_CTNETLINK, MSG_GET);
        builder.begin(kind, flags::REQUEST | flags::DUMP, sequence, family, 0);
        if let Some((value, mask)) = self.status {
            builder.be_u32(cta::STATUS, value.0);
            builder.be_u32(cta::STATUS_MASK, mask.0);
        }
        if let Some((value, mask)) = self.mark {
            builder.be_u32(cta::MARK, value);
            builder.be_u32(cta::MARK_MASK, mask);
        }
        if let Some(zone) = self.zone {
            builder.be_u16(cta::ZONE, zone);
        }
        builder
    }
}

/// How a dump went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Entries handed over.
    pub entries: u64,
    /// Entries that could not be read, and were left out.
    pub unreadable: u64,
    /// The kernel said that the dump was inconsistent (`NLM_F_DUMP_INTR`). It seldom does: a dump of
    /// a changing table holds duplicates and gaps without saying so.
    pub interrupted: bool,
}

/// A socket to ask connection tracking with: of the network namespace that the opening thread is in.
#[derive(Debug)]
pub struct Conntrack {
    pub(crate) socket: Socket,
    /// A dump was begun whose end hasn't been read.
    dumping: bool,
}

impl Conntrack {
    /// Opens a socket in the calling thread's network namespace.
    ///
    /// # Errors
    /// Where the kernel has no netfilter netlink.
    pub fn open() -> Result<Self, Error> {
        Ok(Self { socket: Socket::open(0)?, dumping: false })
    }

    /// Hands over each entry that `filter` admits, in place, without allocating.
    ///
    /// # Errors
    /// Where the kernel refuses (EPERM without `CAP_NET_ADMIN`), its answer is framed wrongly or
    /// stays away, or `each` fails; the rest of the dump is then not handed over.
    pub fn dump<E: From<Error>>(
        &mut self,
        filter: &Filter,
        mut each: impl FnMut(&Entry) -> Result<(), E>,
    ) -> Result<Summary, E> {
        let sequence = self.ask(filter)?;
        let mut summary = Summary::default();
        loop {
            let Received::Messages(bytes) = self.socket.receive(TIMEOUT)? else {
                return Err(timed_out(DUMP).into());
            };
            for message in Messages::new(bytes) {
                let message = message.map_err(Error::from)?;
                if message.sequence != sequence {
                    continue;
                }
                summary.interrupted |= message.interrupted();
                if message.is_end() {
                    self.dumping = false;
                    return message.refusal(DUMP).map_or(Ok(summary), |error| Err(error.into()));
                }
                if Event::of(&message).is_none() {
                    continue;
                }
                match Entry::decode(&message) {
                    Ok(entry) if filter.admits(&entry) => {
                        summary.entries += 1;
                        each(&entry)?;
                    }
                    Ok(_) => {}
                    Err(_) => summary.unreadable += 1,
                }
            }
        }
    }

    /// Begins a dump that is driven buffer by buffer, so that other work (draining [`crate::Events`])
    /// can be done in between, or the buffers be recorded.
    ///
    /// # Errors
    /// Where the request can't be sent.
    pub fn begin_dump(&mut self, filter: &Filter) -> Result<Dump<'_>, Error> {
        let sequence = self.ask(filter)?;
        Ok(Dump { conntrack: self, sequence, interrupted: false, done: false })
    }

    fn ask(&mut self, filter: &Filter) -> Result<u32, Error> {
        self.finish_earlier()?;
        let sequence = self.socket.next_sequence();
        self.socket.send(filter.request(sequence).bytes())?;
        self.dumping = true;
        Ok(sequence)
    }

    /// Reads an abandoned dump to its end: until then the kernel answers EBUSY to the next one.
    pub(crate) fn finish_earlier(&mut self) -> Result<(), Error> {
        while self.dumping {
            let Received::Messages(bytes) = self.socket.receive(TIMEOUT)? else {
                return Err(timed_out(DUMP));
            };
            self.dumping = !Messages::new(bytes).flatten().any(|message| message.is_end());
        }
        Ok(())
    }
}

/// A dump in progress. Dropping it early is fine.
#[derive(Debug)]
pub struct Dump<'a> {
    conntrack: &'a mut Conntrack,
    sequence: u32,
    interrupted: bool,
    done: bool,
}

impl Dump<'_> {
    /// The next raw buffer of the answer, at most 32 KiB: give it to [`crate::Entries`]. `None` after
    /// the last.
    ///
    /// # Errors
    /// Where the kernel refused the dump, its answer is framed wrongly, or doesn't come within 10 s.
    pub fn next_buffer(&mut self) -> Result<Option<&[u8]>, Error> {
        if self.done {
            return Ok(None);
        }
        let Received::Messages(bytes) = self.conntrack.socket.receive(TIMEOUT)? else {
            return Err(timed_out(DUMP));
        };
        for message in Messages::new(bytes) {
            let message = message?;
            self.interrupted |= message.interrupted();
            if message.is_end() && message.sequence == self.sequence {
                self.done = true;
                self.conntrack.dumping = false;
                if let Some(refusal) = message.refusal(DUMP) {
                    return Err(refusal);
                }
            }
        }
        Ok(Some(bytes))
    }

    /// Whether the kernel has so far said that the dump was inconsistent.
    #[must_use]
    pub const fn interrupted(&self) -> bool {
        self.interrupted
    }
}

pub(crate) fn timed_out(operation: &'static str) -> Error {
    Error::System { operation, source: std::io::ErrorKind::TimedOut.into() }
}
