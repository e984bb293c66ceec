//! A plan tied to what is stored: each place where it reads a measurement has its series.

use svcflow_store::{TagKeys, TimeRange};

use super::budget::Budget;
use super::groups::{Group, Groups, Place, group};
use super::scan::Leaf;
use super::tables::StoredTable;
use crate::QueryError;
use crate::plan::{Body, Level, LevelSource, MAX_TIME, MIN_TIME, Mapped, Transform};

/// A level and where its rows come from.
pub(crate) struct Node<'a> {
    pub(crate) level: &'a Level,
    pub(crate) sources: Vec<NodeSource<'a>>,
}

/// Where rows come from.
pub(crate) enum NodeSource<'a> {
    /// This one of [`Query::leaves`].
    Leaf(usize),
    Inner {
        node: Box<Node<'a>>,
        map: &'a [Mapped],
    },
}

/// A query about to be run.
pub(crate) struct Query<'a> {
    pub(crate) root: Node<'a>,
    pub(crate) leaves: Vec<Leaf<'a>>,
    pub(crate) groups: Groups,
    /// By place: what its groups are told apart by.
    keys: Vec<TagKeys>,
    pub(crate) budget: &'a Budget<'a>,
    /// What random choices begin with.
    pub(crate) seed: u64,
    /// Nothing beyond is read, even if a function within would look at the bucket before.
    read: TimeRange,
}

impl<'a> Query<'a> {
    pub(crate) fn new(
        level: &'a Level,
        tables: &'a [StoredTable],
        budget: &'a Budget<'a>,
        seed: u64,
    ) -> Result<Self, QueryError> {
        let mut leaves = Vec::new();
        let root = node(level, tables, &mut leaves);
        super::types::check(&root, &leaves)?;
        let series = leaves.iter().map(|leaf: &Leaf<'_>| leaf.selection.series.len()).sum();
        budget.series(series)?;
        let places: Vec<Place<'_>> = leaves
            .iter()
            .map(|leaf| Place {
                table: leaf.table,
                series: &leaf.selection.series,
                limit: leaf.level.series_limit,
                offset: leaf.level.series_offset,
            })
            .collect();
        let mut groups = group(&places, &level.dimensions);
        if !level.ascending {
            groups.groups.reverse();
        }
        let keys = leaves.iter().map(|leaf| leaf.table.keys(&level.dimensions)).collect();
        Ok(Self { root, leaves, groups, keys, budget, seed, read: readable(level) })
    }

    /// What of a range is read.
    pub(crate) fn clip(&self, range: TimeRange) -> TimeRange {
        TimeRange { first: range.first.max(self.read.first), last: range.last.min(self.read.last) }
    }

    /// The measurement of a group; its tags, with their keys, go into `all`.
    pub(crate) fn tags<'s>(&'s self, group: &Group, all: &mut Vec<(&'s str, &'s str)>) -> &'s str {
        all.clear();
        let members = group.members().next();
        let found = members.and_then(|members| {
            let leaf = self.leaves.get(members.leaf)?;
            let series = self.groups.series.get(members.leaf)?.get(members.range.start)?;
            Some((leaf, *series, self.keys.get(members.leaf)?))
        });
        let Some((leaf, series, keys)) = found else { return "" };
        let names = self.root.level.dimensions.iter().map(|key| &**key);
        let values = leaf.table.values(series, keys).map(|value| &**value);
        all.extend(names.zip(values));
        &leaf.table.table.name
    }
}

fn node<'a>(level: &'a Level, tables: &'a [StoredTable], leaves: &mut Vec<Leaf<'a>>) -> Node<'a> {
    let mut sources = Vec::with_capacity(level.sources.len());
    for source in &level.sources {
        match source {
            LevelSource::Table(table) => {
                if let Some(stored) = tables.get(table.id) {
                    sources.push(NodeSource::Leaf(leaves.len()));
                    leaves.push(Leaf::new(leaves.len(), stored, level));
                }
            }
            LevelSource::Subquery { level, map } => {
                let node = Box::new(node(level, tables, leaves));
                sources.push(NodeSource::Inner { node, map });
            }
        }
    }
    Node { level, sources }
}

/// What the outermost level lets be read: its range, and as many buckets before it as its functions look back.
fn readable(level: &Level) -> TimeRange {
    let range = range_of(level, EVERYTHING);
    let back = match &level.body {
        Body::Calls { calls, .. } => {
            let all = calls.iter().flat_map(|call| &call.transforms);
            all.map(Transform::buckets_before).max().unwrap_or(0)
        }
        _ => 0,
    };
    let every = level.interval.map_or(0, |interval| interval.every);
    let back = every.saturating_mul(back);
    if level.ascending {
        TimeRange { first: range.first.saturating_sub(back).max(MIN_TIME), last: range.last }
    } else {
        TimeRange { first: range.first, last: range.last.saturating_add(back).min(MAX_TIME) }
    }
}

/// What a level reads, given what the one around it reads.
pub(crate) fn range_of(level: &Level, around: TimeRange) -> TimeRange {
    TimeRange {
        first: level.bounds.min.unwrap_or(MIN_TIME).max(around.first),
        last: level.bounds.max.unwrap_or(MAX_TIME).min(around.last),
    }
}

/// All that InfluxDB knows.
pub(crate) const EVERYTHING: TimeRange = TimeRange { first: MIN_TIME, last: MAX_TIME };
