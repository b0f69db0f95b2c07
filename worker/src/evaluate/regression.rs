//! How far predicted numbers are from labels: RMSE, MAE and R².
//!
//! ```text
//! MAE = mean |s − y|      R² = 1 − Σ (s − y)² / Σ (y − ȳ)²
//! ```
//!
//! Labels that do not vary have an R² of 1 if every prediction is exact, else of 0, as `r2_score` of
//! scikit-learn has it. The labels' squares about their mean are merged block by block: a difference of
//! two large sums would lose them.
//!
//! Source: Chan, Golub and `LeVeque`, "Updating formulae and a pairwise algorithm for computing sample
//! variances", COMPSTAT 1982.

/// Sums over rows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Errors {
    rows: f64,
    squares: f64,
    absolute: f64,
    /// The labels' mean, and the sum of their squares about it.
    mean: f64,
    about_mean: f64,
}

impl Errors {
    pub(super) fn judge(&mut self, label: f32, score: f32) {
        let (label, error) = (f64::from(label), f64::from(score - label));
        self.add(Self {
            rows: 1.0,
            squares: error * error,
            absolute: error.abs(),
            mean: label,
            about_mean: 0.0,
        });
    }

    pub(super) fn add(&mut self, more: Self) {
        if more.rows <= 0.0 {
            return;
        }
        let rows = self.rows + more.rows;
        let apart = more.mean - self.mean;
        self.about_mean += more.about_mean + apart * apart * self.rows * more.rows / rows;
        self.mean += apart * more.rows / rows;
        self.rows = rows;
        self.squares += more.squares;
        self.absolute += more.absolute;
    }

    pub(super) fn rmse(&self) -> f64 {
        (self.squares / self.rows).sqrt()
    }

    pub(super) fn mae(&self) -> f64 {
        self.absolute / self.rows
    }

    pub(super) fn r2(&self) -> f64 {
        if 0.0 < self.about_mean {
            return 1.0 - self.squares / self.about_mean;
        }
        if self.squares.is_nan() {
            return f64::NAN;
        }
        if 0.0 < self.squares { 0.0 } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::Errors;

    fn errors(rows: &[(f32, f32)]) -> Errors {
        let mut errors = Errors::default();
        rows.iter()
            .for_each(|(label, score)| errors.judge(*label, *score));
        errors
    }

    #[test]
    fn they_are_those_of_scikit_learn() {
        // y, p = [1, 5, -2, 0.5, 3], [2, 4, -1, 0, 3.5]: root_mean_squared_error(y, p),
        // mean_absolute_error(y, p), r2_score(y, p)
        let rows = [(1.0, 2.0), (5.0, 4.0), (-2.0, -1.0), (0.5, 0.0), (3.0, 3.5)];
        let mut found = errors(&rows[..2]);
        found.add(errors(&rows[2..]));
        assert!((found.rmse() - 0.836_660_026_534_075_6).abs() < 1e-12);
        assert!((found.mae() - 0.8).abs() < 1e-12);
        assert!((found.r2() - 0.875).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn labels_that_do_not_vary_and_predictions_that_are_no_numbers() {
        assert!((errors(&[(2.0, 2.0), (2.0, 2.0)]).r2() - 1.0).abs() < 1e-15);
        assert!(errors(&[(2.0, 2.0), (2.0, 3.0)]).r2().abs() < 1e-15);
        let lost = errors(&[(2.0, 2.0), (3.0, f32::NAN)]);
        assert!(lost.r2().is_nan() && lost.mae().is_nan() && lost.rmse().is_nan());
        assert!(errors(&[(2.0, f32::NAN)]).r2().is_nan());
    }

    #[test]
    fn a_far_mean_leaves_the_variance_its_digits() {
        let found = errors(&[(8_388_606.0, 8_388_606.0), (8_388_607.0, 8_388_606.0)]);
        assert!((found.r2() + 1.0).abs() < 1e-9, "{found:?}");
    }
}
