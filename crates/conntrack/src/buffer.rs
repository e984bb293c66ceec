//! From a raw buffer, as a socket gave it or a recording kept it, to entries.

use svcflow_netlink::{DecodeError, Message, Messages, SUBSYS_CTNETLINK, flags};

use crate::Entry;
use crate::attribute::{MSG_DELETE, MSG_NEW};

/// What a message says of its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// It is in the table: a part of a dump's answer.
    Listed,
    /// It has just come.
    New,
    /// It has changed.
    Update,
    /// It has ended; the message holds its last counters.
    Destroy,
}

impl Event {
    /// Tells what `message` is, `None` where it isn't about an entry (the end of a dump, another
    /// subsystem, a kind that is newer than this).
    ///
    /// New and update share a message type: the flags tell (`ctnetlink_conntrack_event` in
    /// `net/netfilter/nf_conntrack_netlink.c`).
    #[must_use]
    #[inline]
    pub const fn of(message: &Message<'_>) -> Option<Self> {
        if message.subsystem() != SUBSYS_CTNETLINK {
            return None;
        }
        match message.number() {
            MSG_NEW if message.flags & flags::MULTI != 0 => Some(Self::Listed),
            MSG_NEW if message.flags & flags::CREATE != 0 => Some(Self::New),
            MSG_NEW => Some(Self::Update),
            MSG_DELETE => Some(Self::Destroy),
            _ => None,
        }
    }
}

/// The entries in one raw buffer, of a dump or of events. Messages that aren't about entries are
/// passed over.
///
/// An entry that can't be read is an error, and the next one is read all the same; after a message
/// whose length is wrong nothing more comes, since what follows has no known start.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    messages: Messages<'a>,
}

impl<'a> Entries<'a> {
    /// Reads entries from `buffer`.
    #[must_use]
    pub const fn new(buffer: &'a [u8]) -> Self {
        Self { messages: Messages::new(buffer) }
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<(Event, Entry), DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let message = match self.messages.next()? {
                Ok(message) => message,
                Err(error) => return Some(Err(error)),
            };
            if let Some(event) = Event::of(&message) {
                return Some(Entry::decode(&message).map(|entry| (event, entry)));
            }
        }
    }
}
