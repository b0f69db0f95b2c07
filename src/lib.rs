//! Thalweg.
pub mod command;
