//! Thalweg.

pub mod view;
pub mod report;
pub mod progress;
