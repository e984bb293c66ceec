//! The commands, one a file; `top` has a folder of its own.

pub(crate) mod agent;
pub(crate) mod demo;
pub(crate) mod edges;
pub(crate) mod endpoints;
pub(crate) mod install;
mod serving;
pub(crate) mod telegraf;
pub(crate) mod trace;
