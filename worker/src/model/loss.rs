//! Losses of one row: value and derivative, in f64, finite for every finite score.

/// A loss and its derivative by the score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossAt {
    /// The loss.
    pub loss: f64,
    /// Its derivative by the score.
    pub slope: f64,
}

/// The logistic loss of a label ±1 and the logarithm of the odds of +1.
///
/// ```text
/// z = label · score      loss = ln(1 + e⁻ᶻ)      slope = −label / (1 + eᶻ)
/// ```
///
/// Written with e^−|z| ≤ 1, so that nothing overflows and small losses keep their digits.
#[must_use]
pub fn logistic(label: f64, score: f64) -> LossAt {
    let z = label * score;
    let e = (-z.abs()).exp();
    let wrong = if 0.0 < z {
        e / (1.0 + e)
    } else {
        1.0 / (1.0 + e)
    };
    LossAt {
        loss: (-z).max(0.0) + e.ln_1p(),
        slope: -label * wrong,
    }
}

/// Half the squared error of a number and its prediction.
///
/// ```text
/// loss = ½ (score − label)²      slope = score − label
/// ```
#[must_use]
pub fn squared(label: f64, score: f64) -> LossAt {
    let error = score - label;
    LossAt {
        loss: 0.5 * error * error,
        slope: error,
    }
}

/// The cross entropy of class `label`: returns the loss and turns `scores` into its derivative by
/// each of them.
///
/// ```text
/// pᵢ = e^(sᵢ − max s) / Σⱼ e^(sⱼ − max s)      loss = −ln p_label      slopeᵢ = pᵢ − [i = label]
/// ```
///
/// # Panics
/// When there is no score of that class.
#[must_use]
pub fn softmax(label: usize, scores: &mut [f64]) -> f64 {
    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let own = scores[label] - max;
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - max).exp();
        sum += *score;
    }
    for score in scores.iter_mut() {
        *score /= sum;
    }
    scores[label] -= 1.0;
    sum.ln() - own
}

#[cfg(test)]
mod tests {
    use super::{logistic, softmax, squared};

    #[test]
    fn known_values() {
        assert!((logistic(1.0, 0.0).loss - std::f64::consts::LN_2).abs() < 1e-15);
        assert!((logistic(-1.0, 0.0).slope - 0.5).abs() < 1e-15);
        assert!((squared(1.0, 4.0).loss - 4.5).abs() < 1e-15);
        let mut scores = [0.0; 4];
        assert!((softmax(2, &mut scores) - 4_f64.ln()).abs() < 1e-15);
        assert!((scores[2] + 0.75).abs() < 1e-15 && (scores[0] - 0.25).abs() < 1e-15);
    }

    #[test]
    fn far_scores_stay_finite_and_exact() {
        assert!((logistic(1.0, -1e4).loss - 1e4).abs() < 1e-9);
        assert!((logistic(1.0, -1e4).slope + 1.0).abs() < 1e-15);
        let sure = logistic(-1.0, -40.0);
        assert!((sure.loss / (-40_f64).exp() - 1.0).abs() < 1e-12);
        assert!((sure.slope / (-40_f64).exp() - 1.0).abs() < 1e-12);
        let mut scores = [1e4, -1e4];
        assert!((softmax(1, &mut scores) - 2e4).abs() < 1e-9);
        assert!(scores.iter().all(|slope| slope.is_finite()));
    }

    #[test]
    fn two_classes_of_softmax_are_logistic() {
        for score in [-30.0, -1.5, 0.0, 0.25, 7.0] {
            let mut scores = [0.0, score];
            let (two, one) = (softmax(1, &mut scores), logistic(1.0, score));
            assert!((two - one.loss).abs() < 1e-12 && (scores[1] - one.slope).abs() < 1e-12);
        }
    }
}
