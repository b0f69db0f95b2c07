//! A rate that falls when the loss has not fallen for a while.
//!
//! ```text
//! better:   loss < best · (1 − threshold)    (rel)    or    loss < best − threshold    (abs)
//!           for mode = "max":  above best · (1 + threshold)    or    above best + threshold
//! after more than `patience` losses in a row that were not better:
//!           η ← max(γ·η, η₁), and the next `cooldown` losses are not held against it
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | – | `mode` | `"min"`: the lower the better, as losses are; `"max"`: the higher |
//! | γ | `factor` | in (0, 1) |
//! | – | `patience` | losses, ≥ 0 |
//! | – | `threshold`, `threshold_mode` | how much better counts, ≥ 0: of the best, or loss |
//! | – | `cooldown` | losses, ≥ 0 |
//! | η₁ | `min_lr` | the rate falls no further, ≥ 0 |
//! | – | `eps` | a change of the rate of at most this is not made, ≥ 0 |
//!
//! Source: `torch.optim.lr_scheduler.ReduceLROnPlateau`, from which it does not differ. A loss that is
//! no number is not better.

use serde::Deserialize;

use super::{Begin, Feedback, FeedbackEntry, make};
use crate::registry::{Check, SettingError, not_negative, require};

/// Which of two losses is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The lower.
    Min,
    /// The higher.
    Max,
}

/// What a threshold is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThresholdMode {
    /// A share of the best loss.
    Rel,
    /// Loss.
    Abs,
}

/// Settings of the rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReduceOnPlateau {
    /// Which loss is better.
    pub mode: Mode,
    /// γ in (0, 1).
    pub factor: f64,
    /// Losses that may be no better.
    pub patience: u64,
    /// ≥ 0.
    pub threshold: f64,
    /// What the threshold is measured by.
    pub threshold_mode: ThresholdMode,
    /// Losses after a fall that do not count.
    pub cooldown: u64,
    /// η₁ ≥ 0.
    pub min_lr: f64,
    /// ≥ 0.
    pub eps: f64,
}

pub(super) const ENTRY: FeedbackEntry = FeedbackEntry {
    name: "reduce_on_plateau",
    formula: "lr · factor after more than `patience` losses in a row that were no better than the best",
    source: "torch.optim.lr_scheduler.ReduceLROnPlateau",
    differences: &["a loss that is no number is not better"],
    defaults: "mode = \"min\"\nfactor = 0.1\npatience = 10\nthreshold = 1e-4\n\
     threshold_mode = \"rel\"\ncooldown = 0\nmin_lr = 0.0\neps = 1e-8\n",
    make: make::<ReduceOnPlateau>,
};

impl Check for ReduceOnPlateau {
    fn check(&self) -> Result<(), SettingError> {
        let falls = 0.0 < self.factor && self.factor < 1.0;
        require(
            "factor",
            self.factor,
            falls,
            "above 0 and below 1",
            "the rate is multiplied by it, to fall and not to end",
        )?;
        not_negative(
            "threshold",
            self.threshold,
            "it is how much better a loss must be to count",
        )?;
        not_negative("min_lr", self.min_lr, "a rate below 0 would climb the loss")?;
        not_negative(
            "eps",
            self.eps,
            "it is the largest change of the rate that is not made",
        )
    }
}

impl ReduceOnPlateau {
    /// Whether a loss is better than the best so far, by more than the threshold.
    fn is_better(&self, loss: f64, best: f64) -> bool {
        let (mode, by) = (self.mode, self.threshold);
        match (mode, self.threshold_mode) {
            (Mode::Min, ThresholdMode::Rel) => loss < best * (1.0 - by),
            (Mode::Min, ThresholdMode::Abs) => loss < best - by,
            (Mode::Max, ThresholdMode::Rel) => best * (1.0 + by) < loss,
            (Mode::Max, ThresholdMode::Abs) => best + by < loss,
        }
    }
}

impl Begin for ReduceOnPlateau {
    type Rule = Plateau;

    fn begin(self) -> Plateau {
        let worst = match self.mode {
            Mode::Min => f64::INFINITY,
            Mode::Max => f64::NEG_INFINITY,
        };
        Plateau {
            settings: self,
            best: worst,
            bad: 0,
            cooldown: 0,
        }
    }
}

/// The rule with its memory.
#[derive(Clone, Debug)]
pub struct Plateau {
    settings: ReduceOnPlateau,
    best: f64,
    /// Losses in a row that were not better.
    bad: u64,
    /// Losses that still do not count.
    cooldown: u64,
}

impl Feedback for Plateau {
    fn observe(&mut self, rate: f64, loss: f64) -> f64 {
        let settings = &self.settings;
        if settings.is_better(loss, self.best) {
            self.best = loss;
            self.bad = 0;
        } else {
            self.bad += 1;
        }
        if 0 < self.cooldown {
            self.cooldown -= 1;
            self.bad = 0;
        }
        if self.bad <= settings.patience {
            return rate;
        }
        self.cooldown = settings.cooldown;
        self.bad = 0;
        let lower = (rate * settings.factor).max(settings.min_lr);
        if rate - lower > settings.eps {
            lower
        } else {
            rate
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "losses are counted below 2^53")]
    fn memory(&self) -> Vec<f64> {
        vec![self.best, self.bad as f64, self.cooldown as f64]
    }

    fn recall(&mut self, memory: &[f64]) -> bool {
        let [best, bad, cooldown] = memory else {
            return false;
        };
        let (Some(bad), Some(cooldown)) = (count(*bad), count(*cooldown)) else {
            return false;
        };
        (self.best, self.bad, self.cooldown) = (*best, bad, cooldown);
        true
    }

    fn boxed(&self) -> Box<dyn Feedback> {
        Box::new(self.clone())
    }
}

/// A whole number that was kept as a float.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it was looked at whether it is a whole number below 2^53"
)]
fn count(kept: f64) -> Option<u64> {
    let is_count = (0.0..9_007_199_254_740_992.0).contains(&kept) && kept.fract() == 0.0;
    is_count.then_some(kept as u64)
}
