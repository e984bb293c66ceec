//! From what was made of parts to points in the order of time.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kernel::accumulate::{Accumulator, Count, Mean, Pick, Spread, States, Sum};
use crate::kernel::columns::integer_to_float;
use crate::kernel::points::Points;
use crate::kernel::runs::Runs;
use crate::plan::{Level, MIN_TIME};
use crate::{Column, Values};

/// Points of buckets, with what their order hangs on.
pub(super) struct Unordered {
    points: Points,
    /// Where each point's bucket begins.
    starts: Vec<i64>,
}

/// The points of each series' buckets. `keep_times` keeps the times of rows that were picked.
pub(super) fn points_of(
    lanes: BTreeMap<u32, Accumulator>,
    places: &[u32],
    single: bool,
    keep_times: bool,
) -> Unordered {
    let mut all: Option<Unordered> = None;
    for (lane, accumulator) in lanes {
        let mut one = of_one(accumulator, keep_times);
        if !single {
            let place = places.get(lane as usize).copied().unwrap_or(0);
            one.points.lanes = vec![place; one.points.len()];
        }
        match &mut all {
            None => all = Some(one),
            Some(all) => all.append(one),
        }
    }
    all.unwrap_or_else(|| Unordered {
        points: Points {
            times: Vec::new(),
            column: Column::nulls(crate::plan::Kind::Float, 0),
            beside: Vec::new(),
            lanes: Vec::new(),
        },
        starts: Vec::new(),
    })
}

impl Unordered {
    fn append(&mut self, other: Self) {
        self.points.times.extend(other.points.times);
        self.points.lanes.extend(other.points.lanes);
        self.points.column.append(other.points.column);
        for (beside, more) in self.points.beside.iter_mut().zip(other.points.beside) {
            beside.append(more);
        }
        self.starts.extend(other.starts);
    }
}

/// The points in the order in which they are put out: by bucket, and in a bucket by series, whichever way the
/// buckets go. Those of one series stay as they are: a bucket may come again where rows of several series
/// within followed each other.
pub(super) fn ordered(unordered: Unordered, ascending: bool) -> Points {
    let Unordered { mut points, starts } = unordered;
    if points.lanes.is_empty() {
        if !ascending {
            points.reverse();
        }
        return points;
    }
    let mut order: Vec<u32> = (0..u32::try_from(points.len()).unwrap_or(u32::MAX)).collect();
    let start = |row: &u32| starts.get(*row as usize).copied().unwrap_or_default();
    let lane = |row: &u32| points.lanes.get(*row as usize).copied().unwrap_or_default();
    order.sort_by(|a, b| {
        let by_bucket = start(a).cmp(&start(b));
        let by_bucket = if ascending { by_bucket } else { by_bucket.reverse() };
        by_bucket.then(lane(a).cmp(&lane(b)))
    });
    points = points.pick(&order);
    points
}

/// Where nothing bounds the time, the bucket is said to begin in 1970.
pub(super) fn from_zero(times: &mut [i64], unbounded: i64) {
    times.iter_mut().filter(|time| **time == unbounded).for_each(|time| *time = 0);
}

/// The points of a series that stands by itself, whose rows a call made this of.
pub(super) fn points_of_one(made: Accumulator, level: &Level, selector: bool) -> Points {
    ordered(of_one(made, selector && level.interval.is_none()), level.ascending)
}

fn of_one(accumulator: Accumulator, keep_times: bool) -> Unordered {
    let Accumulator { states, beside } = accumulator;
    match states {
        States::Count(runs) => plain(runs, |Count(count)| count, Values::Integer),
        States::SumFloat(runs) => plain(runs, |Sum(sum)| sum, Values::Float),
        States::SumInteger(runs) => plain(runs, |Sum(sum)| sum, Values::Integer),
        States::MeanFloat(runs) => {
            plain(runs, |Mean { sum, count }| sum / count_of(count), Values::Float)
        }
        States::MeanInteger(runs) => {
            let mean = |Mean { sum, count }| integer_to_float(sum) / count_of(count);
            plain(runs, mean, Values::Float)
        }
        States::SpreadFloat(runs) => plain(runs, |Spread { min, max }| max - min, Values::Float),
        States::SpreadInteger(runs) => {
            plain(runs, |Spread { min, max }| max.wrapping_sub(min), Values::Integer)
        }
        States::PickFloat(_, runs) => picked(runs, &beside, keep_times, Values::Float),
        States::PickInteger(_, runs) => picked(runs, &beside, keep_times, Values::Integer),
        States::PickBoolean(_, runs) => picked(runs, &beside, keep_times, Values::Boolean),
        States::PickString(_, runs) => {
            picked(runs, &beside, keep_times, |values: Vec<Arc<str>>| Values::String(values))
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of rows")]
const fn count_of(count: u64) -> f64 {
    count as f64
}

fn plain<S, T>(
    runs: Runs<S>,
    value: impl Fn(S) -> T,
    values: impl Fn(Vec<T>) -> Values,
) -> Unordered {
    let mut times = runs.starts.clone();
    from_zero(&mut times, MIN_TIME);
    Unordered {
        points: Points {
            times,
            column: Column::valid(values(runs.states.into_iter().map(value).collect())),
            beside: Vec::new(),
            lanes: Vec::new(),
        },
        starts: runs.starts,
    }
}

fn picked<T>(
    runs: Runs<Pick<T>>,
    beside: &[Column],
    keep_times: bool,
    values: impl Fn(Vec<T>) -> Values,
) -> Unordered {
    let rows: Vec<u32> = runs.states.iter().map(|pick| pick.row).collect();
    let times = if keep_times {
        runs.states.iter().map(|pick| pick.time).collect()
    } else {
        let mut times = runs.starts.clone();
        from_zero(&mut times, MIN_TIME);
        times
    };
    Unordered {
        points: Points {
            times,
            column: Column::valid(values(runs.states.into_iter().map(|pick| pick.value).collect())),
            beside: beside.iter().map(|column| column.pick(&rows)).collect(),
            lanes: Vec::new(),
        },
        starts: runs.starts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(starts: &[i64], lanes: &[u32], ascending: bool) -> Vec<i64> {
        let points = Points {
            times: starts.iter().zip(0..).map(|(start, row)| start * 10 + row).collect(),
            column: Column::valid(Values::Integer(vec![0; starts.len()])),
            beside: Vec::new(),
            lanes: lanes.to_vec(),
        };
        ordered(Unordered { points, starts: starts.to_vec() }, ascending).times
    }

    #[test]
    fn buckets_of_one_series_may_come_again() {
        assert_eq!(times(&[1, 2, 1, 2], &[], true), [10, 21, 12, 23]);
        assert_eq!(times(&[1, 2, 1, 2], &[], false), [23, 12, 21, 10]);
    }

    #[test]
    fn series_take_turns_within_a_bucket() {
        assert_eq!(times(&[1, 2, 1, 2], &[0, 0, 1, 1], true), [10, 12, 21, 23]);
        assert_eq!(times(&[1, 2, 1, 2], &[0, 0, 1, 1], false), [21, 23, 10, 12]);
    }
}
