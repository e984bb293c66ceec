//! A container network made of unnamed network namespaces, with traffic whose edges are known exactly.
//!
//! [`enter`] gets the rights, [`Lab::build`] makes the network of a [`Topology`], [`Lab::run`] makes the
//! traffic of a [`Plan`] and returns what an independent packet count in the clients' namespaces saw.
//! Nothing is named and nothing is on disk: when the process ends, however it ends, the kernel removes it all.

mod background;
mod capture;
mod churn;
mod error;
mod lab;
mod namespace;
mod server;
mod setup;
pub mod standin;
mod sys;
mod topology;
mod traffic;

pub use background::Background;
pub use churn::{ChurnPlan, Churned};
pub use error::{Error, Result};
pub use lab::{Host, Lab, Node};
pub use namespace::{Namespace, enter};
pub use server::serve_here;
pub use topology::{ClientSpec, ServiceSpec, Topology, v6_of};
pub use traffic::{Lifetime, Outcome, Plan, Running, Target, Transfer};
