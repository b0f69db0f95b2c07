//! The fault proxy: a TCP connection between any two of our processes, with the latency, bandwidth and
//! faults that were asked for.
//!
//! A proxy stands for one link, of one worker with one server, and knows nothing of what it carries. What
//! comes in at one end is given to the [`Link`](thalweg_common::physics::Link) of its direction, which says
//! when it arrives; then it is delivered, in order. All connections of a link share it, as they would share
//! a cable. Virtual time runs the same link ([`crate::simulate`]).

mod timer;
mod options;
mod counts;
mod lane;
mod connection;
mod serve;
mod thread;
#[cfg(test)]
mod tests;

pub use counts::Carried;
pub use options::{Faults, ProxyOptions, WINDOW_BYTES, WINDOW_BYTES_MIN};
pub use serve::Proxy;
pub use thread::ProxyThread;
