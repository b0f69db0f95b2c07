//! The exact area under the ROC curve.

/// The probability that a positive row scores higher than a negative one, ties counting half.
///
/// ```text
/// AUC = (R⁺ − n⁺(n⁺ + 1)/2) / (n⁺ n⁻)      R⁺ = sum of the mid-ranks of the positive rows
/// ```
///
/// Sorts `scored` (score, whether the row is positive). `None` when one of the two classes is
/// missing; NaN when a score is: rows that cannot be compared have no order.
///
/// Source: Mann and Whitney, Annals of Mathematical Statistics 18 (1947); ties by mid-ranks.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "rank sums stay exact below 2^53"
)]
pub fn auc(scored: &mut [(f64, bool)]) -> Option<f64> {
    let positive = scored
        .iter()
        .filter(|(_, is_positive)| *is_positive)
        .count() as f64;
    let negative = scored.len() as f64 - positive;
    if positive < 1.0 || negative < 1.0 {
        return None;
    }
    if scored.iter().any(|(score, _)| score.is_nan()) {
        return Some(f64::NAN);
    }
    // Adding zero makes −0 and 0 one value, as `==` sees them below.
    scored.sort_unstable_by(|(a, _), (b, _)| (a + 0.0).total_cmp(&(b + 0.0)));
    let mut below = 0;
    let mut rank_sum = 0.0;
    #[expect(clippy::float_cmp, reason = "a tie is the same score")]
    for tied in scored.chunk_by(|(a, _), (b, _)| a == b) {
        let mid_rank = below as f64 + (tied.len() + 1) as f64 / 2.0;
        let tied_positive = tied.iter().filter(|(_, is_positive)| *is_positive).count();
        rank_sum += mid_rank * tied_positive as f64;
        below += tied.len();
    }
    Some((rank_sum - positive * (positive + 1.0) / 2.0) / (positive * negative))
}

#[cfg(test)]
mod tests {
    use proptest::{
        collection::vec,
        prelude::{any, proptest},
    };

    use super::auc;

    fn naive(scored: &[(f64, bool)]) -> Option<f64> {
        let (mut wins, mut pairs) = (0.0, 0.0);
        for (high, _) in scored.iter().filter(|(_, is_positive)| *is_positive) {
            for (low, _) in scored.iter().filter(|(_, is_positive)| !is_positive) {
                pairs += 1.0;
                wins += match high.partial_cmp(low)? {
                    std::cmp::Ordering::Less => 0.0,
                    std::cmp::Ordering::Equal => 0.5,
                    std::cmp::Ordering::Greater => 1.0,
                };
            }
        }
        (0.0 < pairs).then(|| wins / pairs)
    }

    proptest! {
        /// Few distinct scores make many ties.
        #[test]
        fn ranks_agree_with_counting_pairs(rows in vec((-4_i8..5, any::<bool>()), 0..80)) {
            let mut scored: Vec<_> = rows.into_iter().map(|(score, is_positive)| (f64::from(score), is_positive)).collect();
            let expected = naive(&scored);
            match (auc(&mut scored), expected) {
                (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-12),
                (found, expected) => assert_eq!(found, expected),
            }
        }
    }

    #[test]
    fn known_values() {
        assert_eq!(auc(&mut [(1.0, true), (0.0, false)]), Some(1.0));
        assert_eq!(auc(&mut [(1.0, false), (0.0, true)]), Some(0.0));
        assert_eq!(auc(&mut [(0.0, false), (-0.0, true)]), Some(0.5));
        assert_eq!(
            auc(&mut [(f64::INFINITY, true), (f64::MAX, false)]),
            Some(1.0)
        );
    }

    #[test]
    fn one_class_gives_none_and_nan_gives_nan() {
        assert_eq!(auc(&mut []), None);
        assert_eq!(auc(&mut [(1.0, true), (2.0, true)]), None);
        let found = auc(&mut [(f64::NAN, true), (2.0, false)]);
        assert!(found.is_some_and(f64::is_nan));
    }
}
