//! What a fast store is measured against: the same formula in the loop that anybody would write.
//!
//! One pass over plain slices, compiled for the baseline of the platform (SSE2 on x86-64), without
//! blocks and without a choice of instruction set. It is no straw man: every column is an argument of
//! its own, so that the compiler knows them apart and vectorises the loop wherever it can.

use std::fmt::Debug;

use super::columns::Columns;
use super::drive;
use super::rule::{StepContext, UpdateRule};
use super::slots::SlotArray;

/// Parameters and slots under some rule, without groups and penalties.
pub trait Baseline: Debug + Send {
    /// Takes one step with one gradient value for each parameter.
    ///
    /// # Panics
    /// If there are fewer values than parameters.
    fn step(&mut self, context: &StepContext, gradient: &[f32]);

    /// The parameters, then each slot.
    fn columns(&self) -> Vec<&[f32]>;
}

/// The columns of the rule `R`.
#[derive(Debug)]
pub(super) struct ObviousLoop<R> {
    rule: R,
    columns: Columns<f32>,
}

impl<R: UpdateRule<f32>> ObviousLoop<R> {
    /// The parameters `x` with fresh slots.
    pub(super) fn new(rule: R, x: Vec<f32>) -> Self {
        let columns = Columns::new(&rule, x);
        Self { rule, columns }
    }
}

impl<R: UpdateRule<f32>> Baseline for ObviousLoop<R> {
    fn step(&mut self, context: &StepContext, gradient: &[f32]) {
        let only = self.rule.turn_of(context);
        let taken = |turn: &usize| only.is_none_or(|only| only == *turn);
        for turn in (0..self.rule.turns()).filter(taken) {
            let step = self.rule.prepare_turn(context, turn);
            let first = turn * R::Slots::COUNT;
            let slots = self.columns.slots[first..first + R::Slots::COUNT].iter_mut();
            let mut slots = slots.map(Vec::as_mut_slice);
            let mut next = || slots.next().unwrap_or_default();
            let x = &mut self.columns.x;
            walk::<R>(&step, x, gradient, next(), next(), next(), next(), next());
        }
    }

    fn columns(&self) -> Vec<&[f32]> {
        self.columns.columns().map(Vec::as_slice).collect()
    }
}

/// The loop. Columns beyond the rule's slots are empty.
#[inline(never)]
#[expect(
    clippy::too_many_arguments,
    reason = "only arguments are known not to overlap"
)]
fn walk<R: UpdateRule<f32>>(
    step: &R::Step,
    x: &mut [f32],
    g: &[f32],
    a: &mut [f32],
    b: &mut [f32],
    c: &mut [f32],
    d: &mut [f32],
    e: &mut [f32],
) {
    // One length for all, so that no index is checked in the loop.
    let len = x.len();
    let held = |slot: usize| if slot < R::Slots::COUNT { len } else { 0 };
    let g = &g[..len];
    let (a, b) = (&mut a[..held(0)], &mut b[..held(1)]);
    let (c, d) = (&mut c[..held(2)], &mut d[..held(3)]);
    let e = &mut e[..held(4)];
    for i in 0..len {
        let slots = R::Slots::from_fn(|slot| match slot {
            0 => a[i],
            1 => b[i],
            2 => c[i],
            3 => d[i],
            _ => e[i],
        });
        let (moved, slots) = drive::apply::<f32, R>(step, x[i], (g[i], None), slots);
        x[i] = moved;
        for (slot, &value) in slots.as_slice().iter().enumerate() {
            match slot {
                0 => a[i] = value,
                1 => b[i] = value,
                2 => c[i] = value,
                3 => d[i] = value,
                _ => e[i] = value,
            }
        }
    }
}
