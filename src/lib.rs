//! Thalweg: a distributed parameter server. This crate is the only code that knows both server and
//! worker: the command line, the local launcher, the observer and the simulator.

pub mod command;
pub mod job;
pub mod launch;
pub mod observe;
pub mod simulate;
pub mod view;
pub mod report;
pub mod progress;
pub mod train;
