//! The commands, one a file; `top` has a folder of its own.

pub(crate) mod agent;
mod collecting;
pub(crate) mod demo;
pub(crate) mod edges;
mod elsewhere;
pub(crate) mod endpoints;
mod history;
pub(crate) mod install;
mod naming;
pub(crate) mod query;
pub(crate) mod server;
mod serving;
pub(crate) mod telegraf;
pub(crate) mod trace;
