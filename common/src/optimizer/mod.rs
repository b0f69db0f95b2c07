//! Optimizers: the formulas, the loops that run them, and the list of them all.
//!
//! A formula ([`UpdateRule`]) lives in one file per algorithm of [`rules`] and knows one parameter at
//! a time; the few that need norms ([`TensorRule`]) know one tensor at a time. [`Store`] is what a
//! shard holds; the loops behind it, in the files beside this one, are written once, for every
//! formula. A new optimizer is one file and one line of [`OPTIMIZERS`]; the laws, the golden numbers,
//! the command line and the documents walk that list.

mod real;
mod slots;
mod spans;
mod rule;
mod drive;
mod penalties;
mod scalars;
mod columns;
mod backlog;
mod late;
mod replay;
mod gradient;
mod finite;
mod retune;
mod store;
mod column_store;
mod plain;
mod baseline;
mod descent;
mod family;
mod entry;
mod mean;
mod quotient;
mod wide;
mod permitted;
mod rising_momentum;
mod sweep;
mod matrices;
mod tensor_rule;
mod tensor_store;
pub mod rules;

pub use self::baseline::Baseline;
pub use self::descent::{Descent, Surface};
pub use self::entry::{About, Facts, OptimizerEntry, Shown};
pub use self::family::{Algorithm, Family, RuleUser, TensorAlgorithm};
pub use self::finite::first_non_finite;
pub use self::gradient::{
    AddressError, AtReadView, GradientError, GradientView, check_coordinates, check_range,
};
pub use self::real::Real;
pub use self::retune::{ErasedRule, RetuneError};
pub use self::rule::{AtRead, Decay, Grad, Lasting, StepContext, UpdateRule, View};
pub use self::rules::{OPTIMIZERS, optimizer};
pub use self::slots::SlotArray;
pub use self::spans::group_spans;
pub use self::store::{ExactStore, GroupSpan, Initial, Reader, RestoreError, Store, StoreSpec};
pub use self::tensor_rule::{TensorRule, TensorView};
