//! From hyper-parameters to the rule that they mean.
//!
//! Most hyper-parameters are a rule. Some choose among rules: whether `rmsprop` keeps one slot or
//! three depends on its settings, and so does the number of `aggmo`'s velocities. A family makes the
//! choice once, when a store is built, so that every rule stays one branch-free formula with exactly
//! the slots that it needs.

use serde::de::DeserializeOwned;

use super::rule::UpdateRule;
use super::tensor_rule::TensorRule;
use crate::registry::Check;

/// A rule in both float types.
pub trait Algorithm: UpdateRule<f32> + UpdateRule<f64> {}

impl<R: UpdateRule<f32> + UpdateRule<f64>> Algorithm for R {}

/// A rule of whole tensors in both float types.
pub trait TensorAlgorithm: TensorRule<f32> + TensorRule<f64> {}

impl<R: TensorRule<f32> + TensorRule<f64>> TensorAlgorithm for R {}

/// Hyper-parameters, as a job file gives them.
pub trait Family: DeserializeOwned + Check {
    /// The settings, as TOML, of the rule that keeps the most; empty where all keep the same.
    const FULLEST: &'static str = "";

    /// Hands the rule that these hyper-parameters mean to `user`.
    fn choose<U: RuleUser>(self, user: U) -> U::Output;
}

/// What takes a rule, whichever it is.
pub trait RuleUser {
    /// What it makes of the rule.
    type Output;

    /// Takes a rule that sees one parameter at a time.
    fn element<R: Algorithm>(self, rule: R) -> Self::Output;

    /// Takes a rule that sees a whole tensor at a time.
    fn tensor<R: TensorAlgorithm>(self, rule: R) -> Self::Output;
}

impl<R: Algorithm + DeserializeOwned + Check> Family for R {
    fn choose<U: RuleUser>(self, user: U) -> U::Output {
        user.element(self)
    }
}
