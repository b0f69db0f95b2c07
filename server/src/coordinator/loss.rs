//! The recent training loss, from the sums that workers send with their pushes.

/// An exponentially decayed mean of the examples' losses as the workers saw them. The memory is a
/// hundredth of the job, at least 1,000 examples: enough to be smooth, short enough to be recent.
///
/// A worker may send NaN or infinity: the loss of a model that has diverged. It is told and it passes:
/// the recent loss is NaN until a memory's worth of examples has come without another one. Taken
/// into the sum, it would stay there for ever, also of a model that has recovered.
#[derive(Clone, Copy, Debug)]
pub struct RecentLoss {
    memory_examples: f64,
    sum: f64,
    weight: f64,
    /// Examples until the last loss that was no number is forgotten; 0 if it is.
    diverged_examples: f64,
}

impl RecentLoss {
    /// For a job of `examples_total` examples.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a length of memory")]
    pub fn new(examples_total: u64) -> Self {
        Self {
            memory_examples: (examples_total as f64 / 100.0).max(1_000.0),
            sum: 0.0,
            weight: 0.0,
            diverged_examples: 0.0,
        }
    }

    /// The sum, its weight, and what is left of the memory of a divergence.
    pub(super) fn save(&self) -> [f64; 3] {
        [self.sum, self.weight, self.diverged_examples]
    }

    /// The same loss with what was kept of another.
    pub(super) fn restored(self, [sum, weight, diverged_examples]: [f64; 3]) -> Self {
        Self {
            sum,
            weight,
            diverged_examples,
            ..self
        }
    }

    /// Adds the losses of `examples` examples.
    #[expect(clippy::cast_precision_loss, reason = "examples of one push")]
    pub fn record(&mut self, loss_sum: f64, examples: u64) {
        let examples = examples as f64;
        let keep = (-examples / self.memory_examples).exp();
        let sum = self.sum * keep + loss_sum;
        if sum.is_finite() {
            self.sum = sum;
            self.weight = self.weight * keep + examples;
            self.diverged_examples = (self.diverged_examples - examples).max(0.0);
        } else {
            (self.sum, self.weight) = (0.0, 0.0);
            self.diverged_examples = self.memory_examples;
        }
    }

    /// The decayed sum of losses and the examples behind it: 0 and 0 before the first, NaN and a
    /// number above 0 while a loss that was no number is remembered.
    #[must_use]
    pub fn sum_and_weight(&self) -> (f64, f64) {
        if 0.0 < self.diverged_examples {
            return (f64::NAN, self.memory_examples);
        }
        (self.sum, self.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(loss: &RecentLoss) -> f64 {
        let (sum, weight) = loss.sum_and_weight();
        assert!(weight > 0.0);
        sum / weight
    }

    #[test]
    fn the_mean_follows_the_losses() {
        let mut loss = RecentLoss::new(0);
        assert_eq!(loss.sum_and_weight(), (0.0, 0.0));
        for _ in 0..1_000 {
            loss.record(16.0, 16);
        }
        for _ in 0..1_000 {
            loss.record(8.0, 16);
        }
        assert!((mean(&loss) - 0.5).abs() < 1e-3);
    }

    #[test]
    fn a_loss_that_is_no_number_is_told_for_a_memory_and_then_forgotten() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut loss = RecentLoss::new(0);
            loss.record(16.0, 16);
            loss.record(bad, 16);
            assert!(mean(&loss).is_nan());
            for _ in 0..62 {
                loss.record(8.0, 16);
            }
            assert!(
                mean(&loss).is_nan(),
                "992 examples later it is still recent"
            );
            loss.record(8.0, 16);
            assert!((mean(&loss) - 0.5).abs() < 1e-9);
        }
    }

    #[test]
    fn finite_losses_whose_sum_is_not_are_no_mean_either() {
        let mut loss = RecentLoss::new(0);
        loss.record(f64::MAX, 1);
        loss.record(f64::MAX, 1);
        assert!(mean(&loss).is_nan());
    }
}
