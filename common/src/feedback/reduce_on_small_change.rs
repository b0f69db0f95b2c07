//! A rate that falls whenever the objective changes by less than a threshold.
//!
//! ```text
//! |lossₖ − lossₖ₋₁| < threshold:   η ← max(γ·η, η₁)
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | γ | `factor` | in (0, 1) |
//! | – | `threshold` | loss, > 0 |
//! | η₁ | `min_lr` | the rate falls no further, ≥ 0 |
//!
//! Source: Ruder, *An overview of gradient descent optimization algorithms*, 2016, section 3: a rate
//! reduced "when the change in objective between epochs falls below a threshold". Unlike
//! `reduce_on_plateau` it asks for no best loss and no patience: an objective that rises by much is
//! left alone, too. A loss that is no number changes nothing.

use serde::Deserialize;

use super::{Begin, Feedback, FeedbackEntry, make};
use crate::registry::{Check, SettingError, not_negative, positive, require};

/// Settings of the rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReduceOnSmallChange {
    /// γ in (0, 1).
    pub factor: f64,
    /// > 0, loss.
    pub threshold: f64,
    /// η₁ ≥ 0.
    pub min_lr: f64,
}

pub(super) const ENTRY: FeedbackEntry = FeedbackEntry {
    name: "reduce_on_small_change",
    formula: "lr · factor whenever the loss has changed by less than `threshold`",
    source: "Ruder, arXiv:1609.04747 (2016), section 3",
    differences: &[
        "a loss that is no number changes nothing",
        "unlike `reduce_on_plateau` it knows no best loss and no patience: an objective that rises by much is left alone, too",
    ],
    defaults: "factor = 0.5\nthreshold = 1e-3\nmin_lr = 0.0\n",
    make: make::<ReduceOnSmallChange>,
};

impl Check for ReduceOnSmallChange {
    fn check(&self) -> Result<(), SettingError> {
        let falls = 0.0 < self.factor && self.factor < 1.0;
        require(
            "factor",
            self.factor,
            falls,
            "above 0 and below 1",
            "the rate is multiplied by it, to fall and not to end",
        )?;
        positive(
            "threshold",
            self.threshold,
            "no change is smaller than 0, so the rate would never fall",
        )?;
        not_negative("min_lr", self.min_lr, "a rate below 0 would climb the loss")
    }
}

impl Begin for ReduceOnSmallChange {
    type Rule = SmallChange;

    fn begin(self) -> SmallChange {
        SmallChange {
            settings: self,
            last: f64::INFINITY,
        }
    }
}

/// The rule with its memory.
#[derive(Clone, Debug)]
pub struct SmallChange {
    settings: ReduceOnSmallChange,
    last: f64,
}

impl Feedback for SmallChange {
    fn observe(&mut self, rate: f64, loss: f64) -> f64 {
        let change = (loss - self.last).abs();
        self.last = loss;
        if change < self.settings.threshold {
            // A rate that is already lower stays.
            rate.min((rate * self.settings.factor).max(self.settings.min_lr))
        } else {
            rate
        }
    }

    fn memory(&self) -> Vec<f64> {
        vec![self.last]
    }

    fn recall(&mut self, memory: &[f64]) -> bool {
        let [last] = memory else {
            return false;
        };
        self.last = *last;
        true
    }

    fn boxed(&self) -> Box<dyn Feedback> {
        Box::new(self.clone())
    }
}
