//! The feedback rule at work: losses in, a factor of the learning rate out.

use thalweg_common::feedback::Feedback;

use crate::saved::{SavedRate, bits};

/// What the control of the rate must know of a job.
#[derive(Debug)]
pub struct RatePlan {
    /// The rule before its first loss.
    pub rule: Box<dyn Feedback>,
    /// The job's learning rate before schedule and feedback.
    pub lr: f64,
    /// Examples between two looks at the loss.
    pub every_examples: u64,
}

impl Clone for RatePlan {
    fn clone(&self) -> Self {
        Self {
            rule: self.rule.boxed(),
            ..*self
        }
    }
}

/// The rule with its memory, and the losses since it last looked.
#[derive(Debug)]
pub struct RateControl {
    plan: RatePlan,
    rate: f64,
    loss_sum: f64,
    examples: u64,
    /// Examples since the last multiple of the interval: pushes end where they end, but the
    /// intervals do not drift.
    past: u64,
}

impl RateControl {
    /// A control before the first loss.
    #[must_use]
    pub fn new(plan: RatePlan) -> Self {
        Self {
            rate: plan.lr,
            plan,
            loss_sum: 0.0,
            examples: 0,
            past: 0,
        }
    }

    /// Adds the losses of `examples` examples, and asks the rule whenever a multiple of the interval
    /// is reached. The mean is over whole pushes.
    #[expect(clippy::cast_precision_loss, reason = "examples of one interval")]
    pub fn record(&mut self, loss_sum: f64, examples: u64) {
        self.loss_sum += loss_sum;
        self.examples = self.examples.saturating_add(examples);
        self.past = self.past.saturating_add(examples);
        if self.plan.every_examples <= self.past {
            let loss = self.loss_sum / self.examples as f64;
            self.rate = self.plan.rule.observe(self.rate, loss);
            (self.loss_sum, self.examples) = (0.0, 0);
            self.past %= self.plan.every_examples;
        }
    }

    /// What is to be kept of it.
    pub(super) fn save(&self) -> SavedRate {
        SavedRate {
            rate: bits(self.rate),
            loss_sum: bits(self.loss_sum),
            examples: self.examples,
            past: self.past,
            memory: self.plan.rule.memory().into_iter().map(bits).collect(),
        }
    }

    /// Takes what was kept of one with the same plan.
    ///
    /// # Errors
    /// What does not fit its rule, in words.
    pub(super) fn restore(&mut self, saved: &SavedRate) -> Result<(), String> {
        let memory: Vec<f64> = saved
            .memory
            .iter()
            .map(|bits| f64::from_bits(*bits))
            .collect();
        if !self.plan.rule.recall(&memory) {
            let found = memory.len();
            return Err(format!(
                "{found} numbers are no memory of the feedback rule"
            ));
        }
        self.rate = f64::from_bits(saved.rate);
        self.loss_sum = f64::from_bits(saved.loss_sum);
        (self.examples, self.past) = (saved.examples, saved.past);
        Ok(())
    }

    /// What the schedule's rate is multiplied by from now on, in (0, 1].
    #[must_use]
    pub fn factor(&self) -> f64 {
        self.rate / self.plan.lr
    }
}

#[cfg(test)]
mod tests {
    use thalweg_common::feedback::feedback;

    use super::*;

    #[test]
    fn the_rule_sees_the_mean_of_an_interval_once() {
        let settings = "patience = 0\nfactor = 0.5\nthreshold = 0.0"
            .parse()
            .unwrap();
        let rule = feedback("reduce_on_plateau").unwrap().build(&settings);
        let mut control = RateControl::new(RatePlan {
            rule: rule.unwrap(),
            lr: 0.2,
            every_examples: 100,
        });
        let mut factors = Vec::new();
        // Means of 1, 0.9, 0.95 and 0.95: the last two are not better than the best.
        for loss in [1.0, 1.0, 0.8, 1.0, 0.9, 1.0, 0.9, 1.0] {
            control.record(loss * 50.0, 50);
            factors.push(control.factor());
        }
        assert_eq!(factors, [1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25]);
    }
}
