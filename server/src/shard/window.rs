//! The duplicate window of one session at one shard: which of its parts were judged already.
//!
//! A part of a known sequence is answered, never judged twice. The window is [`DUPLICATE_WINDOW`] sequences wide:
//! asynchronous training needs no order inside a worker, and resent parts overtake each other.
//! A refused part is remembered as well, so that the same sequence gets the same answer for ever.

use std::collections::BTreeMap;

use thalweg_common::error::Refusal;
use thalweg_common::ids::Sequence;
use thalweg_common::message::DUPLICATE_WINDOW;

const _: () = assert!(
    DUPLICATE_WINDOW == u64::BITS as u64,
    "a window has a bit per sequence"
);

/// Refusals remembered per session and shard.
const REFUSALS_MAX: usize = 64;

/// The sequences of one session that one shard has judged.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// Every sequence up to this one is judged.
    low: u64,
    /// Bit `i`: sequence `low + 1 + i` is judged.
    judged: u64,
    refusals: BTreeMap<Sequence, Refusal>,
}

/// What a window knows of a sequence.
#[derive(Clone, Debug, PartialEq)]
pub enum Known {
    /// It was not judged yet and may be.
    New,
    /// It was applied or accepted before.
    Duplicate,
    /// It was refused before, for this reason.
    Refused(Refusal),
    /// It is more than [`DUPLICATE_WINDOW`] ahead.
    TooFar {
        /// The last contiguous sequence.
        low: Sequence,
    },
}

impl Window {
    /// What is known of `sequence` (≥ 1).
    #[must_use]
    pub fn look(&self, sequence: Sequence) -> Known {
        if let Some(refusal) = self.refusals.get(&sequence) {
            return Known::Refused(refusal.clone());
        }
        if sequence.0 <= self.low {
            return Known::Duplicate;
        }
        let ahead = sequence.0 - self.low - 1;
        if ahead >= DUPLICATE_WINDOW {
            return Known::TooFar {
                low: Sequence(self.low),
            };
        }
        if self.judged >> ahead & 1 == 1 {
            Known::Duplicate
        } else {
            Known::New
        }
    }

    /// Remembers that `sequence` was judged. It was [`Known::New`].
    pub fn judge(&mut self, sequence: Sequence) {
        debug_assert_eq!(self.look(sequence), Known::New, "a part is judged once");
        self.judged |= 1 << (sequence.0 - self.low - 1);
        let done = self.judged.trailing_ones();
        self.judged = self.judged.checked_shr(done).unwrap_or(0);
        self.low += u64::from(done);
    }

    /// Remembers that `sequence` was refused. Beyond a bound the oldest refusal is forgotten as
    /// such; its sequence stays judged.
    pub fn refuse(&mut self, sequence: Sequence, refusal: Refusal) {
        self.judge(sequence);
        self.refusals.insert(sequence, refusal);
        if self.refusals.len() > REFUSALS_MAX {
            self.refusals.pop_first();
        }
    }

    /// The highest sequence up to which all are judged; 0 if none is.
    #[must_use]
    pub fn contiguous(&self) -> Sequence {
        Sequence(self.low)
    }

    /// Whether a sequence is judged and an earlier one is not.
    #[must_use]
    pub fn has_gap(&self) -> bool {
        self.judged != 0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use thalweg_common::error::RefusalKind;

    use super::*;

    #[test]
    fn sixty_four_ahead_is_the_limit() {
        let mut window = Window::default();
        assert_eq!(window.look(Sequence(64)), Known::New);
        assert_eq!(
            window.look(Sequence(65)),
            Known::TooFar { low: Sequence(0) }
        );
        for sequence in 1..=64 {
            window.judge(Sequence(sequence));
        }
        assert_eq!(window.contiguous(), Sequence(64));
        assert_eq!(window.look(Sequence(64)), Known::Duplicate);
        assert_eq!(window.look(Sequence(128)), Known::New);
    }

    #[test]
    fn a_refused_part_gets_the_same_answer_again() {
        let mut window = Window::default();
        let refusal = Refusal::new(RefusalKind::NonFinite, "NaN at 3");
        window.refuse(Sequence(1), refusal.clone());
        assert_eq!(window.look(Sequence(1)), Known::Refused(refusal));
        assert_eq!(window.contiguous(), Sequence(1));
    }

    proptest! {
        #[test]
        fn every_order_inside_the_window_is_judged_once(
            sequences in prop::collection::vec(1_u64..200, 1..400),
        ) {
            let mut window = Window::default();
            let mut model = BTreeSet::new();
            for sequence in sequences {
                let low = (1..).take_while(|s| model.contains(s)).last().unwrap_or(0);
                prop_assert_eq!(window.contiguous(), Sequence(low));
                let expected = if model.contains(&sequence) {
                    Known::Duplicate
                } else if sequence > low + DUPLICATE_WINDOW {
                    Known::TooFar { low: Sequence(low) }
                } else {
                    Known::New
                };
                prop_assert_eq!(window.look(Sequence(sequence)), expected.clone());
                if expected == Known::New {
                    window.judge(Sequence(sequence));
                    model.insert(sequence);
                }
            }
        }
    }
}
