//! Seeds and the one mixing function: every random number of a job is a pure function of the job's
//! seed, a named purpose and an index, so that no result depends on sharding or timing.

/// What a random number is for. Two purposes never share a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Initial values of parameters.
    Init,
    /// The permutation of an epoch.
    Permutation,
    /// Synthetic data.
    Data,
    /// Retry back-off and other jitter.
    Jitter,
    /// The bijection that spreads a sparse tensor over the shards.
    Placement,
    /// Where a gradient is checked.
    GradientCheck,
    /// Noise that is added to gradients.
    GradientNoise,
    /// Delays, losses and slow machines.
    Physics,
}

impl Purpose {
    fn tag(self) -> u64 {
        match self {
            Self::Init => 0x01,
            Self::Permutation => 0x02,
            Self::Data => 0x03,
            Self::Jitter => 0x04,
            Self::Placement => 0x05,
            Self::GradientCheck => 0x06,
            Self::GradientNoise => 0x07,
            Self::Physics => 0x08,
        }
    }
}

/// The seed of the stream of `purpose` and `index` (an epoch, a tensor, a worker) in a job.
#[must_use]
pub fn derive(job_seed: u64, purpose: Purpose, index: u64) -> u64 {
    mix(mix(mix(job_seed) ^ purpose.tag()) ^ index)
}

/// A bijective 64-bit mixer with good avalanche: the finaliser of `SplitMix64`
/// (Steele, Lea, Flood, OOPSLA 2014), after its additive constant so that 0 does not map to 0.
#[must_use]
pub fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number in `[0, 1)` from the upper 53 bits of a mixed word.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "53 bits fit an f64 exactly")]
pub fn unit(word: u64) -> f64 {
    (word >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

/// A normal number with mean 0 and standard deviation `std`, a pure function of a mixed word.
///
/// Source: Box and Muller, "A note on the generation of random normal deviates", Annals of
/// Mathematical Statistics 29 (1958), of which one number of each pair is taken, so that every
/// number has a word of its own.
#[must_use]
pub fn normal(std: f64, word: u64) -> f64 {
    let radius = (-2.0 * (1.0 - unit(word)).ln()).sqrt();
    let angle = std::f64::consts::TAU * unit(mix(word));
    std * radius * angle.cos()
}

/// The sum of four uniform 16-bit numbers: mean 2 · 65,535, standard deviation 65,536 / √3.
const SUM_MEAN: f64 = 131_070.0;
const SUM_STD: f64 = 37_837.227_235_566_4;

/// A number that is near normal with mean 0 and standard deviation `std`: a sum that every machine computes
/// alike, where [`normal`] has a logarithm and a cosine. No number is further out than 3.47 · `std`.
#[must_use]
pub fn near_normal(std: f64, word: u64) -> f64 {
    let bytes = word.to_le_bytes();
    let (numbers, _) = bytes.as_chunks::<2>();
    let sum: u32 = numbers
        .iter()
        .map(|number| u32::from(u16::from_le_bytes(*number)))
        .sum();
    std * (f64::from(sum) - SUM_MEAN) / SUM_STD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_and_indices_have_streams_of_their_own() {
        let seeds = [
            derive(1, Purpose::Init, 0),
            derive(1, Purpose::Init, 1),
            derive(1, Purpose::Permutation, 0),
            derive(2, Purpose::Init, 0),
        ];
        for (i, a) in seeds.iter().enumerate() {
            for b in &seeds[i + 1..] {
                assert_ne!(a, b);
            }
        }
    }

    #[test]
    fn units_stay_below_one() {
        assert!(unit(u64::MAX) < 1.0);
        assert!(unit(0) < f64::MIN_POSITIVE);
    }
}
