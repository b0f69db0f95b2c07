//! Telling a model that is worth nothing: which number is no longer finite, and since when.
//!
//! A job with `non_finite = "propagate"` goes on when its parameters are NaN, and every example is
//! committed: without this judgement it would count as done.

use thalweg_common::config::JobConfig;
use thalweg_common::non_finite::NonFinite;

use crate::report::{Diverged, Divergence, Final};

/// Remembers when a loss stopped being a finite number. A loss that comes back is forgiven.
#[derive(Clone, Debug, Default)]
pub(super) struct DivergenceWatch {
    since: Option<Divergence>,
}

impl DivergenceWatch {
    /// Takes in a loss that was seen after so many passes over the training data; nothing if there
    /// was none to see.
    pub(super) fn look(&mut self, what: Diverged, epoch: f64, loss: Option<f64>) {
        let Some(loss) = loss else { return };
        match &self.since {
            None if !loss.is_finite() => {
                self.since = Some(Divergence {
                    what,
                    since_epoch: epoch,
                });
            }
            Some(since) if loss.is_finite() && since.what == what => self.since = None,
            None | Some(_) => {}
        }
    }

    /// The judgement on the final parameters, read after so many passes.
    pub(super) fn judge(
        mut self,
        epoch: f64,
        parameters: &[f32],
        scores: &Final,
    ) -> Option<Divergence> {
        let lost = |loss: Option<f64>| loss.is_some_and(|loss| !loss.is_finite());
        let train = scores.train.and_then(|train| train.scores.loss);
        let test = scores.test.and_then(|test| test.loss);
        let what = if lost(train) {
            Diverged::TrainLoss
        } else if lost(test) {
            Diverged::TestLoss
        } else if parameters.iter().any(|value| !value.is_finite()) {
            Diverged::Parameters
        } else {
            return None;
        };
        self.since.take().or(Some(Divergence {
            what,
            since_epoch: epoch,
        }))
    }
}

/// What happened and what to try, in one line.
pub(super) fn advice(divergence: &Divergence, config: &JobConfig) -> String {
    let what = match divergence.what {
        Diverged::TrainLoss => "the training loss is no finite number",
        Diverged::TestLoss => "the test loss is no finite number",
        Diverged::Parameters => "a parameter is no finite number",
    };
    let stop = match config.train.non_finite {
        NonFinite::Reject => "",
        NonFinite::Zero | NonFinite::Propagate => {
            ", or [train] non_finite = \"reject\" to end at the first bad gradient"
        }
    };
    format!(
        "{what} since epoch {:.2}; try an [optimizer] lr below {}{stop}",
        divergence.since_epoch, config.optimizer.lr
    )
}

#[cfg(test)]
mod tests {
    use thalweg_common::config::{Draft, Registries};

    use super::*;
    use crate::report::{Scores, TrainScores};

    fn finals(train: f64, test: f64) -> Final {
        let scores = |loss| Scores {
            loss: Some(loss),
            ..Scores::default()
        };
        Final {
            train: Some(TrainScores {
                scores: scores(train),
                objective: None,
            }),
            test: Some(scores(test)),
        }
    }

    fn judged(watch: &DivergenceWatch, scores: &Final) -> Option<(Diverged, f64)> {
        let found = watch.clone().judge(2.0, &[0.5], scores);
        found.map(|found| (found.what, found.since_epoch))
    }

    #[test]
    fn the_first_loss_that_was_lost_for_good_is_named() {
        let mut watch = DivergenceWatch::default();
        watch.look(Diverged::TrainLoss, 0.1, None);
        watch.look(Diverged::TrainLoss, 0.2, Some(f64::NAN));
        watch.look(Diverged::TrainLoss, 0.3, Some(0.7));
        watch.look(Diverged::TestLoss, 0.4, Some(f64::INFINITY));
        watch.look(Diverged::TrainLoss, 0.5, Some(f64::NAN));
        watch.look(Diverged::TrainLoss, 0.6, Some(0.5));
        let found = judged(&watch, &finals(f64::NAN, f64::NAN));
        assert_eq!(found, Some((Diverged::TestLoss, 0.4)));
        assert_eq!(judged(&watch, &finals(0.5, 0.5)), None);
    }

    #[test]
    fn what_was_never_seen_before_is_told_as_of_the_end() {
        let watch = DivergenceWatch::default();
        let found = judged(&watch, &finals(0.5, f64::INFINITY));
        assert_eq!(found, Some((Diverged::TestLoss, 2.0)));
        let parameters = [0.0, f32::NAN];
        let found = watch.judge(2.0, &parameters, &finals(0.5, 0.5)).unwrap();
        assert_eq!(found.what, Diverged::Parameters);
    }

    #[test]
    fn the_advice_names_the_rate_and_the_policy_that_stops_earlier() {
        let told = |policy: &str| {
            let text = format!("[optimizer]\nlr = 3.5\n[train]\nnon_finite = \"{policy}\"\n");
            let draft = Draft::parse("job", &text).unwrap();
            let divergence = Divergence {
                what: Diverged::TrainLoss,
                since_epoch: 0.125,
            };
            advice(&divergence, &draft.check(&Registries::UNCHECKED).unwrap())
        };
        assert_eq!(
            told("propagate"),
            "the training loss is no finite number since epoch 0.12; try an [optimizer] lr below \
             3.5, or [train] non_finite = \"reject\" to end at the first bad gradient"
        );
        assert!(told("reject").ends_with("lr below 3.5"));
    }
}
