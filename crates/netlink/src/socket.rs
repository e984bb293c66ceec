use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::netlink::{NETFILTER, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, sendto,
    socket_with, sockopt,
};

use crate::message::{NLMSG_DONE, NLMSG_ERROR};
use crate::{Error, Message, Messages};

/// The kernel never fills more than this in one dump answer (`netlink_dump` caps at 32 KiB); larger
/// answers than the default page mean fewer restarts of its walk.
const BUFFER: usize = 64 * 1024;
/// The kernel answers requests at once; this only keeps a lost answer from hanging us for ever.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// A blocking netlink socket with one receive buffer that is reused.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

/// What a wait for events brought.
#[derive(Debug)]
pub enum Received<'a> {
    /// One buffer of messages.
    Messages(&'a [u8]),
    /// The kernel dropped events: its queue to us was full (ENOBUFS). The socket lives on.
    Overrun,
    /// Nothing within the time.
    Nothing,
}

/// How a dump went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dumped {
    /// The kernel said that the dump was inconsistent (`NLM_F_DUMP_INTR`).
    pub interrupted: bool,
}

impl Socket {
    /// Opens a socket in the calling thread's network namespace, where it stays whatever the thread
    /// does later. `groups` is a mask: bit n-1 joins group n.
    ///
    /// # Errors
    /// Where the kernel has no netfilter netlink, or joining is not permitted.
    pub fn open(groups: u32) -> Result<Self, Error> {
        Self::of(Some(NETFILTER), groups)
    }

    /// The same for the kernel's links, addresses and routes (`NETLINK_ROUTE`), whose messages begin
    /// with other headers: read what follows those with [`crate::Attributes::new`].
    ///
    /// # Errors
    /// Where the kernel refuses a socket.
    pub fn open_route() -> Result<Self, Error> {
        // Protocol 0 is NETLINK_ROUTE, which rustix says as `None`.
        Self::of(None, 0)
    }

    fn of(protocol: Option<Protocol>, groups: u32) -> Result<Self, Error> {
        let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
        let fd = socket_with(family, kind, SocketFlags::CLOEXEC, protocol)
            .map_err(Error::system("open"))?;
        bind(&fd, &SocketAddrNetlink::new(0, groups)).map_err(Error::system("bind"))?;
        Ok(Self { fd, sequence: 0, buffer: vec![0; BUFFER] })
    }

    /// Asks for a receive buffer of `bytes`, by force where permitted, and reads back what was given
    /// (the kernel counts bookkeeping too, so it reports twice what it was asked).
    ///
    /// # Errors
    /// Where even the plain request fails.
    pub fn set_receive_buffer(&self, bytes: usize) -> Result<usize, Error> {
        if sockopt::set_socket_recv_buffer_size_force(&self.fd, bytes).is_err() {
            sockopt::set_socket_recv_buffer_size(&self.fd, bytes)
                .map_err(Error::system("set receive buffer"))?;
        }
        let given = sockopt::socket_recv_buffer_size(&self.fd)
            .map_err(Error::system("read back buffer"))?;
        Ok(given / 2)
    }

    /// The next sequence number for a request.
    pub const fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// Sends whole messages.
    ///
    /// # Errors
    /// Where the kernel doesn't take them.
    pub fn send(&self, bytes: &[u8]) -> Result<(), Error> {
        let kernel = SocketAddrNetlink::new(0, 0);
        sendto(&self.fd, bytes, SendFlags::empty(), &kernel).map_err(Error::system("send"))?;
        Ok(())
    }

    /// Waits at most `timeout` for one buffer of messages; zero only looks.
    ///
    /// # Errors
    /// Any failure but a full queue, which is [`Received::Overrun`].
    pub fn receive(&mut self, timeout: Duration) -> Result<Received<'_>, Error> {
        // Looking comes before waiting: an event and a dump's next part are mostly there already, and
        // then there is no poll to pay for.
        let mut waited = false;
        loop {
            match recv(&self.fd, &mut self.buffer[..], RecvFlags::DONTWAIT) {
                Ok((length, _)) => {
                    let messages = self.buffer.get(..length).unwrap_or_default();
                    return Ok(Received::Messages(messages));
                }
                Err(Errno::NOBUFS) => return Ok(Received::Overrun),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if waited || timeout.is_zero() => return Ok(Received::Nothing),
                Err(Errno::AGAIN) => {
                    if !self.wait(timeout)? {
                        return Ok(Received::Nothing);
                    }
                    waited = true;
                }
                Err(errno) => return Err(Error::system("receive")(errno)),
            }
        }
    }

    /// Sends one dump request and hands over each message of its answer, in place.
    ///
    /// # Errors
    /// Where the request is refused, the answer is unreadable or does not come within 10 s, or `each`
    /// fails. The socket is then out of step: open a new one.
    pub fn dump<E: From<Error>>(
        &mut self,
        operation: &'static str,
        request: &[u8],
        mut each: impl FnMut(&Message<'_>) -> Result<(), E>,
    ) -> Result<Dumped, E> {
        self.send(request)?;
        let sequence = self.sequence;
        let mut dumped = Dumped::default();
        loop {
            let Received::Messages(bytes) = self.receive(REPLY_TIMEOUT)? else {
                return Err(timed_out(operation).into());
            };
            for message in Messages::new(bytes) {
                let message = message.map_err(Error::from)?;
                if message.sequence != sequence {
                    continue;
                }
                dumped.interrupted |= message.interrupted();
                match message.kind {
                    NLMSG_DONE | NLMSG_ERROR => {
                        return refusal(operation, &message).map_or(Ok(dumped), |e| Err(e.into()));
                    }
                    _ => each(&message)?,
                }
            }
        }
    }

    /// Sends messages of which the last asks for an ack with the current sequence number, and waits
    /// for it. Messages that come before it (an echo, a get's answer) go to `each`.
    ///
    /// # Errors
    /// Where any message is refused, or no answer comes within 10 s.
    pub fn request<E: From<Error>>(
        &mut self,
        operation: &'static str,
        request: &[u8],
        mut each: impl FnMut(&Message<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.send(request)?;
        let sequence = self.sequence;
        let mut refused = None;
        loop {
            let Received::Messages(bytes) = self.receive(REPLY_TIMEOUT)? else {
                return Err(refused.unwrap_or_else(|| timed_out(operation)).into());
            };
            for message in Messages::new(bytes) {
                let message = message.map_err(Error::from)?;
                if message.kind == NLMSG_ERROR {
                    refused = refused.or(refusal(operation, &message));
                    if message.sequence == sequence || refused.is_some() {
                        return refused.map_or(Ok(()), |error| Err(error.into()));
                    }
                } else if message.sequence == sequence {
                    each(&message)?;
                }
            }
        }
    }

    fn wait(&self, timeout: Duration) -> Result<bool, Error> {
        let timeout = Timespec::try_from(timeout).ok();
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(false),
            Err(errno) => Err(Error::system("poll")(errno)),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn timed_out(operation: &'static str) -> Error {
    Error::System { operation, source: std::io::ErrorKind::TimedOut.into() }
}

fn refusal(operation: &'static str, message: &Message<'_>) -> Option<Error> {
    message.refusal(operation)
}
