//! The JSON API over a store that is filled as the collector fills it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly; clippy.toml exempts test functions but not their helpers"
)]

mod bench;
mod contract;
mod history;
mod http;
mod live;
mod past;
mod shown;
