//! From field names as they are sent to the fields they mean, for one request.

use svcflow_line_protocol::{Line, SeriesKey, Value, unescape_name};
use svcflow_store::{Batch, Error, FieldId, FieldType, MeasurementId, Store};

use super::cache::Known;

/// Shapes that are looked through for each line whose shape isn't the last one's; a request with more keeps the
/// last of them.
const SHAPES_MAX: usize = 64;

/// The fields of lines of one measurement with these names in this order.
#[derive(Debug)]
struct Shape<'b> {
    measurement: MeasurementId,
    names: Vec<&'b str>,
    /// `None` for a field named `time`, which is passed over.
    ids: Vec<Option<FieldId>>,
}

/// The shapes that a request has had.
#[derive(Debug, Default)]
pub(super) struct Shapes<'b> {
    shapes: Vec<Shape<'b>>,
    /// The last line's.
    last: Option<usize>,
}

/// What fields there are.
#[derive(Clone, Copy)]
pub(super) struct Schema<'s> {
    pub(super) store: &'s Store,
    pub(super) database: &'s str,
    pub(super) policy: Option<&'s str>,
}

impl Schema<'_> {
    /// Refuses a line of which a field is there with another type. Asked before the first of its fields is made: a line
    /// that isn't stored leaves none behind.
    fn check(&self, line: &Line<'_, '_>) -> Result<(), Refusal> {
        let snapshot = self.store.read(self.database).map_err(Refusal::Store)?;
        let name = SeriesKey::parse(line.key).map(|key| key.measurement).unwrap_or_default();
        let Some(measurement) = snapshot.measurement(&name) else { return Ok(()) };
        let fields = measurement.fields(self.policy).map_err(Refusal::Store)?;
        for field in line.fields {
            let name = unescape_name(field.name);
            let at = fields.binary_search_by(|there| (*there.name).cmp(&name));
            let there = at.ok().and_then(|at| fields.get(at)).map(|there| there.id.field_type());
            let given = field_type(&field.value);
            if let Some(there) = there.filter(|there| *there != given) {
                let (measurement, field) = (measurement.name().to_owned(), name.into_owned());
                let conflict = Error::FieldTypeConflict { measurement, field, there, given };
                return Err(Refusal::Store(conflict));
            }
        }
        Ok(())
    }
}

/// Why a line's fields can't be had.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The store's word.
    Store(Error),
    /// All its fields are named `time`.
    OnlyTime,
}

impl<'b> Shapes<'b> {
    /// The ids of a line's fields, in their order.
    pub(super) fn ids(
        &mut self,
        batch: &mut Batch,
        schema: Schema<'_>,
        known: Known,
        line: &Line<'_, 'b>,
    ) -> Result<&[Option<FieldId>], Refusal> {
        let at = match self.known(known.measurement, line) {
            Some(at) => at,
            None => {
                if line.fields.len() > 1 {
                    schema.check(line)?;
                }
                self.resolve(batch, known, line)?
            }
        };
        self.last = Some(at);
        Ok(self.shapes.get(at).map(|shape| shape.ids.as_slice()).unwrap_or_default())
    }

    /// Says that a line was not asked about, so that the next one's `same_names` is not taken for more than it says.
    pub(super) fn skipped(&mut self) {
        self.last = None;
    }

    fn known(&self, measurement: MeasurementId, line: &Line<'_, 'b>) -> Option<usize> {
        let fits =
            |shape: &Shape<'_>| shape.measurement == measurement && types_are(&shape.ids, line);
        let named = |shape: &Shape<'_>| {
            shape.names.iter().copied().eq(line.fields.iter().map(|field| field.name))
        };
        if line.same_names
            && let Some(last) = self.last
            && let Some(shape) = self.shapes.get(last)
            && fits(shape)
        {
            return Some(last);
        }
        self.shapes.iter().position(|shape| fits(shape) && named(shape))
    }

    fn resolve(
        &mut self,
        batch: &mut Batch,
        known: Known,
        line: &Line<'_, 'b>,
    ) -> Result<usize, Refusal> {
        let mut ids = Vec::with_capacity(line.fields.len());
        for field in line.fields {
            let name = unescape_name(field.name);
            let kind = field_type(&field.value);
            ids.push(match &*name {
                "time" => None,
                name => Some(batch.field(known.series, name, kind).map_err(Refusal::Store)?),
            });
        }
        if ids.iter().all(Option::is_none) {
            return Err(Refusal::OnlyTime);
        }
        if self.shapes.len() >= SHAPES_MAX {
            self.shapes.clear();
        }
        let names = line.fields.iter().map(|field| field.name).collect();
        self.shapes.push(Shape { measurement: known.measurement, names, ids });
        Ok(self.shapes.len() - 1)
    }
}

fn types_are(ids: &[Option<FieldId>], line: &Line<'_, '_>) -> bool {
    let is = |(id, value): (&Option<FieldId>, &Value<'_>)| {
        id.is_none_or(|id| id.field_type() == field_type(value))
    };
    ids.len() == line.fields.len()
        && ids.iter().zip(line.fields.iter().map(|field| &field.value)).all(is)
}

fn field_type(value: &Value<'_>) -> FieldType {
    match value {
        Value::Float(_) => FieldType::Float,
        Value::Integer(_) => FieldType::Integer,
        Value::String(_) => FieldType::String,
        Value::Boolean(_) => FieldType::Boolean,
    }
}
