//! The order in which Go's `sort.Sort` leaves what is equal.
//!
//! InfluxDB sorts the values of a bucket by it, and then a row is picked by its rank: which of several rows
//! of one value that is hangs on the algorithm, pattern-defeating quicksort as of Go 1.19, which the
//! reference server was built with. What Go does is repeated step by step, down to its constants.

/// Sorts as Go's `sort.Sort` does.
pub(crate) fn sort<T>(items: &mut [T], less: impl Fn(&T, &T) -> bool) {
    let limit = usize::BITS - items.len().leading_zeros();
    let len = items.len();
    Sorter { items, less }.sort(0, len, limit);
}

/// Shorter ranges are sorted by insertion.
const SHORT: usize = 12;
/// Shorter ranges aren't looked at more closely before they are parted.
const LONG: usize = 50;

struct Sorter<'a, T, F> {
    items: &'a mut [T],
    less: F,
}

/// What the choice of a pivot told of the order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hint {
    Unknown,
    Rising,
    Falling,
}

impl<T, F: Fn(&T, &T) -> bool> Sorter<'_, T, F> {
    fn less(&self, a: usize, b: usize) -> bool {
        match (self.items.get(a), self.items.get(b)) {
            (Some(a), Some(b)) => (self.less)(a, b),
            _ => false,
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        if a < self.items.len() && b < self.items.len() {
            self.items.swap(a, b);
        }
    }

    fn sort(&mut self, mut from: usize, mut to: usize, mut limit: u32) {
        let (mut balanced, mut parted) = (true, true);
        loop {
            let length = to - from;
            if length <= SHORT {
                return self.insert(from, to);
            }
            if limit == 0 {
                return self.heap_sort(from, to);
            }
            if !balanced {
                self.break_patterns(from, to);
                limit -= 1;
            }
            let (mut pivot, mut hint) = self.pivot(from, to);
            if hint == Hint::Falling {
                if let Some(range) = self.items.get_mut(from..to) {
                    range.reverse();
                }
                pivot = (to - 1) - (pivot - from);
                hint = Hint::Rising;
            }
            if balanced && parted && hint == Hint::Rising && self.nearly_sorted(from, to) {
                return;
            }
            if from > 0 && !self.less(from - 1, pivot) {
                from = self.part_equal(from, to, pivot);
                continue;
            }
            let (middle, already) = self.part(from, to, pivot);
            parted = already;
            let (left, right) = (middle - from, to - middle);
            balanced = left.min(right) >= length / 8;
            if left < right {
                self.sort(from, middle, limit);
                from = middle + 1;
            } else {
                self.sort(middle + 1, to, limit);
                to = middle;
            }
        }
    }

    fn insert(&mut self, from: usize, to: usize) {
        for at in from + 1..to {
            let mut at = at;
            while at > from && self.less(at, at - 1) {
                self.swap(at, at - 1);
                at -= 1;
            }
        }
    }

    fn heap_sort(&mut self, from: usize, to: usize) {
        let count = to - from;
        for root in (0..=(count - 1) / 2).rev() {
            self.sift_down(root, count, from);
        }
        for last in (0..count).rev() {
            self.swap(from, from + last);
            self.sift_down(0, last, from);
        }
    }

    fn sift_down(&mut self, mut root: usize, count: usize, from: usize) {
        loop {
            let mut child = 2 * root + 1;
            if child >= count {
                return;
            }
            if child + 1 < count && self.less(from + child, from + child + 1) {
                child += 1;
            }
            if !self.less(from + root, from + child) {
                return;
            }
            self.swap(from + root, from + child);
            root = child;
        }
    }

    fn break_patterns(&mut self, from: usize, to: usize) {
        let length = to - from;
        if length < 8 {
            return;
        }
        let mut random = u64::try_from(length).unwrap_or(u64::MAX);
        let mask = (1 << (usize::BITS - length.leading_zeros())) - 1;
        let middle = from + (length / 4) * 2 - 1;
        for at in 0..3 {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            let mut other = usize::try_from(random & mask).unwrap_or(0);
            if other >= length {
                other -= length;
            }
            self.swap(middle + at - 1, from + other);
        }
    }

    fn pivot(&self, from: usize, to: usize) -> (usize, Hint) {
        let length = to - from;
        let mut swaps = 0;
        let quarter = |number: usize| from + length / 4 * number;
        let (mut low, mut middle, mut high) = (quarter(1), quarter(2), quarter(3));
        if length >= 8 {
            if length >= LONG {
                low = self.median([low - 1, low, low + 1], &mut swaps);
                middle = self.median([middle - 1, middle, middle + 1], &mut swaps);
                high = self.median([high - 1, high, high + 1], &mut swaps);
            }
            middle = self.median([low, middle, high], &mut swaps);
        }
        let hint = match swaps {
            0 => Hint::Rising,
            12 => Hint::Falling,
            _ => Hint::Unknown,
        };
        (middle, hint)
    }

    fn median(&self, [mut a, mut b, mut c]: [usize; 3], swaps: &mut u32) -> usize {
        let mut order = |a: &mut usize, b: &mut usize| {
            if self.less(*b, *a) {
                *swaps += 1;
                std::mem::swap(a, b);
            }
        };
        order(&mut a, &mut b);
        order(&mut b, &mut c);
        order(&mut a, &mut b);
        b
    }

    /// Sorts what is sorted but for a few places; says whether it was.
    fn nearly_sorted(&mut self, from: usize, to: usize) -> bool {
        let mut at = from + 1;
        for _ in 0..5 {
            while at < to && !self.less(at, at - 1) {
                at += 1;
            }
            if at == to {
                return true;
            }
            if to - from < LONG {
                return false;
            }
            self.swap(at, at - 1);
            if at - from >= 2 {
                let mut left = at - 1;
                while left >= 1 && self.less(left, left - 1) {
                    self.swap(left, left - 1);
                    left -= 1;
                }
            }
            if to - at >= 2 {
                let mut right = at + 1;
                while right < to && self.less(right, right - 1) {
                    self.swap(right, right - 1);
                    right += 1;
                }
            }
        }
        false
    }

    /// Parts a range into what is less than the pivot and what isn't; says where the pivot came to stand,
    /// and whether all was parted already.
    fn part(&mut self, from: usize, to: usize, pivot: usize) -> (usize, bool) {
        self.swap(from, pivot);
        let (mut left, mut right) = (from + 1, to - 1);
        let mut already = true;
        loop {
            while left <= right && self.less(left, from) {
                left += 1;
            }
            while left <= right && !self.less(right, from) {
                right -= 1;
            }
            if left > right {
                break;
            }
            already = false;
            self.swap(left, right);
            left += 1;
            right -= 1;
        }
        self.swap(right, from);
        (right, already)
    }

    /// Parts a range into what equals the pivot and what is greater; nothing is less.
    fn part_equal(&mut self, from: usize, to: usize, pivot: usize) -> usize {
        self.swap(from, pivot);
        let (mut left, mut right) = (from + 1, to - 1);
        loop {
            while left <= right && !self.less(from, left) {
                left += 1;
            }
            while left <= right && self.less(from, right) {
                right -= 1;
            }
            if left > right {
                return left;
            }
            self.swap(left, right);
            left += 1;
            right -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sorts(mut values in prop::collection::vec(0_u16..50, 0..400)) {
            let mut expected = values.clone();
            expected.sort_unstable();
            sort(&mut values, |a, b| a < b);
            prop_assert_eq!(values, expected);
        }
    }

    #[test]
    fn patterns_are_sorted() {
        let length = 300_u32;
        let patterns: [fn(u32) -> u32; 5] =
            [|it| it, |it| 1000 - it, |it| it % 7, |it| it ^ 5, |it| (it % 2) * it];
        for pattern in patterns {
            let mut values: Vec<u32> = (0..length).map(pattern).collect();
            sort(&mut values, |a, b| a < b);
            assert!(values.is_sorted());
        }
    }

    #[test]
    fn few_stay_in_their_order() {
        let mut pairs: Vec<(u8, usize)> = [1, 0, 1, 0, 1].into_iter().zip(0..).collect();
        sort(&mut pairs, |a, b| a.0 < b.0);
        assert_eq!(pairs, [(0, 1), (0, 3), (1, 0), (1, 2), (1, 4)]);
    }
}
