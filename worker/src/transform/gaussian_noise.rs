//! Annealed Gaussian noise: gradients are blurred, less and less.
//!
//! ```text
//! gᵢ ← gᵢ + N(0, σₜ²)      σₜ² = η / (1 + t)^γ
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | t | [`Batch::number`] | batches of the whole job before this one, from 0 |
//! | η | `eta` | variance at the start, ≥ 0; 0 adds nothing; the paper tries 0.01, 0.3 and 1 |
//! | γ | `gamma` | how fast it fades, ≥ 0; 0 keeps it |
//!
//! Every number is a pure function of the job's seed, the batch (epoch and first position), the place
//! of the transform in the job's list and the element's index in the layout. So a batch gets the
//! same noise whichever worker computes it, however the parameters are cut and how often it is tried;
//! two batches get independent noise.
//!
//! A sparse gradient gets noise only on the elements that it has: others are not touched by the batch
//! and would otherwise all have to travel. It is the noise that a whole gradient gets there.
//!
//! Source: Neelakantan, Vilnis, Le, Sutskever, Kaiser, Kurach, Martens, "Adding gradient noise
//! improves learning for very deep networks", arXiv:1511.06807 (2015).

use serde::Deserialize;
use thalweg_common::registry::{Check, SettingError, not_negative};
use thalweg_common::seed::{mix, normal};

use super::{Batch, Transform, TransformEntry, make};
use crate::model::Coverage;

pub(super) const ENTRY: TransformEntry = TransformEntry {
    name: "gaussian_noise",
    formula: "g ← g + N(0, eta / (1 + t)^gamma), element by element; t batches of the job came before",
    source: "Neelakantan, Vilnis, Le, Sutskever, Kaiser, Kurach, Martens, arXiv:1511.06807 (2015)",
    differences: &[
        "noise is added to each batch's gradient, and a step may combine several: the mean of a round of w workers has noise of variance σₜ²/w, a push of n gradients one of n·σₜ²",
        "a sparse gradient gets noise on the elements that it has only",
    ],
    defaults: "eta = 0.01\ngamma = 0.55\n",
    make: make::<GaussianNoise>,
};

/// Settings of annealed noise.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaussianNoise {
    /// η.
    eta: f64,
    /// γ.
    gamma: f64,
}

impl Check for GaussianNoise {
    fn check(&self) -> Result<(), SettingError> {
        not_negative("eta", self.eta, "it is a variance")?;
        not_negative(
            "gamma",
            self.gamma,
            "below 0, the noise would grow with the batches",
        )
    }
}

impl GaussianNoise {
    /// σₜ.
    #[expect(clippy::cast_precision_loss, reason = "batches stay below 2^53")]
    fn sigma(&self, t: u64) -> f64 {
        (self.eta / (1.0 + t as f64).powf(self.gamma)).sqrt()
    }
}

impl Transform for GaussianNoise {
    fn apply(&self, batch: Batch, coverage: &Coverage, values: &mut [f32]) {
        let sigma = self.sigma(batch.number);
        if sigma == 0.0 {
            return;
        }
        match coverage {
            Coverage::Whole(elements) => blur(sigma, batch.seed, 0..*elements, values),
            Coverage::Coordinates(list) => blur(sigma, batch.seed, list.iter().copied(), values),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "gradients are f32")]
fn blur(sigma: f64, seed: u64, elements: impl Iterator<Item = u64>, values: &mut [f32]) {
    for (element, value) in elements.zip(values) {
        *value += normal(sigma, mix(seed ^ mix(element))) as f32;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use serde_json::Value;

    use super::GaussianNoise;

    /// Every schedule file of the golden folder, which `THALWEG_GOLDEN` may name.
    fn golden_files() -> Vec<Value> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../common/tests/golden");
        let folder = std::env::var_os("THALWEG_GOLDEN").map_or(own, PathBuf::from);
        let paths = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let texts = paths
            .filter(|path| path.extension().is_some_and(|end| end == "json"))
            .map(|path| fs::read_to_string(path).unwrap());
        texts
            .map(|text| serde_json::from_str(&text).unwrap())
            .filter(|file: &Value| file["format"] == "psgold-schedule/1")
            .collect()
    }

    #[test]
    fn sigmas_are_those_of_the_golden_files() {
        let mut checked = 0;
        for file in golden_files() {
            for run in file["gradient_noise"]["runs"].as_array().unwrap() {
                let number = |key: &str| run[key].as_f64().unwrap();
                let noise = GaussianNoise {
                    eta: number("eta"),
                    gamma: number("gamma"),
                };
                let sigmas = run["sigma"].as_array().unwrap();
                assert!(!sigmas.is_empty(), "{noise:?}");
                for (t, expected) in (0..).zip(sigmas) {
                    let error = (noise.sigma(t) - expected.as_f64().unwrap()).abs();
                    assert!(error <= 1e-12, "{noise:?} at {t}: off by {error}");
                }
                checked += 1;
            }
        }
        println!("golden: gradient_noise: checked {checked} of {checked} runs");
        let elsewhere = std::env::var_os("THALWEG_GOLDEN").is_some() && golden_files().is_empty();
        assert!(
            0 < checked || elsewhere,
            "no run of a schedule file was checked"
        );
    }
}
