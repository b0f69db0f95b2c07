//! The only loops over parameters that run a rule.
//!
//! There is one for each number of slots, so that every column is an argument of its own: a function's
//! exclusive slices overlap with nothing, and that is all the compiler needs to vectorise any rule.
//! What else happens to a parameter, and how its numbers get here, is the affair of
//! [`super::columns`] and [`super::penalties`]; there are dozens of rules, so nothing else is compiled
//! for each of them.
//!
//! Each loop is compiled once per instruction set and chosen when the program runs; as no rule fuses a
//! multiply with an add, all of them compute the same bits. [`super::plain`] is their oracle.

#![expect(
    clippy::too_many_arguments,
    reason = "only arguments are known not to overlap"
)]

use multiversion::multiversion;

use super::real::Real;
use super::rule::{AtRead, Grad, UpdateRule};
use super::slots::SlotArray;

/// The formula at one element.
///
/// A push that does not say what its worker read has missed nothing.
#[inline(always)]
pub(super) fn apply<F: Real, R: UpdateRule<F>>(
    step: &R::Step,
    x: F,
    (g, at_read): (F, Option<f64>),
    slots: R::Slots,
) -> (F, R::Slots) {
    let at_read = match (R::AT_READ, at_read) {
        (AtRead::Nothing, _) => 0.0,
        (_, Some(at_read)) => at_read,
        (_, None) => R::readable(x, &slots),
    };
    R::update(step, x, Grad { g, at_read }, slots)
}

macro_rules! advance {
    ($name:ident $(, $slot:ident $number:literal)*) => {
        /// Applies the rule to each parameter with its gradient, what its worker read, and its slots.
        /// Where nothing is said of what was read, nothing was missed.
        #[multiversion(targets(
            "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl",
            "x86_64+avx2"
        ))]
        pub(super) fn $name<F: Real, R: UpdateRule<F>>(
            step: &R::Step,
            x: &mut [F],
            g: &[F],
            at_read: &[f64]
            $(, $slot: &mut [F])*
        ) {
            // A copy of its own: a reference might lead into a column.
            let step = *step;
            let len = x.len();
            let g = &g[..len];
            $(let $slot = &mut $slot[..len];)*
            // Most rules are compiled without this loop.
            if !matches!(R::AT_READ, AtRead::Nothing) && !at_read.is_empty() {
                let at_read = &at_read[..len];
                for at in 0..len {
                    let old = [$($slot[at]),*];
                    let slots = R::Slots::from_fn(|n| old[n]);
                    let seen = Some(at_read[at]);
                    let new = apply::<F, R>(&step, x[at], (g[at], seen), slots);
                    x[at] = new.0;
                    $($slot[at] = new.1.as_slice()[$number];)*
                }
                return;
            }
            for at in 0..len {
                let old = [$($slot[at]),*];
                let slots = R::Slots::from_fn(|n| old[n]);
                let new = apply::<F, R>(&step, x[at], (g[at], None), slots);
                x[at] = new.0;
                $($slot[at] = new.1.as_slice()[$number];)*
            }
        }
    };
}

advance!(advance_0);
advance!(advance_1, a 0);
advance!(advance_2, a 0, b 1);
advance!(advance_3, a 0, b 1, c 2);
advance!(advance_4, a 0, b 1, c 2, d 3);
advance!(advance_5, a 0, b 1, c 2, d 3, e 4);
