//! Both kernel sources beside each other on the lab's traffic, compared with its independent count.

use std::time::Duration;

use svcflow_accounting::{Accounting, Limits};
use svcflow_lab::{Lab, Topology};
use svcflow_model::{EdgeRow, Epoch, LossKind};
use svcflow_source::{ConntrackSource, FrameSource, Live, NftablesSource, TrafficSource, host};

/// Whether namespaces can be made here. Elsewhere than in CI a test is skipped, aloud.
pub(crate) fn permitted() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        assert!(std::env::var_os("CI").is_none(), "CI must run the namespace tests as root");
        eprintln!("skipped: making network namespaces needs root here: run `sudo make test`");
    }
    root
}

pub(crate) const NFTABLES: &str = "nftables";
pub(crate) const CONNTRACK: &str = "conntrack";

fn source(name: &str) -> Box<dyn FrameSource> {
    match name {
        CONNTRACK => Box::new(ConntrackSource::open("a test").unwrap()),
        _ => Box::new(NftablesSource::open("a test").unwrap()),
    }
}

/// A source and what it accounts to.
pub(crate) struct Watch {
    pub(crate) name: &'static str,
    source: Box<dyn TrafficSource>,
    pub(crate) accounting: Accounting,
}

impl Watch {
    fn new(name: &'static str, frames: Box<dyn FrameSource>) -> Self {
        let accounting = Accounting::new(Epoch(1), Limits::default());
        Self { name, source: Box::new(Live::new(frames)), accounting }
    }

    pub(crate) fn look(&mut self) {
        self.look_after(Duration::from_millis(1));
    }

    /// Listens for so long, then looks.
    pub(crate) fn look_after(&mut self, time: Duration) {
        self.source.listen(time, &mut self.accounting).unwrap();
        self.source.look(&mut self.accounting).unwrap();
    }

    #[allow(dead_code, reason = "some tests look at marks, not at counters")]
    pub(crate) fn rows(&self, node: &str) -> Vec<EdgeRow> {
        let moved = self.accounting.edges().filter(|sample| !sample.counters.is_zero());
        let mut rows: Vec<_> = moved.map(|sample| EdgeRow::of(node, &sample)).collect();
        rows.sort();
        rows
    }
}

/// A lab whose first node is watched by both sources.
pub(crate) struct Watched {
    pub(crate) lab: Lab,
    pub(crate) watches: Vec<Watch>,
}

impl Watched {
    #[allow(dead_code, reason = "some tests watch by one source only")]
    pub(crate) fn build(topology: Topology) -> Self {
        Self::by(topology, &[NFTABLES, CONNTRACK])
    }

    /// A lab watched by these sources.
    pub(crate) fn by(topology: Topology, sources: &[&'static str]) -> Self {
        Self::over(Lab::build(topology).unwrap(), sources)
    }

    /// A lab that is there, watched by these sources from now on.
    pub(crate) fn over(lab: Lab, sources: &[&'static str]) -> Self {
        let open = || {
            host::ACCOUNTING.write(1).unwrap();
            host::EVENTS.write(1).unwrap();
            sources.iter().map(|name| Watch::new(name, source(name))).collect()
        };
        let watches = lab.nodes()[0].namespace().run(open).unwrap();
        let mut watched = Self { lab, watches };
        watched.look();
        watched
    }

    /// The second node, watched by nftables.
    #[allow(dead_code, reason = "only the tests of two nodes ask for it")]
    pub(crate) fn second_node(&self) -> Watch {
        let open = || Watch::new(NFTABLES, source(NFTABLES));
        let mut watch = self.lab.nodes()[1].namespace().run(open).unwrap();
        watch.look();
        watch
    }

    pub(crate) fn look(&mut self) {
        for watch in &mut self.watches {
            watch.look();
        }
    }

    #[allow(dead_code, reason = "some tests look at marks, not at counters")]
    /// Looks, and holds every source to `expected`: each edge there, equal, and no other. The last packets of a
    /// connection that lives may still be on their way to where they are counted; counters only grow, so one more
    /// look makes nothing right that was wrong.
    pub(crate) fn look_and_compare(&mut self, expected: &[EdgeRow], what: &str) {
        for _ in 0..200 {
            self.look();
            if self.shows(expected) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        self.compare(expected, what);
    }

    fn shows(&self, expected: &[EdgeRow]) -> bool {
        let node = &self.lab.nodes()[0].name;
        let same = |rows: &[EdgeRow]| rows.iter().all(|row| expected.contains(row));
        let all = |rows: Vec<EdgeRow>| rows.len() == expected.len() && same(&rows);
        self.watches.iter().all(|watch| all(watch.rows(node)))
    }

    fn compare(&self, expected: &[EdgeRow], what: &str) {
        assert!(!expected.is_empty(), "{what}: no traffic was made");
        let mut expected = expected.to_vec();
        expected.sort();
        let node = self.lab.nodes()[0].name.clone();
        for watch in &self.watches {
            let rows = watch.rows(&node);
            let only = |of: &[EdgeRow], not_in: &[EdgeRow]| -> Vec<EdgeRow> {
                of.iter().filter(|row| !not_in.contains(row)).cloned().collect()
            };
            // Only what differs: there may be many edges.
            let (seen, counted) = (only(&rows, &expected), only(&expected, &rows));
            assert_eq!(seen, counted, "{what}: {} differs", watch.name);
            assert_eq!(rows.len(), expected.len(), "{what}: {} has an edge twice", watch.name);
            let lost: Vec<LossKind> =
                watch.accounting.losses().iter().map(|(kind, _)| kind).collect();
            assert_eq!(lost, [], "{what}: {} lost something", watch.name);
        }
    }
}
