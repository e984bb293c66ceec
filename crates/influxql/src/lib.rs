//! InfluxQL as InfluxDB 1.6.7 reads it: text to a syntax tree with positions, and back.

pub mod ast;
mod regex;

pub use crate::regex::Regex;
pub use ast::*;
