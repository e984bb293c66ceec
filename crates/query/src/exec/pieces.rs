//! The pieces that an answer is worked out in, each by one thread.

use std::ops::Range;

use svcflow_store::TimeRange;

use super::batch::{Batch, OneSeries};
use super::budget::Held;
use super::calls::CallsGathered;
use super::groups::Members;
use super::node::{EVERYTHING, NodeSource, Query, range_of};
use super::scan::Leaf;
use super::stretch::stretches;
use crate::QueryError;
use crate::plan::Body;

/// How many series a piece has at most.
const SERIES: usize = 256;
/// How many rows that are put out as they are a piece has at most, roughly.
const ROWS: usize = 128 << 10;

/// What one thread works out at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// These groups.
    Groups(Range<usize>),
    /// What calls gather of some of a group's series, and whether these are the last.
    Part { group: usize, series: Range<usize>, last: bool },
    /// Rows of a group from this range.
    Stretch { group: usize, range: TimeRange },
}

/// What a piece came to.
pub(super) enum Made<'q> {
    Rows(Vec<Batch>, Held<'q>),
    /// What calls gathered of a part of a group, and whether that was the last one.
    Part {
        group: usize,
        gathered: CallsGathered<'q>,
        last: bool,
        held: Held<'q>,
    },
    /// It is too large, and better done in these pieces.
    Cut(Vec<Piece>),
}

impl<'q> Query<'q> {
    /// All pieces, in the order of the answer.
    pub(super) fn pieces(&self) -> Vec<Piece> {
        let all: usize = self.groups.groups.iter().map(super::groups::Group::len).sum();
        // Every thread should get some, but none too little to be worth it.
        let enough = (all / (self.budget.threads().max(1) * 4)).clamp(16, SERIES);
        let apart = self.in_parts();
        let mut pieces = Vec::new();
        let (mut begin, mut series, mut leaf) = (0, 0, None);
        for (at, group) in self.groups.groups.iter().enumerate() {
            let only = group.only();
            let changes = leaf != only.map(|only| only.leaf);
            let cut = only.filter(|only| apart && only.range.len() > SERIES);
            if begin < at && (changes || series >= enough || cut.is_some()) {
                pieces.push(Piece::Groups(begin..at));
                (begin, series) = (at, 0);
            }
            leaf = only.map(|only| only.leaf);
            series += group.len();
            if let Some(members) = cut {
                pieces.extend(parts(at, members));
                (begin, series) = (at + 1, 0);
            }
        }
        if begin < self.groups.groups.len() {
            pieces.push(Piece::Groups(begin..self.groups.groups.len()));
        }
        pieces
    }

    /// Whether what calls gather of some series can be put together with what they gather of others.
    fn in_parts(&self) -> bool {
        let level = self.root.level;
        let apart = match self.root.sources.as_slice() {
            [NodeSource::Leaf(_)] => true,
            [NodeSource::Inner { node, .. }] => self.lanewise(node).is_some(),
            _ => false,
        };
        let calls = matches!(level.body, Body::Calls { .. });
        apart && calls && Query::nothing_gathered(level, range_of(level, EVERYTHING)).of_parts()
    }

    /// Works a piece out.
    pub(super) fn work(&self, piece: &Piece) -> Result<Made<'q>, QueryError> {
        self.budget.go_on()?;
        let mut held = self.budget.hold();
        match piece {
            Piece::Groups(groups) => {
                if let Some((leaf, _)) = self.as_they_are(groups)
                    && let Some(cut) = self.cut(leaf, groups)?
                {
                    return Ok(Made::Cut(cut));
                }
                Ok(Made::Rows(self.groups(groups.clone(), &mut held)?, held))
            }
            Piece::Part { group, series, last } => {
                let Some(of) = self.groups.groups.get(*group) else {
                    return Ok(Made::Rows(Vec::new(), held));
                };
                let range = range_of(self.root.level, EVERYTHING);
                let those = |leaf: usize| self.groups.at(leaf, series.clone());
                let gathered = self.gather(&self.root, of, &those, range, &mut held)?;
                Ok(Made::Part { group: *group, gathered, last: *last, held })
            }
            Piece::Stretch { group, range } => {
                Ok(Made::Rows(self.stretch(*group, *range, &mut held)?, held))
            }
        }
    }

    /// The rows of a group that was gathered in parts.
    pub(super) fn put_together(
        &self,
        group: usize,
        gathered: CallsGathered<'_>,
    ) -> Result<(Batch, Held<'q>), QueryError> {
        let mut held = self.budget.hold();
        let rows = self.finish(self.root.level, gathered, &mut held)?;
        Ok((Batch::of(group, rows), held))
    }

    fn groups(&self, groups: Range<usize>, held: &mut Held<'_>) -> Result<Vec<Batch>, QueryError> {
        if let Some((leaf, columns)) = self.as_they_are(&groups)
            && let Some(those) = self.one_series_each(leaf, groups.clone())
        {
            let range = range_of(self.root.level, EVERYTHING);
            return Ok(vec![self.batch(leaf, columns, those, range, held)?]);
        }
        let mut batches = Vec::new();
        for at in groups {
            let Some(group) = self.groups.groups.get(at) else { continue };
            let rows = self.rows(&self.root, group, EVERYTHING, held)?;
            if !rows.times.is_empty() {
                batches.push(Batch::of(at, rows));
            }
        }
        Ok(batches)
    }

    /// The leaf of groups whose rows are put out as they are stored, and the columns of these.
    fn as_they_are(&self, groups: &Range<usize>) -> Option<(&Leaf<'q>, &'q [usize])> {
        let Body::Raw { columns } = &self.root.level.body else { return None };
        let only = self.groups.groups.get(groups.start)?.only()?;
        let is_leaf = |source: &NodeSource<'_>| matches!(source, NodeSource::Leaf(_));
        let leaf = self.leaves.get(only.leaf).filter(|_| self.root.sources.iter().all(is_leaf));
        leaf.map(|leaf| (leaf, columns.as_slice()))
    }

    fn one_series_each(&self, leaf: &Leaf<'_>, groups: Range<usize>) -> Option<Vec<OneSeries>> {
        let level = self.root.level;
        // To InfluxDB that is a limit of none, in some places.
        if level.limit == 0 && level.offset > 0 {
            return None;
        }
        let series = self.groups.series.get(leaf.index)?;
        let one = |group: usize| {
            let only = self.groups.groups.get(group)?.only()?;
            let single = only.leaf == leaf.index && only.range.len() == 1;
            let series = series.get(only.range.start).filter(|_| single)?;
            Some(OneSeries { series: *series, group })
        };
        groups.map(one).collect()
    }

    /// Smaller pieces, where the groups have very many rows.
    fn cut(
        &self,
        leaf: &Leaf<'_>,
        groups: &Range<usize>,
    ) -> Result<Option<Vec<Piece>>, QueryError> {
        let level = self.root.level;
        let carried = matches!(level.fill, svcflow_influxql::Fill::Previous);
        if level.limit > 0 || level.offset > 0 || carried {
            return Ok(None);
        }
        let range = self.clip(range_of(level, EVERYTHING));
        let mut found: Vec<Vec<(TimeRange, usize)>> = Vec::new();
        let mut rows = 0;
        for at in groups.clone() {
            let mut chunks = Vec::new();
            if let Some(group) = self.groups.groups.get(at) {
                leaf.extent(self.series(group, leaf.index), range, |_, range, count| {
                    rows += count;
                    chunks.push((range, count));
                })?;
            }
            found.push(chunks);
        }
        if rows <= ROWS * 2 {
            return Ok(None);
        }
        let mut pieces = Vec::new();
        for (group, chunks) in groups.clone().zip(found) {
            let mut ranges = stretches(&chunks, ROWS);
            if !level.ascending {
                ranges.reverse();
            }
            pieces.extend(ranges.into_iter().map(|range| Piece::Stretch { group, range }));
        }
        Ok(Some(pieces))
    }

    fn stretch(
        &self,
        at: usize,
        range: TimeRange,
        held: &mut Held<'_>,
    ) -> Result<Vec<Batch>, QueryError> {
        let groups = at..at + 1;
        let (Some(group), Some((leaf, columns))) =
            (self.groups.groups.get(at), self.as_they_are(&groups))
        else {
            return Ok(Vec::new());
        };
        Ok(vec![match self.one_series_each(leaf, groups) {
            Some(those) => self.batch(leaf, columns, those, range, held)?,
            None => Batch::of(at, self.raw(&self.root, group, range, columns, held)?),
        }])
    }
}

fn parts(group: usize, members: &Members) -> impl Iterator<Item = Piece> + use<> {
    let all = members.range.clone();
    all.clone().step_by(SERIES).map(move |begin| {
        let end = (begin + SERIES).min(all.end);
        Piece::Part { group, series: begin..end, last: end == all.end }
    })
}
