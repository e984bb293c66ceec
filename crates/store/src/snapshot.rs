//! A database as it is at an instant, to be read.

use std::collections::HashMap;
use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::damage::Damages;
use crate::database::Database;
use crate::index::{MeasurementEntry, MeasurementId, TagKeys};
use crate::run::Run;
use crate::scan::{Scan, ScanRequest};
use crate::schema::{DatabaseId, Delete, PolicyId, Schema};
use crate::tables::Tables;
use crate::{Error, FieldId, FieldType, Policy, SeriesId};

/// A database's series, policies and fields as they were when it was taken. Cheap, and blocks no one.
///
/// Rows are not frozen: a scan sees, of each series, at least what was there when the snapshot was
/// taken, and never half a row.
#[derive(Clone)]
pub struct Snapshot {
    database: DatabaseId,
    schema: Arc<Schema>,
    deletes: Arc<Vec<Delete>>,
    tables: Arc<HashMap<PolicyId, Arc<Tables>>>,
    damages: Arc<Damages>,
}

impl Snapshot {
    pub(crate) fn new(database: &Database, damages: Arc<Damages>) -> Self {
        // Deletions first: those that are forgotten from now on are in the rows that come next. Then rows: their
        // series and fields are known after them.
        let deletes = Arc::clone(&database.schema().deletes);
        let data = database.all_data();
        let tables = data.iter().map(|(policy, data)| (*policy, data.tables())).collect();
        drop(data);
        let (database, schema) = (database.id, database.schema());
        Self { database, schema, deletes, tables: Arc::new(tables), damages }
    }

    /// The series that may have got rows since it was taken; all, if the database is another one.
    pub(crate) fn written_since(&self, database: &Database) -> RoaringBitmap {
        if self.database != database.id {
            return RoaringBitmap::full();
        }
        let mut written = RoaringBitmap::new();
        for (policy, data) in database.all_data().iter() {
            let tables = data.tables();
            let seen: Vec<_> = self.tables.get(policy).iter().flat_map(|it| it.runs()).collect();
            let is_new = |run: &&Arc<Run>| !seen.iter().any(|it| Arc::ptr_eq(it, run));
            tables.runs().filter(is_new).for_each(|run| written |= &run.series);
            tables.heads().for_each(|table| written |= table.series());
        }
        written
    }

    /// The policies, in the order in which they were made.
    #[must_use]
    pub fn policies(&self) -> Vec<Policy> {
        self.schema.list()
    }

    /// The measurements' names, sorted.
    pub fn measurements(&self) -> impl Iterator<Item = &str> {
        self.schema.index.measurements().map(|entry| &*entry.name)
    }

    /// The measurement of this name.
    #[must_use]
    pub fn measurement(&self, name: &str) -> Option<Measurement> {
        let entry = Arc::clone(self.schema.index.measurement(name)?);
        Some(Measurement { schema: Arc::clone(&self.schema), entry })
    }

    /// How many series there are, of all measurements.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.schema.index.len()
    }

    /// See [`Store::generation`](crate::Store::generation).
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.schema.generation
    }

    /// Where a policy (without a name, the default one) begins: the first instant of its first partition, or, where
    /// it has none, of its first row; `None` where it has no rows. A row of before that, which came late, is a moment
    /// later in a partition of its own.
    ///
    /// # Errors
    ///
    /// There is no such policy.
    pub fn begins(&self, policy: Option<&str>) -> Result<Option<i64>, Error> {
        let policy = self.schema.policy(policy)?;
        let Some(tables) = self.tables.get(&policy.id) else { return Ok(None) };
        let first = tables.partitions.values().next().map(|partition| partition.range.first);
        Ok(first.or_else(|| tables.heads().filter_map(|heads| heads.first()).min()))
    }

    /// Begins to read rows. A snapshot may be scanned by several threads at once, each with a part of
    /// the series.
    ///
    /// # Errors
    ///
    /// There is no such policy.
    pub fn scan(&self, request: &ScanRequest<'_>) -> Result<Scan, Error> {
        let policy = self.schema.policy(request.policy)?;
        // A policy that was made between the two looks has no rows yet.
        let tables = self.tables.get(&policy.id).map(Arc::clone).unwrap_or_default();
        let (deletes, damages) = (&self.deletes, &self.damages);
        Ok(Scan::new(tables, Arc::clone(deletes), damages, request))
    }
}

/// A measurement of a snapshot.
#[derive(Clone)]
pub struct Measurement {
    schema: Arc<Schema>,
    entry: Arc<MeasurementEntry>,
}

/// A field of a measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: Arc<str>,
    /// What a scan asks for it by.
    pub id: FieldId,
}

impl Field {
    /// Its type.
    #[must_use]
    pub fn field_type(&self) -> FieldType {
        self.id.field_type()
    }
}

impl Measurement {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.entry.name
    }

    /// Its id, which no other measurement of the database gets.
    #[must_use]
    pub fn id(&self) -> MeasurementId {
        self.entry.id
    }

    /// All its series.
    #[must_use]
    pub fn series_all(&self) -> &RoaringBitmap {
        &self.entry.series
    }

    /// The keys of all tags that one of its series has, sorted.
    pub fn tag_keys(&self) -> impl Iterator<Item = &str> {
        self.entry.tag_keys()
    }

    /// The values of a tag, sorted, each with the series that have it.
    pub fn tag_values(&self, key: &str) -> impl Iterator<Item = (&str, &RoaringBitmap)> {
        self.entry.tag_values(key)
    }

    /// The series whose tag has this value; with an empty one, those without the tag.
    #[must_use]
    pub fn series_with(&self, key: &str, value: &str) -> RoaringBitmap {
        self.entry.series_with(key, value)
    }

    /// A series' tags, sorted by key.
    pub fn tags(&self, series: SeriesId) -> impl Iterator<Item = (&str, &str)> {
        self.schema.index.tags(series)
    }

    /// These keys, which are sorted, to be [looked up](Self::values) in many series.
    #[must_use]
    pub fn keys<'k>(&self, keys: impl Iterator<Item = &'k str>) -> TagKeys {
        self.schema.index.tag_keys(keys)
    }

    /// The values of a series' tags of these keys, in their order; empty where it has none.
    pub fn values<'a>(
        &'a self,
        series: SeriesId,
        keys: &'a TagKeys,
    ) -> impl Iterator<Item = &'a Arc<str>> {
        self.schema.index.values(series, keys)
    }

    /// All its series, sorted by the values of all their tags in the order of the keys, no value before any.
    /// Worked out once for as long as no series comes or goes.
    #[must_use]
    pub fn series_sorted(&self) -> &[u32] {
        self.entry.sorted()
    }

    /// For each of these series, which ascend, and each of these tags, in their order, a number: numbers of one
    /// tag compare as its values do, and 0 is none. For sorting many series.
    #[must_use]
    pub fn ranks<'k>(
        &self,
        series: &[u32],
        keys: impl ExactSizeIterator<Item = &'k str>,
    ) -> Vec<u32> {
        self.entry.ranks(series, keys)
    }

    /// A series' tag of this key.
    #[must_use]
    pub fn tag(&self, series: SeriesId, key: &str) -> Option<&str> {
        self.tags(series).find(|tag| tag.0 == key).map(|tag| tag.1)
    }

    /// The fields that the measurement has in a policy (without a name, the default one), sorted by name.
    ///
    /// # Errors
    ///
    /// There is no such policy.
    pub fn fields(&self, policy: Option<&str>) -> Result<Vec<Field>, Error> {
        let policy = self.schema.policy(policy)?;
        let fields = policy.fields.get(&self.entry.id);
        let fields = fields.into_iter().flat_map(|fields| fields.iter());
        Ok(fields.map(|(name, id)| Field { name: Arc::clone(name), id }).collect())
    }
}
