//! The last intervals, kept for a collector that was away.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use svcflow_model::{Edge, Interval, Sample, Timestamp};

use crate::document::Gap;

/// Cap of all samples in the ring together: some 60 MB. Past it the oldest interval goes first: a
/// collector that comes late loses the resolution of what is longest ago.
pub const RING_SAMPLES_MAX: usize = 500_000;
/// Cap of samples in one answer, some 25 MB of JSON; the rest comes with the next request.
pub const ANSWER_SAMPLES_MAX: usize = 100_000;

/// Intervals by sequence. What is evicted is merged into `base`, so that a late reader still gets every
/// edge's counters as they were at the last evicted interval.
#[derive(Debug)]
pub(crate) struct Ring {
    intervals: VecDeque<Arc<Interval>>,
    intervals_max: usize,
    samples: usize,
    samples_max: usize,
    base: HashMap<Edge, Sample>,
    base_sequence: u64,
    base_at: Timestamp,
}

/// What a reader gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) intervals: Vec<Interval>,
    pub(crate) gap: Option<Gap>,
    pub(crate) more: bool,
}

impl Ring {
    /// A ring that goes on after `sequence`, at which the edges were as `base` says.
    pub(crate) fn new(
        intervals_max: usize,
        sequence: u64,
        at: Timestamp,
        base: impl Iterator<Item = Sample>,
    ) -> Self {
        Self {
            intervals: VecDeque::new(),
            intervals_max: intervals_max.max(1),
            samples: 0,
            samples_max: RING_SAMPLES_MAX,
            base: base.map(|sample| (sample.edge, sample)).collect(),
            base_sequence: sequence,
            base_at: at,
        }
    }

    pub(crate) fn push(&mut self, interval: Interval) {
        self.samples += interval.samples.len();
        self.intervals.push_back(Arc::new(interval));
        while self.intervals.len() > self.intervals_max
            || (self.samples > self.samples_max && self.intervals.len() > 1)
        {
            self.evict();
        }
    }

    fn evict(&mut self) {
        let Some(oldest) = self.intervals.pop_front() else { return };
        self.samples -= oldest.samples.len();
        self.base.extend(oldest.samples.iter().map(|sample| (sample.edge, *sample)));
        self.base_sequence = oldest.sequence;
        self.base_at = oldest.at;
    }

    /// Lets go of evicted edges that `is_alive` no longer knows, once they are the greater part.
    pub(crate) fn forget(&mut self, alive: usize, is_alive: impl Fn(&Edge) -> bool) {
        if self.base.len() > alive.saturating_mul(2).saturating_add(1_024) {
            self.base.retain(|edge, _| is_alive(edge));
        }
    }

    /// How many samples are kept.
    pub(crate) fn samples(&self) -> usize {
        self.samples
    }

    /// The intervals after `after`, at most `samples_max` samples of them but at least one interval.
    pub(crate) fn page(&self, after: u64, samples_max: usize) -> Page {
        let mut page = Page { intervals: Vec::new(), gap: None, more: false };
        let mut left = samples_max;
        if after < self.base_sequence {
            page.gap = Some(Gap { from: after + 1, to: self.base_sequence });
            page.intervals.push(self.base_interval());
            left = left.saturating_sub(self.base.len());
        }
        for interval in self.intervals.iter().filter(|interval| interval.sequence > after) {
            if !page.intervals.is_empty() && interval.samples.len() > left {
                page.more = true;
                break;
            }
            left = left.saturating_sub(interval.samples.len());
            page.intervals.push(Interval::clone(interval));
        }
        page
    }

    fn base_interval(&self) -> Interval {
        let mut samples: Vec<_> = self.base.values().copied().collect();
        samples.sort_unstable_by_key(|sample| sample.edge);
        Interval { sequence: self.base_sequence, at: self.base_at, samples }
    }
}

#[cfg(test)]
mod tests {
    use svcflow_model::{Counters, Marks, Protocol};

    use super::*;

    fn sample(host: u8, bytes_in: u64) -> Sample {
        let edge = Edge {
            endpoint: [10, 0, 0, host].into(),
            service: None,
            provider: [10, 0, 1, 1].into(),
            provider_port: 80,
            protocol: Protocol::TCP,
        };
        let counters = Counters { bytes_in, ..Counters::ZERO };
        Sample { edge, counters, marks: Marks::default() }
    }

    fn interval(sequence: u64, samples: &[Sample]) -> Interval {
        Interval { sequence, at: Timestamp(0), samples: samples.to_vec() }
    }

    fn numbers(page: &Page) -> Vec<u64> {
        page.intervals.iter().map(|interval| interval.sequence).collect()
    }

    #[test]
    fn a_late_reader_is_told_the_gap_and_misses_no_byte() {
        let mut ring = Ring::new(2, 0, Timestamp(0), std::iter::empty());
        ring.push(interval(1, &[sample(1, 5), sample(2, 7)]));
        assert_eq!(ring.page(0, 100).gap, None);
        ring.push(interval(2, &[sample(1, 6)]));
        ring.push(interval(3, &[]));
        ring.push(interval(4, &[sample(1, 9)]));
        let page = ring.page(0, 100);
        assert_eq!(page.gap, Some(Gap { from: 1, to: 2 }));
        assert_eq!(numbers(&page), [2, 3, 4]);
        assert_eq!(page.intervals[0].samples, [sample(1, 6), sample(2, 7)]);
        assert_eq!(ring.page(1, 100).gap, Some(Gap { from: 2, to: 2 }));
        assert_eq!(numbers(&ring.page(3, 100)), [4]);
        assert_eq!(ring.page(u64::MAX, 100).intervals, []);
    }

    #[test]
    fn the_caps_hold_and_a_long_answer_comes_in_pages() {
        let mut ring = Ring::new(100, 0, Timestamp(0), std::iter::empty());
        ring.samples_max = 4;
        for sequence in 1..=10 {
            ring.push(interval(sequence, &[sample(1, sequence), sample(2, sequence)]));
            assert!(ring.samples() <= 4);
        }
        let page = ring.page(0, 4);
        assert_eq!((numbers(&page), page.more), (vec![8, 9], true));
        let rest = ring.page(9, 1);
        assert_eq!((numbers(&rest), rest.more), (vec![10], false), "at least one comes");
    }
}
