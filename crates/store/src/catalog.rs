//! The catalog: what the log's older files said about databases, policies, fields and series.
//!
//! `svccat1\0`, the CRC-32C of the rest (u32), the rest by zstd. Numbers are varints, texts their length
//! and bytes:
//!
//! | what | how |
//! |---|---|
//! | the number of the first log file that isn't in it | |
//! | the numbers that come next: round, database, policy; the last deletion's | |
//! | databases: their count, then each | id, name, generation, name of the default policy (empty: none) |
//! | … its policies: count, then each | id, spec as in the log; count of measurements, each one's id, count of fields, each one's number and name |
//! | … its measurements: count, then each one's name, by id | |
//! | … the texts of its tags: count, then each | |
//! | … its series: the id that comes next, count, then each | id less the one before, measurement, count of tags, each one's key and value as numbers of texts |
//! | … its deletions: count, then each | number, range, bitmap of series |
//!
//! There are two copies, written one after the other, and only then does the log lose what they hold.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::codec::{Malformed, Reader, put_bytes, put_length, put_varint};
use crate::damage::{DamageKind, Damages};
use crate::database::Database;
use crate::folder::{Folder, write_whole};
use crate::index::{Index, MeasurementId};
use crate::log::record::{
    put_bitmap, put_range, put_spec, read_bitmap, read_field, read_range, read_spec,
};
use crate::schema::{DatabaseId, Delete, Fields, PolicyId, PolicySchema, Schema};
use crate::shared::{Databases, NextIds};
use crate::{Error, SeriesId};

const MAGIC: &[u8; 8] = b"svccat1\0";
/// zstd's effort: its own default.
const LEVEL: i32 = 3;

/// What a catalog says.
pub(crate) struct Catalog {
    /// The first log file whose changes aren't in it.
    pub(crate) log: u64,
    pub(crate) next: NextIds,
    pub(crate) databases: Vec<(DatabaseId, Arc<str>, Arc<Schema>)>,
}

impl Catalog {
    /// Replaces the catalog and its copy; durable on return.
    pub(crate) fn write(&self, folder: &Folder) -> Result<(), Error> {
        let path = folder.catalog();
        let packed = zstd::bulk::compress(&self.encode(), LEVEL);
        let packed = packed.map_err(Error::io("compress", &path))?;
        let sum = crc32c::crc32c(&packed).to_le_bytes();
        let bytes = [MAGIC.as_slice(), &sum, &packed].concat();
        write_whole(&path, &bytes)?;
        write_whole(&folder.catalog_copy(), &bytes)
    }

    /// Reads the catalog, or its copy where it is damaged. `None` where there is none yet.
    pub(crate) fn read(folder: &Folder, damages: &Damages) -> Result<Option<Self>, Error> {
        let (path, copy) = (folder.catalog(), folder.catalog_copy());
        let (first, second) = (read_file(&path)?, read_file(&copy)?);
        match (first, second) {
            (File::Whole(catalog), _) => Ok(Some(catalog)),
            (File::Missing, File::Missing) => Ok(None),
            (_, File::Whole(catalog)) => {
                damages.emit(path, DamageKind::Catalog);
                Ok(Some(catalog))
            }
            (File::Missing, File::Damaged) => {
                Err(Error::Damaged(damages.emit(copy, DamageKind::Catalogs).into()))
            }
            (File::Damaged, _) => {
                Err(Error::Damaged(damages.emit(path, DamageKind::Catalogs).into()))
            }
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let NextIds { round, database, policy, deletes } = self.next;
        put_varint(&mut out, self.log);
        put_varint(&mut out, round);
        put_varint(&mut out, u64::from(database));
        put_varint(&mut out, u64::from(policy));
        put_varint(&mut out, deletes);
        put_length(&mut out, self.databases.len());
        for (id, name, schema) in &self.databases {
            put_varint(&mut out, u64::from(id.0));
            put_bytes(&mut out, name.as_bytes());
            put_schema(&mut out, schema);
        }
        out
    }

    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let log = reader.varint()?;
        let next = NextIds {
            round: reader.varint()?,
            database: reader.u32()?,
            policy: reader.u32()?,
            deletes: reader.varint()?,
        };
        let databases = (0..reader.count(2)?).map(|_| {
            let id = DatabaseId(reader.u32()?);
            let name: Arc<str> = reader.text()?.into();
            Ok((id, name, Arc::new(read_schema(&mut reader)?)))
        });
        let databases = databases.collect::<Result<_, _>>()?;
        Ok(Self { log, next, databases })
    }

    /// The databases, without rows.
    pub(crate) fn databases(self) -> Databases {
        let database = |(id, name, schema): (DatabaseId, Arc<str>, Arc<Schema>)| {
            (Arc::clone(&name), Arc::new(Database::with(id, name, schema)))
        };
        let by_name = self.databases.into_iter().map(database).collect();
        Databases { by_name, next: self.next }
    }
}

enum File {
    Whole(Catalog),
    Damaged,
    Missing,
}

fn read_file(path: &Path) -> Result<File, Error> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(File::Missing),
        Err(fault) => return Err(Error::io("read", path)(fault)),
    };
    Ok(unpack(&bytes).map_or(File::Damaged, File::Whole))
}

fn unpack(bytes: &[u8]) -> Option<Catalog> {
    let (sum, packed) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
    if u32::from_le_bytes(*sum) != crc32c::crc32c(packed) {
        return None;
    }
    Catalog::decode(&zstd::stream::decode_all(packed).ok()?).ok()
}

fn put_schema(out: &mut Vec<u8>, schema: &Schema) {
    put_varint(out, schema.generation);
    put_bytes(out, schema.default.as_deref().unwrap_or_default().as_bytes());
    put_length(out, schema.policies.len());
    for policy in schema.policies.values() {
        put_varint(out, u64::from(policy.id.0));
        put_spec(out, &policy.spec);
        put_length(out, policy.fields.len());
        for (measurement, fields) in &policy.fields {
            put_varint(out, u64::from(measurement.0));
            put_length(out, fields.iter().count());
            for (name, id) in fields.iter() {
                put_varint(out, u64::from(id.bits()));
                put_bytes(out, name.as_bytes());
            }
        }
    }
    put_index(out, &schema.index);
    put_length(out, schema.deletes.len());
    for delete in schema.deletes.iter() {
        put_varint(out, delete.number);
        put_range(out, delete.range);
        put_bitmap(out, &delete.series);
    }
}

fn put_index(out: &mut Vec<u8>, index: &Index) {
    put_length(out, index.names().len());
    index.names().for_each(|name| put_bytes(out, name.as_bytes()));
    let mut numbers: HashMap<&str, u64> = HashMap::new();
    let mut texts: Vec<&str> = Vec::new();
    let mut series = Vec::new();
    let mut before = 0;
    for (id, measurement) in index.series() {
        put_varint(&mut series, u64::from(id.get() - before));
        before = id.get();
        put_varint(&mut series, u64::from(measurement.0));
        put_length(&mut series, index.tags(id).count());
        for text in index.tags(id).flat_map(|(key, value)| [key, value]) {
            let number = *numbers.entry(text).or_insert_with(|| {
                texts.push(text);
                texts.len() as u64 - 1
            });
            put_varint(&mut series, number);
        }
    }
    put_length(out, texts.len());
    texts.iter().for_each(|text| put_bytes(out, text.as_bytes()));
    put_varint(out, u64::from(index.next_series().map_or(u32::MAX, SeriesId::get)));
    put_length(out, index.len());
    out.extend_from_slice(&series);
}

fn read_schema(reader: &mut Reader<'_>) -> Result<Schema, Malformed> {
    let generation = reader.varint()?;
    let default = Some(reader.text()?).filter(|name| !name.is_empty()).map(Arc::from);
    let mut schema = Schema { generation, default, ..Schema::default() };
    for _ in 0..reader.count(4)? {
        let id = PolicyId(reader.u32()?);
        let spec = read_spec(reader)?;
        let mut fields = HashMap::new();
        for _ in 0..reader.count(2)? {
            let measurement = MeasurementId(reader.u32()?);
            let mut known = Fields::default();
            for _ in 0..reader.count(2)? {
                let id = read_field(reader)?;
                known.insert(reader.text()?, id);
            }
            fields.insert(measurement, Arc::new(known));
        }
        let name = spec.name.as_str().into();
        schema.policies.insert(name, Arc::new(PolicySchema { id, spec, fields }));
    }
    schema.index = Arc::new(read_index(reader)?);
    let deletes = (0..reader.count(4)?).map(|_| {
        let (number, range) = (reader.varint()?, read_range(reader)?);
        Ok(Delete { number, range, series: read_bitmap(reader)? })
    });
    schema.deletes = Arc::new(deletes.collect::<Result<_, _>>()?);
    Ok(schema)
}

fn read_index(reader: &mut Reader<'_>) -> Result<Index, Malformed> {
    let names = (0..reader.count(1)?).map(|_| reader.text());
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let texts = (0..reader.count(1)?).map(|_| reader.text());
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    let next = reader.u32()?;
    let mut index = Index::default();
    let mut id = 0_u32;
    for _ in 0..reader.count(3)? {
        id = id.wrapping_add(reader.u32()?);
        let measurement = reader.u32()?;
        let name = names.get(measurement as usize).copied();
        let name = name.ok_or_else(|| reader.fault("no measurement's number"))?;
        let count = reader.count(2)?;
        let mut text = || {
            let text = texts.get(reader.u32()? as usize).copied();
            text.ok_or_else(|| reader.fault("no text's number"))
        };
        let tags = (0..count).map(|_| Ok((text()?, text()?)));
        let tags = tags.collect::<Result<Vec<_>, Malformed>>()?;
        index.insert(SeriesId::new(id), MeasurementId(measurement), name, &tags);
    }
    index.reserve(next, names.len());
    Ok(index)
}
