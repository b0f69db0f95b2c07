//! When a job has reached what it was to reach: the rules of `[stop]`, judged evaluation by
//! evaluation, and which evaluation was the best.
//!
//! Decisions only: an evaluation goes in, the reason to stop comes out.

use thalweg_common::config::Stop;
use thalweg_worker::evaluate::Scores;

use crate::report::EvaluationPoint;

/// The rules and what they have seen.
#[derive(Clone, Debug)]
pub(crate) struct Stopping {
    rules: Stop,
    /// The best metric so far.
    best: Option<f64>,
    /// The metric that later ones must beat by `min_change`.
    to_beat: Option<f64>,
    /// Evaluations since `to_beat`.
    without_better: u64,
    last_objective: Option<f64>,
}

/// What an evaluation means for the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Whether no evaluation before was as good.
    pub(crate) is_best: bool,
    /// Why the job is to end, if it is.
    pub(crate) enough: Option<String>,
}

impl Stopping {
    pub(crate) fn new(rules: Stop) -> Self {
        Self {
            rules,
            best: None,
            to_beat: None,
            without_better: 0,
            last_objective: None,
        }
    }

    /// Judges one evaluation.
    pub(crate) fn look(&mut self, point: &EvaluationPoint) -> Seen {
        let metric = point.test.and_then(|test| test.of(&self.rules.metric));
        // A number that is none is no better than any other.
        let metric = metric.filter(|value| value.is_finite());
        let is_best = metric.is_some_and(|value| self.beats(value, self.best, 0.0));
        if is_best {
            self.best = metric;
        }
        let enough = [
            metric.and_then(|value| self.reached(value)),
            self.tired(metric),
            self.settled(point.objective),
            self.flat(point.gradient_norm),
        ];
        Seen {
            is_best,
            enough: enough.into_iter().flatten().next(),
        }
    }

    /// Whether `value` is better than `other` by more than `by`, or the first.
    fn beats(&self, value: f64, other: Option<f64>, by: f64) -> bool {
        let rises = Scores::rises(&self.rules.metric);
        other.is_none_or(|other| by < if rises { value - other } else { other - value })
    }

    /// That a target was never reached, and how close the run came; `None` if there was none, or it was.
    pub(crate) fn missed(&self) -> Option<String> {
        let target = self.rules.target?;
        let metric = &self.rules.metric;
        match self.best {
            Some(best) if self.reached(best).is_some() => None,
            Some(best) => Some(format!(
                "[stop] target = {target} was never reached: the best test {metric} was {best:.4}"
            )),
            None => Some(format!(
                "[stop] target = {target} was never reached: no evaluation had a test {metric}"
            )),
        }
    }

    fn reached(&self, value: f64) -> Option<String> {
        let target = self.rules.target?;
        let rises = Scores::rises(&self.rules.metric);
        let is_reached = if rises {
            target <= value
        } else {
            value <= target
        };
        let metric = &self.rules.metric;
        is_reached.then(|| format!("the test {metric} is {value:.6}, the target {target}"))
    }

    fn tired(&mut self, metric: Option<f64>) -> Option<String> {
        let patience = self.rules.patience?;
        match metric {
            Some(value) if self.beats(value, self.to_beat, self.rules.min_change) => {
                self.to_beat = Some(value);
                self.without_better = 0;
            }
            _ => self.without_better += 1,
        }
        let best = self
            .to_beat
            .map_or_else(|| "-".to_owned(), |best| format!("{best:.6}"));
        (patience <= self.without_better).then(|| {
            format!(
                "the test {} has not become better than {best} in {} evaluations",
                self.rules.metric, self.without_better
            )
        })
    }

    fn settled(&mut self, objective: Option<f64>) -> Option<String> {
        let (tolerance, now) = (self.rules.tolerance?, objective?);
        let before = self.last_objective.replace(now)?;
        let change = (before - now).abs() / before.abs();
        (change <= tolerance).then(|| {
            format!("the objective changed by {change:.2e} of itself, tolerance {tolerance:e}")
        })
    }

    fn flat(&self, norm: Option<f64>) -> Option<String> {
        let (least, norm) = (self.rules.gradient_norm?, norm?);
        (norm <= least)
            .then(|| format!("the gradient's norm is {norm:.3e}, gradient_norm {least:e}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(auc: f64) -> EvaluationPoint {
        EvaluationPoint {
            test: Some(Scores {
                auc: Some(auc),
                loss: Some(1.0 - auc),
                ..Scores::default()
            }),
            ..EvaluationPoint::default()
        }
    }

    fn rules(metric: &str) -> Stop {
        Stop {
            metric: metric.to_owned(),
            ..Stop::default()
        }
    }

    /// The evaluations, from 1, that were the best so far, and the one that ended the job.
    fn run(rules: Stop, values: &[f64]) -> (Vec<usize>, Option<(usize, String)>) {
        let mut stopping = Stopping::new(rules);
        let mut best = Vec::new();
        for (number, value) in (1..).zip(values) {
            let seen = stopping.look(&scored(*value));
            if seen.is_best {
                best.push(number);
            }
            if let Some(why) = seen.enough {
                return (best, Some((number, why)));
            }
        }
        (best, None)
    }

    #[test]
    fn the_best_evaluation_is_known_in_either_direction_and_nan_is_none() {
        let values = [0.5, f64::NAN, 0.7, 0.7, 0.6, 0.8];
        for metric in ["auc", "loss"] {
            assert_eq!(
                run(rules(metric), &values),
                (vec![1, 3, 6], None),
                "{metric}"
            );
        }
    }

    #[test]
    fn a_target_is_reached_from_its_own_side() {
        let target = |metric: &str, target| Stop {
            target: Some(target),
            ..rules(metric)
        };
        let values = [0.5, 0.6, 0.75, 0.9];
        let (_, end) = run(target("auc", 0.75), &values);
        assert_eq!(
            end,
            Some((3, "the test auc is 0.750000, the target 0.75".to_owned()))
        );
        assert_eq!(
            run(target("loss", 0.25), &values).1.map(|end| end.0),
            Some(3)
        );
        assert_eq!(run(target("auc", 0.95), &values).1, None);
    }

    #[test]
    fn patience_counts_evaluations_without_enough_of_a_change() {
        let patient = |min_change| Stop {
            patience: Some(2),
            min_change,
            ..rules("auc")
        };
        let values = [0.5, 0.52, 0.51, 0.54, 0.53, 0.53];
        assert_eq!(run(patient(0.0), &values).1.map(|end| end.0), Some(6));
        let (best, end) = run(patient(0.1), &values);
        assert_eq!(end.map(|end| end.0), Some(3));
        assert_eq!(best, [1, 2], "what is kept is the best, also by a hair");
        let lost = [0.5, f64::NAN, f64::NAN];
        assert_eq!(run(patient(0.0), &lost).1.map(|end| end.0), Some(3));
    }

    #[test]
    fn the_objective_and_the_gradient_have_rules_of_their_own() {
        let mut stopping = Stopping::new(Stop {
            tolerance: Some(0.01),
            gradient_norm: Some(1e-3),
            ..Stop::default()
        });
        let mut look = |objective, gradient_norm| {
            let point = EvaluationPoint {
                objective: Some(objective),
                gradient_norm: Some(gradient_norm),
                ..EvaluationPoint::default()
            };
            stopping.look(&point).enough
        };
        assert_eq!(look(2.0, 1.0), None);
        assert_eq!(look(1.9, 1.0), None);
        let why = look(1.89, 1.0).unwrap();
        assert!(why.starts_with("the objective changed by 5.26e-3"), "{why}");
        let why = look(1.0, 5e-4).unwrap();
        assert!(why.contains("norm is 5.000e-4"), "{why}");
    }
}
