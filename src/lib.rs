//! Thalweg: a distributed parameter server. This crate is the only code that knows both server and
//! worker: the command line, the local launcher, the observer and the simulator.
//!
//! A program that trains a model or data of its own begins at [`launch::InProcess`]; the traits that
//! it implements are [`model::Model`] and [`data::Dataset`].

pub mod command;
pub mod job;
pub mod launch;
pub mod observe;
pub mod proxy;
pub mod simulate;
pub mod view;
pub mod report;
pub mod progress;
pub mod train;
pub mod compare;
pub mod claims;
pub mod demo;
pub mod stress;

pub use thalweg_common::{layout, seed};
pub use thalweg_worker::{data, model};
