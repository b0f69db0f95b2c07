//! The functions between the layers, with their slopes. They are computed by code that is compiled
//! into the program and not by the system's library, so that they give the same bits on every machine.

use std::f32::consts::FRAC_1_SQRT_2;

use serde::Deserialize;

/// φ, applied to each output of a hidden layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Activation {
    /// max(0, z); its slope at the kink is 0, as torch has it.
    Relu,
    /// tanh z.
    Tanh,
    /// 1 / (1 + e⁻ᶻ).
    Sigmoid,
    /// z Φ(z), with Φ the standard normal distribution function: Hendrycks, Gimpel, "Gaussian error
    /// linear units", 2016; not its approximation by tanh.
    Gelu,
}

/// 1 / √(2π).
const FRAC_1_SQRT_2PI: f32 = 0.398_942_3;

impl Activation {
    /// Replaces each z by φ(z), and `slopes` by the φ′(z).
    pub(super) fn apply(self, outputs: &mut [f32], slopes: &mut [f32]) {
        // One loop for each function, so that the choice is made once and the simple ones vectorise.
        match self {
            // Asked this way round, NaN stays NaN.
            Self::Relu => each(outputs, slopes, |z| {
                if z <= 0.0 { (0.0, 0.0) } else { (z, 1.0) }
            }),
            Self::Tanh => each(outputs, slopes, |z| {
                let h = libm::tanhf(z);
                (h, 1.0 - h * h)
            }),
            Self::Sigmoid => each(outputs, slopes, |z| {
                let h = 1.0 / (1.0 + libm::expf(-z));
                (h, h * (1.0 - h))
            }),
            Self::Gelu => each(outputs, slopes, |z| {
                // erfc keeps its digits where 1 + erf would lose them.
                let below = 0.5 * libm::erfcf(-z * FRAC_1_SQRT_2);
                let density = FRAC_1_SQRT_2PI * libm::expf(-0.5 * z * z);
                (z * below, below + z * density)
            }),
        }
    }

    /// φ(z) in f64: what [`Self::apply`] is checked with.
    pub(super) fn plain(self, z: f64) -> f64 {
        match self {
            Self::Relu => z.max(0.0),
            Self::Tanh => z.tanh(),
            Self::Sigmoid => 1.0 / (1.0 + (-z).exp()),
            Self::Gelu => 0.5 * z * libm::erfc(-z / std::f64::consts::SQRT_2),
        }
    }
}

fn each(outputs: &mut [f32], slopes: &mut [f32], of: impl Fn(f32) -> (f32, f32)) {
    for (output, slope) in outputs.iter_mut().zip(slopes) {
        (*output, *slope) = of(*output);
    }
}

#[cfg(test)]
mod tests {
    use super::Activation;

    const ALL: [Activation; 4] = [
        Activation::Relu,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Gelu,
    ];

    fn at(activation: Activation, z: f32) -> (f32, f32) {
        let (mut output, mut slope) = ([z], [9.0]);
        activation.apply(&mut output, &mut slope);
        (output[0], slope[0])
    }

    #[test]
    fn values_and_slopes_are_those_of_the_plain_functions() {
        for activation in ALL {
            for step in -80_i16..80 {
                // Not at 0, where the rectifier has a kink.
                let z = f32::from(step) / 8.0 + 0.03;
                let wide = f64::from(z);
                let h = 1e-5;
                let slope = (activation.plain(wide + h) - activation.plain(wide - h)) / (2.0 * h);
                let (value, told) = at(activation, z);
                assert!(
                    (f64::from(value) - activation.plain(wide)).abs() < 1e-6,
                    "{activation:?} at {z}"
                );
                assert!(
                    (f64::from(told) - slope).abs() < 1e-6,
                    "{activation:?} at {z}"
                );
            }
        }
    }

    #[test]
    fn known_values_far_values_and_what_is_no_number() {
        let near = |(value, slope): (f32, f32), expected: (f32, f32)| {
            (value - expected.0).abs() < 1e-6 && (slope - expected.1).abs() < 1e-6
        };
        assert!(near(at(Activation::Relu, 0.0), (0.0, 0.0)));
        assert!(near(at(Activation::Tanh, 0.5), (0.462_117_16, 0.786_447_7)));
        assert!(near(at(Activation::Sigmoid, 0.0), (0.5, 0.25)));
        assert!(near(at(Activation::Gelu, 1.0), (0.841_344_8, 1.083_315_5)));
        for activation in ALL {
            for far in [-1e4, 1e4] {
                let (value, slope) = at(activation, far);
                assert!(value.is_finite() && slope.is_finite(), "{activation:?}");
            }
            assert!(at(activation, f32::NAN).0.is_nan(), "{activation:?}");
        }
    }
}
