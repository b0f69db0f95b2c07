//! The worker's side of the wire.
//!
//! Before this station: the loop's requests. After it: a server's ingress. [`contact`] finds the
//! servers of a job; [`register`] opens a session with every one of them; [`links`] holds a session stream with each of them;
//! [`driver`] runs the loop over these. [`client`] asks single questions.

pub mod client;
mod stranger;
pub mod contact;
pub mod register;
mod join_error;
pub mod links;
mod link;
mod ack_loss;
pub mod driver;
mod witness;
mod fetch;
mod save;
mod computer;
mod slowness;
pub mod channel;
mod grpc;
mod pieces;
mod traffic;
#[cfg(test)]
mod tests;

pub use contact::{Contact, find_job, introduce};
pub use driver::{Ended, drive, drive_before};
pub use fetch::fetch_data;
pub use join_error::JoinError;
pub use links::{LinkOptions, Links, Stopper};
pub use register::{Enlisted, Member, join, observe};
pub use save::ask_for_checkpoint;
pub use slowness::Slowness;
pub use traffic::Traffic;
pub use witness::Witness;
