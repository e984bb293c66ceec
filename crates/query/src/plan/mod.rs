//! What a statement means, worked out clause by clause before anything is read.

mod compile;
mod condition;
mod dimensions;
mod expand;
mod functions;
mod node;
mod reduce;
mod resolve;
mod tables;
mod time_literal;
mod types;

pub(crate) use node::Node;
