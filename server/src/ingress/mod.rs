//! Station 1: a part arrives. The gRPC driver of a [`Server`](crate::Server): sockets, frames,
//! limits, and which thread does the work.
//!
//! Comes after the worker's push and the wire, before admission. This is the only place of the
//! server that knows protobuf, threads or the clock; what is decided here is only *where* something
//! runs, never *whether*.

mod counted;
mod data;
mod meter;
mod listen;
mod places;
mod watched;
mod pace;
mod paced;
mod door;
mod guard;
mod owners;
mod waiters;
mod handle;
mod spans;
mod session;
mod unary;
mod serve;
mod pages;

pub use data::DataFile;
pub use listen::{ListenError, Reach, listen};
pub use pages::{StatusPage, StatusPages};
pub use serve::{End, ServeError, ServeOptions, serve};
