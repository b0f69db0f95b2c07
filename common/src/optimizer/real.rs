//! The two float types an update rule runs in: f32 on servers, f64 against the golden files.
//!
//! The trait holds only what the formulas use, so that a rule reads as in its paper. It has no
//! fused multiply-add on purpose: one rounding instead of two would make a result depend on the CPU.

use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::regularizer::Constraint;

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

    /// The distance from one to the next larger number.
    const EPSILON: f64;

    /// Rounds a double to this type: how hyper-parameters and per-step scalars enter a formula.
    fn of(value: f64) -> Self;

    /// Widens a single, exactly: how gradients and initial values enter.
    fn from_f32(value: f32) -> Self;

    /// Singles, little-endian, as values of this type, if that is what lies there already.
    fn borrow(bytes: &[u8]) -> Option<&[Self]>;

    /// Rounds to a single: how parameters leave.
    fn to_f32(self) -> f32;

    /// Widens to a double, exactly: how values enter a sum.
    fn to_f64(self) -> f64;

    /// The correctly rounded square root.
    fn sqrt(self) -> Self;

    /// The value without its sign.
    fn abs(self) -> Self;

    /// The larger of two; NaN if one of them is.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if other < self || self.is_nan() {
            self
        } else {
            other
        }
    }

    /// The sign of mathematics: 1, −1, and 0 for both zeros; 0 for NaN, too, as in `PyTorch`.
    #[inline(always)]
    fn sign(self) -> Self {
        let one = Self::of(1.0);
        if Self::ZERO < self {
            one
        } else if self < Self::ZERO {
            -one
        } else {
            Self::ZERO
        }
    }

    /// Whether this is no number.
    fn is_nan(self) -> bool;

    /// Appends values as singles, little-endian.
    fn append(values: &[Self], out: &mut Vec<u8>);

    /// Moves a point into the constraint's set, in this type.
    fn project(constraint: &dyn Constraint, x: &mut [Self]);

    /// Equality of bits: zeros of different sign differ, equal NaNs are equal.
    fn same_bits(self, other: Self) -> bool;
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const EPSILON: f64 = Self::EPSILON as f64;

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

    fn borrow(bytes: &[u8]) -> Option<&[Self]> {
        let lies_ready = cfg!(target_endian = "little");
        bytemuck::try_cast_slice(bytes).ok().filter(|_| lies_ready)
    }

    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }

    #[inline(always)]
    fn abs(self) -> Self {
        f32::abs(self)
    }

    #[inline(always)]
    fn is_nan(self) -> bool {
        f32::is_nan(self)
    }

    fn append(values: &[Self], out: &mut Vec<u8>) {
        if cfg!(target_endian = "little") {
            out.extend_from_slice(bytemuck::cast_slice(values));
        } else {
            out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
    }

    fn project(constraint: &dyn Constraint, x: &mut [Self]) {
        constraint.project_singles(x);
    }

    #[inline(always)]
    fn same_bits(self, other: Self) -> bool {
        self.to_bits() == other.to_bits()
    }
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const EPSILON: f64 = Self::EPSILON;

    #[inline(always)]
    fn of(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        Self::from(value)
    }

    fn borrow(_bytes: &[u8]) -> Option<&[Self]> {
        None
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
    fn to_f64(self) -> f64 {
        self
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }

    #[inline(always)]
    fn abs(self) -> Self {
        f64::abs(self)
    }

    #[inline(always)]
    fn is_nan(self) -> bool {
        f64::is_nan(self)
    }

    fn append(values: &[Self], out: &mut Vec<u8>) {
        out.extend(values.iter().flat_map(|value| value.to_f32().to_le_bytes()));
    }

    fn project(constraint: &dyn Constraint, x: &mut [Self]) {
        constraint.project_doubles(x);
    }

    #[inline(always)]
    fn same_bits(self, other: Self) -> bool {
        self.to_bits() == other.to_bits()
    }
}

#[cfg(test)]
mod tests {
    use super::Real;

    #[test]
    fn the_sign_of_both_zeros_and_of_nan_is_zero() {
        let signs = [2.5, 0.0, -0.0, -1e-45, f32::NAN, f32::NEG_INFINITY].map(Real::sign);
        assert_eq!(
            signs.map(f32::to_bits),
            [1.0_f32, 0.0, 0.0, -1.0, 0.0, -1.0].map(f32::to_bits)
        );
    }

    #[test]
    fn the_larger_of_a_number_and_nan_is_nan() {
        assert!(Real::max(f64::NAN, 1.0).is_nan() && Real::max(1.0, f64::NAN).is_nan());
        assert_eq!((Real::max(1.0, 2.0), Real::max(2.0, 1.0)), (2.0, 2.0));
    }
}
