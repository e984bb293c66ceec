//! The system calls that have no safe form: namespaces by thread, and the AF_PACKET ring.
#![allow(unsafe_code, reason = "unshare, setns, packet socket options and the mapped ring")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

const BLOCK: usize = 1 << 18;
const BLOCKS: usize = 64;
const SNAP: u32 = 128;

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

pub(crate) fn unshare(flags: libc::c_int) -> io::Result<()> {
    // SAFETY: only namespace flags are passed; descriptors and memory stay shared.
    check(unsafe { libc::unshare(flags) })
}

pub(crate) fn setns(namespace: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the descriptor is open for the call; only the thread's network namespace changes.
    check(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) })
}

pub(crate) fn can_administer() -> bool {
    rustix::process::geteuid().is_root()
        && rustix::thread::capabilities(None)
            .is_ok_and(|sets| sets.effective.contains(rustix::thread::CapabilitySet::SYS_ADMIN))
}

fn set<T>(socket: &OwnedFd, level: i32, name: i32, value: &T) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<T>()).map_err(io::Error::other)?;
    // SAFETY: pointer and length describe one live value of the type the option takes.
    check(unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, ptr::from_ref(value).cast(), length)
    })
}

/// One captured packet: its head from the IP header on, and its whole length.
pub(crate) struct Packet<'a> {
    pub(crate) head: &'a [u8],
    pub(crate) length: u32,
}

/// A TPACKET_V3 ring on one interface of the current thread's namespace.
pub(crate) struct Ring {
    socket: OwnedFd,
    map: *mut u8,
    next: usize,
}

// SAFETY: the mapping belongs to this value alone and is not bound to a thread.
unsafe impl Send for Ring {}

impl Ring {
    pub(crate) fn open(interface: &str) -> io::Result<Self> {
        let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
        // SAFETY: no pointers; protocol 0 takes no packets until bound.
        let raw = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
        check(raw)?;
        // SAFETY: a fresh descriptor that nobody else owns.
        let socket = unsafe { OwnedFd::from_raw_fd(raw) };
        set(&socket, libc::SOL_PACKET, libc::PACKET_VERSION, &2_i32)?;
        let mut keep = libc::sock_filter { code: 6, jt: 0, jf: 0, k: SNAP };
        let program = libc::sock_fprog { len: 1, filter: &raw mut keep };
        set(&socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)?;
        let size = |n: usize| u32::try_from(n).map_err(io::Error::other);
        let request = libc::tpacket_req3 {
            tp_block_size: size(BLOCK)?,
            tp_block_nr: size(BLOCKS)?,
            tp_frame_size: 2048,
            tp_frame_nr: size(BLOCK / 2048 * BLOCKS)?,
            tp_retire_blk_tov: 5,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        set(&socket, libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        let mut ring = Self { socket, map: ptr::null_mut(), next: 0 };
        ring.map()?;
        ring.bind(interface)?;
        Ok(ring)
    }

    fn map(&mut self) -> io::Result<()> {
        let (access, fd) = (libc::PROT_READ | libc::PROT_WRITE, self.socket.as_raw_fd());
        // SAFETY: a new mapping of exactly the ring's size; unmapped in `drop`.
        let map =
            unsafe { libc::mmap(ptr::null_mut(), BLOCK * BLOCKS, access, libc::MAP_SHARED, fd, 0) };
        if map == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        self.map = map.cast();
        Ok(())
    }

    fn bind(&self, interface: &str) -> io::Result<()> {
        let index = rustix::net::netdevice::name_to_index(&self.socket, interface)?;
        // SAFETY: all zeroes is a valid sockaddr_ll.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = u16::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
        address.sll_protocol = 3_u16.to_be(); // ETH_P_ALL: outgoing packets as well
        address.sll_ifindex = i32::try_from(index).map_err(io::Error::other)?;
        let length = libc::socklen_t::try_from(size_of_val(&address)).map_err(io::Error::other)?;
        // SAFETY: pointer and length describe the live address.
        check(unsafe { libc::bind(self.socket.as_raw_fd(), (&raw const address).cast(), length) })
    }

    /// Hands every packet of the next full block to `f`; false where no block is ready.
    pub(crate) fn next_block(&mut self, mut f: impl FnMut(Packet<'_>)) -> bool {
        // SAFETY: `next` stays below BLOCKS; the status word is aligned and shared with the kernel,
        // and while it says "user" the kernel leaves the block alone; offsets are the kernel's.
        unsafe {
            let block = self.map.add(self.next * BLOCK);
            let head = &raw const (*block.cast::<libc::tpacket_block_desc>()).hdr.bh1;
            let status = AtomicU32::from_ptr((&raw const (*head).block_status).cast_mut());
            if status.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
                return false;
            }
            let mut at = block.add((*head).offset_to_first_pkt as usize);
            for _ in 0..(*head).num_pkts {
                let packet = &*at.cast::<libc::tpacket3_hdr>();
                let start = at.add(usize::from(packet.tp_net));
                let bytes = std::slice::from_raw_parts(start, packet.tp_snaplen as usize);
                f(Packet { head: bytes, length: packet.tp_len });
                at = at.add(packet.tp_next_offset as usize);
            }
            status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
        }
        self.next = (self.next + 1) % BLOCKS;
        true
    }

    /// Packets lost since the last call.
    pub(crate) fn drops(&self) -> io::Result<u64> {
        let mut stats = [0_u32; 3];
        let mut length =
            libc::socklen_t::try_from(size_of_val(&stats)).map_err(io::Error::other)?;
        let (fd, to) = (self.socket.as_raw_fd(), stats.as_mut_ptr().cast());
        // SAFETY: tpacket_stats_v3 is three u32; pointer and length describe the live array.
        check(unsafe {
            libc::getsockopt(fd, libc::SOL_PACKET, libc::PACKET_STATISTICS, to, &raw mut length)
        })?;
        let [_, drops, _] = stats;
        Ok(drops.into())
    }

    pub(crate) fn wait(&self, milliseconds: i64) {
        let fd = self.socket.as_fd();
        let mut poll = [rustix::event::PollFd::from_borrowed_fd(fd, rustix::event::PollFlags::IN)];
        let timeout =
            rustix::event::Timespec { tv_sec: 0, tv_nsec: milliseconds.saturating_mul(1_000_000) };
        let _ = rustix::event::poll(&mut poll, Some(&timeout));
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        if !self.map.is_null() {
            // SAFETY: the mapping made in `map`, not used after this.
            unsafe { libc::munmap(self.map.cast(), BLOCK * BLOCKS) };
        }
    }
}
