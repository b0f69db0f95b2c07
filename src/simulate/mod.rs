//! Virtual time: the same state machines as in real processes, under an event queue.
//!
//! Nothing here decides anything about training. The queue delivers requests, replies and finished
//! computations at virtual times, ties in the order of their making, so that one seed gives one
//! history, bit for bit. How long everything takes says the [`Physics`].

mod physics;
mod queue;
mod error;
mod spectator;
mod size;
mod recording;
mod timings;
mod history;
mod player;
mod post;
mod cluster;
mod memory;
mod run;

pub use cluster::Simulation;
pub use error::SimulateError;
pub use history::{History, TraceHash, Usage, WorkerFailure, WorkerTimes};
pub use physics::{Physics, sessions_for};
pub(crate) use recording::{Asked, Header, Line, VERSION};
pub use recording::{Recording, RecordingError};
pub(crate) use run::{Onlooker, play};
pub use run::{SimulateOptions, simulate};
pub(crate) use size::of_request;
pub use spectator::{Moment, Spectator};
