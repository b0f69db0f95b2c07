//! Regularizers and constraints: what holds parameters back, where the server applies it.
//!
//! A [`Penalty`] acts on each element by itself, so it is lazily exact on sparse rows for nothing: an
//! element that a push does not touch owes the step, and takes it with the very scalars of that step
//! before anybody looks. A [`Constraint`] projects a row or a tensor after every step that touches it.
//! In one step they come in this order:
//!
//! 1. the gradient of the loss gets the terms that are differentiable: `l2` (where the optimizer
//!    couples it) and `l1_smooth`;
//! 2. the parameter shrinks by the decoupled decay;
//! 3. the optimizer takes its step;
//! 4. the proximal map: `l1_proximal`, `l1_truncated`, `elastic_net`, with the scalar rate η of the
//!    step, also under a rule that has a rate per parameter;
//! 5. the projection.
//!
//! A new one is one file and one line of [`REGULARIZERS`].

mod entry;
mod penalty;
mod constraint;
mod terms;
mod choose;
mod combine;

pub mod l2;
pub mod decoupled_decay;
pub mod l1_proximal;
pub mod l1_truncated;
pub mod l1_smooth;
pub mod elastic_net;
pub mod max_norm;
pub mod l2_ball;
pub mod l1_ball;
pub mod simplex;

pub use self::choose::{Chosen, Regularization, RegularizerError};
pub use self::combine::refusal;
pub use self::constraint::{Constraint, Over, Projection};
pub use self::entry::{Acts, RegularizerEntry, Term, Zeros};
pub use self::penalty::{Penalty, Pull};
pub use self::terms::Terms;

use crate::registry::{SettingError, find};

/// Why the strength of a term that is chosen must be above zero.
const PULLS: &str =
    "it pulls parameters to zero; at 0 it would do nothing, and below 0 push them away";

/// Why a radius must be above zero.
const RADIUS: &str = "in a ball without extent every parameter would be 0";

/// Every regularizer there is: penalties, then constraints.
pub static REGULARIZERS: &[RegularizerEntry] = &[
    l2::ENTRY,
    decoupled_decay::ENTRY,
    l1_proximal::ENTRY,
    l1_truncated::ENTRY,
    l1_smooth::ENTRY,
    elastic_net::ENTRY,
    max_norm::ENTRY,
    l2_ball::ENTRY,
    l1_ball::ENTRY,
    simplex::ENTRY,
];

/// The regularizer called `name`.
///
/// # Errors
/// [`SettingError::UnknownName`].
pub fn regularizer(name: &str) -> Result<&'static RegularizerEntry, SettingError> {
    find("regularizer", REGULARIZERS, name)
}
