//! Two kernel switches without which connection tracking shows no or too few numbers (case 8).

use std::fs;
use std::path::{Path, PathBuf};

const ACCOUNTING: &str = "net.netfilter.nf_conntrack_acct";
const EVENTS: &str = "net.netfilter.nf_conntrack_events";

/// Where the switches are. `/proc/sys/net` shows those of the reading thread's network namespace.
#[derive(Clone, Debug)]
pub struct Switches {
    root: PathBuf,
}

impl Default for Switches {
    fn default() -> Self {
        Self { root: PathBuf::from("/proc/sys") }
    }
}

/// What was found and done about the switches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SwitchReport {
    /// What the agent turned on, a sentence each.
    pub done: Vec<String>,
    /// What is off and stays off, in one sentence with the remedy.
    pub warning: Option<String>,
}

impl Switches {
    /// Switches below another directory, for tests.
    #[must_use]
    pub fn under(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Checks both switches and turns on what is off, where `enable` says so and the kernel lets us.
    ///
    /// `needed` says whether the source lives by them: nftables sets count by themselves.
    #[must_use]
    pub fn check(&self, enable: bool, needed: bool) -> SwitchReport {
        let mut report = SwitchReport::default();
        let mut off = Vec::new();
        let mut refusal = None;
        for (name, effect) in [
            (ACCOUNTING, "connections that begin from now on carry counters"),
            (EVENTS, "the end of every connection is announced"),
        ] {
            match self.read(name) {
                None | Some(1) => {}
                Some(_) if !enable => off.push(name),
                Some(was) => match self.write(name) {
                    Ok(()) => report.done.push(format!("set {name} from {was} to 1: {effect}")),
                    Err(error) => {
                        off.push(name);
                        refusal = Some(error);
                    }
                },
            }
        }
        report.warning = warning(&off, refusal.as_ref(), needed || enable);
        report
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name.replace('.', "/"))
    }

    fn read(&self, name: &str) -> Option<i64> {
        fs::read_to_string(self.path(name)).ok()?.trim().parse().ok()
    }

    fn write(&self, name: &str) -> std::io::Result<()> {
        fs::write(self.path(name), "1")
    }
}

fn warning(off: &[&str], refusal: Option<&std::io::Error>, needed: bool) -> Option<String> {
    if off.is_empty() || !needed {
        return None;
    }
    let settings: Vec<_> = off.iter().map(|name| format!("{name}=1")).collect();
    let effect = if off.contains(&ACCOUNTING) {
        "traffic of connections is unknown, not zero"
    } else {
        "ends of connections older than the agent are not announced, so their last bytes are lost"
    };
    let remedy = match refusal {
        Some(error) => format!("the kernel did not let the agent set it ({error}): as root, run"),
        None => "set `enable_conntrack_accounting = true`, or run".to_owned(),
    };
    Some(format!(
        "{} is not on: {effect}; {remedy} `sysctl -w {}`",
        off.join(" and "),
        settings.join(" ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(accounting: &str, events: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("net/netfilter");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("nf_conntrack_acct"), accounting).unwrap();
        fs::write(directory.join("nf_conntrack_events"), events).unwrap();
        root
    }

    #[test]
    fn off_and_not_told_is_one_warning_with_the_remedy() {
        let root = kernel("0\n", "2\n");
        let report = Switches::under(root.path()).check(false, true);
        assert!(report.done.is_empty());
        let warning = report.warning.unwrap();
        assert!(warning.contains("unknown, not zero"), "{warning}");
        assert!(warning.contains(
            "`sysctl -w net.netfilter.nf_conntrack_acct=1 net.netfilter.nf_conntrack_events=1`"
        ));
        assert_eq!(Switches::under(root.path()).check(false, false).warning, None);
    }

    #[test]
    fn told_it_turns_them_on_and_says_so() {
        let root = kernel("0\n", "2\n");
        let report = Switches::under(root.path()).check(true, true);
        assert_eq!(report.warning, None);
        assert_eq!(report.done.len(), 2);
        let now = fs::read_to_string(root.path().join("net/netfilter/nf_conntrack_acct")).unwrap();
        assert_eq!(now, "1");
        assert_eq!(Switches::under(root.path()).check(true, true), SwitchReport::default());
    }
}
