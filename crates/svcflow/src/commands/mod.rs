//! The commands that print and end.

pub(crate) mod edges;
pub(crate) mod install;
