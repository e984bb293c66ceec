//! What is done to whole columns at a time. Pure: no store, no statement, no clock.

pub(crate) mod buckets;
pub(crate) mod columns;
pub(crate) mod eval;
