//! Hogwild!: threads of one process that minimise a sum of sparse terms on one shared model, without
//! a lock.
//!
//! ```text
//! every thread, again and again:
//!   take a term e; read x_e; g ← ∂f_e(x_e)
//!   x_v ← x_v − γ g_v      for each v ∈ e, one atomic word at a time
//! after each epoch: join the threads, γ ← β γ
//! ```
//!
//! It is a runtime of its own beside servers and workers: what they are for models of many machines, this
//! is for one. [`run()`] is the way in. A [`Scheme`] says what keeps threads apart: nothing (Hogwild!), a
//! lock or turns (the paper's baselines), or a replica for each thread ([`tiered`], which is another
//! method and is never called Hogwild!).
//!
//! Source: Niu, Recht, Ré, Wright, *Hogwild!: a lock-free approach to parallelizing stochastic gradient
//! descent*, NIPS 2011.

pub mod shared;
pub mod rule;
pub mod objective;
pub mod points;
pub mod rows;
pub mod linear;
pub mod sparse_svm;
pub mod sparse_logistic;
pub mod sparse_least_squares;
pub mod matrix_completion;
pub mod graph_cut;
pub mod settings;
pub mod tiered;
pub mod limits;
pub mod problem;
pub mod control;
pub mod run;
mod simplex;
mod order;
mod engine;
mod lock_free;
mod locked;
mod round_robin;
#[cfg(test)]
mod tests;

pub use self::{
    control::Control,
    problem::Problem,
    run::{Counts, Epoch, EpochDone, Epochs, Outcome, run, run_on},
    settings::{Judge, RuleName, Sampling, Scheme, Settings},
};

/// Why there is no run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum HogwildError {
    /// The data or the keys make no objective.
    #[error("hogwild: {0}")]
    Problem(String),
    /// A setting has an impossible value.
    #[error("hogwild: expected {expected}, found {found}; change `{setting}`")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// Settings that cannot be together.
    #[error("hogwild: {scheme} cannot run here: {reason}; {mend}")]
    Refused {
        /// The scheme.
        scheme: &'static str,
        /// Why it cannot.
        reason: String,
        /// What to do instead.
        mend: &'static str,
    },
}

/// Parameters, slopes and constants are f32.
#[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
pub(crate) fn single(number: f64) -> f32 {
    number as f32
}
