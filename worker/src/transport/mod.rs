//! The worker's side of the wire.
//!
//! Before this station: the loop's requests. After it: a server's ingress. [`register`] makes a
//! session with every server of a job; [`links`] holds a session stream with each of them;
//! [`driver`] runs the loop over these. [`client`] asks single questions.

pub mod client;
pub mod register;
mod join_error;
pub mod links;
mod link;
pub mod driver;
mod computer;
mod grpc;
mod pieces;
mod traffic;
#[cfg(test)]
mod tests;

pub use driver::{Ended, drive};
pub use join_error::JoinError;
pub use links::{LinkOptions, Links, Stopper};
pub use register::{Contact, Member, find_job, join};
pub use traffic::Traffic;
