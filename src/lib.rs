//! Thalweg.

pub mod view;
