//! Rows of several series put together in the order of time.
//!
//! Where rows are of one instant, InfluxDB's order is whatever the heap of Go's standard library happens to
//! do. It is the same each time, and users see it, so the same is done here.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::kernel::go_heap;
use crate::{Column, Values};

/// Rows of one series, in the order in which they are to be put together.
pub(crate) struct Part<'a> {
    pub(crate) times: &'a [i64],
    /// Columns that decide between rows of one instant, as long as they are texts.
    pub(crate) columns: &'a [Column],
}

/// A row of one of the parts.
pub(crate) type Place = (u32, u32);

/// Puts parts together. `shard` is the width of InfluxDB's shards, each of which has a heap of its own;
/// `None` where the rows aren't read from shards.
pub(crate) fn merge(parts: &[Part<'_>], ascending: bool, shard: Option<i64>) -> Vec<Place> {
    let total: usize = parts.iter().map(|part| part.times.len()).sum();
    let mut merged = Vec::with_capacity(total);
    let mut from = vec![0_usize; parts.len()];
    while merged.len() < total {
        let to = match shard {
            None => parts.iter().map(|part| part.times.len()).collect(),
            Some(width) => next_shard(parts, &from, ascending, width),
        };
        merge_shard(parts, ascending, &from, &to, &mut merged);
        if from == to {
            break;
        }
        from = to;
    }
    merged
}

/// Nanoseconds from 0001-01-01, from which Go counts, to 1970-01-01.
const GO_ZERO: i128 = 62_135_596_800_000_000_000;

/// The first rows of each shard.
pub(crate) fn most_of_each_shard(times: &[i64], most: u64, shard: i64) -> Vec<u32> {
    let mut kept = Vec::new();
    let mut seen = (0, 0);
    for (row, time) in (0..).zip(times) {
        let shard = shard_of(*time, shard);
        seen = if seen.0 == shard { (shard, seen.1 + 1) } else { (shard, 1) };
        if seen.1 <= most {
            kept.push(row);
        }
    }
    kept
}

/// The beginning of the shard that an instant lies in.
pub(crate) fn shard_of(time: i64, width: i64) -> i128 {
    let time = i128::from(time);
    time - (time + GO_ZERO).rem_euclid(i128::from(width.max(1)))
}

/// Where each part leaves the shard that the next row of all lies in.
fn next_shard(parts: &[Part<'_>], from: &[usize], ascending: bool, width: i64) -> Vec<usize> {
    let next = parts.iter().zip(from).filter_map(|(part, from)| part.times.get(*from));
    let next = if ascending { next.min() } else { next.max() };
    let Some(next) = next else { return from.to_vec() };
    let start = shard_of(*next, width);
    let end = start + i128::from(width);
    let inside = |time: &i64| {
        let time = i128::from(*time);
        if ascending { time < end } else { time >= start }
    };
    let to = |(part, from): (&Part<'_>, &usize)| {
        let rest = part.times.get(*from..).unwrap_or_default();
        from + rest.partition_point(inside)
    };
    parts.iter().zip(from).map(to).collect()
}

/// Puts rows of one shard together.
fn merge_shard(
    parts: &[Part<'_>],
    ascending: bool,
    from: &[usize],
    to: &[usize],
    merged: &mut Vec<Place>,
) {
    let less = |a: &(usize, usize), b: &(usize, usize)| {
        let (Some(x), Some(y)) = (parts.get(a.0), parts.get(b.0)) else { return false };
        let order = x.times.get(a.1).cmp(&y.times.get(b.1));
        let order = order.then_with(|| by_texts(x.columns, a.1, y.columns, b.1));
        if ascending { order == Ordering::Less } else { order == Ordering::Greater }
    };
    let within = |(part, row): &(usize, usize)| to.get(*part).is_some_and(|to| row < to);
    let mut heap: Vec<(usize, usize)> = from.iter().copied().enumerate().filter(within).collect();
    go_heap::init(&mut heap, &less);
    let number = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
    while let Some((part, row)) = go_heap::pop(&mut heap, &less) {
        merged.push((number(part), number(row)));
        if within(&(part, row + 1)) {
            heap.push((part, row + 1));
            go_heap::up(&mut heap, &less);
        }
    }
}

/// Compares columns until one of them is no text in both rows.
fn by_texts(x: &[Column], x_row: usize, y: &[Column], y_row: usize) -> Ordering {
    for (x, y) in x.iter().zip(y) {
        match (text(x, x_row), text(y, y_row)) {
            (Some(x), Some(y)) if x == y => {}
            (Some(x), Some(y)) => return x.cmp(y),
            _ => break,
        }
    }
    Ordering::Equal
}

fn text(column: &Column, row: usize) -> Option<&Arc<str>> {
    if !column.validity.is_valid(row) {
        return None;
    }
    match &column.values {
        Values::String(values) => values.get(row),
        Values::Same(value, _) => Some(value),
        _ => None,
    }
}

/// Puts the columns of parts together in the order of places.
pub(crate) fn gather(parts: &[&Column], places: &[Place]) -> Column {
    let mut all = match parts.first() {
        Some(first) => (*first).clone(),
        None => return Column::nulls(crate::plan::Kind::Float, 0),
    };
    let mut begins = vec![0];
    for part in parts.iter().skip(1) {
        begins.push(u32::try_from(all.len()).unwrap_or(u32::MAX));
        all.append((*part).clone());
    }
    let row = |(part, row): &Place| begins.get(*part as usize).map_or(0, |begin| begin + row);
    let rows: Vec<u32> = places.iter().map(row).collect();
    all.pick(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(parts: &[&[i64]], ascending: bool, shard: Option<i64>) -> Vec<Place> {
        let parts: Vec<Part<'_>> = parts.iter().map(|times| Part { times, columns: &[] }).collect();
        merge(&parts, ascending, shard)
    }

    /// Told by InfluxDB 1.6.7: four series with rows at 0 s, three with one at 10 s, one with one at 20 s.
    #[test]
    fn rows_of_one_instant_come_as_in_go() {
        let order = merged(&[&[0, 10], &[0, 10], &[0, 10], &[0, 20]], true, None);
        let parts: Vec<u32> = order.iter().map(|place| place.0).collect();
        assert_eq!(parts, [0, 3, 1, 2, 1, 2, 0, 3]);
        // Backwards, the series come backwards, too.
        let order = merged(&[&[20, 0], &[10, 0], &[10, 0], &[10, 0]], false, None);
        let parts: Vec<u32> = order.iter().map(|place| 3 - place.0).collect();
        assert_eq!(parts, [3, 0, 2, 1, 2, 1, 0, 3]);
    }

    #[test]
    fn each_shard_begins_anew() {
        let parts: [&[i64]; 3] = [&[0, 7, 100], &[0, 8, 100], &[0, 9, 100]];
        let whole = merged(&parts, true, None);
        let cut = merged(&parts, true, Some(50));
        assert_eq!(whole.len(), cut.len());
        let times = |places: &[Place]| -> Vec<i64> {
            places.iter().map(|(part, row)| parts[*part as usize][*row as usize]).collect()
        };
        assert_eq!(times(&whole), times(&cut));
        let last: Vec<u32> = cut[6..].iter().map(|place| place.0).collect();
        assert_eq!(last, [0, 2, 1]);
    }

    #[test]
    fn texts_decide_first() {
        let column = |text: &str| [Column::same(&text.into(), 1)];
        let (b, a) = (column("b"), column("a"));
        let parts = [Part { times: &[0], columns: &b }, Part { times: &[0], columns: &a }];
        assert_eq!(merge(&parts, true, None), [(1, 0), (0, 0)]);
    }
}
