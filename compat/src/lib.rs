//! One set of scenarios, run against the real InfluxDB 1.6.7 and against svcflow: the answers must be equal.
//!
//! A [`Scenario`] is a file of writes and queries ([`scenario`] says what it may hold). It becomes a list of
//! [`Step`]s, each one HTTP request with what to look at in its answer. [`run`](run()) sends every step to a reference,
//! which is a started `influxd` or the answers recorded from one, and to the server under test, and reports
//! every [`Difference`]. docs/compat.md says how to run it and how to add to it.

mod answer;
mod clock;
mod compare;
mod error;
mod expand;
mod folder;
mod random;
mod record;
mod request;
mod run;
pub mod scenario;
mod server;
mod step;

pub use answer::Answer;
pub use clock::Now;
pub use compare::{Compare, Difference, compare};
pub use error::{Error, Result};
pub use folder::folder;
pub use record::Recorded;
pub use request::{Client, Request};
pub use run::{Failure, Reference, Report, Subject, answers, must_be_empty, run};
pub use scenario::{Check, Exception, Scenario, Step};
pub use server::{Program, Server, cache, installed};
