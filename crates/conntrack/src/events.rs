use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use svcflow_netlink::{Error, Received, Socket};

/// Which events to receive: bits of `enum nfnetlink_groups` in
/// `include/uapi/linux/netfilter/nfnetlink.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups(pub u32);

impl Groups {
    /// `NFNLGRP_CONNTRACK_NEW`
    pub const NEW: Self = Self(1);
    /// `NFNLGRP_CONNTRACK_UPDATE`
    pub const UPDATE: Self = Self(1 << 1);
    /// `NFNLGRP_CONNTRACK_DESTROY`
    pub const DESTROY: Self = Self(1 << 2);
    /// All of them.
    pub const ALL: Self = Self(7);
}

impl std::ops::BitOr for Groups {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A socket that receives events of connection tracking.
///
/// The kernel never waits for a listener: events that find no room in the receive buffer are lost,
/// and the next [`Events::receive`] says so with [`Received::Overrun`]. The socket lives on; whoever
/// needs the whole picture dumps again. With `nf_conntrack_events=2`, the default, connections end
/// without an event that began when nobody on the host, in whatever namespace, was listening.
#[derive(Debug)]
pub struct Events {
    socket: Socket,
    asked: usize,
    given: usize,
}

impl Events {
    /// Subscribes in the calling thread's network namespace, with a receive buffer of
    /// `receive_buffer` bytes: by force where permitted (`CAP_NET_ADMIN` in the first user
    /// namespace), else up to `net.core.rmem_max`. [`Events::given`] tells which.
    ///
    /// # Errors
    /// Where the kernel has no netfilter netlink, or doesn't permit listening.
    pub fn open(groups: Groups, receive_buffer: usize) -> Result<Self, Error> {
        let socket = Socket::open(groups.0)?;
        let given = socket.set_receive_buffer(receive_buffer)?;
        Ok(Self { socket, asked: receive_buffer, given })
    }

    /// Bytes of receive buffer that were asked for.
    #[must_use]
    pub const fn asked(&self) -> usize {
        self.asked
    }

    /// Bytes of receive buffer that the kernel gave, in the same measure.
    #[must_use]
    pub const fn given(&self) -> usize {
        self.given
    }

    /// Waits at most `timeout` for one raw buffer of events, which [`crate::Entries`] reads; zero
    /// only looks.
    ///
    /// # Errors
    /// Any failure but lost events, which are [`Received::Overrun`].
    pub fn receive(&mut self, timeout: Duration) -> Result<Received<'_>, Error> {
        self.socket.receive(timeout)
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
