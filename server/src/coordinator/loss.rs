//! The recent training loss, from the sums that workers send with their pushes.

/// An exponentially decayed mean of the examples' losses as the workers saw them. The memory is a
/// hundredth of the job, at least 1,000 examples: enough to be smooth, short enough to be recent.
#[derive(Clone, Copy, Debug)]
pub struct RecentLoss {
    memory_examples: f64,
    sum: f64,
    weight: f64,
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
        }
    }

    /// Adds the losses of `examples` examples.
    #[expect(clippy::cast_precision_loss, reason = "examples of one push")]
    pub fn record(&mut self, loss_sum: f64, examples: u64) {
        let keep = (-(examples as f64) / self.memory_examples).exp();
        self.sum = self.sum * keep + loss_sum;
        self.weight = self.weight * keep + examples as f64;
    }

    /// The decayed sum of losses and the examples behind it.
    #[must_use]
    pub fn sum_and_weight(&self) -> (f64, f64) {
        (self.sum, self.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_follows_the_losses() {
        let mut loss = RecentLoss::new(0);
        for _ in 0..1_000 {
            loss.record(16.0, 16);
        }
        for _ in 0..1_000 {
            loss.record(8.0, 16);
        }
        let (sum, weight) = loss.sum_and_weight();
        assert!((sum / weight - 0.5).abs() < 1e-3);
    }
}
