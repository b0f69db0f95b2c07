//! What the papers claim of their methods, as small experiments: the rules that servers run and the
//! machines that workers run, in an order of events that is written down, so that every curve can be
//! repeated bit for bit.
//!
//! ```sh
//! cargo test -p thalweg --test headlines -- --nocapture --test-threads 1
//! ```
//! prints the tables of docs/METHODS.md.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of an experiment, and parameters that are singles"
)]

mod chance;
mod problem;
mod shard;
mod gate;
mod adaptive_revision;
mod late_gradients;
mod elastic_averaging;
mod local_steps;
mod stale_reads;
mod backup_workers;
mod hogwild;

#[expect(
    clippy::print_stdout,
    reason = "the table is what the experiment is for"
)]
pub(crate) fn say(line: &str) {
    println!("{line}");
}
