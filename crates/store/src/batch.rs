//! Points on their way in.

use std::collections::HashMap;
use std::sync::Arc;

use crate::chunk::MOST_TEXT;
use crate::commit::Waiting;
use crate::database::Database;
use crate::index::MeasurementId;
use crate::schema::PolicyId;
use crate::symbols::{Symbol, Symbols};
use crate::{Error, FIRST_TIME, FieldId, FieldType, FieldValue, LAST_TIME, SeriesId, Store};

/// Points of one policy that become durable, and visible, together.
///
/// Series and fields exist from the moment they are asked for; points from [`Batch::commit`] on.
pub struct Batch {
    store: Store,
    database: Arc<Database>,
    policy: PolicyId,
    /// The database's when the batch began.
    generation: u64,
    rows: Rows,
}

/// What ids of series and fields that a batch gave are good for: every batch with the same scope. Another database
/// of the same name, another policy, and the database after a series was dropped each have another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    generation: u64,
    policy: PolicyId,
}

impl Batch {
    pub(crate) fn new(
        store: Store,
        database: Arc<Database>,
        policy: PolicyId,
        generation: u64,
    ) -> Self {
        Self { store, database, policy, generation, rows: Rows::default() }
    }

    /// Whether ids that were remembered are good for this batch.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        Scope { generation: self.generation, policy: self.policy }
    }

    /// The series of this measurement with exactly these tags, made if it isn't there.
    ///
    /// # Errors
    ///
    /// A measurement or a tag without a name or value; tags that aren't sorted by key, or a key twice;
    /// no id left.
    pub fn series(&mut self, measurement: &str, tags: &[(&str, &str)]) -> Result<SeriesId, Error> {
        self.database.series(measurement, tags)
    }

    /// The field of this name in the series' measurement, made if it isn't there.
    ///
    /// # Errors
    ///
    /// The field is there with another type; the measurement has too many; the series is gone.
    pub fn field(
        &mut self,
        series: SeriesId,
        name: &str,
        kind: FieldType,
    ) -> Result<FieldId, Error> {
        self.database.field(self.policy, series, name, kind)
    }

    /// The series' measurement: series of one measurement share their fields' ids.
    ///
    /// # Errors
    ///
    /// The series is gone.
    pub fn measurement(&self, series: SeriesId) -> Result<MeasurementId, Error> {
        self.database.measurement_of(series)
    }

    /// Adds a point. A field that stands twice has the last value.
    ///
    /// # Errors
    ///
    /// No field, a value of another type than its field's, a text of more than 1 MiB, or an instant out of
    /// range: nothing is added.
    pub fn push(
        &mut self,
        series: SeriesId,
        time: i64,
        fields: &[(FieldId, FieldValue<'_>)],
    ) -> Result<(), Error> {
        let fault = if fields.is_empty() {
            "a point without a field"
        } else if !(FIRST_TIME..=LAST_TIME).contains(&time) {
            "time outside range"
        } else if fields.iter().any(|(field, value)| field.field_type() != value.field_type()) {
            "a value of another type than its field's"
        } else if fields.iter().any(|(_, value)| is_long(value)) {
            "a text of more than 1 MiB"
        } else {
            self.rows.push(series, time, fields);
            return Ok(());
        };
        Err(Error::PointInvalid { what: fault })
    }

    /// How many points were added.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.count
    }

    /// Whether no point was added.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes the points durable, then visible. Commits at the same time share the wait for the disk.
    ///
    /// # Errors
    ///
    /// A series or the policy was dropped meanwhile: nothing was written. The disk failed: what was
    /// written is not there after a start, or all of it is.
    pub fn commit(self) -> Result<(), Error> {
        let Self { store, database, policy, generation, rows } = self;
        store.commit(Waiting { database, policy, generation, rows })
    }
}

fn is_long(value: &FieldValue<'_>) -> bool {
    matches!(value, FieldValue::String(text) if text.len() > MOST_TEXT)
}

/// Rows one behind the other: a word of series and shape, one of the time, one for each field.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    words: Vec<u64>,
    /// The fields of a row, each combination once.
    shapes: Vec<Arc<[FieldId]>>,
    /// Where among them a combination is.
    numbers: HashMap<Arc<[FieldId]>, usize>,
    /// The shape of the row that was added last.
    last: usize,
    texts: Symbols,
    count: usize,
}

/// A row of a batch.
pub(crate) struct Row<'a> {
    pub(crate) series: SeriesId,
    pub(crate) time: i64,
    /// Which of the batch's shapes it has.
    pub(crate) shape: usize,
    /// One for each field of the shape.
    pub(crate) values: &'a [u64],
}

impl Rows {
    /// A point's fields must not be empty.
    pub(crate) fn push(
        &mut self,
        series: SeriesId,
        time: i64,
        fields: &[(FieldId, FieldValue<'_>)],
    ) {
        if fields.is_sorted_by(|one, next| one.0 < next.0) {
            return self.push_sorted(series, time, fields);
        }
        let mut sorted = fields.to_vec();
        // Stable, so the last of equal ones is the one that was last.
        sorted.sort_by_key(|(field, _)| *field);
        sorted.reverse();
        sorted.dedup_by_key(|(field, _)| *field);
        sorted.reverse();
        self.push_sorted(series, time, &sorted);
    }

    fn push_sorted(&mut self, series: SeriesId, time: i64, fields: &[(FieldId, FieldValue<'_>)]) {
        let shape = self.shape_of(fields.iter().map(|(field, _)| *field));
        let values = fields.iter().map(|(_, value)| match value {
            FieldValue::Float(value) => value.to_bits(),
            FieldValue::Integer(value) => value.cast_unsigned(),
            FieldValue::Boolean(value) => u64::from(*value),
            FieldValue::String(value) => u64::from(self.texts.insert(value).0),
        });
        self.words.push(u64::from(series.get()) | (shape as u64) << 32);
        self.words.push(time.cast_unsigned());
        self.words.extend(values);
        self.count += 1;
    }

    /// Adds a row whose shape was [added](Self::add_shape).
    pub(crate) fn add(&mut self, row: &Row<'_>) {
        self.words.push(u64::from(row.series.get()) | (row.shape as u64) << 32);
        self.words.push(row.time.cast_unsigned());
        self.words.extend_from_slice(row.values);
        self.count += 1;
    }

    /// The rows that are wanted.
    pub(crate) fn only(&self, wanted: impl Fn(&Row<'_>) -> bool) -> Self {
        let mut rows = Self {
            shapes: self.shapes.clone(),
            numbers: self.numbers.clone(),
            texts: self.texts.clone(),
            ..Self::default()
        };
        self.iter().filter(wanted).for_each(|row| rows.add(&row));
        rows
    }

    /// Adds a sorted set of fields, and gives its number.
    pub(crate) fn add_shape(&mut self, fields: &[FieldId]) -> usize {
        let (number, fields) = (self.shapes.len(), Arc::<[FieldId]>::from(fields));
        self.shapes.push(Arc::clone(&fields));
        self.numbers.insert(fields, number);
        number
    }

    /// Adds a text that isn't there yet.
    pub(crate) fn add_text(&mut self, text: &str) {
        self.texts.insert(text);
    }

    /// How many rows there are.
    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    /// The texts of string fields, by their numbers.
    pub(crate) fn texts(&self) -> impl ExactSizeIterator<Item = &str> {
        self.texts.iter()
    }

    /// The number of this set of fields. Mostly it is the last row's.
    fn shape_of(&mut self, fields: impl Iterator<Item = FieldId> + Clone) -> usize {
        let last = self.shapes.get(self.last);
        if !last.is_some_and(|last| last.iter().copied().eq(fields.clone())) {
            let fields: Vec<FieldId> = fields.collect();
            self.last = match self.numbers.get(&*fields) {
                Some(number) => *number,
                None => self.add_shape(&fields),
            };
        }
        self.last
    }

    /// The sets of fields that its rows have, each sorted.
    pub(crate) fn shapes(&self) -> impl ExactSizeIterator<Item = &[FieldId]> {
        self.shapes.iter().map(|shape| &**shape)
    }

    /// The set of this number; empty where there is none.
    pub(crate) fn shape(&self, number: usize) -> &[FieldId] {
        self.shapes.get(number).map_or(&[], |shape| shape)
    }

    /// The rows, as they were pushed.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        let mut rest = self.words.as_slice();
        std::iter::from_fn(move || {
            let [head, time, behind @ ..] = rest else { return None };
            let [a, b, c, d, e, f, g, h] = head.to_le_bytes();
            let series = SeriesId::new(u32::from_le_bytes([a, b, c, d]));
            let shape = u32::from_le_bytes([e, f, g, h]) as usize;
            let (values, next) = behind.split_at_checked(self.shapes.get(shape)?.len())?;
            rest = next;
            Some(Row { series, time: time.cast_signed(), shape, values })
        })
    }

    /// The text behind a string field's word.
    pub(crate) fn text(&self, word: u64) -> &str {
        self.texts.text(Symbol(u32::try_from(word).unwrap_or(u32::MAX)))
    }
}
