use crate::FieldType;

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such database.
    #[error("database not found: {name:?}")]
    DatabaseNotFound {
        /// Its name.
        name: String,
    },
    /// There is no such retention policy.
    #[error("retention policy not found: {name:?}")]
    PolicyNotFound {
        /// The policy's name; empty where the database has no default.
        name: String,
    },
    /// There is one of that name already, and it is another.
    #[error("retention policy already exists: {name:?}")]
    PolicyExists {
        /// The policy's name.
        name: String,
    },
    /// A policy that can't be.
    #[error("{what}")]
    PolicyInvalid {
        /// Why not.
        what: &'static str,
    },
    /// A name or a tag that can't be.
    #[error("{what}")]
    NameInvalid {
        /// Why not.
        what: &'static str,
    },
    /// The field is there with another type.
    #[error("field {field:?} of measurement {measurement:?} is of type {there}, not {given}")]
    FieldTypeConflict {
        /// The measurement.
        measurement: String,
        /// The field.
        field: String,
        /// The type that it has.
        there: FieldType,
        /// The type that was given.
        given: FieldType,
    },
    /// The measurement has as many fields as it can have.
    #[error("measurement {measurement:?} has as many fields as it can have")]
    TooManyFields {
        /// The measurement.
        measurement: String,
    },
    /// The database has given out as many series ids as there are.
    #[error("the database has had as many series as it can have")]
    TooManySeries,
    /// A value doesn't have the type of its field, or the instant is out of range.
    #[error("{what}")]
    PointInvalid {
        /// Which, and why.
        what: &'static str,
    },
    /// A series of the batch was dropped meanwhile: look its id up again. Nothing was written.
    #[error("a series was dropped while it was written to")]
    SeriesDropped,
    /// There is no such series.
    #[error("no series {series}")]
    SeriesNotFound {
        /// Its id.
        series: u32,
    },
}
