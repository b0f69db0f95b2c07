//! A rule on its way to a store that runs.
//!
//! A schedule moves hyper-parameters while there is state, so a rule may take the place of another
//! only where the state could be its own: the same formula, with the same slots, that begin at the
//! same values. The store knows the rule's type and the schedule does not, so it is erased between
//! them.

use std::any::Any;

use thiserror::Error;

use super::family::{Algorithm, TensorAlgorithm};
use super::real::Real;
use super::rule::{UpdateRule, slot_names};
use super::slots::SlotArray;
use super::tensor_rule::TensorRule;

/// A rule whose type only its store knows.
#[derive(Debug)]
pub struct ErasedRule {
    rule: Box<dyn Any + Send + Sync>,
    /// The names of its slots. A rule that fits is taken at many steps, and nobody asks for them.
    slot_names: fn(&dyn Any) -> Vec<String>,
    /// Whether slots begin alike under both rules, which are of this type.
    begin_alike: fn(&dyn Any, &dyn Any) -> bool,
}

/// Why a rule cannot take the place of another.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RetuneError {
    /// It is another formula, or keeps other slots.
    #[error("a rule with the slots {found:?} cannot go on from the slots {expected:?}")]
    Slots {
        /// The slots that there are.
        expected: Vec<String>,
        /// The slots of the rule that came.
        found: Vec<String>,
    },
    /// Its slots begin at other values.
    #[error("the slots began at other values than this rule's")]
    Beginning,
}

impl ErasedRule {
    /// A rule that sees one parameter at a time.
    pub(super) fn of_elements<R: Algorithm>(rule: R) -> Self {
        Self {
            rule: Box::new(rule),
            slot_names: |rule| {
                let rule = rule.downcast_ref::<R>();
                rule.map(slot_names::<f64, R>).unwrap_or_default()
            },
            begin_alike: |a, b| match (a.downcast_ref::<R>(), b.downcast_ref::<R>()) {
                (Some(a), Some(b)) => begin_alike::<f64, R>(a, b),
                _ => false,
            },
        }
    }

    /// A rule that sees a whole tensor at a time. All of its slots begin at zero.
    pub(super) fn of_tensors<R: TensorAlgorithm>(rule: R) -> Self {
        Self {
            rule: Box::new(rule),
            slot_names: |_| names_of_tensor_slots::<f64, R>(),
            begin_alike: |_, _| true,
        }
    }

    /// Judges whether this rule may take the place of `before`.
    ///
    /// # Errors
    /// [`RetuneError`] if the state of the one is none of the other.
    pub fn may_follow(&self, before: &Self) -> Result<(), RetuneError> {
        let (new, old) = (self.rule.as_ref(), before.rule.as_ref());
        let (found, expected) = ((self.slot_names)(new), (before.slot_names)(old));
        if new.type_id() != old.type_id() || found != expected {
            return Err(RetuneError::Slots { expected, found });
        }
        if (self.begin_alike)(new, old) {
            Ok(())
        } else {
            Err(RetuneError::Beginning)
        }
    }

    /// The rule, if it may take the place of `before`.
    pub(super) fn after<F: Real, R: UpdateRule<F>>(self, before: &R) -> Result<R, RetuneError> {
        let as_many = |rule: &R| rule.turns() == before.turns();
        let rule = self.like(as_many, || slot_names::<F, R>(before))?;
        if begin_alike(&rule, before) {
            Ok(rule)
        } else {
            Err(RetuneError::Beginning)
        }
    }

    /// The rule of whole tensors, if it may take the place of `before` for tensors of these `shapes`.
    pub(super) fn after_tensors<'a, F: Real, R: TensorRule<F>>(
        self,
        before: &R,
        mut shapes: impl Iterator<Item = &'a [usize]>,
    ) -> Result<R, RetuneError> {
        let as_long =
            |rule: &R| shapes.all(|shape| rule.slot_lengths(shape) == before.slot_lengths(shape));
        self.like(as_long, names_of_tensor_slots::<F, R>)
    }

    /// The rule, if it is of this type and `fits` the slots that there are, whose names are `expected`.
    fn like<R: Any>(
        self,
        fits: impl FnOnce(&R) -> bool,
        expected: impl FnOnce() -> Vec<String>,
    ) -> Result<R, RetuneError> {
        let found = self.slot_names;
        let refused = |rule: &dyn Any| RetuneError::Slots {
            expected: expected(),
            found: found(rule),
        };
        match self.rule.downcast::<R>() {
            Ok(rule) if fits(&rule) => Ok(*rule),
            Ok(rule) => Err(refused(rule.as_ref())),
            Err(rule) => Err(refused(rule.as_ref())),
        }
    }
}

fn names_of_tensor_slots<F: Real, R: TensorRule<F>>() -> Vec<String> {
    R::SLOT_NAMES.iter().map(ToString::to_string).collect()
}

fn begin_alike<F: Real, R: UpdateRule<F>>(a: &R, b: &R) -> bool {
    let (a, b) = (a.init(), b.init());
    let mut pairs = a.as_slice().iter().zip(b.as_slice());
    pairs.all(|(a, b)| a.same_bits(*b))
}
