//! Losing acknowledgements of pushes on purpose: above the transport, since a stream that lost bytes would
//! be none any more.
//!
//! The loop hears nothing of a push that the servers have applied. When its deadline passes it sends the same
//! sequence again, and the servers answer what they know already and apply nothing twice.

use thalweg_common::message::Reply;
use thalweg_common::physics::Share;
use thalweg_common::seed;

/// Which acknowledgements are lost, one after the other.
#[derive(Debug)]
pub(super) struct AckLoss {
    share: Share,
    state: u64,
}

impl AckLoss {
    /// Loses this share of them, drawn from `seed`.
    pub(super) fn new(share: Share, seed: u64) -> Self {
        Self { share, state: seed }
    }

    /// Whether this reply is lost.
    pub(super) fn loses(&mut self, reply: &Reply) -> bool {
        if !matches!(reply, Reply::Pushed(_)) || self.share.get() == 0.0 {
            return false;
        }
        self.state = seed::mix(self.state);
        seed::unit(self.state) < self.share.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_of_pushes_are_lost_at_the_share_that_was_asked_for() {
        let lost = |share: &str, reply: &Reply, seed| {
            let mut loss = AckLoss::new(share.parse().unwrap(), seed);
            let lost: Vec<bool> = (0..4_000).map(|_| loss.loses(reply)).collect();
            lost
        };
        let count = |lost: &[bool]| lost.iter().filter(|lost| **lost).count();
        let acks = Reply::Pushed(vec![]);
        let quarter = lost("25%", &acks, 1);
        assert!(
            (900..1_100).contains(&count(&quarter)),
            "{}",
            count(&quarter)
        );
        assert_eq!(quarter, lost("25%", &acks, 1), "one seed, one history");
        assert_ne!(quarter, lost("25%", &acks, 2));
        assert_eq!(count(&lost("0", &acks, 1)), 0);
        assert_eq!(count(&lost("99%", &Reply::Left, 1)), 0, "nothing else");
    }
}
