//! What acts on each element by itself, as the scalars that the loop over parameters needs.

use std::fmt::Debug;

use crate::optimizer::StepContext;

/// A term of the objective, or a decay, that sees one parameter at a time.
pub trait Penalty: Debug + Send + Sync {
    /// Adds what the term does in one step. The rate of `context` is the group's own.
    fn act(&self, context: &StepContext, pull: &mut Pull);

    /// What the term adds to the objective for one parameter; 0 if it adds nothing.
    fn value(&self, x: f64) -> f64;
}

/// What all penalties of a group do in one step. Terms add up: there is at most one
/// [smooth](super::l1_smooth) one and one that shrinks after the rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pull {
    /// λ of the L2 terms, gradient per parameter. The optimizer says how it enters.
    pub l2: f64,
    /// λ of the decoupled decay: the parameter becomes `(1 − η·λ)·x` before the rule.
    pub decay: f64,
    /// λ of the smooth L1 term, gradient: the gradient grows by `λ·x/√(x² + ε)`.
    pub smooth: f64,
    /// ε of the smooth L1 term, parameter².
    pub smooth_eps: f64,
    /// How far the parameter moves towards zero after the rule, parameter.
    pub shrink: f64,
    /// Parameters further from zero than this do not shrink, parameter.
    pub reach: f64,
    /// What the parameter is multiplied by at last.
    pub scale: f64,
}

impl Pull {
    /// No term at all.
    pub const NONE: Self = Self {
        l2: 0.0,
        decay: 0.0,
        smooth: 0.0,
        smooth_eps: 1.0,
        shrink: 0.0,
        reach: f64::INFINITY,
        scale: 1.0,
    };
}
