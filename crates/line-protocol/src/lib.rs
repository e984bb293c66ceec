//! InfluxDB's line protocol, read as InfluxDB 1.6.7 reads it.
//!
//! `measurement,tag=value field=1i,other="text" 1700000000000000000`, a line a point. The server judges what
//! is right here, not the written specification: which bytes escape what, which junk is let through and what
//! each refusal says were tried out on a running 1.6.7. Two ways read the same language: a fast one that takes
//! only lines without surprises, in one pass, and the exact one, which any other line falls back to. Property
//! tests hold them together.
//!
//! Nothing is copied: a [`Line`] borrows from the request's buffer, and only names and values that hold
//! escapes are rewritten, when asked for. A refused line doesn't end the batch.
//!
//! One rule is ours: a line that isn't UTF-8 is refused. 1.6.7 keeps such bytes but answers queries with
//! U+FFFD in their place, so that two different series read as one.
//!
//! ```
//! use svcflow_line_protocol::{Parser, Precision, Value};
//!
//! let mut parser = Parser::new(b"net,host=a in=5i 7\nbad\n", Precision::Second, 0);
//! let line = parser.next_line().unwrap().unwrap();
//! assert_eq!((line.key, line.timestamp), ("net,host=a", 7_000_000_000));
//! assert_eq!(line.fields[0].name, "in");
//! assert!(matches!(line.fields[0].value, Value::Integer(5)));
//! let error = parser.next_line().unwrap().unwrap_err();
//! assert_eq!(error.to_string(), "unable to parse 'bad': missing fields");
//! assert!(parser.next_line().is_none());
//! ```

mod error;
mod escape;
mod exact;
mod fast;
mod key;
mod line;
mod parser;
mod precision;

pub use error::{LineError, Reason};
pub use escape::unescape_name;
pub use key::SeriesKey;
pub use line::{Field, Line, Text, Value};
pub use parser::Parser;
pub use precision::{Precision, UnknownPrecision};

/// The earliest time of a point, in nanoseconds since the epoch; two below it have a meaning of their own.
pub const TIME_MIN: i64 = i64::MIN + 2;
/// The latest time of a point, in nanoseconds since the epoch.
pub const TIME_MAX: i64 = i64::MAX - 1;

/// The longest measurement with its tags, in bytes as sent, and the longest of it with a field's name and 4 bytes
/// of InfluxDB's own between them.
pub const KEY_MAX: usize = 65_535;
