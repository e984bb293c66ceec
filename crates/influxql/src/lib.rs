//! InfluxQL as InfluxDB 1.6.7 reads it: text to a syntax tree with positions, and back.
//!
//! ```
//! use svcflow_influxql::{Expr, Statement, parse};
//!
//! let text = "SELECT mean(BytesIn) FROM httpjson_svcstats WHERE time > now() - 1h GROUP BY time(1m), * fill(none)";
//! let statements = parse(text)?;
//! let [Statement::Select(select)] = statements.as_slice() else { panic!("one SELECT") };
//! let Expr::Call(mean) = &select.fields[0].expr else { panic!("a call") };
//! assert_eq!(mean.name, "mean");
//! assert_eq!(&text[mean.span.range()], "mean(BytesIn)");
//! assert_eq!(select.to_string(), text);
//!
//! let text = "SELECT mean(BytesIn FROM httpjson_svcstats";
//! let error = parse(text).unwrap_err();
//! assert_eq!(error.to_string(), "error parsing query: found FROM, expected ) at line 1, char 21");
//! assert_eq!(
//!     error.caret(text).to_string(),
//!     "error parsing query: found FROM, expected ) at line 1, char 21\n  \
//!        SELECT mean(BytesIn FROM httpjson_svcstats\n                      ^"
//! );
//! # Ok::<(), svcflow_influxql::Error>(())
//! ```
//!
//! [`parse`] reads any number of statements, [`parse_with`] takes the values of bound parameters as well.
//! [`Statement`] is where to begin with the tree. Nothing here knows of databases, functions or clocks: what
//! needs them, and what InfluxDB itself checks only after parsing, is for whoever runs a statement.
//!
//! # What is promised
//! - What 1.6.7 parses is parsed, what it refuses is refused, at the same line and character. The exceptions
//!   are below.
//! - The Display of a tree parses to an equal tree, whatever was parsed; passwords are never in it.
//! - Any text is answered, in time and memory that grow with its length: nesting and operators in a row are
//!   limited ([`MAX_NESTING`], [`MAX_HEIGHT`]), so that walking a tree by recursion is safe for all; `AND` and
//!   `OR` are lists and may be as long as they like.
//! - Regular expressions find what Go's find. See [`Regex`].
//!
//! # Where 1.6.7 differs
//! By fault or by accident of its scanner, and not followed:
//! - A zero byte ends the text there, and what is before it runs.
//! - `=~ /a/ + 1` parses there, and makes the server panic.
//! - Blanks and comments may stand wherever they don't change the meaning: `GROUP BY /a/ , b`,
//!   `SELECT /* x */ a`, `DELETE FROM a,/b/`. There, some such places take none, or take the comment for a
//!   regular expression.
//! - `a"b"` is the name `b` there, and `a.::float` is `a::float`.
//! - A duration that overflows to a positive one passes there.
//! - Errors without a place there have one here.
//! - The interval of a continuous query isn't checked, since there is nothing here to run one.

mod ast;
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
