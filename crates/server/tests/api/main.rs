//! The JSON API over a store that is filled as the collector fills it.

mod bench;
mod contract;
mod history;
mod http;
mod live;
mod shown;
