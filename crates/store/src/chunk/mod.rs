//! Chunks: rows of one series, sealed.
//!
//! A chunk has two parts. Its *entry* stands in its file's index (see [`run`](crate::run)) and says what
//! it is and what is known of its fields; its *payload* holds the rows. All numbers are varints, signed
//! ones zigzag, floats turned round (see [`codec`](crate::codec)).
//!
//! The entry's column part, which is all that this module reads and writes of it:
//!
//! | what | how |
//! |---|---|
//! | length of the payload's times | varint |
//! | for each field of the chunk's set, in its order: [`ColumnEntry`] | see there |
//!
//! The payload: the times, then each column. Times are [integers](integers) whose first is the chunk's.
//! A column is, where rows lack it, a bitmap of the rows that have it (a bit a row, the lowest first);
//! then the values that are there:
//!
//! | type | values |
//! |---|---|
//! | integer | [integers], whose first is the entry's |
//! | float | a byte; 0: all are whole numbers below 2^53, as [integers]; 1: pco's page of floats |
//! | boolean | a bit each, the lowest first |
//! | string | a byte; 0: plain, 1: the length of the plain bytes, then those by zstd. Plain: how many different texts, each as length and bytes, how many bits a number has (a byte), the texts' numbers in as many bits |
//!
//! The CRC-32C of the payload stands in the entry.

mod column;
mod decode;
mod encode;
mod entry;
mod integers;

pub(crate) use decode::{Source, decode, summaries};
pub(crate) use encode::{Encoded, encode};

/// Rows that a chunk has at most when it is made by merging. One more costs a reader of few rows time,
/// one less costs space.
pub(crate) const CHUNK_ROWS: usize = 1024;
/// Rows that a chunk can have.
const MOST_ROWS: usize = 1 << 16;
/// Bytes that a chunk's texts have together, the last one apart.
pub(crate) const CHUNK_TEXT: usize = 1 << 20;
/// Bytes that a text may have. InfluxDB's limit is 64 KiB.
pub(crate) const MOST_TEXT: usize = 1 << 20;

#[cfg(test)]
mod tests;
