//! What is done to whole columns at a time. Pure: no store, no statement, no clock.

pub(crate) mod accumulate;
pub(crate) mod buckets;
pub(crate) mod columns;
pub(crate) mod eval;
pub(crate) mod fill;
pub(crate) mod go_heap;
mod go_sort;
pub(crate) mod holt_winters;
pub(crate) mod integral;
pub(crate) mod points;
pub(crate) mod runs;
mod slices;
pub(crate) mod transform;
pub(crate) mod windows;
