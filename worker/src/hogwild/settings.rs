//! The settings of a run, with their judgement.

use serde::Deserialize;
pub use thalweg_common::config::Sampling;

use super::HogwildError;

/// How a run goes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Threads, from 1 to [`THREADS_MAX`].
    pub threads: usize,
    /// Passes over the terms, from 1.
    pub epochs: u32,
    /// γ of the first epoch, > 0, parameter per gradient of one term.
    pub rate: f64,
    /// β in (0, 1]: what γ is multiplied by after each epoch.
    pub back_off: f64,
    /// Of the order of the terms and of the start.
    pub seed: u64,
    /// How terms are drawn.
    pub sampling: Sampling,
    /// How a coordinate moves.
    pub rule: RuleName,
    /// What keeps the threads apart.
    pub scheme: Scheme,
    /// When f(x) is computed. It is not part of the time of an epoch.
    pub judge: Judge,
}

/// The most threads.
pub const THREADS_MAX: usize = 1_024;

/// How a coordinate moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleName {
    /// [`super::rule::Sgd`].
    Sgd,
    /// [`super::rule::AdaGrad`].
    Adagrad,
}

/// What keeps the threads apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// There is one thread, and a plain loop: the oracle of all others.
    Sequential,
    /// Hogwild!, whose updates are exact.
    Hogwild,
    /// Hogwild!, whose updates may be lost.
    HogwildLossy,
    /// [`Self::HogwildLossy`] that also counts what was lost, in the word of each coordinate.
    HogwildCounted,
    /// Turns in a fixed order, for which threads spin.
    RoundRobin,
    /// One lock around each update.
    OneLock,
    /// A lock for each coordinate: those of a term are held while it updates.
    CoordinateLocks,
    /// A replica for each thread, merged tier by tier. Not Hogwild!.
    TieredReplicas,
}

/// When f(x) is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judge {
    /// After every epoch.
    EveryEpoch,
    /// After the last one.
    AtEnd,
    /// Not at all.
    Never,
}

impl Default for Settings {
    /// The paper's experiments: 20 epochs, β = 0.9.
    fn default() -> Self {
        Self {
            threads: 1,
            epochs: 20,
            rate: 0.1,
            back_off: 0.9,
            seed: 1,
            sampling: Sampling::WithoutReplacement,
            rule: RuleName::Sgd,
            scheme: Scheme::Hogwild,
            judge: Judge::EveryEpoch,
        }
    }
}

impl Scheme {
    /// Its name in the settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Hogwild => "hogwild",
            Self::HogwildLossy => "hogwild_lossy",
            Self::HogwildCounted => "hogwild_counted",
            Self::RoundRobin => "round_robin",
            Self::OneLock => "one_lock",
            Self::CoordinateLocks => "coordinate_locks",
            Self::TieredReplicas => "tiered_replicas",
        }
    }
}

impl Settings {
    /// Judges the settings.
    ///
    /// # Errors
    /// [`HogwildError::Setting`] with the first impossible one, [`HogwildError::Refused`] for what cannot
    /// be together.
    pub fn check(&self) -> Result<(), HogwildError> {
        let setting = |setting, expected, found: String| HogwildError::Setting {
            setting,
            expected,
            found,
        };
        if !(1..=THREADS_MAX).contains(&self.threads) {
            let found = self.threads.to_string();
            return Err(setting("threads", "from 1 to 1,024 threads", found));
        }
        if self.scheme == Scheme::Sequential && self.threads != 1 {
            let found = format!("{} threads", self.threads);
            return Err(setting("threads", "1 thread for `sequential`", found));
        }
        if self.epochs == 0 {
            return Err(setting("epochs", "at least 1 epoch", "0".into()));
        }
        if !(0.0 < self.rate && self.rate.is_finite()) {
            let found = self.rate.to_string();
            return Err(setting("rate", "a finite rate above 0", found));
        }
        if !(0.0 < self.back_off && self.back_off <= 1.0) {
            let found = self.back_off.to_string();
            return Err(setting("back_off", "a factor above 0 and up to 1", found));
        }
        if self.scheme == Scheme::HogwildCounted && self.rule != RuleName::Sgd {
            return Err(HogwildError::Refused {
                scheme: self.scheme.name(),
                reason: "the word of a coordinate has room for a count or for AdaGrad's sum".into(),
                mend: "use rule = \"sgd\", or scheme = \"hogwild_lossy\"",
            });
        }
        Ok(())
    }

    /// γ of this epoch, counted from 0.
    #[must_use]
    pub fn rate_of(&self, epoch: u32) -> f64 {
        self.rate * self.back_off.powi(i32::try_from(epoch).unwrap_or(i32::MAX))
    }
}
