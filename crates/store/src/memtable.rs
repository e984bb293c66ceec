//! The heads of one policy's series: what the log holds and no chunk does yet.

use std::collections::HashMap;
use std::sync::Arc;

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

/// Copies of the rows that were written last before a table was frozen. They are in chunks too; a reader
/// of the last minute finds them here.
pub(crate) struct Recent {
    table: Arc<Memtable>,
    /// By series id: the instant from which on no row of before is missing.
    complete: HashMap<u32, i64>,
}

impl Recent {
    /// Of a table that became chunks. `stored` gives the last instant of which there may be a row of the
    /// series in older chunks.
    pub(crate) fn new(
        frozen: &Memtable,
        before: Option<&Self>,
        stored: impl Fn(SeriesId) -> i64,
    ) -> Self {
        let frozen = frozen.0.read();
        let mut heads = Heads { texts: frozen.texts.clone(), ..Heads::default() };
        heads.common.shapes = frozen.common.shapes.clone();
        let mut complete = HashMap::new();
        for (series, head) in &frozen.heads {
            let older = match before.and_then(|before| before.reach(*series)) {
                Some(known) => known,
                None => stored(*series).saturating_add(1),
            };
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

    /// The instant behind the last row of the series that it knows of.
    fn reach(&self, series: SeriesId) -> Option<i64> {
        let complete = *self.complete.get(&series.get())?;
        let span = self.table.span(series);
        Some(span.map_or(complete, |span| complete.max(span.last.saturating_add(1))))
    }

    /// The table, if it has all rows of the series within the range that are in chunks.
    pub(crate) fn covers(&self, series: SeriesId, range: TimeRange) -> Option<&Arc<Memtable>> {
        let complete = self.complete.get(&series.get())?;
        (*complete <= range.first).then_some(&self.table)
    }

    pub(crate) const fn table(&self) -> &Arc<Memtable> {
        &self.table
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
