//! Aggregates that can be made of parts: rows block by block, series by series, in any order of series.

use std::ops::Range;
use std::sync::Arc;

use svcflow_store::{NumberSummary, Summary, ValueSummary};

use super::columns::integer_to_float;
use super::runs::{Runs, State, merge_states};
use crate::plan::{Aggregate, Kind};
use crate::{Column, Validity, Values};

/// Rows of one bucket within a block: the bucket's beginning, and which.
pub(crate) type Run = (i64, Range<usize>);

/// Values of buckets, in the making.
#[derive(Clone, Debug)]
pub(crate) struct Accumulator {
    pub(crate) states: States,
    /// Columns that stand beside rows that were picked; states hold the rows' numbers in these.
    pub(crate) beside: Vec<Column>,
}

/// The states of buckets, by what is accumulated.
#[derive(Clone, Debug)]
pub(crate) enum States {
    Count(Runs<Count>),
    SumFloat(Runs<Sum<f64>>),
    SumInteger(Runs<Sum<i64>>),
    MeanFloat(Runs<Mean<f64>>),
    MeanInteger(Runs<Mean<i64>>),
    SpreadFloat(Runs<Spread<f64>>),
    SpreadInteger(Runs<Spread<i64>>),
    PickFloat(Picking, Runs<Pick<f64>>),
    PickInteger(Picking, Runs<Pick<i64>>),
    PickBoolean(Picking, Runs<Pick<bool>>),
    PickString(Picking, Runs<Pick<Arc<str>>>),
}

/// Which row of a bucket is picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Picking {
    First,
    Last,
    Min,
    Max,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Count(pub(crate) i64);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sum<T>(pub(crate) T);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mean<T> {
    pub(crate) sum: T,
    pub(crate) count: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread<T> {
    pub(crate) min: T,
    pub(crate) max: T,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pick<T> {
    pub(crate) time: i64,
    pub(crate) value: T,
    /// Its row in the columns beside.
    pub(crate) row: u32,
}

impl State for Count {
    fn merge(&mut self, other: &Self) {
        self.0 += other.0;
    }
}

impl State for Sum<f64> {
    fn merge(&mut self, other: &Self) {
        self.0 += other.0;
    }
}

impl State for Sum<i64> {
    fn merge(&mut self, other: &Self) {
        self.0 = self.0.wrapping_add(other.0);
    }
}

impl State for Mean<f64> {
    fn merge(&mut self, other: &Self) {
        self.sum += other.sum;
        self.count += other.count;
    }
}

impl State for Mean<i64> {
    fn merge(&mut self, other: &Self) {
        self.sum = self.sum.wrapping_add(other.sum);
        self.count += other.count;
    }
}

impl State for Spread<f64> {
    // Once there is something that isn't a number, it stays: so Go's `math.Min` and `math.Max` have it.
    fn merge(&mut self, other: &Self) {
        if other.min < self.min || other.min.is_nan() {
            self.min = other.min;
        }
        if other.max > self.max || other.max.is_nan() {
            self.max = other.max;
        }
    }
}

impl State for Spread<i64> {
    fn merge(&mut self, other: &Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

/// What can be picked: how InfluxDB orders values of the type.
pub(crate) trait Picked: Clone + PartialEq {
    fn less(&self, other: &Self) -> bool;

    /// Whether it has a place in that order: what isn't a number has none.
    fn is_ordered(&self) -> bool {
        true
    }

    /// Of two rows of one instant, whether this is the first one rather than the other.
    fn before_at_once(&self, other: &Self) -> bool {
        other.less(self)
    }
}

impl Picked for f64 {
    fn less(&self, other: &Self) -> bool {
        self < other
    }

    fn is_ordered(&self) -> bool {
        !self.is_nan()
    }
}

impl Picked for i64 {
    fn less(&self, other: &Self) -> bool {
        self < other
    }
}

impl Picked for bool {
    fn less(&self, other: &Self) -> bool {
        !*self && *other
    }

    fn before_at_once(&self, other: &Self) -> bool {
        self.less(other)
    }
}

impl Picked for Arc<str> {
    fn less(&self, other: &Self) -> bool {
        self < other
    }
}

impl Picking {
    /// Whether a row is picked rather than the one that was picked so far.
    fn prefers<T: Picked>(self, row: (i64, &T), so_far: (i64, &T)) -> bool {
        let ((time, value), (known_time, known)) = (row, so_far);
        match self {
            Self::First => time < known_time || (time == known_time && value.before_at_once(known)),
            Self::Last => time > known_time || (time == known_time && known.less(value)),
            Self::Min => value.less(known) || (known == value && time < known_time),
            Self::Max => known.less(value) || (known == value && time < known_time),
        }
    }
}

impl Picking {
    /// The first or the last of rows.
    fn end<T: Clone>(self, times: (i64, i64), first: &T, last: &T) -> (i64, T) {
        if self == Self::Last { (times.1, last.clone()) } else { (times.0, first.clone()) }
    }

    /// The row that is picked of those that a summary is of.
    fn known<T: Picked + Copy>(
        self,
        start: i64,
        states: &mut Runs<Pick<T>>,
        ends: (i64, i64),
        known: &NumberSummary<T>,
    ) {
        let row = match self {
            Self::Min => (known.min_time, known.min),
            Self::Max => (known.max_time, known.max),
            Self::First | Self::Last => self.end(ends, &known.first, &known.last),
        };
        self.put(start, states, row);
    }

    /// Puts a row in the place of the last bucket's, if it is preferred, or behind it.
    fn put<T: Picked>(self, start: i64, states: &mut Runs<Pick<T>>, row: (i64, T)) {
        let (time, value) = row;
        let last = states.last_if(start);
        if last.is_none_or(|last| self.prefers((time, &value), (last.time, &last.value))) {
            states.replace(start, Pick { time, value, row: 0 });
        }
    }
}

impl Accumulator {
    /// For an aggregate of values of a type; `None` where it can't be made of parts, or not of that type.
    pub(crate) fn new(aggregate: &Aggregate, kind: Kind, beside: &[Kind]) -> Option<Self> {
        let picking = |picking| match kind {
            Kind::Float => Some(States::PickFloat(picking, Runs::default())),
            Kind::Integer => Some(States::PickInteger(picking, Runs::default())),
            Kind::Boolean => Some(States::PickBoolean(picking, Runs::default())),
            Kind::String | Kind::AnyField => Some(States::PickString(picking, Runs::default())),
            Kind::Tag => None,
        };
        let states = match (aggregate, kind) {
            (Aggregate::Count, _) => States::Count(Runs::default()),
            (Aggregate::Sum, Kind::Float) => States::SumFloat(Runs::default()),
            (Aggregate::Sum, Kind::Integer) => States::SumInteger(Runs::default()),
            (Aggregate::Mean, Kind::Float) => States::MeanFloat(Runs::default()),
            (Aggregate::Mean, Kind::Integer) => States::MeanInteger(Runs::default()),
            (Aggregate::Spread, Kind::Float) => States::SpreadFloat(Runs::default()),
            (Aggregate::Spread, Kind::Integer) => States::SpreadInteger(Runs::default()),
            (Aggregate::First, _) => picking(Picking::First)?,
            (Aggregate::Last, _) => picking(Picking::Last)?,
            (Aggregate::Min, Kind::Float | Kind::Integer | Kind::Boolean) => picking(Picking::Min)?,
            (Aggregate::Max, Kind::Float | Kind::Integer | Kind::Boolean) => picking(Picking::Max)?,
            _ => return None,
        };
        Some(Self { states, beside: beside.iter().map(|kind| Column::empty(*kind)).collect() })
    }

    /// Takes rows of one series, later than those it took of it before.
    pub(crate) fn block(
        &mut self,
        times: &[i64],
        column: &Column,
        runs: &[Run],
        beside: &[&Column],
    ) {
        let validity = &column.validity;
        let mut rows = Rows { times, runs, validity, picked: Vec::new(), known: 0 };
        rows.known = self.beside.first().map_or(0, Column::len);
        match (&mut self.states, &column.values) {
            (States::Count(states), values) => rows.count(states, values.len()),
            (States::SumFloat(states), Values::Float(values)) => {
                rows.fold(states, values, |value| Sum(*value), |sum, value| sum.0 += value);
            }
            (States::SumInteger(states), Values::Integer(values)) => {
                let add = |sum: &mut Sum<i64>, value: &i64| sum.0 = sum.0.wrapping_add(*value);
                rows.fold(states, values, |value| Sum(*value), add);
            }
            (States::MeanFloat(states), Values::Float(values)) => {
                let one = |value: &f64| Mean { sum: *value, count: 1 };
                rows.fold(states, values, one, |mean, value| mean.merge(&one(value)));
            }
            (States::MeanInteger(states), Values::Integer(values)) => {
                let one = |value: &i64| Mean { sum: *value, count: 1 };
                rows.fold(states, values, one, |mean, value| mean.merge(&one(value)));
            }
            (States::SpreadFloat(states), Values::Float(values)) => {
                let one = |value: &f64| Spread { min: *value, max: *value };
                rows.fold(states, values, one, |spread, value| spread.merge(&one(value)));
            }
            (States::SpreadInteger(states), Values::Integer(values)) => {
                let one = |value: &i64| Spread { min: *value, max: *value };
                rows.fold(states, values, one, |spread, value| spread.merge(&one(value)));
            }
            (States::PickFloat(by, states), Values::Float(values)) => {
                rows.pick(*by, states, values)
            }
            (States::PickInteger(by, states), Values::Integer(values)) => {
                rows.pick(*by, states, values);
            }
            (States::PickBoolean(by, states), Values::Boolean(values)) => {
                rows.pick(*by, states, values);
            }
            (States::PickString(by, states), Values::String(values)) => {
                rows.pick(*by, states, values);
            }
            (States::PickString(by, states), Values::Same(value, count)) => {
                rows.pick(*by, states, &vec![Arc::clone(value); *count]);
            }
            // A column of another type has no values.
            _ => {}
        }
        for (beside, column) in self.beside.iter_mut().zip(beside) {
            beside.append(column.pick(&rows.picked));
        }
    }

    /// Whether a summary of this kind says all that it needs to know of rows.
    pub(crate) const fn takes(&self, summary: &Summary) -> bool {
        use ValueSummary::{Boolean, Float, Integer, String};
        matches!(
            (&self.states, &summary.values),
            (States::Count(_), _)
                | (
                    States::SumFloat(_)
                        | States::MeanFloat(_)
                        | States::SpreadFloat(_)
                        | States::PickFloat(..),
                    Float(_)
                )
                | (
                    States::SumInteger(_)
                        | States::MeanInteger(_)
                        | States::SpreadInteger(_)
                        | States::PickInteger(..),
                    Integer(_)
                )
                | (States::PickBoolean(Picking::First | Picking::Last, _), Boolean { .. })
                | (States::PickString(Picking::First | Picking::Last, _), String { .. })
        )
    }

    /// Takes what is known of rows of one bucket, later than those it took of the series before. There are no
    /// columns beside.
    pub(crate) fn summary(&mut self, start: i64, summary: &Summary) {
        use ValueSummary::{Boolean, Float, Integer, String};
        let ends = (summary.first_time, summary.last_time);
        match (&mut self.states, &summary.values) {
            (States::Count(states), _) => {
                states.add(start, Count(i64::try_from(summary.count).unwrap_or(i64::MAX)));
            }
            (States::SumFloat(states), Float(known)) => states.add(start, Sum(known.sum)),
            (States::SumInteger(states), Integer(known)) => states.add(start, Sum(known.sum)),
            (States::MeanFloat(states), Float(known)) => {
                states.add(start, Mean { sum: known.sum, count: summary.count });
            }
            (States::MeanInteger(states), Integer(known)) => {
                states.add(start, Mean { sum: known.sum, count: summary.count });
            }
            (States::SpreadFloat(states), Float(known)) => {
                states.add(start, Spread { min: known.min, max: known.max });
            }
            (States::SpreadInteger(states), Integer(known)) => {
                states.add(start, Spread { min: known.min, max: known.max });
            }
            (States::PickFloat(by, states), Float(known)) => by.known(start, states, ends, known),
            (States::PickInteger(by, states), Integer(known)) => {
                by.known(start, states, ends, known);
            }
            (States::PickBoolean(by, states), Boolean { first, last }) => {
                by.put(start, states, by.end(ends, first, last));
            }
            (States::PickString(by, states), String { first, last }) => {
                by.put(start, states, by.end(ends, first, last));
            }
            // See `takes`.
            _ => {}
        }
    }

    /// Ends a series: sums of its integers, which wrap around, are no longer added to as such.
    pub(crate) fn end_series(&mut self) {
        if let States::MeanInteger(states) = &mut self.states {
            let float =
                |mean: &Mean<i64>| Mean { sum: integer_to_float(mean.sum), count: mean.count };
            let states = std::mem::take(states);
            self.states = States::MeanFloat(states.map(float));
        }
    }

    /// Takes what another has made of other series. Both have ended their series.
    pub(crate) fn merge(&mut self, other: Self) {
        let known = u32::try_from(self.beside.first().map_or(0, Column::len)).unwrap_or(u32::MAX);
        match (&mut self.states, other.states) {
            (States::Count(states), States::Count(other)) => states.merge(other),
            (States::SumFloat(states), States::SumFloat(other)) => states.merge(other),
            (States::SumInteger(states), States::SumInteger(other)) => states.merge(other),
            (States::MeanFloat(states), States::MeanFloat(other)) => states.merge(other),
            (States::MeanInteger(states), States::MeanInteger(other)) => states.merge(other),
            (States::SpreadFloat(states), States::SpreadFloat(other)) => states.merge(other),
            (States::SpreadInteger(states), States::SpreadInteger(other)) => states.merge(other),
            (States::PickFloat(by, states), States::PickFloat(_, other)) => {
                merge_picks(*by, states, other, known);
            }
            (States::PickInteger(by, states), States::PickInteger(_, other)) => {
                merge_picks(*by, states, other, known);
            }
            (States::PickBoolean(by, states), States::PickBoolean(_, other)) => {
                merge_picks(*by, states, other, known);
            }
            (States::PickString(by, states), States::PickString(_, other)) => {
                merge_picks(*by, states, other, known);
            }
            // They are made of the same call.
            _ => {}
        }
        for (beside, other) in self.beside.iter_mut().zip(other.beside) {
            beside.append(other);
        }
    }

    /// About how much memory it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let states = match &self.states {
            States::Count(states) => states.bytes(),
            States::SumFloat(states) => states.bytes(),
            States::SumInteger(states) => states.bytes(),
            States::MeanFloat(states) => states.bytes(),
            States::MeanInteger(states) => states.bytes(),
            States::SpreadFloat(states) => states.bytes(),
            States::SpreadInteger(states) => states.bytes(),
            States::PickFloat(_, states) => states.bytes(),
            States::PickInteger(_, states) => states.bytes(),
            States::PickBoolean(_, states) => states.bytes(),
            States::PickString(_, states) => states.bytes(),
        };
        states + self.beside.iter().map(Column::bytes).sum::<usize>()
    }
}

fn merge_picks<T: Picked>(
    by: Picking,
    states: &mut Runs<Pick<T>>,
    mut other: Runs<Pick<T>>,
    known: u32,
) {
    for state in &mut other.states {
        state.row += known;
    }
    merge_states(states, other, |state, other| {
        if by.prefers((other.time, &other.value), (state.time, &state.value)) {
            state.clone_from(other);
        }
    });
}

/// Rows of a block, cut by bucket.
struct Rows<'a> {
    times: &'a [i64],
    runs: &'a [Run],
    validity: &'a Validity,
    /// Rows that were picked, for the columns beside.
    picked: Vec<u32>,
    /// How many rows the columns beside have already.
    known: usize,
}

impl Rows<'_> {
    fn count(&self, states: &mut Runs<Count>, rows: usize) {
        for (start, run) in self.runs {
            let count = match self.validity {
                Validity::All => run.len(),
                Validity::None => 0,
                Validity::Mask(mask) => {
                    let mask = mask.get(run.clone()).unwrap_or_default();
                    mask.iter().filter(|valid| **valid).count()
                }
            };
            debug_assert!(run.end <= rows);
            if count > 0 {
                states.add(*start, Count(i64::try_from(count).unwrap_or(i64::MAX)));
            }
        }
    }

    fn fold<T, S: State>(
        &self,
        states: &mut Runs<S>,
        values: &[T],
        one: impl Fn(&T) -> S,
        add: impl Fn(&mut S, &T),
    ) {
        for (start, run) in self.runs {
            let mut state: Option<S> = None;
            self.valid(values, run, |_, value| match &mut state {
                Some(state) => add(state, value),
                None => state = Some(one(value)),
            });
            if let Some(state) = state {
                states.add(*start, state);
            }
        }
    }

    /// Calls `each` with each valid value of a run and its row.
    fn valid<T>(&self, values: &[T], run: &Range<usize>, mut each: impl FnMut(usize, &T)) {
        let values = run.clone().zip(values.get(run.clone()).unwrap_or_default());
        match self.validity {
            Validity::None => {}
            Validity::All => values.for_each(|(row, value)| each(row, value)),
            Validity::Mask(mask) => {
                let mask = mask.get(run.clone()).unwrap_or_default();
                for ((row, value), valid) in values.zip(mask) {
                    if *valid {
                        each(row, value);
                    }
                }
            }
        }
    }

    fn pick<T: Picked>(&mut self, by: Picking, states: &mut Runs<Pick<T>>, values: &[T]) {
        for (start, run) in self.runs {
            let Some(row) = self.best(by, values, run) else { continue };
            let (Some(time), Some(value)) = (self.times.get(row), values.get(row)) else {
                continue;
            };
            let last = states.last_if(*start);
            if last.is_some_and(|last| !by.prefers((*time, value), (last.time, &last.value))) {
                continue;
            }
            let number = u32::try_from(self.known + self.picked.len()).unwrap_or(u32::MAX);
            self.picked.push(u32::try_from(row).unwrap_or(u32::MAX));
            states.replace(*start, Pick { time: *time, value: value.clone(), row: number });
        }
    }

    /// The row of a run that is picked.
    fn best<T: Picked>(&self, by: Picking, values: &[T], run: &Range<usize>) -> Option<usize> {
        let rising = self.times.get(run.clone()).is_some_and(<[i64]>::is_sorted);
        let ends = match by {
            Picking::First if rising => Some(run.start),
            Picking::Last if rising => run.end.checked_sub(1),
            _ => None,
        };
        if let (Some(row), Validity::All) = (ends, self.validity) {
            return self.settle(by, values, row, run);
        }
        let mut best: Option<(usize, &T)> = None;
        let run_values = run.clone().zip(values.get(run.clone()).unwrap_or_default());
        for (row, value) in run_values.filter(|(row, _)| self.validity.is_valid(*row)) {
            let time = |row: usize| self.times.get(row).copied().unwrap_or_default();
            let better = best.is_none_or(|(known_row, known)| {
                by.prefers((time(row), value), (time(known_row), known))
            });
            if better {
                best = Some((row, value));
            }
        }
        best.map(|(row, _)| row)
    }

    /// The row at an end of a run, or one of the same instant that is picked rather than it.
    fn settle<T: Picked>(
        &self,
        by: Picking,
        values: &[T],
        row: usize,
        run: &Range<usize>,
    ) -> Option<usize> {
        let time = self.times.get(row)?;
        let mut best = (row, values.get(row)?);
        let mut near = row;
        loop {
            let next = if by == Picking::First { Some(near + 1) } else { near.checked_sub(1) };
            let same = next.filter(|row| run.contains(row) && self.times.get(*row) == Some(time));
            let Some((row, value)) = same.and_then(|row| Some((row, values.get(row)?))) else {
                return Some(best.0);
            };
            near = row;
            if by.prefers((*time, value), (*time, best.1)) {
                best = (near, value);
            }
        }
    }
}
