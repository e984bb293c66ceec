//! Stretches of time that hold about so many rows.

use svcflow_store::TimeRange;

/// How finely time is looked at.
const CELLS: usize = 4096;

/// Cuts a range where rows lie into stretches of no more than about `most` rows. `chunks` says when there are
/// rows, and how many; they are taken to lie evenly in between.
pub(super) fn stretches(chunks: &[(TimeRange, usize)], most: usize) -> Vec<TimeRange> {
    let Some(first) = chunks.iter().map(|(range, _)| range.first).min() else { return Vec::new() };
    let last = chunks.iter().map(|(range, _)| range.last).max().unwrap_or(first);
    let cells = Cells::new(first, last);
    let mut stretches = Vec::new();
    let (mut begin, mut rows) = (i128::from(first), 0.0);
    let most = number(most.max(1));
    let mut end = |begin: &mut i128, last: i128| {
        if let (Ok(first), Ok(last)) = (i64::try_from(*begin), i64::try_from(last))
            && first <= last
        {
            stretches.push(TimeRange { first, last });
            *begin = i128::from(last) + 1;
        }
    };
    for (cell, here) in cells.rows(chunks).into_iter().enumerate() {
        if rows + here > most && rows > 0.0 {
            end(&mut begin, cells.begin(cell) - 1);
            rows = 0.0;
        }
        rows += here;
        // Many rows in one cell: it is cut evenly.
        if rows > most {
            let parts = (rows / most).ceil();
            let width = cells.begin(cell + 1) - begin;
            let mut part = 1.0;
            while part < parts {
                end(&mut begin, cells.begin(cell + 1) - 1 - share(width, 1.0 - part / parts));
                part += 1.0;
            }
            rows /= parts;
        }
    }
    end(&mut begin, i128::from(last));
    stretches
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
const fn number(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "an estimate")]
fn share(width: i128, part: f64) -> i128 {
    (width as f64 * part) as i128
}

struct Cells {
    first: i128,
    width: i128,
}

impl Cells {
    fn new(first: i64, last: i64) -> Self {
        let first = i128::from(first);
        let all = i128::from(last) - first + 1;
        Self { first, width: all / i128::try_from(CELLS).unwrap_or(1) + 1 }
    }

    fn begin(&self, cell: usize) -> i128 {
        self.first + self.width * i128::try_from(cell).unwrap_or(i128::MAX)
    }

    fn of(&self, time: i64) -> usize {
        usize::try_from((i128::from(time) - self.first) / self.width).unwrap_or(0).min(CELLS - 1)
    }

    /// How many rows are in each cell.
    fn rows(&self, chunks: &[(TimeRange, usize)]) -> Vec<f64> {
        let mut change = vec![0.0; CELLS + 1];
        for (range, rows) in chunks {
            let (from, to) = (self.of(range.first), self.of(range.last));
            let each = number(*rows) / number(to - from + 1);
            for (at, by) in [(from, each), (to + 1, -each)] {
                if let Some(change) = change.get_mut(at) {
                    *change += by;
                }
            }
        }
        let mut now = 0.0;
        let mut rows = Vec::with_capacity(CELLS);
        for by in change.iter().take(CELLS) {
            now += by;
            // Rounding may leave a little where there is nothing.
            rows.push(if now > 1e-6 { now } else { 0.0 });
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: i64, last: i64) -> TimeRange {
        TimeRange { first, last }
    }

    fn check(cut: &[TimeRange], first: i64, last: i64) {
        assert_eq!(cut.first().map(|it| it.first), Some(first));
        assert_eq!(cut.last().map(|it| it.last), Some(last));
        assert!(cut.windows(2).all(|two| two[0].last + 1 == two[1].first), "{cut:?}");
    }

    #[test]
    fn few_rows_are_one_stretch() {
        assert_eq!(stretches(&[(range(5, 90), 100)], 100), [range(5, 90)]);
        assert_eq!(stretches(&[], 100), []);
    }

    #[test]
    fn many_rows_are_cut() {
        let chunks: Vec<_> = (0..1000).map(|it| (range(it * 1000, it * 1000 + 999), 100)).collect();
        let cut = stretches(&chunks, 1000);
        check(&cut, 0, 999_999);
        assert!((100..=140).contains(&cut.len()), "{}", cut.len());
    }

    #[test]
    fn what_lies_close_together_is_cut_too() {
        let chunks = [(range(0, 1_000_000_000), 10), (range(0, 10_000), 1000)];
        let cut = stretches(&chunks, 100);
        check(&cut, 0, 1_000_000_000);
        assert!((10..=13).contains(&cut.len()), "{cut:?}");
        let everything = [(range(i64::MIN, i64::MAX), 1000)];
        let cut = stretches(&everything, 10);
        check(&cut, i64::MIN, i64::MAX);
        // There are no more stretches than instants.
        let cut = stretches(&[(range(7, 8), 1000)], 10);
        check(&cut, 7, 8);
    }
}
