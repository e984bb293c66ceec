//! More sets for what has grown.

use super::{Set, Table, active};
use crate::batch::Batch;
use crate::layout::{FIRST_OF_BRIDGE, Kind, MAX_SHARDS, Place, Placement};
use crate::{Direction, Error};

impl Table {
    /// Spreads over more sets each kind of which a set had more than `over` elements in the last read.
    /// Existing elements stay, are read on, and no longer change. Returns how many kinds grew.
    ///
    /// Measured: 1,000 edges in both directions cost 1.1 ms of CPU in one pair of sets and 1.4 ms in
    /// nine pairs; 50,000 cost 75 ms whether grown at 400, 800 or 1,500, in 192 sets. A bridge's table
    /// doesn't grow.
    ///
    /// # Errors
    /// Where the kernel refuses; nothing is changed then.
    pub fn grow(&mut self, over: u32) -> Result<u32, Error> {
        let mut grown = 0;
        if self.options.placement == Placement::Bridge {
            return Ok(0);
        }
        for kind in Kind::all(self.options.placement) {
            let (Some((generation, shards)), Some(next)) =
                (self.active(kind), self.wanted(kind, over))
            else {
                continue;
            };
            let next_generation = generation.saturating_add(1);
            if next_generation >= FIRST_OF_BRIDGE {
                continue;
            }
            self.grow_kind(kind, (generation, shards), (next_generation, next))?;
            grown += 1;
        }
        if grown > 0 {
            self.remember()?;
        }
        Ok(grown)
    }

    fn wanted(&self, kind: Kind, over: u32) -> Option<u16> {
        let (generation, shards) = self.active(kind)?;
        let current =
            self.sets.iter().filter(|set| set.kind == kind && set.place.generation == generation);
        let largest = current.map(|set| set.elements).max()?;
        if largest <= over || u32::from(shards) >= MAX_SHARDS {
            return None;
        }
        let per_set = (over / 4).max(1);
        let needed = largest.saturating_mul(u32::from(shards)).div_ceil(per_set);
        let next = needed.next_power_of_two().max(u32::from(shards) * 2).min(MAX_SHARDS);
        u16::try_from(next).ok()
    }

    fn grow_kind(&mut self, kind: Kind, old: (u16, u16), new: (u16, u16)) -> Result<(), Error> {
        let options = self.options.clone();
        let mut batch = Batch::new(&options, self.socket.next_sequence());
        batch.flush_chain(&kind.chain());
        batch.grow(kind, new.0, new.1, self.set_options());
        let leaves: Vec<String> =
            (0..old.1).map(|shard| kind.leaf(Place { generation: old.0, shard })).collect();
        for leaf in &leaves {
            batch.flush_chain(leaf);
        }
        for leaf in &leaves {
            batch.delete_chain(leaf);
        }
        self.commit("grow sets", &batch.finish())?;
        for shard in 0..new.1 {
            let place = Place { generation: new.0, shard };
            self.sets.extend([Direction::Out, Direction::In].map(|direction| Set {
                seen: true,
                ..Set::new(kind.set(place, direction), kind, place, direction)
            }));
        }
        Ok(())
    }

    /// Deletes sets of earlier generations that were empty in two reads.
    pub(super) fn drop_empty_retired(&mut self) -> Result<(), Error> {
        let retired = |set: &Set, sets: &[Set]| {
            set.empty_reads >= 2
                && active(sets, set.kind).is_some_and(|(now, _)| now != set.place.generation)
        };
        if !self.sets.iter().any(|set| set.empty_reads >= 2 && set.place.generation < u16::MAX) {
            return Ok(());
        }
        let names: Vec<String> = self
            .sets
            .iter()
            .filter(|set| retired(set, &self.sets))
            .map(|set| set.name.clone())
            .collect();
        if names.is_empty() {
            return Ok(());
        }
        let options = self.options.clone();
        let mut batch = Batch::new(&options, self.socket.next_sequence());
        for name in &names {
            batch.delete_set(name);
        }
        self.commit("delete empty sets", &batch.finish())?;
        self.sets.retain(|set| !names.contains(&set.name));
        self.remember()
    }
}
