//! The groups of an answer: series whose tags that are grouped by are alike.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use svcflow_store::{RoaringBitmap, SeriesId};

use super::tables::StoredTable;

/// Series of one group, in one of the places where the query reads a measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Members {
    /// The place.
    pub(crate) leaf: usize,
    /// Which of [`Groups::series`] of that place.
    pub(crate) range: Range<usize>,
}

/// A group: rows of one measurement whose tags that are grouped by are alike.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    first: Members,
    /// Those of other places; mostly there are none.
    more: Vec<Members>,
}

impl Group {
    pub(crate) fn members(&self) -> impl Iterator<Item = &Members> {
        std::iter::once(&self.first).chain(&self.more)
    }

    /// Its series, where they are all of one place.
    pub(crate) const fn only(&self) -> Option<&Members> {
        if self.more.is_empty() { Some(&self.first) } else { None }
    }

    /// How many series it has.
    pub(crate) fn len(&self) -> usize {
        self.members().map(|members| members.range.len()).sum()
    }
}

/// All groups, sorted by measurement and tags.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    pub(crate) groups: Vec<Group>,
    /// By place: the series, those of a group together, ascending by id.
    pub(crate) series: Vec<Vec<u32>>,
}

impl Groups {
    /// These of the series of a place.
    pub(crate) fn at(&self, leaf: usize, range: Range<usize>) -> &[u32] {
        self.series.get(leaf).and_then(|series| series.get(range)).unwrap_or_default()
    }
}

/// One place where the query reads a measurement.
pub(crate) struct Place<'a> {
    pub(crate) table: &'a StoredTable,
    pub(crate) series: &'a RoaringBitmap,
    /// How many groups at most (0 is all), and how many are left out first.
    pub(crate) limit: u64,
    pub(crate) offset: u64,
}

/// Groups the series of all places by these tags, which are sorted.
pub(crate) fn group(places: &[Place<'_>], by: &[Arc<str>]) -> Groups {
    let mut all = Groups::default();
    let mut found: Vec<(usize, Vec<Range<usize>>)> = Vec::new();
    for (leaf, place) in places.iter().enumerate() {
        let (series, ranges) = group_place(place, by);
        found.push((leaf, paged(place, by, &series, ranges)));
        all.series.push(series);
    }
    found.retain(|(_, ranges)| !ranges.is_empty());
    let of = |leaf: usize, range: &Range<usize>| Members { leaf, range: range.clone() };
    match found.as_slice() {
        [(leaf, ranges)] => {
            let group = |range| Group { first: of(*leaf, range), more: Vec::new() };
            all.groups = ranges.iter().map(group).collect();
        }
        several => {
            // By measurement and tags, since the places don't share numbers for these.
            let mut groups: BTreeMap<(Arc<str>, Vec<String>), Vec<Members>> = BTreeMap::new();
            for (leaf, ranges) in several {
                let Some(place) = places.get(*leaf) else { continue };
                let series = all.series.get(*leaf);
                let keys = place.table.keys(by);
                for range in ranges {
                    let one = series.and_then(|series| series.get(range.start));
                    let tags = one.into_iter().flat_map(|one| place.table.values(*one, &keys));
                    let tags = tags.map(|value| (**value).to_owned()).collect();
                    let key = (Arc::clone(&place.table.table.name), tags);
                    groups.entry(key).or_default().push(of(*leaf, range));
                }
            }
            all.groups = groups
                .into_values()
                .filter_map(|mut members| {
                    let more = members.split_off(1.min(members.len()));
                    members.pop().map(|first| Group { first, more })
                })
                .collect();
        }
    }
    all
}

/// The groups that `SLIMIT` and `SOFFSET` leave, of which an offset without a limit leaves none (InfluxDB's
/// `LimitTagSets`).
fn paged(
    place: &Place<'_>,
    by: &[Arc<str>],
    series: &[u32],
    mut ranges: Vec<Range<usize>>,
) -> Vec<Range<usize>> {
    if place.limit == 0 && place.offset == 0 {
        return ranges;
    }
    let number = |it: u64| usize::try_from(it).unwrap_or(usize::MAX);
    ranges.sort_by_cached_key(|range| {
        series.get(range.start).map(|one| index_key(place.table, *one, by))
    });
    let mut kept: Vec<Range<usize>> =
        ranges.into_iter().skip(number(place.offset)).take(number(place.limit)).collect();
    kept.sort_by_key(|range| range.start);
    kept
}

/// What InfluxDB's index sorts groups by: the keys of the tags that are there, and then their values.
fn index_key(table: &StoredTable, series: u32, by: &[Arc<str>]) -> String {
    let tags = table.measurement.tags(SeriesId::new(series));
    let (keys, values): (Vec<&str>, Vec<&str>) =
        tags.filter(|(key, _)| by.iter().any(|it| &**it == *key)).unzip();
    keys.into_iter().chain(values).collect::<Vec<_>>().join("|")
}

/// The series of a place, those of a group together, and where the groups are; sorted by tags.
fn group_place(place: &Place<'_>, by: &[Arc<str>]) -> (Vec<u32>, Vec<Range<usize>>) {
    let ids: Vec<u32> = place.series.iter().collect();
    if ids.is_empty() {
        return (ids, Vec::new());
    }
    if by.is_empty() {
        let all = 0..ids.len();
        return (ids, vec![all]);
    }
    if let Some(series) = all_apart(place, &ids, by) {
        let ranges = (0..series.len()).map(|at| at..at + 1).collect();
        return (series, ranges);
    }
    if is_worth_ranking(place, &ids) {
        let ranks = place.table.measurement.ranks(&ids, by.iter().map(|key| &**key));
        return together(ranks.chunks_exact(by.len()).collect(), ids);
    }
    let keys = place.table.keys(by);
    let values = |id: &u32| place.table.values(*id, &keys).collect::<Vec<_>>();
    together(ids.iter().map(values).collect(), ids)
}

/// The series by their tags, where each is a group of its own, since all tags are grouped by. `None` where that
/// isn't so, or where they are few among the measurement's.
fn all_apart(place: &Place<'_>, ids: &[u32], by: &[Arc<str>]) -> Option<Vec<u32>> {
    let measurement = &place.table.measurement;
    let all = usize::try_from(measurement.series_all().len()).unwrap_or(usize::MAX);
    let grouped = |key: &str| by.iter().any(|by| **by == *key);
    if ids.len() < all / 8 || !measurement.tag_keys().all(grouped) {
        return None;
    }
    let sorted = measurement.series_sorted().iter().copied();
    Some(match ids.len() == all {
        true => sorted.collect(),
        false => sorted.filter(|id| place.series.contains(*id)).collect(),
    })
}

/// Puts series with the same key together: the series by their keys, and where each key's are.
fn together<K: Ord>(keys: Vec<K>, ids: Vec<u32>) -> (Vec<u32>, Vec<Range<usize>>) {
    let mut order: Vec<(K, u32)> = keys.into_iter().zip(ids).collect();
    order.sort_unstable();
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut before: Option<&K> = None;
    for (at, (key, _)) in order.iter().enumerate() {
        match ranges.last_mut() {
            Some(range) if before == Some(key) => range.end = at + 1,
            _ => ranges.push(at..at + 1),
        }
        before = Some(key);
    }
    (order.into_iter().map(|(_, id)| id).collect(), ranges)
}

/// Whether numbering the values of tags, which looks at all of them, pays for so many of the measurement's series.
fn is_worth_ranking(place: &Place<'_>, ids: &[u32]) -> bool {
    let all = usize::try_from(place.table.measurement.series_all().len()).unwrap_or(0);
    ids.len() >= 64 || ids.len() * 8 >= all
}
