//! Sinks.

pub mod spool;
