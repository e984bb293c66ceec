//! The InfluxDB 1.x HTTP interface over the embedded store: writing line protocol, asking InfluxQL.
//!
//! `/ping`, `/write` and `/query` as InfluxDB 1.6.7 has them, `/health` and `/api/v2/write` as 1.8 has them,
//! `/metrics` of our own. The judge of what is right is a running 1.6.7.
//!
//! Connections are served by async threads that never wait for disk or computation: a write is read and committed,
//! and a query runs, on threads that may block. Nothing is without bound: bodies share a fixed amount of memory,
//! answers go out in parts while they are made, queries wait for their turn.
//!
//! Store, engine, clock, listener and shutdown come in as values.

mod accounts;
mod answer;
mod api;
mod app;
mod auth;
mod cancels;
mod config;
mod elsewhere;
mod engine;
mod error;
mod http;
mod ingest;
mod serve;
mod visible;

pub use api::{Agent, Agents, Api, Collected, NoAgents, openapi};
pub use auth::{User, Users};
pub use config::{Config, default_data};
pub use elsewhere::Elsewhere;
pub use engine::Engine;
pub use error::Error;
pub use serve::{Clock, Server, bind, system_clock};
