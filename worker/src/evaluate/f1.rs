//! The harmonic mean of precision and recall.
//!
//! ```text
//! F1 = 2 TP / (2 TP + FP + FN)      0 where no row of the class was found
//! ```
//!
//! Of more than two classes the unweighted mean over those that occur as a label or as a prediction
//! (macro averaging), as `f1_score` of scikit-learn has it.
//!
//! Source: van Rijsbergen, Information Retrieval, 2nd edition (1979), chapter 7.

/// The class that a row has and the class that it was held for; `None` is no prediction.
pub(super) type Judged = (u32, Option<u32>);

/// The F1 of class 1 of two, or the mean over the classes of `judged`.
pub(super) fn f1(judged: &[Judged], classes: u32) -> f64 {
    if classes == 2 {
        return of_counts(&counts(judged, 2)[1]);
    }
    let counts = counts(judged, classes as usize);
    let occurring = || {
        counts
            .iter()
            .filter(|class| class.labels + class.predictions > 0)
    };
    let sum: f64 = occurring().map(of_counts).sum();
    #[expect(clippy::cast_precision_loss, reason = "a number of classes")]
    let classes = occurring().count() as f64;
    sum / classes
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    right: u64,
    labels: u64,
    predictions: u64,
}

fn counts(judged: &[Judged], classes: usize) -> Vec<Counts> {
    let mut counts = vec![Counts::default(); classes];
    for (label, prediction) in judged {
        counts[*label as usize].labels += 1;
        if let Some(prediction) = prediction {
            counts[*prediction as usize].predictions += 1;
            counts[*label as usize].right += u64::from(label == prediction);
        }
    }
    counts
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows stay below 2^53")]
fn of_counts(class: &Counts) -> f64 {
    // 2 TP + FP + FN is the number of labels and of predictions.
    let all = class.labels + class.predictions;
    2.0 * class.right as f64 / all.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::{Judged, f1};

    fn judged(labels: &[u32], predictions: &[u32]) -> Vec<Judged> {
        let rows = labels.iter().zip(predictions);
        rows.map(|(label, found)| (*label, Some(*found))).collect()
    }

    #[test]
    fn it_is_that_of_scikit_learn() {
        // f1_score([1, 0, 1, 1, 0, 0, 1], [1, 1, 1, 0, 0, 0, 1])
        let two = judged(&[1, 0, 1, 1, 0, 0, 1], &[1, 1, 1, 0, 0, 0, 1]);
        assert!((f1(&two, 2) - 0.75).abs() < 1e-15);
        // f1_score([0, 1, 2, 2, 1, 0, 2, 1, 3], [0, 2, 2, 2, 1, 1, 0, 1, 1], average="macro")
        let four = judged(&[0, 1, 2, 2, 1, 0, 2, 1, 3], &[0, 2, 2, 2, 1, 1, 0, 1, 1]);
        assert!((f1(&four, 4) - 0.434_523_809_523_809_53).abs() < 1e-15);
        // Classes that do not occur do not count.
        assert!((f1(&four, 9) - f1(&four, 4)).abs() < 1e-15);
    }

    #[test]
    fn a_row_without_prediction_is_a_miss_and_nothing_found_is_0() {
        assert!((f1(&[(1, None), (1, Some(1))], 2) - 2.0 / 3.0).abs() < 1e-15);
        assert!(f1(&[(0, Some(0)), (0, Some(0))], 2).abs() < 1e-15);
    }
}
