//! What planning must know of what is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use svcflow_influxql as ql;

use super::node::Kind;
use crate::QueryError;

/// A measurement as a source of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: Arc<str>,
    /// Its fields in the policy that is read.
    pub(crate) fields: BTreeMap<Arc<str>, Kind>,
    /// The keys of its series' tags.
    pub(crate) tags: BTreeSet<Arc<str>>,
    /// What [`Tables`] knows it by.
    pub(crate) id: usize,
}

impl Table {
    /// The type of a column. A field hides a tag of the same name.
    pub(crate) fn kind(&self, name: &str) -> Option<Kind> {
        let field = self.fields.get(name).copied();
        field.or_else(|| self.tags.contains(name).then_some(Kind::Tag))
    }
}

/// Finds measurements.
pub(crate) trait Tables {
    /// The measurements that are meant, sorted by name; none if there is none.
    fn find(&mut self, measurement: &ql::Measurement) -> Result<Vec<Arc<Table>>, QueryError>;
}
