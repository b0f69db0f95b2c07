//! How staleness is spread, as a row of bars: a bar for parts that missed nothing, and one for each power of
//! two of steps missed. Rows on one scale can be compared at a glance.

use super::Staleness;

/// Bars of eight heights.
pub(crate) const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What stands where there is no part.
const NONE: char = '·';

/// The bars of several rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spread {
    bars: usize,
}

impl Spread {
    /// Bars for all that is no staler than `max`, in steps.
    pub(crate) fn up_to(max: u64) -> Self {
        Self { bars: bar(max) + 1 }
    }

    /// What the bars stand for, from the first to the last.
    pub(crate) fn name(self) -> String {
        match self.bars {
            1 => "0 steps".to_owned(),
            bars => format!("0 to {} steps", u64::MAX >> (u64::BITS as usize + 1 - bars)),
        }
    }

    /// The share of the parts that each bar stands for, of the greatest of these shares; all 0 without parts.
    pub(crate) fn shares(self, staleness: &Staleness) -> Vec<f64> {
        let mut parts = vec![0.0_f64; self.bars];
        for count in &staleness.counts {
            parts[bar(count.floor).min(self.bars - 1)] += count.parts as f64;
        }
        let most = parts.iter().copied().fold(1.0, f64::max);
        parts.into_iter().map(|parts| parts / most).collect()
    }

    /// The bars as characters.
    pub(crate) fn text(self, staleness: &Staleness) -> String {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share from 0 to 1 of eight heights"
        )]
        let height = |share: f64| ((share * 8.0).ceil() as usize).clamp(1, 8) - 1;
        let shares = self.shares(staleness).into_iter();
        shares
            .map(|share| {
                if share > 0.0 {
                    HEIGHTS[height(share)]
                } else {
                    NONE
                }
            })
            .collect()
    }
}

/// The bar of a staleness.
fn bar(staleness: u64) -> usize {
    staleness
        .checked_ilog2()
        .map_or(0, |power| power as usize + 1)
}

#[cfg(test)]
mod tests {
    use thalweg_common::message::StalenessHistogram;

    use super::*;

    fn staleness(parts: &[u64]) -> Staleness {
        let mut histogram = StalenessHistogram::default();
        for staleness in parts {
            histogram.record(*staleness);
        }
        Staleness::from(&histogram)
    }

    #[test]
    fn rows_of_one_scale_have_a_bar_for_nothing_and_one_for_each_power_of_two() {
        let spread = Spread::up_to(100);
        assert_eq!(spread.name(), "0 to 127 steps");
        assert_eq!(spread.text(&staleness(&[0, 2, 3, 3, 2, 70])), "▂·█····▂");
        assert_eq!(spread.text(&staleness(&[1; 9])), "·█······");
        assert_eq!(spread.text(&staleness(&[])), "········");
    }

    #[test]
    fn the_least_and_the_greatest_scale_have_names() {
        assert_eq!(Spread::up_to(0).name(), "0 steps");
        assert_eq!(Spread::up_to(0).text(&staleness(&[0])), "█");
        assert_eq!(Spread::up_to(1).name(), "0 to 1 steps");
        let whole = Spread::up_to(u64::MAX);
        assert_eq!(whole.name(), format!("0 to {} steps", u64::MAX));
        assert!(whole.text(&staleness(&[u64::MAX])).ends_with('█'));
    }
}
