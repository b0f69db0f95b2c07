//! What an optimizer is: one pure scalar formula, generic over the float type.
//!
//! A rule sees one parameter at a time and knows nothing of shards, messages or loops, so it can be
//! read beside its paper, and any partition of the parameters gives the same bits. Everything that
//! is the same for all elements of a step (the rate, βᵗ, bias corrections) is computed once, in
//! f64, by [`UpdateRule::prepare`].

use std::fmt::Debug;

use super::real::Real;
use super::slots::SlotArray;

/// When a step happens, in all the units that a rule may ask for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepContext {
    /// η: the learning rate of this step, from the schedule.
    pub lr: f64,
    /// How much of the objective the step is about, in [0, 1]: less than 1 where the gradient came late and
    /// counts less. Penalties count alike, or the step would be one of another objective.
    pub share: f64,
    /// t: the number of the step that is taken, the first is 1. Counts the shard's steps.
    pub count: u64,
    /// Examples committed by the whole job before this step.
    pub progress: u64,
    /// Steps that the shard has taken since the worker read it.
    pub staleness: u64,
    /// Whose gradient it is; 0 where it is of several workers.
    pub worker: u32,
}

impl StepContext {
    /// t as a number to compute with.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "no formula can tell 2^53 steps from one more"
    )]
    pub fn steps(&self) -> f64 {
        self.count as f64
    }
}

/// One element of a gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grad<F> {
    /// The derivative of the objective with respect to this parameter, penalties included.
    pub g: F,
    /// The quantity named by [`UpdateRule::AT_READ`] as the worker last read it; zero for rules that
    /// need nothing.
    pub at_read: f64,
}

/// What a rule must know of the worker's last read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtRead {
    /// Nothing: the gradient alone decides.
    Nothing,
    /// The parameter as it was read.
    Parameter,
    /// The sum of all gradients that were applied before the read. Sums cancel, so they are doubles.
    Sum,
}

impl AtRead {
    /// Bytes of the quantity of one element, as it travels and is kept: a single of a parameter, a
    /// double of a sum, little-endian.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Parameter => size_of::<f32>(),
            Self::Sum => size_of::<f64>(),
        }
    }
}

/// Whether what changes a parameter beside the rule lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// The parameter is a number of its own.
    Kept,
    /// The parameter is a function of the slots, computed anew at every gradient.
    ComputedAnew,
}

/// How the L2 term of a group, λ, enters a step. The regularizer says how large λ is; the rule says
/// how it acts, because that is part of its paper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decay {
    /// The rule is given `g + λ·x`.
    #[default]
    Coupled,
    /// The parameter becomes `(1 − η·λ)·x`, and then the rule moves it.
    Decoupled,
}

/// An optimizer as a formula for one parameter.
pub trait UpdateRule<F: Real>: Debug + Send + Sync + 'static {
    /// The state per parameter, `[F; number of slots]`.
    type Slots: SlotArray<F>;

    /// The scalars of one step: what the formula needs beside the element's own numbers.
    type Step: Copy + Debug + Send + Sync + 'static;

    /// Names of the slots, as they stand in checkpoints; numbered where there are several turns.
    const SLOT_NAMES: &'static [&'static str];

    /// What the rule needs to know of the worker's last read.
    const AT_READ: AtRead = AtRead::Nothing;

    /// The quantity named by [`UpdateRule::AT_READ`] as it is now. A rule with a sum says which it is.
    #[inline(always)]
    fn readable(x: F, _slots: &Self::Slots) -> f64 {
        match Self::AT_READ {
            AtRead::Nothing => 0.0,
            AtRead::Parameter => x.to_f64(),
            AtRead::Sum => unreachable!("a rule with a sum has a way to read it"),
        }
    }

    /// Whether what changes the parameter beside the rule lasts.
    const LASTING: Lasting = Lasting::Kept;

    /// How the L2 term enters.
    fn decay(&self) -> Decay {
        Decay::Coupled
    }

    /// The slots before the first step.
    fn init(&self) -> Self::Slots;

    /// How often the formula is applied in one step, each time to the same gradient and to slots of
    /// its own: rules with a number of velocities that a setting says.
    fn turns(&self) -> usize {
        1
    }

    /// Which of the [turns](Self::turns) a step takes, if it does not take them all: rules with slots
    /// of each worker's own.
    fn turn_of(&self, _context: &StepContext) -> Option<usize> {
        None
    }

    /// Computes the scalars of a step, in f64, and rounds them.
    fn prepare(&self, context: &StepContext) -> Self::Step;

    /// The same for one of the [turns](Self::turns), counted from 0.
    fn prepare_turn(&self, context: &StepContext, turn: usize) -> Self::Step {
        debug_assert_eq!(turn, 0, "a rule with turns prepares each of them");
        self.prepare(context)
    }

    /// The formula: the parameter and its slots after the step.
    fn update(step: &Self::Step, x: F, grad: Grad<F>, slots: Self::Slots) -> (F, Self::Slots);

    /// What a pull shows of a parameter, the place where gradients are taken, where that is not the
    /// parameter itself.
    const PUBLISH: View<Self, F> = None;

    /// What is judged and saved of a parameter, where that is not the parameter itself: an average,
    /// say.
    const EVALUATE: View<Self, F> = None;
}

/// The names of all slots of `rule`, those of its first turn first.
pub(super) fn slot_names<F: Real, R: UpdateRule<F>>(rule: &R) -> Vec<String> {
    let numbered = |turn| {
        let name = move |name: &&str| format!("{name}_{turn}");
        R::SLOT_NAMES.iter().map(name)
    };
    match rule.turns() {
        1 => R::SLOT_NAMES.iter().map(ToString::to_string).collect(),
        turns => (0..turns).flat_map(numbered).collect(),
    }
}

/// What is seen of a parameter with its slots, those of the first turn; `None` is the parameter itself, so that reading most
/// rules is copying.
pub type View<R, F> = Option<fn(&R, F, &<R as UpdateRule<F>>::Slots) -> F>;
