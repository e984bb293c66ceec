//! Values in the order of time: what calls make of rows, and what other calls make of those.

use crate::{Column, Validity};

/// Values with their times, in the order in which they are put out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Points {
    pub(crate) times: Vec<i64>,
    /// One a point; those without a value stand in buckets that have none.
    pub(crate) column: Column,
    /// Columns beside the value, of the row that it is of.
    pub(crate) beside: Vec<Column>,
    /// Which series each point is of; empty where all are of the first.
    pub(crate) lanes: Vec<u32>,
}

impl Points {
    pub(crate) const fn len(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn lane(&self, row: usize) -> u32 {
        self.lanes.get(row).copied().unwrap_or(0)
    }

    /// These rows, in this order.
    pub(crate) fn pick(&self, rows: &[u32]) -> Self {
        let pick = |row: &u32| self.times.get(*row as usize).copied();
        let lane = |row: &u32| self.lanes.get(*row as usize).copied();
        Self {
            times: rows.iter().filter_map(pick).collect(),
            column: self.column.pick(rows),
            beside: self.beside.iter().map(|column| column.pick(rows)).collect(),
            lanes: rows.iter().filter_map(lane).collect(),
        }
    }

    /// Without the points that have no value.
    pub(crate) fn valid(self) -> Self {
        match &self.column.validity {
            Validity::All => self,
            Validity::None => self.pick(&[]),
            Validity::Mask(mask) => self.pick(&super::columns::rows_of(mask)),
        }
    }

    /// Rows of each series in turn, in their order; the series ascending.
    pub(crate) fn by_lane(&self) -> Vec<Vec<u32>> {
        let rows = u32::try_from(self.len()).unwrap_or(u32::MAX);
        if self.lanes.is_empty() {
            return vec![(0..rows).collect()];
        }
        let most = self.lanes.iter().max().map_or(0, |lane| *lane as usize);
        let mut lanes = vec![Vec::new(); most + 1];
        for (row, lane) in (0..rows).zip(&self.lanes) {
            if let Some(rows) = lanes.get_mut(*lane as usize) {
                rows.push(row);
            }
        }
        lanes
    }

    pub(crate) fn bytes(&self) -> usize {
        let beside: usize = self.beside.iter().map(Column::bytes).sum();
        self.times.capacity() * 8 + self.lanes.capacity() * 4 + self.column.bytes() + beside
    }
}
