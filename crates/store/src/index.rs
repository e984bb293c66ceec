//! The series of a database: which there are, and which have which tags. All in memory.
//!
//! Texts are kept once and numbered; a series is its measurement and pairs of such numbers. Bitmaps are
//! behind [`Arc`]s, so that a copy of the whole index, which a writer makes only while a snapshot holds
//! the old one, costs a reference count a tag value and not a bitmap.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use roaring::RoaringBitmap;

use crate::symbols::{Symbol, Symbols};
use crate::{Error, SeriesId};

/// A measurement of a database. Counted up, never used again after a drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MeasurementId(pub(crate) u32);

/// Series, found by measurement and tags, by id, and by tag.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    symbols: Symbols,
    /// By id; `None` where it was dropped.
    series: Vec<Option<SeriesEntry>>,
    /// Ids by what they stand for.
    ids: HashTable<u32>,
    measurements: BTreeMap<Arc<str>, Arc<MeasurementEntry>>,
    /// The measurement of each id that was given out.
    names: Vec<Arc<str>>,
    /// Seeded at random: whoever writes can't choose series that collide.
    hasher: RandomState,
}

#[derive(Clone, Debug)]
struct SeriesEntry {
    measurement: MeasurementId,
    tags: Arc<[(Symbol, Symbol)]>,
}

/// The series of one measurement.
#[derive(Clone, Debug)]
pub(crate) struct MeasurementEntry {
    pub(crate) id: MeasurementId,
    pub(crate) name: Arc<str>,
    pub(crate) series: Arc<RoaringBitmap>,
    tags: BTreeMap<Arc<str>, TagEntry>,
    /// The series in the order of their tags, once someone asked for it.
    sorted: OnceLock<Arc<[u32]>>,
}

/// Keys of tags, found once to be looked up in many series.
#[derive(Debug)]
pub struct TagKeys(Vec<Option<Symbol>>);

/// The values of one tag key.
#[derive(Clone, Debug, Default)]
struct TagEntry {
    values: BTreeMap<Arc<str>, Arc<RoaringBitmap>>,
}

impl Index {
    /// The series of this measurement with exactly these tags, which are sorted by key.
    pub(crate) fn find(&self, measurement: &str, tags: &[(&str, &str)]) -> Option<SeriesId> {
        let entry = self.measurements.get(measurement)?;
        let hash = hash(&self.hasher, entry.id, tags.iter().copied());
        let same = |id: &u32| self.entry(*id).is_some_and(|it| self.is(it, entry.id, tags));
        self.ids.find(hash, same).map(|id| SeriesId::new(*id))
    }

    fn is(&self, entry: &SeriesEntry, measurement: MeasurementId, tags: &[(&str, &str)]) -> bool {
        entry.measurement == measurement
            && entry.tags.len() == tags.len()
            && self.texts(entry).eq(tags.iter().copied())
    }

    fn texts<'a>(&'a self, entry: &'a SeriesEntry) -> impl Iterator<Item = (&'a str, &'a str)> {
        texts_of(&self.symbols, &entry.tags)
    }

    fn entry(&self, id: u32) -> Option<&SeriesEntry> {
        self.series.get(id as usize)?.as_ref()
    }

    /// The id that the next new series gets.
    pub(crate) fn next_series(&self) -> Result<SeriesId, Error> {
        // The last number stays free, so that one past any id is a number too.
        u32::try_from(self.series.len())
            .ok()
            .filter(|id| *id < u32::MAX)
            .map(SeriesId::new)
            .ok_or(Error::TooManySeries)
    }

    /// Makes sure that new series and measurements get no ids below these.
    pub(crate) fn reserve(&mut self, series: u32, measurements: usize) {
        if self.series.len() < series as usize {
            self.series.resize(series as usize, None);
        }
        if self.names.len() < measurements {
            self.names.resize(measurements, Arc::default());
        }
    }

    /// All series with their measurements, by id.
    pub(crate) fn series(&self) -> impl Iterator<Item = (SeriesId, MeasurementId)> {
        let known = (0..).zip(&self.series);
        known.filter_map(|(id, entry)| Some((SeriesId::new(id), entry.as_ref()?.measurement)))
    }

    /// The names of measurements that are or were, by id.
    pub(crate) fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// The id of this measurement, or the one that it would get.
    pub(crate) fn measurement_id(&self, name: &str) -> MeasurementId {
        let next = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.measurements.get(name).map_or(MeasurementId(next), |entry| entry.id)
    }

    /// What was dropped before this series was made, or it would have other ids. There is none unless the log lost
    /// the drop.
    pub(crate) fn replaced_by(
        &self,
        id: SeriesId,
        measurement: MeasurementId,
        name: &str,
        tags: &[(&str, &str)],
    ) -> RoaringBitmap {
        match self.measurements.get(name) {
            Some(entry) if entry.id < measurement => (*entry.series).clone(),
            _ => {
                self.find(name, tags).filter(|it| *it < id).map(SeriesId::get).into_iter().collect()
            }
        }
    }

    /// Adds the series under this id, which is beyond any that was given out.
    pub(crate) fn insert(
        &mut self,
        id: SeriesId,
        measurement: MeasurementId,
        name: &str,
        tags: &[(&str, &str)],
    ) {
        let name = self.insert_measurement(measurement, name);
        let symbols = &mut self.symbols;
        let numbered: Arc<[_]> =
            tags.iter().map(|(key, value)| (symbols.insert(key), symbols.insert(value))).collect();
        let texts: Vec<_> = numbered
            .iter()
            .map(|(key, value)| {
                (Arc::clone(symbols.shared(*key)), Arc::clone(symbols.shared(*value)))
            })
            .collect();
        if let Some(entry) = self.measurements.get_mut(&name) {
            Arc::make_mut(entry).insert(id, texts);
        }
        self.series.truncate(id.index());
        self.series.resize(id.index(), None);
        self.series.push(Some(SeriesEntry { measurement, tags: numbered }));
        let (series, symbols, state) = (&self.series, &self.symbols, &self.hasher);
        let rehash = |id: &u32| {
            let Some(Some(entry)) = series.get(*id as usize) else { return 0 };
            hash(state, entry.measurement, texts_of(symbols, &entry.tags))
        };
        let hash = hash(state, measurement, tags.iter().copied());
        self.ids.insert_unique(hash, id.get(), rehash);
    }

    /// Adds the measurement under this id, unless it is there, and gives its shared name.
    fn insert_measurement(&mut self, id: MeasurementId, name: &str) -> Arc<str> {
        if let Some(entry) = self.measurements.get(name) {
            return Arc::clone(&entry.name);
        }
        let name: Arc<str> = name.into();
        // A damaged log may tell of them in any order: the names of others stay.
        self.reserve(0, id.0 as usize + 1);
        if let Some(place) = self.names.get_mut(id.0 as usize) {
            *place = Arc::clone(&name);
        }
        let entry = MeasurementEntry {
            id,
            name: Arc::clone(&name),
            series: Arc::default(),
            tags: BTreeMap::new(),
            sorted: OnceLock::new(),
        };
        self.measurements.insert(Arc::clone(&name), Arc::new(entry));
        name
    }

    /// Takes the series out, and its measurement with its last one.
    pub(crate) fn remove(&mut self, id: SeriesId) {
        let Some(entry) = self.series.get_mut(id.index()).and_then(Option::take) else { return };
        let texts: Vec<_> = entry
            .tags
            .iter()
            .map(|(key, value)| (self.symbols.shared(*key), self.symbols.shared(*value)))
            .map(|(key, value)| (Arc::clone(key), Arc::clone(value)))
            .collect();
        let pairs = texts.iter().map(|(key, value)| (&**key, &**value));
        if let Ok(found) =
            self.ids.find_entry(hash(&self.hasher, entry.measurement, pairs), |it| *it == id.get())
        {
            found.remove();
        }
        let Some(name) = self.names.get(entry.measurement.0 as usize) else { return };
        if let Some(measurement) = self.measurements.get_mut(name) {
            let measurement = Arc::make_mut(measurement);
            measurement.remove(id, &texts);
            if measurement.series.is_empty() {
                self.measurements.remove(name);
            }
        }
    }

    /// Whether the series is there.
    pub(crate) fn has(&self, id: SeriesId) -> bool {
        self.entry(id.get()).is_some()
    }

    /// The measurement of this series.
    pub(crate) fn measurement_of(&self, id: SeriesId) -> Option<MeasurementId> {
        self.entry(id.get()).map(|entry| entry.measurement)
    }

    /// The tags of this series, sorted by key.
    pub(crate) fn tags(&self, id: SeriesId) -> impl Iterator<Item = (&str, &str)> {
        texts_of(&self.symbols, self.entry(id.get()).map_or(&[], |entry| &entry.tags))
    }

    /// These keys, which are sorted, to be looked up in many series.
    pub(crate) fn tag_keys<'k>(&self, keys: impl Iterator<Item = &'k str>) -> TagKeys {
        TagKeys(keys.map(|key| self.symbols.find(key)).collect())
    }

    /// The values of a series' tags of these keys; empty where it has none.
    pub(crate) fn values<'a>(
        &'a self,
        id: SeriesId,
        keys: &'a TagKeys,
    ) -> impl Iterator<Item = &'a Arc<str>> {
        let mut rest = self.entry(id.get()).map_or(&[][..], |entry| &entry.tags);
        keys.0.iter().map(move |key| {
            // Both are sorted: what is looked for is mostly one of the next two.
            let found = rest.iter().position(|(known, _)| Some(*known) == *key);
            let Some((found, (_, value))) = found.and_then(|at| Some((at, rest.get(at)?))) else {
                return self.symbols.empty();
            };
            rest = rest.get(found..).unwrap_or_default();
            self.symbols.shared(*value)
        })
    }

    /// All measurements, sorted by name.
    pub(crate) fn measurements(&self) -> impl Iterator<Item = &Arc<MeasurementEntry>> {
        self.measurements.values()
    }

    pub(crate) fn measurement(&self, name: &str) -> Option<&Arc<MeasurementEntry>> {
        self.measurements.get(name)
    }

    /// The name of a measurement that is or was.
    pub(crate) fn measurement_name(&self, id: MeasurementId) -> &str {
        self.names.get(id.0 as usize).map_or("", |name| name)
    }

    /// Whether the measurement has series.
    pub(crate) fn has_measurement(&self, id: MeasurementId) -> bool {
        let entry = self.measurements.get(self.measurement_name(id));
        entry.is_some_and(|entry| entry.id == id)
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }
}

impl MeasurementEntry {
    fn insert(&mut self, id: SeriesId, tags: Vec<(Arc<str>, Arc<str>)>) {
        self.sorted.take();
        Arc::make_mut(&mut self.series).insert(id.get());
        for (key, value) in tags {
            let bitmap = self.tags.entry(key).or_default().values.entry(value).or_default();
            Arc::make_mut(bitmap).insert(id.get());
        }
    }

    fn remove(&mut self, id: SeriesId, tags: &[(Arc<str>, Arc<str>)]) {
        self.sorted.take();
        Arc::make_mut(&mut self.series).remove(id.get());
        for (key, value) in tags {
            let Some(tag) = self.tags.get_mut(key) else { continue };
            if let Some(bitmap) = tag.values.get_mut(value) {
                Arc::make_mut(bitmap).remove(id.get());
                if bitmap.is_empty() {
                    tag.values.remove(value);
                }
            }
            if tag.values.is_empty() {
                self.tags.remove(key);
            }
        }
    }

    /// The series, sorted by the values of all tags in the order of their keys; no value comes first.
    pub(crate) fn sorted(&self) -> &[u32] {
        self.sorted.get_or_init(|| self.sort().into())
    }

    fn sort(&self) -> Vec<u32> {
        let ids: Vec<u32> = self.series.iter().collect();
        let ranks = self.ranks(&ids, self.tag_keys());
        let mut order: Vec<(&[u32], u32)> = match self.tags.len() {
            0 => ids.iter().map(|id| (&[][..], *id)).collect(),
            width => ranks.chunks_exact(width).zip(ids).collect(),
        };
        order.sort_unstable();
        order.into_iter().map(|(_, id)| id).collect()
    }

    /// For each of these series, which ascend, and each of these tags the place of its value among all of the
    /// tag's, from 1; 0 without one. They compare as the values do, and faster.
    pub(crate) fn ranks<'k>(
        &self,
        ids: &[u32],
        keys: impl ExactSizeIterator<Item = &'k str>,
    ) -> Vec<u32> {
        let (Some(first), Some(last)) = (ids.first().copied(), ids.last().copied()) else {
            return Vec::new();
        };
        let width = keys.len();
        let mut places = vec![u32::MAX; (last - first) as usize + 1];
        for (at, id) in (0..).zip(ids) {
            if let Some(place) = places.get_mut((id - first) as usize) {
                *place = at;
            }
        }
        let mut ranks = vec![0; ids.len() * width];
        for (column, key) in keys.enumerate() {
            for (rank, (_, those)) in (1..).zip(self.tag_values(key)) {
                let mut put = |id: u32| {
                    let place = places.get((id - first) as usize).copied().unwrap_or(u32::MAX);
                    if let Some(it) = ranks.get_mut(place as usize * width + column) {
                        *it = rank;
                    }
                };
                // Getting to a place in a bitmap takes longer than going through a short one.
                if those.len() < 16 {
                    those.iter().filter(|id| (first..=last).contains(id)).for_each(put);
                } else {
                    those.range(first..=last).for_each(&mut put);
                }
            }
        }
        ranks
    }

    pub(crate) fn tag_keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.tags.keys().map(|key| &**key)
    }

    pub(crate) fn tag_values(&self, key: &str) -> impl Iterator<Item = (&str, &RoaringBitmap)> {
        let values = self.tags.get(key).map(|tag| tag.values.iter());
        values.into_iter().flatten().map(|(value, series)| (&**value, &**series))
    }

    pub(crate) fn series_with(&self, key: &str, value: &str) -> RoaringBitmap {
        let tag = self.tags.get(key);
        if value.is_empty() {
            let mut without = (*self.series).clone();
            for series in tag.into_iter().flat_map(|tag| tag.values.values()) {
                without -= &**series;
            }
            return without;
        }
        tag.and_then(|tag| tag.values.get(value)).map(|it| (**it).clone()).unwrap_or_default()
    }
}

fn hash<'a>(
    state: &RandomState,
    measurement: MeasurementId,
    tags: impl Iterator<Item = (&'a str, &'a str)>,
) -> u64 {
    let mut hasher = state.build_hasher();
    measurement.hash(&mut hasher);
    for pair in tags {
        pair.hash(&mut hasher);
    }
    hasher.finish()
}

fn texts_of<'a>(
    symbols: &'a Symbols,
    tags: &'a [(Symbol, Symbol)],
) -> impl Iterator<Item = (&'a str, &'a str)> {
    tags.iter().map(|(key, value)| (symbols.text(*key), symbols.text(*value)))
}
