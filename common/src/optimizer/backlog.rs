//! The steps that some elements of a group have still to take.
//!
//! With a penalty every step moves every element: where the gradient is absent, `g = λ·x`, or x
//! shrinks. A sparse push touches few of them, so the rest take the step later, when they are read or pushed
//! to, with the very scalars of that step. Exactly the work that a dense gradient would have cost
//! is done, in exactly the same arithmetic; it is only done later, many steps at a time, and not at
//! all for an element at rest: one that stands at zero with fresh slots, where the rule leaves it.

use super::real::Real;
use super::rule::UpdateRule;
use super::scalars::Scalars;
use super::slots::SlotArray;

/// Steps after which a group is settled. Bounds the pause of one settling, and the log.
pub(super) const STEPS_MAX: usize = 128;

/// The steps of one group since all of its elements were last settled.
#[derive(Debug)]
pub(super) struct Backlog<F, S> {
    steps: Vec<Scalars<F, S>>,
    /// Whether every one of these steps leaves an element at rest where it is.
    rest_holds: bool,
}

impl<F: Real, S: Copy> Backlog<F, S> {
    pub(super) fn new() -> Self {
        Self {
            steps: Vec::new(),
            rest_holds: true,
        }
    }

    /// Records a step that not every element of the group has taken.
    pub(super) fn push<R: UpdateRule<F, Step = S>>(&mut self, rule: &R, step: &Scalars<F, S>) {
        self.steps.push(step.clone());
        self.rest_holds &= leaves_rest(rule, step);
    }

    pub(super) fn clear(&mut self) {
        self.steps.clear();
        self.rest_holds = true;
    }

    pub(super) fn bytes(&self) -> usize {
        self.steps.capacity() * size_of::<Scalars<F, S>>()
    }

    pub(super) fn steps(&self) -> &[Scalars<F, S>] {
        &self.steps
    }

    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        STEPS_MAX <= self.steps.len()
    }

    pub(super) fn rest_holds(&self) -> bool {
        self.rest_holds
    }

    /// How many steps there are, as the stamp of an element that has taken them all.
    pub(super) fn stamp(&self) -> u8 {
        u8::try_from(self.steps.len()).expect("the backlog is settled before it outgrows a stamp")
    }
}

/// Whether the element at zero with fresh slots stays as it is, bit for bit, without a gradient.
fn leaves_rest<F: Real, R: UpdateRule<F>>(rule: &R, step: &Scalars<F, R::Step>) -> bool {
    let fresh = rule.init();
    let mut slots = vec![fresh; rule.turns()];
    let x = step.apply::<R>(F::ZERO, (F::ZERO, None), &mut slots);
    let stays = |slots: &R::Slots| {
        let pairs = slots.as_slice().iter().zip(fresh.as_slice());
        pairs.fold(true, |same, (a, b)| same & a.same_bits(*b))
    };
    x.same_bits(F::ZERO) && slots.iter().all(stays)
}
