//! Plans run over the store.

mod batch;
mod budget;
mod calls;
mod earliest;
mod filter;
mod gathered;
mod gathering;
mod groups;
mod join;
mod lanes;
mod lanewise;
mod merge;
mod node;
mod outputs;
mod parts;
mod pieces;
mod raw;
mod rows;
mod scan;
mod select;
mod source;
mod stretch;
mod tables;
mod types;
mod work;

pub(crate) use budget::Budget;
pub(crate) use merge::shard_of;
pub(crate) use select::select;
pub(crate) use source::escape;
pub(crate) use tables::{policy_named, store_error};
