//! Aggregates of the values of one bucket.

use std::cmp::Ordering;

use super::accumulate::Picked;
use super::go_heap;
use super::go_sort::sort;
use super::windows::{Emit, Item};
use crate::plan::Aggregate;

/// A total order: what isn't a number is less than all that is.
fn by_value<T: Picked>(a: &Item<T>, b: &Item<T>) -> Ordering {
    if a.value.less(&b.value) {
        Ordering::Less
    } else if b.value.less(&a.value) {
        Ordering::Greater
    } else {
        a.value.is_ordered().cmp(&b.value.is_ordered())
    }
}

/// The middle values of sorted ones: two, where there is an even number of them.
fn middle<T: Picked>(items: &mut [Item<T>]) -> Option<(T, Option<T>)> {
    if items.iter().all(|item| item.value.is_ordered()) {
        items.sort_by(by_value);
    } else {
        // Where that is then hangs on the algorithm.
        sort(items, |a, b| a.value.less(&b.value));
    }
    let half = items.len() / 2;
    let upper = items.get(half)?.value.clone();
    if items.len() % 2 == 1 {
        return Some((upper, None));
    }
    Some((items.get(half.checked_sub(1)?)?.value.clone(), Some(upper)))
}

pub(crate) fn median_float(items: &mut [Item<f64>]) -> f64 {
    match middle(items) {
        None => f64::NAN,
        Some((only, None)) => only,
        Some((low, Some(high))) => low + (high - low) / 2.0,
    }
}

pub(crate) fn median_integer(items: &mut [Item<i64>]) -> f64 {
    use super::columns::integer_to_float as float;
    match middle(items) {
        None => f64::NAN,
        Some((only, None)) => float(only),
        Some((low, Some(high))) => float(low) + float(high.wrapping_sub(low)) / 2.0,
    }
}

/// The standard deviation of a sample, without what isn't a number; NaN of a single value.
pub(crate) fn stddev<T>(items: &[Item<T>], float: impl Fn(&T) -> f64) -> f64 {
    if items.len() < 2 {
        return f64::NAN;
    }
    let numbers = || items.iter().map(|item| float(&item.value)).filter(|value| !value.is_nan());
    let (mut mean, mut count) = (0.0, 0.0);
    for value in numbers() {
        count += 1.0;
        mean += (value - mean) / count;
    }
    let squares: f64 = numbers().map(|value| (value - mean).powi(2)).fold(0.0, |all, it| all + it);
    (squares / (count - 1.0)).sqrt()
}

/// The value that is there most often; of several, the one that was there first (InfluxDB's
/// `FloatModeReduceSlice`).
fn mode<T: Picked>(items: &mut [Item<T>]) -> Option<T> {
    sort(items, |a, b| a.value.less(&b.value));
    let first = items.first()?;
    let (mut most, mut most_often, mut most_time) = (&first.value, 0, first.time);
    let (mut value, mut often, mut time) = (&first.value, 0, first.time);
    for item in items.iter() {
        if item.value.less(value) || value.less(&item.value) {
            // That it is there once is looked at no more before it is there again.
            (value, often, time) = (&item.value, 1, item.time);
            continue;
        }
        often += 1;
        if most_often > often || (most_often == often && time > most_time) {
            continue;
        }
        (most, most_often, most_time) = (&item.value, often, item.time);
    }
    Some(most.clone())
}

/// Each value once, when it was first there, in the order of times and then of values.
pub(crate) fn distinct<T: Picked>(items: &mut [Item<T>]) -> Vec<Emit<T>> {
    items.sort_by(by_value);
    let mut kept: Vec<Item<T>> = Vec::new();
    for item in items.iter() {
        match kept.last_mut() {
            Some(last) if last.value == item.value => {
                if item.row < last.row {
                    last.clone_from(item);
                }
            }
            _ => kept.push(item.clone()),
        }
    }
    kept.sort_by_key(|item| item.time);
    kept.iter().map(Emit::from).collect()
}

/// The value of which so many of a hundred are no greater.
#[expect(clippy::cast_precision_loss, reason = "a share of a number of rows")]
fn percentile<T: Picked>(items: &mut [Item<T>], share: f64) -> Vec<Emit<T>> {
    let rank = (items.len() as f64 * share / 100.0 + 0.5).floor() - 1.0;
    let rank = usize::try_from(super::columns::float_to_integer(rank)).unwrap_or(usize::MAX);
    if rank >= items.len() {
        return Vec::new();
    }
    sort(items, |a, b| a.value.less(&b.value));
    items.get(rank).map(Emit::from).into_iter().collect()
}

/// The greatest values (or the least), greatest first. Which of those that are alike in value and time stays
/// is up to the heap of Go's standard library.
fn top<T: Picked>(items: &[Item<T>], count: usize, least: bool) -> Vec<Emit<T>> {
    let before = |a: &Item<T>, b: &Item<T>| {
        let (low, high) = if least { (b, a) } else { (a, b) };
        low.value.less(&high.value) || (a.value == b.value && b.time < a.time)
    };
    let mut heap: Vec<Item<T>> = Vec::new();
    for item in items {
        if heap.len() < count {
            heap.push(item.clone());
            go_heap::up(&mut heap, &before);
        } else if let Some(first) = heap.first_mut().filter(|first| before(first, item)) {
            first.clone_from(item);
            go_heap::down(&mut heap, 0, &before);
        }
    }
    sort(&mut heap, |a, b| before(b, a));
    heap.iter().map(Emit::from).collect()
}

/// So many values, each as likely as any other.
fn sample<T: Picked>(items: &mut [Item<T>], count: usize, seed: u64) -> Vec<Emit<T>> {
    let mut kept: Vec<Item<T>> = items.iter().take(count).cloned().collect();
    let mut random = Random(seed);
    for (seen, item) in items.iter().enumerate().skip(count) {
        if let Some(place) = kept.get_mut(random.below(seen + 1)) {
            place.clone_from(item);
        }
    }
    kept.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| by_value(a, b)));
    kept.iter().map(Emit::from).collect()
}

/// Marsaglia's xorshift: enough to choose rows by.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        let mut state = self.0 | 1;
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.0 = state;
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from((state >> 11) % bound).unwrap_or(0)
    }
}

/// Aggregates of numbers that are of their type.
pub(crate) fn number<T: Picked>(
    aggregate: &Aggregate,
    items: &mut [Item<T>],
    seed: u64,
) -> Option<Vec<Emit<T>>> {
    Some(match aggregate {
        Aggregate::Percentile(share) => percentile(items, *share),
        Aggregate::Top { count, least, .. } => top(items, *count, *least),
        other => return any(other, items, seed),
    })
}

/// Aggregates of any type.
pub(crate) fn any<T: Picked>(
    aggregate: &Aggregate,
    items: &mut [Item<T>],
    seed: u64,
) -> Option<Vec<Emit<T>>> {
    Some(match aggregate {
        Aggregate::Mode => mode(items).map(Emit::of_bucket).into_iter().collect(),
        Aggregate::Distinct => distinct(items),
        Aggregate::Sample(count) => sample(items, *count, seed),
        _ => return None,
    })
}

/// Aggregates of booleans: the one that is there most often is true where both are there as often.
pub(crate) fn boolean(
    aggregate: &Aggregate,
    items: &mut [Item<bool>],
    seed: u64,
) -> Option<Vec<Emit<bool>>> {
    if *aggregate != Aggregate::Mode {
        return any(aggregate, items, seed);
    }
    let trues = items.iter().filter(|item| item.value).count();
    Some(vec![Emit::of_bucket(trues * 2 >= items.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items<T: Copy>(pairs: &[(i64, T)]) -> Vec<Item<T>> {
        let item =
            |(row, (time, value)): (u32, &(i64, T))| Item { time: *time, value: *value, row };
        (0..).zip(pairs).map(item).collect()
    }

    fn values<T: Copy>(emits: &[Emit<T>]) -> Vec<T> {
        emits.iter().map(|emit| emit.value).collect()
    }

    #[test]
    fn middles() {
        assert_eq!(median_float(&mut items(&[(0, 3.0), (1, 1.0), (2, 2.0)])), 2.0);
        assert_eq!(median_float(&mut items(&[(0, 3.0), (1, 2.0)])), 2.5);
        assert_eq!(
            median_integer(&mut items(&[(0, i64::MAX), (1, i64::MIN)])),
            -(2_f64.powi(63)) - 0.5
        );
    }

    #[test]
    fn what_is_no_number_has_its_place() {
        let nan = f64::NAN;
        // Enough of them that a sort would find out about an order that isn't one.
        let value = |at: i32| if at % 3 == 0 { nan } else { f64::from(at % 7) };
        let pairs: Vec<(i64, f64)> = (0..100).map(|at| (i64::from(at), value(at))).collect();
        assert_eq!(distinct(&mut items(&pairs)).len(), 34 + 7);
        assert_eq!(sample(&mut items(&pairs), 60, 1).len(), 60);
        let _ = median_float(&mut items(&pairs));
        assert_eq!(median_float(&mut items(&[(0, 1.0), (1, 5.0), (2, nan)])), 5.0);
        let best = top(&items(&[(0, nan), (1, 2.0), (2, 1.0)]), 2, false);
        assert!(best.iter().any(|it| it.value == 2.0));
    }

    #[test]
    fn deviations() {
        let deviation = stddev(&items(&[(0, 2.0), (1, 4.0), (2, 4.0), (3, 6.0)]), |it| *it);
        assert!((deviation - 1.632_993_161_855_452).abs() < 1e-15);
        assert!(stddev(&items(&[(0, 2.0)]), |it| *it).is_nan());
        let some = [(0, 2.0), (1, f64::NAN), (2, 4.0), (3, 4.0), (4, 6.0)];
        assert_eq!(stddev(&items(&some), |it| *it), deviation);
    }

    #[test]
    fn the_most_frequent() {
        assert_eq!(mode(&mut items(&[(0, 1), (1, 2), (2, 2), (3, 3)])), Some(2));
        // All once: the least. Twice each: the one that was there first.
        assert_eq!(mode(&mut items(&[(0, 5), (1, 4), (2, 6)])), Some(4));
        assert_eq!(mode(&mut items(&[(0, 5), (1, 4), (2, 5), (3, 4)])), Some(5));
        let tie = boolean(&Aggregate::Mode, &mut items(&[(0, true), (1, false)]), 0).unwrap();
        assert_eq!(values(&tie), [true]);
    }

    #[test]
    fn shares() {
        let of = |share| values(&percentile(&mut items(&[(0, 1), (1, 2), (2, 3), (3, 4)]), share));
        assert_eq!(of(50.0), [2]);
        assert_eq!(of(100.0), [4]);
        assert!(of(0.0).is_empty());
        assert!(of(150.0).is_empty());
        assert!(of(f64::NAN).is_empty());
    }

    #[test]
    fn the_greatest_and_the_least() {
        let pairs = [(0, 1), (1, 3), (2, 3), (3, 2)];
        let best = top(&items(&pairs), 2, false);
        assert_eq!(best.iter().map(|it| it.time).collect::<Vec<_>>(), [Some(1), Some(2)]);
        assert_eq!(values(&top(&items(&pairs), 2, true)), [1, 2]);
    }

    #[test]
    fn each_once() {
        let once = distinct(&mut items(&[(5, 2), (5, 1), (6, 2), (7, 0)]));
        assert_eq!(values(&once), [1, 2, 0]);
    }

    #[test]
    fn samples() {
        let pairs: Vec<(i64, i64)> = (0..100).map(|it| (it, it)).collect();
        let some = sample(&mut items(&pairs), 10, 42);
        assert_eq!(some.len(), 10);
        assert!(some.windows(2).all(|pair| pair[0].time < pair[1].time));
        assert_eq!(sample(&mut items(&pairs), 1000, 42).len(), 100);
    }
}
