//! The heads of one policy's series: what the log holds and no chunk does yet.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::RwLock;
use roaring::RoaringBitmap;

use crate::batch::Rows;
use crate::block::Block;
use crate::codec::Malformed;
use crate::head::{Common, Head, NewRow, PackedRows, ShapeId, Wanted};
use crate::symbols::Symbols;
use crate::{FieldId, FieldType, SeriesId, TimeRange};

/// Heads that are written to, or were until they were frozen to become chunks.
#[derive(Default)]
pub(crate) struct Memtable(RwLock<Heads>);

#[derive(Default)]
struct Heads {
    /// By series id: one more than where its head is; zero without one.
    places: Vec<u32>,
    heads: Vec<(SeriesId, Head)>,
    common: Common,
    texts: Symbols,
    /// Memory of the heads besides what they share.
    bytes: usize,
}

impl Memtable {
    /// Writes a batch's rows, in their order.
    pub(crate) fn apply(&self, rows: &Rows) {
        let mut heads = self.0.write();
        let heads = &mut *heads;
        let shapes: Vec<(ShapeId, bool)> = rows
            .shapes()
            .map(|fields| {
                let texts = fields.iter().any(|field| field.field_type() == FieldType::String);
                (heads.common.shapes.id(fields), texts)
            })
            .collect();
        let mut words = Vec::new();
        for row in rows.iter() {
            let Some((shape, has_texts)) = shapes.get(row.shape) else { continue };
            let mut values = row.values;
            if *has_texts {
                words.clear();
                let fields = heads.common.shapes.columns(*shape).iter().zip(row.values);
                words.extend(fields.map(|(field, word)| match field.field_type() {
                    FieldType::String => u64::from(heads.texts.insert(rows.text(*word)).0),
                    _ => *word,
                }));
                values = &words;
            }
            let place = heads.place(row.series);
            let Some((_, head)) = heads.heads.get_mut(place) else { continue };
            let before = head.bytes();
            head.put(&mut heads.common, NewRow { shape: *shape, time: row.time, values });
            heads.bytes = heads.bytes + head.bytes() - before;
        }
    }

    /// The memory that it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let heads = self.0.read();
        heads.bytes + heads.common.bytes() + heads.texts.bytes()
    }

    /// How many heads there are.
    pub(crate) fn len(&self) -> usize {
        self.0.read().heads.len()
    }

    /// Whether nothing was written to it.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many rows were written to it.
    pub(crate) fn rows(&self) -> usize {
        let heads = self.0.read();
        heads.heads.iter().map(|(_, head)| head.rows(&heads.common)).sum()
    }

    /// The series that have rows.
    pub(crate) fn series(&self) -> RoaringBitmap {
        let heads = self.0.read();
        let with_rows = heads.heads.iter().filter(|(_, head)| head.rows(&heads.common) > 0);
        with_rows.map(|(series, _)| series.get()).collect()
    }

    /// The fields that rows of the series have.
    pub(crate) fn fields(&self, series: SeriesId) -> Vec<FieldId> {
        let heads = self.0.read();
        heads.head(series).map_or_else(Vec::new, |head| head.fields(&heads.common))
    }

    /// From the earliest row of the series to the latest, if it has any.
    pub(crate) fn span(&self, series: SeriesId) -> Option<TimeRange> {
        let heads = self.0.read();
        let span = heads.head(series)?.span(&heads.common);
        (!span.is_empty()).then_some(span)
    }

    /// The instant of the earliest row of all.
    pub(crate) fn first(&self) -> Option<i64> {
        let heads = self.0.read();
        let spans = heads.heads.iter().map(|(_, head)| head.span(&heads.common));
        spans.filter(|span| !span.is_empty()).map(|span| span.first).min()
    }

    /// Takes a series' rows of the range out.
    pub(crate) fn delete(&self, series: SeriesId, range: TimeRange) {
        let mut heads = self.0.write();
        let heads = &mut *heads;
        let place = heads.places.get(series.index()).and_then(|place| place.checked_sub(1));
        if let Some((_, head)) = place.and_then(|place| heads.heads.get_mut(place as usize)) {
            let before = head.bytes();
            head.delete(&mut heads.common, range);
            heads.bytes = heads.bytes + head.bytes() - before;
        }
    }
}

impl Heads {
    fn head(&self, series: SeriesId) -> Option<&Head> {
        let place = self.places.get(series.index())?.checked_sub(1)?;
        self.heads.get(place as usize).map(|(_, head)| head)
    }

    /// Where the series' head is, made if it isn't there.
    fn place(&mut self, series: SeriesId) -> usize {
        if self.places.len() <= series.index() {
            self.places.resize(series.index() + 1, 0);
        }
        let next = self.heads.len();
        let Some(place) = self.places.get_mut(series.index()) else { return next };
        if *place == 0 {
            // There are no more heads than series, whose ids are 32 bits wide and end below the last.
            *place = u32::try_from(next + 1).unwrap_or(u32::MAX);
            self.heads.push((series, Head::default()));
            self.bytes += size_of::<(SeriesId, Head)>();
        }
        *place as usize - 1
    }
}

/// Copies of the rows that were written last before tables were frozen. They are in chunks too; a reader
/// of the last minute finds them here.
pub(crate) struct Recent {
    latest: Arc<Copies>,
    /// Those of a table before it that had series which the latest has not: what was written to a few series,
    /// such as somebody's past, must not send readers of all others to the disk.
    before: Option<Arc<Copies>>,
}

/// Copies of one table's rows.
struct Copies {
    table: Arc<Memtable>,
    /// By series id: the instant from which on no row of before is missing.
    complete: HashMap<u32, i64, RandomState>,
}

impl Recent {
    /// Of a table that became chunks. `stored` gives the last instant of which there may be a row of the
    /// series in older chunks.
    pub(crate) fn new(
        frozen: &Memtable,
        before: Option<&Self>,
        stored: impl Fn(SeriesId) -> i64,
    ) -> Self {
        let reach = |series| before.and_then(|before| before.reach(series));
        let latest = Copies::new(frozen, |series| {
            reach(series).unwrap_or_else(|| stored(series).saturating_add(1))
        });
        let mut older = before.into_iter().flat_map(Self::copies);
        let before = older.find(|copies| copies.has_others(&latest)).map(Arc::clone);
        Self { latest: Arc::new(latest), before }
    }

    /// The instant behind the last row of the series that it knows of.
    fn reach(&self, series: SeriesId) -> Option<i64> {
        self.copies().find_map(|copies| copies.reach(series))
    }

    /// The table that has all rows of the series within the range that are in chunks, if there is one.
    pub(crate) fn covers(&self, series: SeriesId, range: TimeRange) -> Option<&Arc<Memtable>> {
        let (complete, table) = self.copies().find_map(|copies| {
            copies.complete.get(&series.get()).map(|complete| (complete, &copies.table))
        })?;
        (*complete <= range.first).then_some(table)
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &Arc<Memtable>> {
        self.copies().map(|copies| &copies.table)
    }

    /// The latest first.
    fn copies(&self) -> impl Iterator<Item = &Arc<Copies>> {
        std::iter::once(&self.latest).chain(&self.before)
    }
}

impl Copies {
    /// `older` gives the instant from which on no row is in chunks from before.
    fn new(frozen: &Memtable, older: impl Fn(SeriesId) -> i64) -> Self {
        let frozen = frozen.0.read();
        let mut heads = Heads { texts: frozen.texts.clone(), ..Heads::default() };
        heads.common.shapes = frozen.common.shapes.clone();
        let mut complete =
            HashMap::with_capacity_and_hasher(frozen.heads.len(), RandomState::default());
        for (series, head) in &frozen.heads {
            let older = older(*series);
            let (head, since) = head.recent(&frozen.common, &mut heads.common);
            complete.insert(series.get(), since.max(older));
            let place = heads.place(*series);
            if let Some((_, place)) = heads.heads.get_mut(place) {
                heads.bytes += head.bytes();
                *place = head;
            }
        }
        Self { table: Arc::new(Memtable(RwLock::new(heads))), complete }
    }

    fn reach(&self, series: SeriesId) -> Option<i64> {
        let complete = *self.complete.get(&series.get())?;
        let span = self.table.span(series);
        Some(span.map_or(complete, |span| complete.max(span.last.saturating_add(1))))
    }

    /// Whether it has series that the other has not.
    fn has_others(&self, other: &Self) -> bool {
        self.complete.keys().any(|series| !other.complete.contains_key(series))
    }
}

/// Rows of one series that were copied out of a table, in the order of their times, each time once.
#[derive(Clone)]
pub(crate) struct HeadRows {
    table: Arc<Memtable>,
    rows: PackedRows,
    pub(crate) span: TimeRange,
}

impl HeadRows {
    /// Hands over the rows of the series that may lie in the range, those that win last.
    pub(crate) fn of(
        table: &Arc<Memtable>,
        series: SeriesId,
        range: TimeRange,
        mut each: impl FnMut(Self),
    ) {
        let heads = table.0.read();
        if let Some(head) = heads.head(series) {
            head.pieces(&heads.common, range, |span, rows| {
                each(Self { table: Arc::clone(table), rows, span });
            });
        }
    }

    /// At most how many rows there are.
    pub(crate) const fn rows(&self) -> usize {
        self.rows.rows()
    }

    /// Fills the block with the rows of the range that have one of the fields.
    pub(crate) fn decode(
        &self,
        range: TimeRange,
        fields: &[FieldId],
        block: &mut Block,
    ) -> Result<(), Malformed> {
        block.reset(fields.iter().map(|field| field.field_type()));
        let heads = self.table.0.read();
        let wanted = Wanted { range, fields, texts: &heads.texts };
        self.rows.decode(|shape| heads.common.shapes.columns(shape), &wanted, block)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::FieldValue;

    /// A table with rows of these series at a hundred instants.
    fn table(series: Range<u32>, from: i64) -> Memtable {
        let field = FieldId::new(0, FieldType::Integer).unwrap();
        let mut rows = Rows::default();
        for series in series {
            for time in from..from + 100 {
                rows.push(SeriesId::new(series), time, &[(field, FieldValue::Integer(time))]);
            }
        }
        let table = Memtable::default();
        table.apply(&rows);
        table
    }

    #[test]
    fn a_table_of_few_series_takes_no_others_from_the_recent_ones() {
        let last = TimeRange { first: 195, last: i64::MAX };
        let covered =
            |recent: &Recent, series| recent.covers(SeriesId::new(series), last).is_some();
        let none = |_| i64::MIN;
        let all = Recent::new(&table(0..10, 0), None, none);
        assert!(covered(&all, 3) && !covered(&all, 30));
        let all_and_one = Recent::new(&table(30..31, 0), Some(&all), none);
        let again = Recent::new(&table(30..31, 100), Some(&all_and_one), none);
        for recent in [&all_and_one, &again] {
            assert!(covered(recent, 3) && covered(recent, 30));
            assert_eq!(recent.tables().count(), 2);
        }
        // What has everything needs no other, and what is written now is what counts.
        let whole = Recent::new(&table(0..31, 200), Some(&again), none);
        assert_eq!(whole.tables().count(), 1);
        let from = |first| whole.covers(SeriesId::new(3), TimeRange { first, last: i64::MAX });
        assert!(from(295).is_some() && from(0).is_none(), "the last rows, and only these");
    }
}
