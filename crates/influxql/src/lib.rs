//! InfluxQL as InfluxDB 1.6.7 reads it: text to a syntax tree with positions, and back.

pub mod ast;
mod display;
mod duration;
mod error;
mod keyword;
mod lexer;
mod params;
mod parse;
mod regex;
mod token;

pub use crate::regex::{Regex, RegexError};
pub use ast::*;
pub use duration::DurationError;
pub use error::{Error, Fault};
pub use params::{Param, ParamError, Params};
pub use parse::{MAX_HEIGHT, MAX_NESTING, Options, parse, parse_with};
