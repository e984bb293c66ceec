//! What a record of the log says: one change after the other.
//!
//! A change is its kind (a byte), then its parts in the order of [`Change`]'s fields: numbers as
//! varints, texts as length and bytes, bitmaps as length and Roaring's portable format.

use std::time::Duration;

use roaring::RoaringBitmap;

use super::rows::{put_rows_parts, read_rows};
use crate::batch::Rows;
use crate::codec::{Malformed, Reader, put_bytes, put_length, put_signed, put_varint};
use crate::index::MeasurementId;
use crate::schema::{DatabaseId, PolicyId};
use crate::{FieldId, PolicySpec, SeriesId, TimeRange};

/// Something that changes a store.
#[derive(Debug)]
pub(crate) enum Change<'a> {
    /// Makes a database.
    CreateDatabase { database: DatabaseId, name: &'a str },
    /// Drops a database with all that is in it.
    DropDatabase { database: DatabaseId },
    /// Makes a policy, or changes it.
    PutPolicy { database: DatabaseId, policy: PolicyId, spec: PolicySpec, default: bool },
    /// Drops a policy with its data.
    DropPolicy { database: DatabaseId, policy: PolicyId },
    /// Makes a series.
    Series {
        database: DatabaseId,
        series: SeriesId,
        measurement: MeasurementId,
        name: &'a str,
        tags: Vec<(&'a str, &'a str)>,
    },
    /// Makes a field.
    Field {
        database: DatabaseId,
        policy: PolicyId,
        measurement: MeasurementId,
        field: FieldId,
        name: &'a str,
    },
    /// Writes points.
    Rows { database: DatabaseId, policy: PolicyId, rows: Rows },
    /// Deletes rows in all policies. `number` counts deletions, from 1.
    Delete { database: DatabaseId, number: u64, range: TimeRange, series: RoaringBitmap },
    /// Drops series with their data.
    DropSeries { database: DatabaseId, series: RoaringBitmap },
}

const CREATE_DATABASE: u8 = 1;
const DROP_DATABASE: u8 = 2;
const PUT_POLICY: u8 = 3;
const DROP_POLICY: u8 = 4;
const SERIES: u8 = 5;
const FIELD: u8 = 6;
const ROWS: u8 = 7;
const DELETE: u8 = 8;
const DROP_SERIES: u8 = 9;

fn start(out: &mut Vec<u8>, kind: u8, database: DatabaseId) {
    out.push(kind);
    put_varint(out, u64::from(database.0));
}

/// Adds rows of a batch, without taking them.
pub(crate) fn put_rows(out: &mut Vec<u8>, database: DatabaseId, policy: PolicyId, rows: &Rows) {
    start(out, ROWS, database);
    put_varint(out, u64::from(policy.0));
    put_rows_parts(out, rows);
}

/// Adds the series.
pub(crate) fn put_series(
    out: &mut Vec<u8>,
    database: DatabaseId,
    series: SeriesId,
    measurement: MeasurementId,
    name: &str,
    tags: &[(&str, &str)],
) {
    start(out, SERIES, database);
    put_varint(out, u64::from(series.get()));
    put_varint(out, u64::from(measurement.0));
    put_bytes(out, name.as_bytes());
    put_length(out, tags.len());
    for (key, value) in tags {
        put_bytes(out, key.as_bytes());
        put_bytes(out, value.as_bytes());
    }
}

impl<'a> Change<'a> {
    /// The database that is changed.
    pub(crate) const fn database(&self) -> DatabaseId {
        match self {
            Self::CreateDatabase { database, .. }
            | Self::DropDatabase { database }
            | Self::PutPolicy { database, .. }
            | Self::DropPolicy { database, .. }
            | Self::Series { database, .. }
            | Self::Field { database, .. }
            | Self::Rows { database, .. }
            | Self::Delete { database, .. }
            | Self::DropSeries { database, .. } => *database,
        }
    }

    /// Adds the change.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::CreateDatabase { database, name } => {
                start(out, CREATE_DATABASE, *database);
                put_bytes(out, name.as_bytes());
            }
            Self::DropDatabase { database } => start(out, DROP_DATABASE, *database),
            Self::PutPolicy { database, policy, spec, default } => {
                start(out, PUT_POLICY, *database);
                put_varint(out, u64::from(policy.0));
                put_spec(out, spec);
                out.push(u8::from(*default));
            }
            Self::DropPolicy { database, policy } => {
                start(out, DROP_POLICY, *database);
                put_varint(out, u64::from(policy.0));
            }
            Self::Series { database, series, measurement, name, tags } => {
                put_series(out, *database, *series, *measurement, name, tags);
            }
            Self::Field { database, policy, measurement, field, name } => {
                start(out, FIELD, *database);
                put_varint(out, u64::from(policy.0));
                put_varint(out, u64::from(measurement.0));
                put_varint(out, u64::from(field.bits()));
                put_bytes(out, name.as_bytes());
            }
            Self::Rows { database, policy, rows } => put_rows(out, *database, *policy, rows),
            Self::Delete { database, number, range, series } => {
                start(out, DELETE, *database);
                put_varint(out, *number);
                put_range(out, *range);
                put_bitmap(out, series);
            }
            Self::DropSeries { database, series } => {
                start(out, DROP_SERIES, *database);
                put_bitmap(out, series);
            }
        }
    }

    /// Reads the next change.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let kind = reader.byte()?;
        let database = DatabaseId(reader.u32()?);
        Ok(match kind {
            CREATE_DATABASE => Self::CreateDatabase { database, name: reader.text()? },
            DROP_DATABASE => Self::DropDatabase { database },
            PUT_POLICY => Self::PutPolicy {
                database,
                policy: PolicyId(reader.u32()?),
                spec: read_spec(reader)?,
                default: reader.byte()? != 0,
            },
            DROP_POLICY => Self::DropPolicy { database, policy: PolicyId(reader.u32()?) },
            SERIES => {
                let series = SeriesId::new(reader.u32()?);
                let measurement = MeasurementId(reader.u32()?);
                let name = reader.text()?;
                let tags = (0..reader.count(2)?).map(|_| Ok((reader.text()?, reader.text()?)));
                Self::Series {
                    database,
                    series,
                    measurement,
                    name,
                    tags: tags.collect::<Result<_, _>>()?,
                }
            }
            FIELD => Self::Field {
                database,
                policy: PolicyId(reader.u32()?),
                measurement: MeasurementId(reader.u32()?),
                field: read_field(reader)?,
                name: reader.text()?,
            },
            ROWS => {
                let policy = PolicyId(reader.u32()?);
                Self::Rows { database, policy, rows: read_rows(reader)? }
            }
            DELETE => Self::Delete {
                database,
                number: reader.varint()?,
                range: read_range(reader)?,
                series: read_bitmap(reader)?,
            },
            DROP_SERIES => Self::DropSeries { database, series: read_bitmap(reader)? },
            _ => return Err(reader.fault("no kind of change")),
        })
    }
}

pub(crate) fn put_spec(out: &mut Vec<u8>, spec: &PolicySpec) {
    put_bytes(out, spec.name.as_bytes());
    // No policy keeps data for no time: zero is for ever.
    for duration in [spec.duration.unwrap_or_default(), spec.shard_duration] {
        put_varint(out, duration.as_secs());
        put_varint(out, u64::from(duration.subsec_nanos()));
    }
    put_varint(out, u64::from(spec.replicas));
}

pub(crate) fn read_spec(reader: &mut Reader<'_>) -> Result<PolicySpec, Malformed> {
    let name = reader.text()?.to_owned();
    let mut duration = || {
        let (seconds, nanos) = (reader.varint()?, reader.u32()?);
        if nanos >= 1_000_000_000 {
            return Err(reader.fault("more nanoseconds than a second has"));
        }
        Ok(Duration::new(seconds, nanos))
    };
    let (kept, shard_duration) = (duration()?, duration()?);
    let duration = (kept != Duration::ZERO).then_some(kept);
    Ok(PolicySpec { name, duration, shard_duration, replicas: reader.u32()? })
}

pub(crate) fn put_range(out: &mut Vec<u8>, range: TimeRange) {
    put_signed(out, range.first);
    put_signed(out, range.last);
}

pub(crate) fn read_range(reader: &mut Reader<'_>) -> Result<TimeRange, Malformed> {
    Ok(TimeRange { first: reader.signed()?, last: reader.signed()? })
}

pub(crate) fn read_field(reader: &mut Reader<'_>) -> Result<FieldId, Malformed> {
    let bits = u16::try_from(reader.varint()?);
    bits.map(FieldId::from_bits).map_err(|_| reader.fault("no field's number"))
}

pub(crate) fn put_bitmap(out: &mut Vec<u8>, bitmap: &RoaringBitmap) {
    let mut bytes = Vec::with_capacity(bitmap.serialized_size());
    // Writing to memory can't fail.
    if bitmap.serialize_into(&mut bytes).is_ok() {
        put_bytes(out, &bytes);
    }
}

pub(crate) fn read_bitmap(reader: &mut Reader<'_>) -> Result<RoaringBitmap, Malformed> {
    let bytes = reader.bytes()?;
    RoaringBitmap::deserialize_from(bytes).map_err(|_| reader.fault("no bitmap"))
}
