//! The two float types an update rule runs in: f32 on servers, f64 against the golden files.
//!
//! The trait holds only what the formulas use, so that a rule reads as in its paper. It has no
//! fused multiply-add on purpose: one rounding instead of two would make a result depend on the CPU.

use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A float type that a rule can be computed in.
pub trait Real:
    Copy
    + Debug
    + Default
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Send
    + Sync
    + 'static
{
    /// Positive zero.
    const ZERO: Self;

    /// Rounds a double to this type: how hyper-parameters and per-step scalars enter a formula.
    fn of(value: f64) -> Self;

    /// Widens a single, exactly: how gradients and initial values enter.
    fn from_f32(value: f32) -> Self;

    /// Rounds to a single: how parameters leave.
    fn to_f32(self) -> f32;

    /// The correctly rounded square root.
    fn sqrt(self) -> Self;

    /// Equality of bits: zeros of different sign differ, equal NaNs are equal.
    fn same_bits(self, other: Self) -> bool;
}

impl Real for f32 {
    const ZERO: Self = 0.0;

    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounding is what this function is for"
    )]
    fn of(value: f64) -> Self {
        value as f32
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        value
    }

    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }

    #[inline(always)]
    fn same_bits(self, other: Self) -> bool {
        self.to_bits() == other.to_bits()
    }
}

impl Real for f64 {
    const ZERO: Self = 0.0;

    #[inline(always)]
    fn of(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        Self::from(value)
    }

    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounding is what this function is for"
    )]
    fn to_f32(self) -> f32 {
        self as f32
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }

    #[inline(always)]
    fn same_bits(self, other: Self) -> bool {
        self.to_bits() == other.to_bits()
    }
}
