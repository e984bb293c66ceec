//! From the embedded store to what [`svcflow_map`] works on.
//!
//! [`Index`] keeps in memory what changes rarely: which edges there are, when each node reported, marks and
//! losses. [`read`] goes through the counters of a window; [`columns`] through those of a series. Which retention
//! policy answers which part of a range is said in [`policies`] alone.

mod edges;
mod index;
mod latest;
mod policies;
mod read;
mod reports;
mod rows;
mod scan;
mod walk;

pub(super) use index::{Index, Known};
pub(super) use latest::latest;
pub(super) use read::{Reading, columns, read};
pub(super) use scan::ReadError;

/// Edges that a node owns, as the collector stores them.
const TRAFFIC: &str = svcflow_collector::point::TRAFFIC;
/// What is known to be wrong with an edge's numbers.
const MARKS: &str = svcflow_collector::point::MARKS;
/// What was lost.
const LOSSES: &str = svcflow_collector::point::LOSSES;
/// Where each node stands.
const NODES: &str = svcflow_collector::point::NODES;
/// The counters, in the order of [`svcflow_model::Counters`]' fields.
const COUNTERS: [&str; 4] = svcflow_collector::point::COUNTERS;
