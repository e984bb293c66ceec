use crate::{Attributes, DecodeError, Error, flags};

/// Size of `struct nlmsghdr`.
const HEADER: usize = 16;
/// Size of `struct nfgenmsg`, which follows it in every netfilter message.
const NFGENMSG: usize = 4;

pub(crate) const NLMSG_ERROR: u16 = 2;
pub(crate) const NLMSG_DONE: u16 = 3;

/// One message, still in the buffer it came in.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Type; see [`crate::message_type`].
    pub kind: u16,
    /// Flags; see [`crate::flags`].
    pub flags: u16,
    /// The request's sequence number; 0 for events.
    pub sequence: u32,
    /// What follows the header.
    pub payload: &'a [u8],
    /// Where the payload starts in the buffer.
    pub offset: usize,
}

impl<'a> Message<'a> {
    /// The subsystem of a netfilter message.
    #[must_use]
    pub const fn subsystem(&self) -> u8 {
        (self.kind >> 8) as u8
    }

    /// The message number within its subsystem.
    #[must_use]
    pub const fn number(&self) -> u8 {
        (self.kind & 0xff) as u8
    }

    /// Whether the kernel says that the dump it belongs to was inconsistent.
    #[must_use]
    pub const fn interrupted(&self) -> bool {
        self.flags & flags::DUMP_INTR != 0
    }

    /// The address family of a netfilter message (`nfgenmsg.nfgen_family`), 0 where cut off.
    #[must_use]
    #[inline]
    pub fn family(&self) -> u8 {
        self.payload.first().copied().unwrap_or(0)
    }

    /// The attributes of a netfilter message, behind its `nfgenmsg`.
    ///
    /// # Errors
    /// Where the message is shorter than an `nfgenmsg`.
    #[inline]
    pub fn attributes(&self) -> Result<Attributes<'a>, DecodeError> {
        let rest = self.payload.get(NFGENMSG..).ok_or(DecodeError {
            what: "netfilter message without nfgenmsg",
            offset: self.offset,
        })?;
        Ok(Attributes::new(rest, self.offset + NFGENMSG))
    }

    /// Whether it ends an answer: `NLMSG_DONE`, or `NLMSG_ERROR` (which is also a plain ack).
    #[must_use]
    #[inline]
    pub const fn is_end(&self) -> bool {
        matches!(self.kind, NLMSG_DONE | NLMSG_ERROR)
    }

    /// What the kernel refused with this message, which [ends](Self::is_end) the answer to
    /// `operation`; `None` where it succeeded.
    #[must_use]
    pub fn refusal(&self, operation: &'static str) -> Option<Error> {
        match self.error_code() {
            0 => None,
            code => Some(Error::Refused {
                operation,
                source: std::io::Error::from_raw_os_error(code.saturating_neg()),
            }),
        }
    }

    /// The error number of an `NLMSG_ERROR` or `NLMSG_DONE` message: 0 is success.
    pub(crate) fn error_code(&self) -> i32 {
        self.payload.first_chunk().map_or(0, |bytes| i32::from_ne_bytes(*bytes))
    }
}

/// The messages in one received buffer. Ends after the first error: what follows has no known start.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Messages<'a> {
    /// Reads messages from `buffer`.
    #[must_use]
    pub const fn new(buffer: &'a [u8]) -> Self {
        Self { rest: buffer, offset: 0 }
    }

    #[inline]
    fn read(&mut self) -> Result<Message<'a>, DecodeError> {
        let fault = |what| DecodeError { what, offset: self.offset };
        let header: &[u8; HEADER] =
            self.rest.first_chunk().ok_or(fault("truncated netlink header"))?;
        let [l0, l1, l2, l3, k0, k1, f0, f1, s0, s1, s2, s3, ..] = *header;
        let length = u32::from_ne_bytes([l0, l1, l2, l3]) as usize;
        let payload = self
            .rest
            .get(HEADER..length)
            .ok_or(fault("netlink message length outside its buffer"))?;
        let message = Message {
            kind: u16::from_ne_bytes([k0, k1]),
            flags: u16::from_ne_bytes([f0, f1]),
            sequence: u32::from_ne_bytes([s0, s1, s2, s3]),
            payload,
            offset: self.offset + HEADER,
        };
        let step = length.next_multiple_of(4).min(self.rest.len());
        self.rest = self.rest.get(step..).unwrap_or_default();
        self.offset += step;
        Ok(message)
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let message = self.read();
        if message.is_err() {
            self.rest = &[];
        }
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Builder;

    #[test]
    fn what_was_built_is_read_back() {
        let mut builder = Builder::new();
        builder.begin(0x0a01, flags::REQUEST, 7, 2, 0);
        builder.string(1, "svcflow");
        builder.be_u32(2, 0x0102_0304);
        builder.begin(0x0a02, flags::REQUEST, 8, 2, 0);
        let messages: Vec<_> = Messages::new(builder.bytes()).map(Result::unwrap).collect();
        assert_eq!(messages.len(), 2);
        assert_eq!((messages[0].kind, messages[0].sequence, messages[0].family()), (0x0a01, 7, 2));
        let attributes: Vec<_> = messages[0].attributes().unwrap().map(Result::unwrap).collect();
        assert_eq!(attributes[0].text(), Some("svcflow"));
        assert_eq!(attributes[1].be_u32().unwrap(), 0x0102_0304);
        assert_eq!(messages[1].sequence, 8);
    }

    #[test]
    fn every_truncation_is_an_error_or_a_shorter_answer() {
        let mut builder = Builder::new();
        builder.begin(0x0a01, 0, 7, 2, 0);
        builder.string(1, "svcflow");
        let bytes = builder.bytes();
        for cut in 1..bytes.len() {
            let first = Messages::new(&bytes[..cut]).next().unwrap();
            assert!(first.is_err(), "cut at {cut}");
        }
        for length in 0..16_u32 {
            let mut hostile = bytes.to_vec();
            hostile[..4].copy_from_slice(&length.to_ne_bytes());
            assert!(Messages::new(&hostile).next().unwrap().is_err(), "length {length} loops");
        }
    }
}
