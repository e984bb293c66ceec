//! The commands, one a file; `top` has a folder of its own.

pub(crate) mod agent;
pub(crate) mod demo;
pub(crate) mod edges;
pub(crate) mod install;
pub(crate) mod query;
pub(crate) mod server;
mod serving;
pub(crate) mod trace;
