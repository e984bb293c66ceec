//! Sets of fields, numbered: a row, a tail and a block each have one.

use std::collections::HashMap;
use std::sync::Arc;

use crate::FieldId;

/// The number of a set of fields, within one table of heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ShapeId(pub(crate) u32);

impl ShapeId {
    /// The empty set.
    pub(crate) const NONE: Self = Self(0);
}

/// Sets of fields by number and numbers by set. Fields of a set are sorted.
#[derive(Clone, Debug)]
pub(crate) struct Shapes {
    sets: Vec<Arc<[FieldId]>>,
    ids: HashMap<Arc<[FieldId]>, ShapeId>,
}

impl Default for Shapes {
    fn default() -> Self {
        let none: Arc<[FieldId]> = Arc::default();
        Self { sets: vec![Arc::clone(&none)], ids: HashMap::from([(none, ShapeId::NONE)]) }
    }
}

impl Shapes {
    /// The number of this set, a new one where it has none.
    pub(crate) fn id(&mut self, fields: &[FieldId]) -> ShapeId {
        if let Some(id) = self.ids.get(fields) {
            return *id;
        }
        let id = ShapeId(u32::try_from(self.sets.len()).unwrap_or(u32::MAX));
        let fields: Arc<[FieldId]> = fields.into();
        self.sets.push(Arc::clone(&fields));
        self.ids.insert(fields, id);
        id
    }

    /// The fields of this number.
    pub(crate) fn columns(&self, id: ShapeId) -> &[FieldId] {
        self.sets.get(id.0 as usize).map_or(&[], |fields| fields)
    }

    /// The number of the fields of both.
    pub(crate) fn union(&mut self, one: ShapeId, other: ShapeId) -> ShapeId {
        let mut fields = [self.columns(one), self.columns(other)].concat();
        fields.sort_unstable();
        fields.dedup();
        self.id(&fields)
    }
}
