//! Who a request is from, and what they may do.

mod credentials;
mod privilege;
mod users;

pub(crate) use credentials::Credentials;
pub(crate) use privilege::{Needs, needs};
pub use users::{User, Users};
