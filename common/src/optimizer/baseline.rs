//! What a fast store is measured against: the same formula in the loop that anybody would write.
//!
//! One pass over plain slices, compiled for the baseline of the platform (SSE2 on x86-64), without
//! tiles and without a choice of instruction set. It is no straw man: every column is an argument of
//! its own, so that the compiler knows them apart and vectorises the loop wherever it can.

use std::fmt::Debug;

use super::rule::{AtRead, Grad, StepContext, UpdateRule};
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
    x: Vec<f32>,
    slots: Vec<Vec<f32>>,
}

impl<R: UpdateRule<f32>> ObviousLoop<R> {
    /// The parameters `x` with fresh slots.
    pub(super) fn new(rule: R, x: Vec<f32>) -> Self {
        let fresh = rule.init();
        let slots = fresh.as_slice().iter().map(|&slot| vec![slot; x.len()]);
        let slots = slots.collect();
        Self { rule, x, slots }
    }
}

impl<R: UpdateRule<f32>> Baseline for ObviousLoop<R> {
    fn step(&mut self, context: &StepContext, gradient: &[f32]) {
        let step = self.rule.prepare(context);
        let mut slots = self.slots.iter_mut().map(Vec::as_mut_slice);
        let mut next = || slots.next().unwrap_or_default();
        walk::<R>(
            &step,
            &mut self.x,
            gradient,
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
        );
    }

    fn columns(&self) -> Vec<&[f32]> {
        let x = std::iter::once(&self.x);
        x.chain(&self.slots).map(Vec::as_slice).collect()
    }
}

/// Slots that [`walk`] has room for.
const SLOTS_MAX: usize = 8;

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
    s0: &mut [f32],
    s1: &mut [f32],
    s2: &mut [f32],
    s3: &mut [f32],
    s4: &mut [f32],
    s5: &mut [f32],
    s6: &mut [f32],
    s7: &mut [f32],
) {
    const { assert!(R::SLOT_NAMES.len() <= SLOTS_MAX) };
    // One length for all, so that no index is checked in the loop.
    let len = x.len();
    let held = |slot: usize| if slot < R::SLOT_NAMES.len() { len } else { 0 };
    let g = &g[..len];
    let (s0, s1) = (&mut s0[..held(0)], &mut s1[..held(1)]);
    let (s2, s3) = (&mut s2[..held(2)], &mut s3[..held(3)]);
    let (s4, s5) = (&mut s4[..held(4)], &mut s5[..held(5)]);
    let (s6, s7) = (&mut s6[..held(6)], &mut s7[..held(7)]);
    for i in 0..len {
        let slots = R::Slots::from_fn(|slot| match slot {
            0 => s0[i],
            1 => s1[i],
            2 => s2[i],
            3 => s3[i],
            4 => s4[i],
            5 => s5[i],
            6 => s6[i],
            _ => s7[i],
        });
        // The gradient is of the parameters as they are.
        let at_read = match R::AT_READ {
            AtRead::Nothing => 0.0,
            AtRead::Parameter => x[i],
            AtRead::Slot(slot) => slots.as_slice()[slot],
        };
        let (moved, slots) = R::update(step, x[i], Grad { g: g[i], at_read }, slots);
        x[i] = moved;
        for (slot, &value) in slots.as_slice().iter().enumerate() {
            match slot {
                0 => s0[i] = value,
                1 => s1[i] = value,
                2 => s2[i] = value,
                3 => s3[i] = value,
                4 => s4[i] = value,
                5 => s5[i] = value,
                6 => s6[i] = value,
                _ => s7[i] = value,
            }
        }
    }
}
