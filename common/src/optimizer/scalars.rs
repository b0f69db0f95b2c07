//! One step for one group: the scalars of the rule, and those of the penalties.

use super::drive;
use super::penalties::Penalties;
use super::real::Real;
use super::rule::{StepContext, UpdateRule};
use super::store::GroupSpan;

/// What turns the elements of a group into their next values.
#[derive(Clone, Debug)]
pub(super) struct Scalars<F, S> {
    pub(super) penalties: Penalties<F>,
    first: S,
    /// The turns after the first; nearly always none, which costs no memory.
    rest: Box<[S]>,
    /// The turn that is taken, if not all are.
    only: Option<usize>,
}

impl<F: Real, S: Copy> Scalars<F, S> {
    /// Computes the scalars of the step at `context` for `group`.
    pub(super) fn of<R: UpdateRule<F, Step = S>>(
        rule: &R,
        group: &GroupSpan,
        context: &StepContext,
    ) -> Self {
        let context = group.context(context);
        let turn = |turn| rule.prepare_turn(&context, turn);
        Self {
            penalties: Penalties::of(&group.terms, rule.decay(), &context),
            first: turn(0),
            rest: (1..rule.turns()).map(turn).collect(),
            only: rule.turn_of(&context),
        }
    }

    /// The rule's scalars of each turn that is taken, with its number.
    pub(super) fn turns(&self) -> impl Iterator<Item = (usize, &S)> {
        let all = std::iter::once(&self.first).chain(&self.rest).enumerate();
        all.filter(|(turn, _)| self.only.is_none_or(|only| only == *turn))
    }

    /// One element, one step: its parameter, and its slots turn by turn.
    pub(super) fn apply<R: UpdateRule<F, Step = S>>(
        &self,
        x: F,
        (g, at_read): (F, Option<f64>),
        slots: &mut [R::Slots],
    ) -> F {
        let (mut x, g) = self.penalties.before(x, g);
        for (turn, step) in self.turns() {
            (x, slots[turn]) = drive::apply::<F, R>(step, x, (g, at_read), slots[turn]);
        }
        self.penalties.after(x)
    }
}
