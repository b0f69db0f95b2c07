//! Optimizer state: a few numbers per parameter, kept column by column.
//!
//! A rule sees the slots of one parameter as `[F; N]`. Memory holds each slot as its own column,
//! because that is the shape in which the compiler finds vector instructions without any help.

use std::fmt::Debug;
use std::ops::Range;

use super::drive;
use super::real::Real;
use super::rule::UpdateRule;

/// The slots of one parameter. Implemented by `[F; N]` for N up to 5: each N has a loop of its own.
pub trait SlotArray<F: Real>: Copy + Debug + Send + Sync + 'static {
    /// N.
    const COUNT: usize;

    /// Slots made one by one, in the order of their names.
    fn from_fn(slot: impl FnMut(usize) -> F) -> Self;

    /// The slots in the order of their names.
    fn as_slice(&self) -> &[F];

    /// Applies the rule to neighbours, one gradient value for each, and what was read of each or
    /// nothing: `x` is theirs alone, of the `columns`, one per slot, they are the `range`.
    ///
    /// # Panics
    /// Unless there are N columns that have the range, and as many gradient values as parameters.
    fn advance<R: UpdateRule<F, Slots = Self>>(
        step: &R::Step,
        x: &mut [F],
        gradient: (&[F], &[f64]),
        columns: &mut [Vec<F>],
        range: Range<usize>,
    );
}

/// Implements [`SlotArray`] for one number of slots, with the loop for it.
macro_rules! slot_array {
    ($count:literal, $advance:ident $(, $slot:ident)*) => {
        impl<F: Real> SlotArray<F> for [F; $count] {
            const COUNT: usize = $count;

            #[inline(always)]
            fn from_fn(slot: impl FnMut(usize) -> F) -> Self {
                std::array::from_fn(slot)
            }

            #[inline(always)]
            fn as_slice(&self) -> &[F] {
                self
            }

            #[inline]
            fn advance<R: UpdateRule<F, Slots = Self>>(
                step: &R::Step,
                x: &mut [F],
                (g, at_read): (&[F], &[f64]),
                columns: &mut [Vec<F>],
                range: Range<usize>,
            ) {
                assert_eq!(range.len(), x.len(), "a slot for every parameter");
                let [$($slot),*] = columns else {
                    panic!("{} columns for {} slots", columns.len(), $count)
                };
                drive::$advance::<F, R>(step, x, g, at_read $(, &mut $slot[range.clone()])*);
            }
        }
    };
}

slot_array!(0, advance_0);
slot_array!(1, advance_1, a);
slot_array!(2, advance_2, a, b);
slot_array!(3, advance_3, a, b, c);
slot_array!(4, advance_4, a, b, c, d);
slot_array!(5, advance_5, a, b, c, d, e);
