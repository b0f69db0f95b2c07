//! Losses of one row: value and derivative, in f64, finite for every finite score.

/// A loss and its derivative by the score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossAt {
    /// The loss.
    pub loss: f64,
    /// Its derivative by the score.
    pub slope: f64,
}

/// The losses of one score, of which a model's keys choose one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScoreLoss {
    /// [`logistic`].
    Logistic,
    /// [`hinge`].
    Hinge,
    /// [`squared_hinge`].
    SquaredHinge,
    /// [`squared`].
    Squared,
    /// [`huber`] with this delta.
    Huber(f64),
}

impl ScoreLoss {
    /// The loss of a row with this label and this score.
    #[must_use]
    pub fn at(self, label: f64, score: f64) -> LossAt {
        match self {
            Self::Logistic => logistic(label, score),
            Self::Hinge => hinge(label, score),
            Self::SquaredHinge => squared_hinge(label, score),
            Self::Squared => squared(label, score),
            Self::Huber(delta) => huber(label, score, delta),
        }
    }
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

/// The hinge loss of a label ±1 and a margin; at the kink, where the margin is 1, its slope is 0.
///
/// ```text
/// loss = max(0, 1 − label · score)      slope = −label where the loss is not 0
/// ```
///
/// Source: Cortes and Vapnik, Machine Learning 20 (1995).
#[must_use]
pub fn hinge(label: f64, score: f64) -> LossAt {
    // Asked this way round, a score that is NaN has a loss that is NaN.
    if 1.0 <= label * score {
        return LossAt {
            loss: 0.0,
            slope: 0.0,
        };
    }
    LossAt {
        loss: 1.0 - label * score,
        slope: -label,
    }
}

/// The square of the hinge loss, without a half, as in LIBLINEAR and scikit-learn.
///
/// ```text
/// loss = max(0, 1 − label · score)²      slope = −2 label · max(0, 1 − label · score)
/// ```
#[must_use]
pub fn squared_hinge(label: f64, score: f64) -> LossAt {
    let LossAt { loss, slope } = hinge(label, score);
    LossAt {
        loss: loss * loss,
        slope: 2.0 * loss * slope,
    }
}

/// Half the squared error up to an error of `delta`, beyond it a straight line; torch's
/// `HuberLoss`.
///
/// ```text
/// e = score − label      loss = ½ e² if |e| ≤ δ, else δ (|e| − ½ δ)      slope = e cut to [−δ, δ]
/// ```
///
/// Source: Huber, Annals of Mathematical Statistics 35 (1964).
#[must_use]
pub fn huber(label: f64, score: f64, delta: f64) -> LossAt {
    let error = score - label;
    if error.abs() <= delta {
        return squared(label, score);
    }
    LossAt {
        loss: delta * (error.abs() - 0.5 * delta),
        slope: delta * error.signum(),
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
    use super::{ScoreLoss, hinge, huber, logistic, softmax, squared, squared_hinge};

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
    fn hinges_end_at_a_margin_of_1_and_hubers_square_at_delta() {
        for (label, score, loss, slope) in [(1.0, 0.25, 0.75, -1.0), (-1.0, 0.5, 1.5, 1.0)] {
            let (one, two) = (hinge(label, score), squared_hinge(label, score));
            assert!((one.loss - loss).abs() < 1e-15 && (one.slope - slope).abs() < 1e-15);
            assert!((two.loss - loss * loss).abs() < 1e-15);
            assert!((two.slope - 2.0 * loss * slope).abs() < 1e-15);
        }
        for beyond in [1.0, 1.5, f64::INFINITY] {
            assert!(hinge(1.0, beyond).loss <= 0.0 && squared_hinge(1.0, beyond).slope >= 0.0);
        }
        let (inside, beyond) = (huber(1.0, 1.5, 0.5), huber(1.0, -2.0, 0.5));
        assert!((inside.loss - 0.125).abs() < 1e-15 && (inside.slope - 0.5).abs() < 1e-15);
        assert!((beyond.loss - 0.5 * 2.75).abs() < 1e-15 && (beyond.slope + 0.5).abs() < 1e-15);
    }

    #[test]
    fn the_loss_of_a_score_that_is_no_number_is_none() {
        for loss in [
            ScoreLoss::Logistic,
            ScoreLoss::Hinge,
            ScoreLoss::SquaredHinge,
            ScoreLoss::Squared,
            ScoreLoss::Huber(1.0),
        ] {
            assert!(loss.at(1.0, f64::NAN).loss.is_nan(), "{loss:?}");
        }
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
