//! Rows of what several calls made (InfluxDB's `multiScannerCursor`).

use std::cmp::Ordering;

use super::rows::{LaneKey, Rows};
use crate::Column;
use crate::kernel::points::Points;
use crate::plan::Kind;

/// Puts the values of calls that are of one instant and one series into one row. `kinds` are the calls' types;
/// calls that made nothing have columns without values.
pub(super) fn join(
    made: Vec<Option<Points>>,
    kinds: &[Kind],
    ascending: bool,
    keys: Vec<LaneKey>,
) -> Rows {
    let mut some: Vec<&Points> = made.iter().flatten().collect();
    let Some(first) = some.first().copied() else { return Rows { keys, ..Rows::default() } };
    some.retain(|points| points.times != first.times || points.lanes != first.lanes);
    if some.is_empty() {
        return alike(made, kinds, keys);
    }
    let parts: Vec<&Points> = made.iter().flatten().collect();
    let picked = scan(&parts, ascending);
    let mut rows = Rows { keys, ..Rows::default() };
    for (part, _) in picked.driver.iter().zip(0..) {
        let (part, row) = *part;
        let Some(points) = parts.get(part) else { continue };
        rows.times.extend(points.times.get(row));
        if !points.lanes.is_empty() {
            rows.lanes.push(points.lane(row));
        }
    }
    let count = rows.times.len();
    let mut picks = picked.rows.into_iter();
    for (points, kind) in made.iter().zip(kinds) {
        rows.columns.push(match points {
            None => Column::nulls(*kind, count),
            Some(points) => points.column.pick_some(&picks.next().unwrap_or_default()),
        });
    }
    rows
}

/// Where all calls made values of the same instants.
fn alike(made: Vec<Option<Points>>, kinds: &[Kind], keys: Vec<LaneKey>) -> Rows {
    let mut rows = Rows { keys, ..Rows::default() };
    let count = made.iter().flatten().next().map_or(0, Points::len);
    let mut beside = Vec::new();
    for (points, kind) in made.into_iter().zip(kinds) {
        match points {
            None => rows.columns.push(Column::nulls(*kind, count)),
            Some(points) => {
                rows.times = points.times;
                rows.lanes = points.lanes;
                rows.columns.push(points.column);
                beside = points.beside;
            }
        }
    }
    rows.columns.append(&mut beside);
    rows
}

struct Scanned {
    /// Which points' series and instant each row has.
    driver: Vec<(usize, usize)>,
    /// For each of the points, which of them each row has.
    rows: Vec<Vec<Option<u32>>>,
}

fn scan(parts: &[&Points], ascending: bool) -> Scanned {
    let mut next = vec![0_usize; parts.len()];
    let mut scanned = Scanned { driver: Vec::new(), rows: vec![Vec::new(); parts.len()] };
    loop {
        let at = |part: usize, next: &[usize]| {
            let row = next.get(part).copied()?;
            let points = parts.get(part)?;
            Some((points.lane(row), *points.times.get(row)?))
        };
        let mut least: Option<(usize, (u32, i64))> = None;
        for part in 0..parts.len() {
            let Some(key) = at(part, &next) else { continue };
            let before = least.is_none_or(|(_, known)| {
                let order = key.cmp(&known);
                order == if ascending { Ordering::Less } else { Ordering::Greater }
            });
            if before {
                least = Some((part, key));
            }
        }
        let Some((part, key)) = least else { return scanned };
        scanned.driver.push((part, next.get(part).copied().unwrap_or_default()));
        for (part, rows) in scanned.rows.iter_mut().enumerate() {
            let here = at(part, &next) == Some(key);
            let row = next.get_mut(part);
            rows.push(match row {
                Some(row) if here => {
                    *row += 1;
                    u32::try_from(*row - 1).ok()
                }
                _ => None,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scalar, Values};

    fn points(times: &[i64], values: &[i64]) -> Points {
        Points {
            times: times.to_vec(),
            column: Column::valid(Values::Integer(values.to_vec())),
            beside: vec![],
            lanes: vec![],
        }
    }

    fn column(rows: &Rows, at: usize) -> Vec<Option<Scalar>> {
        (0..rows.len()).map(|row| rows.columns[at].get(row)).collect()
    }

    #[test]
    fn instants_meet() {
        let made = vec![Some(points(&[0, 10], &[1, 2])), None, Some(points(&[10, 20], &[3, 4]))];
        let rows = join(made, &[Kind::Integer; 3], true, vec![]);
        let some = |value| Some(Scalar::Integer(value));
        assert_eq!(rows.times, [0, 10, 20]);
        assert_eq!(column(&rows, 0), [some(1), some(2), None]);
        assert_eq!(column(&rows, 1), [None, None, None]);
        assert_eq!(column(&rows, 2), [None, some(3), some(4)]);
    }

    #[test]
    fn backwards() {
        let made = vec![Some(points(&[10, 0], &[2, 1])), Some(points(&[20, 10], &[4, 3]))];
        let rows = join(made, &[Kind::Integer; 2], false, vec![]);
        assert_eq!(rows.times, [20, 10, 0]);
    }
}
