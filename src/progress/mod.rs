//! The progress of a run as a person follows it: one live display on a terminal, plain lines
//! elsewhere, nothing when it is not wanted.
//!
//! What is shown is a pure function of the cluster's view; only `display` and `say` write.

mod text;
mod display;
mod say;

pub use display::{Display, Mode};
pub use say::{say_err, say_out};
pub use text::{live_text, plain_line};
