//! Station 3.
mod window;
pub use window::{Known, Window, WINDOW};
