//! Thalweg.

pub mod view;
pub mod report;
