//! No feedback: the schedule alone decides.

use serde::Deserialize;

use super::{Begin, Feedback, FeedbackEntry, make};
use crate::registry::{Check, SettingError};

/// No feedback; it has no settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct None {}

pub(super) const ENTRY: FeedbackEntry = FeedbackEntry {
    name: "none",
    formula: "lr",
    source: "",
    differences: &[],
    defaults: "",
    make: make::<None>,
};

impl Check for None {
    fn check(&self) -> Result<(), SettingError> {
        Ok(())
    }
}

impl Begin for None {
    type Rule = Self;

    fn begin(self) -> Self {
        self
    }
}

impl Feedback for None {
    fn observe(&mut self, rate: f64, _loss: f64) -> f64 {
        rate
    }

    fn memory(&self) -> Vec<f64> {
        Vec::new()
    }

    fn recall(&mut self, memory: &[f64]) -> bool {
        memory.is_empty()
    }

    fn boxed(&self) -> Box<dyn Feedback> {
        Box::new(self.clone())
    }
}
