//! Whether a model is as sure as it is right: the expected calibration error.
//!
//! ```text
//! ECE = Σ_b n_b / n · |accuracy_b − confidence_b|
//! ```
//!
//! | symbol | here | meaning |
//! |---|---|---|
//! | confidence | of a row | probability of the class that the model holds for likeliest |
//! | b | bin | the rows with a confidence in [b/15, (b + 1)/15), the last bin with 1 |
//! | `accuracy_b`, `confidence_b` | means | over the `n_b` rows of the bin |
//!
//! Source: Naeini, Cooper, Hauskrecht, AAAI 2015; 15 bins as in Guo, Pleiss, Sun, Weinberger, ICML
//! 2017.

/// Bins of equal width.
const BINS: usize = 15;

/// Sums of the rows of each bin.
#[derive(Clone, Debug, Default)]
pub(super) struct Calibration {
    /// Rows, right rows and the sum of confidences.
    bins: [(u64, u64, f64); BINS],
}

impl Calibration {
    /// Counts a row; a confidence that is NaN makes the error NaN.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a confidence is between 0 and 1; NaN becomes 0"
    )]
    pub(super) fn judge(&mut self, confidence: f64, is_right: bool) {
        let bin = ((confidence * 15.0) as usize).min(BINS - 1);
        let (rows, right, sum) = &mut self.bins[bin];
        *rows += 1;
        *right += u64::from(is_right);
        *sum += confidence;
    }

    pub(super) fn add(&mut self, other: &Self) {
        for ((rows, right, sum), more) in self.bins.iter_mut().zip(&other.bins) {
            *rows += more.0;
            *right += more.1;
            *sum += more.2;
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of rows stay below 2^53")]
    pub(super) fn error(&self) -> f64 {
        let rows: u64 = self.bins.iter().map(|(rows, ..)| rows).sum();
        let gap = |(_, right, sum): &(u64, u64, f64)| (*right as f64 - sum).abs();
        self.bins.iter().map(gap).sum::<f64>() / rows as f64
    }
}
