//! The lines of one request into a batch.

use std::borrow::Cow;

use svcflow_line_protocol::{Field, Line, LineError, Parser, SeriesKey, Value};
use svcflow_store::{Batch, Error, FieldId, FieldValue};

use super::cache::{Cache, Guess, Known};
use super::shapes::{Refusal, Schema, Shapes};
use super::{Outcome, Target, WriteError};

/// What was read, beside the batch.
pub(super) struct Read<'b> {
    pub(super) outcome: Outcome,
    /// Keys that the cache didn't know.
    pub(super) found: Vec<(&'b str, Known)>,
}

/// Reads `body` into `batch`.
pub(super) fn read<'b>(
    batch: &mut Batch,
    cache: Option<&Cache>,
    schema: Schema<'_>,
    oldest: i64,
    target: Target<'_>,
    body: &'b [u8],
) -> Result<Read<'b>, WriteError> {
    let mut parser = Parser::new(body, target.precision, target.now);
    let mut reader = Reader {
        batch,
        cache,
        schema,
        guess: Guess::default(),
        shapes: Shapes::default(),
        values: Vec::new(),
        read: Read { outcome: Outcome::default(), found: Vec::new() },
    };
    while let Some(line) = parser.next_line() {
        match line {
            Err(error) => reader.read.outcome.refuse(&error),
            Ok(line) if line.timestamp < oldest => {
                reader.drop_line(|| "points beyond retention policy".to_owned());
            }
            Ok(line) => reader.line(&line)?,
        }
    }
    Ok(reader.read)
}

struct Reader<'r, 'b> {
    batch: &'r mut Batch,
    cache: Option<&'r Cache>,
    schema: Schema<'r>,
    guess: Guess,
    shapes: Shapes<'b>,
    values: Vec<(FieldId, FieldValue<'b>)>,
    read: Read<'b>,
}

impl<'b> Reader<'_, 'b> {
    fn line(&mut self, line: &Line<'_, 'b>) -> Result<(), WriteError> {
        let known = self.cache.and_then(|cache| cache.get(line.key, &mut self.guess));
        let known = match known {
            Some(known) => known,
            None => match self.look_up(line)? {
                Some(known) => known,
                None => return Ok(()),
            },
        };
        match self.shapes.ids(self.batch, self.schema, known, line) {
            Ok(ids) => push(self.batch, &mut self.values, known, line, ids)?,
            Err(refusal) => self.refused(refusal, line)?,
        }
        Ok(())
    }

    /// The series of a key that the cache doesn't know; `None` where the line is refused or dropped.
    fn look_up(&mut self, line: &Line<'_, 'b>) -> Result<Option<Known>, WriteError> {
        let key = match SeriesKey::parse(line.key) {
            Ok(key) => key,
            Err(reason) => {
                let error = LineError { line: line.text.as_bytes(), reason };
                self.read.outcome.refuse(&error);
                self.shapes.skipped();
                return Ok(None);
            }
        };
        if key.tags.iter().any(|(key, _)| key == "time") {
            let measurement = key.measurement;
            self.drop_line(|| {
                format!(
                    "invalid tag key: input tag \"time\" on measurement \"{measurement}\" is invalid"
                )
            });
            return Ok(None);
        }
        let tags: Vec<_> = key.tags.iter().map(|(key, value)| (&**key, &**value)).collect();
        let series = match self.batch.series(&key.measurement, &tags) {
            Ok(series) => series,
            Err(error @ (Error::NameInvalid { .. } | Error::TooManySeries)) => {
                self.drop_line(|| error.to_string());
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let known = Known { series, measurement: self.batch.measurement(series)? };
        self.read.found.push((line.key, known));
        Ok(Some(known))
    }

    fn refused(&mut self, refusal: Refusal, line: &Line<'_, 'b>) -> Result<(), WriteError> {
        let reason = match refusal {
            Refusal::OnlyTime => {
                let key = SeriesKey::parse(line.key);
                let measurement = key.map(|key| key.measurement).unwrap_or_default();
                format!(
                    "invalid field name: input field \"time\" on measurement \"{measurement}\" is invalid"
                )
            }
            Refusal::Store(Error::FieldTypeConflict { measurement, field, there, given }) => {
                format!(
                    "field type conflict: input field \"{field}\" on measurement \"{measurement}\" is type {given}, \
                 already exists as type {there}"
                )
            }
            Refusal::Store(error @ (Error::TooManyFields { .. } | Error::NameInvalid { .. })) => {
                error.to_string()
            }
            Refusal::Store(error) => return Err(error.into()),
        };
        self.drop_line(|| reason);
        Ok(())
    }

    fn drop_line(&mut self, reason: impl FnOnce() -> String) {
        self.read.outcome.drop_point(reason);
        self.shapes.skipped();
    }
}

/// Adds a line's point. `values` is a buffer that is used again as long as no string holds escapes.
fn push<'b>(
    batch: &mut Batch,
    values: &mut Vec<(FieldId, FieldValue<'b>)>,
    known: Known,
    line: &Line<'_, 'b>,
    ids: &[Option<FieldId>],
) -> Result<(), WriteError> {
    values.clear();
    for (id, field) in ids.iter().zip(line.fields) {
        let Some(id) = *id else { continue };
        match value(field) {
            Ok(value) => values.push((id, value)),
            Err(_) => return push_unescaped(batch, known, line, ids),
        }
    }
    Ok(batch.push(known.series, line.timestamp, values)?)
}

/// As [`push`], for lines with strings that have to be rewritten.
fn push_unescaped(
    batch: &mut Batch,
    known: Known,
    line: &Line<'_, '_>,
    ids: &[Option<FieldId>],
) -> Result<(), WriteError> {
    let texts: Vec<_> = line.fields.iter().map(value).collect();
    let mut values = Vec::with_capacity(texts.len());
    for (id, value) in ids.iter().zip(&texts) {
        let Some(id) = *id else { continue };
        values.push((
            id,
            value.as_ref().map_or_else(|text| FieldValue::String(text), |value| *value),
        ));
    }
    Ok(batch.push(known.series, line.timestamp, &values)?)
}

/// A field's value, or the text of one that had to be rewritten.
fn value<'b>(field: &Field<'b>) -> Result<FieldValue<'b>, String> {
    Ok(match field.value {
        Value::Float(value) => FieldValue::Float(value),
        Value::Integer(value) => FieldValue::Integer(value),
        Value::Boolean(value) => FieldValue::Boolean(value),
        Value::String(text) => match text.unescape() {
            Cow::Borrowed(text) => FieldValue::String(text),
            Cow::Owned(text) => return Err(text),
        },
    })
}
