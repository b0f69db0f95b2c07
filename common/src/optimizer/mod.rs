//! Optimizers: the formulas, the loops that run them, and the list of them all.
//!
//! A formula ([`UpdateRule`]) lives in one file per algorithm and knows one parameter at a time.
//! [`Store`] is what a shard holds; the loops behind it are written once, for every formula. A new
//! optimizer is one file and one line of [`OPTIMIZERS`]; the laws, the golden numbers, the command
//! line and the documents walk that list.

mod real;
mod slots;
mod rule;
mod tile;
mod drive;
mod backlog;
mod gradient;
mod finite;
mod store;
mod column_store;
mod plain;
mod entry;

pub mod sgd;
pub mod momentum;
pub mod momentum_lr_inside;
pub mod nesterov;
pub mod adagrad;
pub mod adam;
pub mod adam_eps_hat;

pub use self::entry::{Algorithm, Descent, OptimizerEntry, Surface};
pub use self::finite::first_non_finite;
pub use self::gradient::{
    AddressError, GradientError, GradientView, check_coordinates, check_range,
};
pub use self::real::Real;
pub use self::rule::{AtRead, Grad, HotMerge, StepContext, UpdateRule};
pub use self::slots::{LANES, SlotArray};
pub use self::store::{GroupSpan, Initial, RestoreError, Store, StoreSpec};

use crate::registry::{SettingError, find};

/// Every optimizer there is, in order of growing complexity.
pub static OPTIMIZERS: &[OptimizerEntry] = &[
    sgd::ENTRY,
    momentum::ENTRY,
    momentum_lr_inside::ENTRY,
    nesterov::ENTRY,
    adagrad::ENTRY,
    adam::ENTRY,
    adam_eps_hat::ENTRY,
];

/// The optimizer called `name`.
///
/// # Errors
/// [`SettingError::UnknownName`].
pub fn optimizer(name: &str) -> Result<&'static OptimizerEntry, SettingError> {
    find("optimizer", OPTIMIZERS, name)
}
