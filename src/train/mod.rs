//! A training run from the launcher's chair: start or join a cluster, watch it, judge what it learns,
//! and leave a run folder behind.

mod options;
mod judge;
mod stopping;
mod divergence;
mod references;
mod interrupts;
mod feed;
mod input;
mod seat;
mod incidents;
mod resume;
mod comeback;
mod run;
mod watch;
mod finish;

pub use options::{RunEnd, TrainOptions};
pub use run::train;

pub(crate) use finish::{facts, provenance};
pub(crate) use interrupts::listen_beside;
pub(crate) use judge::Judge;
pub(crate) use stopping::Stopping;
