//! Numbers for the series that rows of a group are told apart by.

use std::collections::BTreeMap;
use std::sync::Arc;

use svcflow_store::TagKeys;

use super::rows::LaneKey;
use super::scan::Leaf;

/// Gives series numbers as they come. [`Lanes::sorted`] says which number each has in their order.
#[derive(Debug)]
pub(crate) struct Lanes {
    by: Arc<[Arc<str>]>,
    /// Whether all rows of a group are of one series.
    single: bool,
    numbers: BTreeMap<LaneKey, u32>,
    /// The keys as the place knows them that series came from last, and its number.
    keys: Option<(usize, TagKeys)>,
}

impl Lanes {
    pub(crate) fn new(by: &Arc<[Arc<str>]>, dimensions: &Arc<[Arc<str>]>) -> Self {
        Self { by: Arc::clone(by), single: by == dimensions, numbers: BTreeMap::new(), keys: None }
    }

    pub(crate) const fn is_single(&self) -> bool {
        self.single
    }

    fn number(&mut self, key: impl FnOnce() -> LaneKey) -> u32 {
        if self.single && !self.numbers.is_empty() {
            return 0;
        }
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(key()).or_insert(next)
    }

    /// The number of a stored series.
    pub(crate) fn of_series(&mut self, leaf: &Leaf<'_>, series: u32) -> u32 {
        let known = self.keys.take().filter(|(at, _)| *at == leaf.index);
        let (at, keys) = known.unwrap_or_else(|| (leaf.index, leaf.table.keys(&self.by)));
        let number = self.number(|| leaf.table.values(series, &keys).cloned().collect());
        self.keys = Some((at, keys));
        number
    }

    /// The number of a series of another level, whose key is by other tags.
    pub(crate) fn of_key(&mut self, key: &LaneKey, by: &[Arc<str>]) -> u32 {
        let own = Arc::clone(&self.by);
        self.number(|| {
            let value = |tag: &Arc<str>| {
                let at = by.iter().position(|it| it == tag);
                at.and_then(|at| key.get(at)).cloned().unwrap_or_default()
            };
            own.iter().map(value).collect()
        })
    }

    /// The keys in their order, and the place of each number in it.
    pub(crate) fn sorted(&self) -> (Vec<LaneKey>, Vec<u32>) {
        let mut places = vec![0; self.numbers.len()];
        for (place, number) in (0..).zip(self.numbers.values()) {
            if let Some(known) = places.get_mut(*number as usize) {
                *known = place;
            }
        }
        (self.numbers.keys().cloned().collect(), places)
    }
}
