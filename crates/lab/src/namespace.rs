//! Unnamed network namespaces: each is kept by a descriptor, so it ends with the process.

use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crate::error::{Context, Error, Result};
use crate::sys;

/// A network namespace kept alive by a descriptor; clones share it.
#[derive(Clone, Debug)]
pub struct Namespace(Arc<File>);

impl Namespace {
    /// Makes an empty namespace with only a loopback interface, down.
    ///
    /// # Errors
    /// Where the process lacks the rights; see [`enter`].
    pub fn new() -> Result<Self> {
        let made = thread::spawn(|| {
            sys::unshare(libc::CLONE_NEWNET).context(|| "make a network namespace".to_owned())?;
            File::open("/proc/thread-self/ns/net").context(|| "open the new namespace".to_owned())
        });
        Ok(Self(Arc::new(made.join().map_err(|_| Error::Thread)??)))
    }

    /// The namespace of a process, such as a container's.
    ///
    /// # Errors
    /// Where there is no such process, or it is not ours to look into.
    pub fn of_process(pid: u32) -> Result<Self> {
        let opened = File::open(format!("/proc/{pid}/ns/net"));
        Ok(Self(Arc::new(opened.context(|| format!("open the network of process {pid}"))?)))
    }

    /// Moves the calling thread here. It may have no way back: prefer [`Namespace::run`].
    ///
    /// # Errors
    /// Where the kernel refuses.
    pub fn enter_current_thread(&self) -> Result<()> {
        sys::setns(self.0.as_fd()).context(|| "enter a lab namespace".to_owned())
    }

    /// Runs a closure in this namespace, on a thread of its own.
    ///
    /// # Errors
    /// Where the namespace cannot be entered or the closure panics.
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> Result<T> {
        thread::scope(|scope| {
            let inside = scope.spawn(|| self.enter_current_thread().map(|()| f()));
            inside.join().map_err(|_| Error::Thread)?
        })
    }

    /// Starts a named thread in this namespace; the closure is not run where it cannot be entered.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn spawn<T: Send + 'static>(
        &self,
        name: &str,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<Result<T>>> {
        let here = self.clone();
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || here.enter_current_thread().map(|()| f()))
            .context(|| format!("start the thread {name}"))
    }

    /// A path by which a child process of this one can name the namespace.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}

/// Gets the rights to make namespaces: nothing as root, else a user namespace of our own, in the host's
/// network namespace, so that what the program listens on is reachable. Call it before any thread starts.
///
/// # Errors
/// Where the host forbids it; the message names the remedy.
pub fn enter() -> Result<()> {
    if sys::can_administer() {
        return Ok(());
    }
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let refused = |what: &str, source| match forbidding_setting() {
        Some(setting) => Error::Forbidden { setting },
        None => Error::System { what: format!("{what}; try `sudo svcflow demo`"), source },
    };
    sys::unshare(libc::CLONE_NEWUSER).map_err(|e| refused("make a user namespace", e))?;
    for (path, text) in [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("0 {uid} 1")),
        ("/proc/self/gid_map", format!("0 {gid} 1")),
    ] {
        fs::write(path, text).map_err(|e| refused(&format!("write {path}"), e))?;
    }
    // AppArmor on Ubuntu lets the namespace be made and then takes its rights away: try one.
    let probe = thread::spawn(|| sys::unshare(libc::CLONE_NEWNET));
    let probed = probe.join().map_err(|_| Error::Thread)?;
    probed.map_err(|e| refused("make a network namespace", e))
}

fn forbidding_setting() -> Option<String> {
    let settings = [
        ("kernel.apparmor_restrict_unprivileged_userns", "1"),
        ("kernel.unprivileged_userns_clone", "0"),
        ("user.max_user_namespaces", "0"),
    ];
    settings.iter().find_map(|(name, forbidding)| {
        let value = fs::read_to_string(format!("/proc/sys/{}", name.replace('.', "/"))).ok()?;
        (value.trim() == *forbidding).then(|| format!("{name}={forbidding}"))
    })
}
