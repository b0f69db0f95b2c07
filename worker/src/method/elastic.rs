//! How strong the spring of elastic averaging may be.
//!
//! On a parabola of curvature 1, p workers take a step and exchange with one centre, all with what they read of it
//! at the same time, as they do under rounds and may whenever they are quicker than their messages:
//!
//! ```text
//! v ← δ·v − η·g;   d = α·(x − x̃);   x ← x + v − d;   x̃ ← x̃ + Σ d
//! ```
//!
//! All of them swing ever further apart where the map of their common velocity, place and centre has an eigenvalue
//! below −1. With q = 2 − η + 2a, where a is what of a velocity a step keeps (0 of SGD, δ of momentum, δ·(1 − η) where
//! the gradient is that of the point ahead), it has −1 at
//!
//! ```text
//! α = 2q / (p·q + 2·(1 + a))
//! ```
//!
//! For one worker without momentum that is (4 − 2η)/(4 − η): Zhang, Choromanska, `LeCun`, NIPS 2015, section 3, who
//! have each map by itself and leave several workers, and EAMSGD, open. Rules that scale each gradient by others have no
//! such η; they are held to what is left for small ones, 2/(p + 1).

use thalweg_common::config::JobConfig;
use thalweg_common::consistency::Aggregation;
use thalweg_common::registry::number;

use super::MethodEntry;

/// The share of its distance that a worker gives up where the job does not say: 0.9 of it by all together, the β of
/// the paper's experiments.
#[must_use]
pub fn usual_rate(workers: u32) -> f64 {
    0.9 / f64::from(workers.max(1))
}

/// How a worker moves, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Steps {
    /// η; 0 of a rule that has none.
    lr: f64,
    /// a.
    kept: f64,
}

impl Steps {
    fn of(job: &JobConfig) -> Self {
        let rule = &job.optimizer;
        let momentum = number(&rule.options, "momentum").unwrap_or(0.0);
        let kept = match rule.name.as_str() {
            "sgd" => 0.0,
            "momentum" => momentum,
            "nag_lookahead" => momentum * (1.0 - rule.lr),
            _ => return Self { lr: 0.0, kept: 0.0 },
        };
        Self { lr: rule.lr, kept }
    }

    /// q.
    fn room(self) -> f64 {
        2.0 - self.lr + 2.0 * self.kept
    }

    /// The largest α of so many workers; 0 if a worker by itself is too quick.
    fn bound(self, workers: u32) -> f64 {
        let room = self.room().max(0.0);
        (2.0 * room / (f64::from(workers) * room + 2.0 * (1.0 + self.kept))).min(1.0)
    }
}

/// Refuses a spring that throws workers and centre apart.
pub(super) fn check(entry: &MethodEntry, job: &JobConfig) -> Result<(), String> {
    let (workers, lr) = (job.cluster.workers, job.optimizer.lr);
    let written = job.method.elastic_rate;
    let rate = written.unwrap_or_else(|| usual_rate(workers));
    let steps = Steps::of(job);
    let bound = steps.bound(workers);
    let of_curvature = "even on a parabola of curvature 1";
    if steps.room() <= 0.0 {
        let why = format!(
            "with {} a worker diverges by itself {of_curvature}; lower it",
            named(job)
        );
        return Err(entry.cannot_go("optimizer.lr", &lr.to_string(), &why));
    }
    let Some(written) = written else {
        if rate <= bound {
            return Ok(());
        }
        let why = format!(
            "with {} and the usual elastic rate of 0.9/{workers} = {rate} the workers and the centre swing ever further \
             apart {of_curvature}; lower it, or set `method.elastic_rate` to {bound:.4} or less",
            named(job)
        );
        return Err(entry.cannot_go("optimizer.lr", &lr.to_string(), &why));
    };
    if bound < rate {
        let formula = match steps.kept {
            0.0 if workers == 1 => "(4 − 2·lr)/(4 − lr)".to_owned(),
            _ => "2q/(workers·q + 2(1 + a)), q = 2 − lr + 2a,".to_owned(),
        };
        let why = format!(
            "beyond {formula} = {bound:.4} {} and the centre swing ever further apart \
             {of_curvature} ({}); lower it: 0.9 divided by the number of workers is usual",
            match workers {
                1 => "the worker".to_owned(),
                many => format!("the {many} workers"),
            },
            named(job)
        );
        return Err(entry.cannot_go("method.elastic_rate", &written.to_string(), &why));
    }
    let together = rate * f64::from(workers);
    let rounds = matches!(job.consistency.aggregation, Aggregation::Round { .. });
    if rounds && 1.0 + 1e-6 < together {
        let why = format!(
            "under rounds the centre moves by the differences of all {workers} workers at once, \
             {together:.3} of its distance from them, past their mean; set at most {:.4}",
            1.0 / f64::from(workers)
        );
        return Err(entry.cannot_go("method.elastic_rate", &written.to_string(), &why));
    }
    Ok(())
}

/// What of the optimizer decides, in words.
fn named(job: &JobConfig) -> String {
    let rule = &job.optimizer;
    match number(&rule.options, "momentum") {
        Some(momentum) if 0.0 < momentum => format!("lr = {}, momentum = {momentum}", rule.lr),
        _ => format!("lr = {}", rule.lr),
    }
}

#[cfg(test)]
mod tests {
    use super::Steps;

    /// How a velocity enters a step.
    #[derive(Clone, Copy, Debug)]
    enum Gradient {
        Here,
        Ahead,
    }

    fn steps(lr: f64, momentum: f64, gradient: Gradient) -> Steps {
        let kept = match gradient {
            Gradient::Here => momentum,
            Gradient::Ahead => momentum * (1.0 - lr),
        };
        Steps { lr, kept }
    }

    /// How far workers, velocities and centre are from the valley after many exchanges at once.
    fn distance(workers: usize, (lr, momentum, gradient): (f64, f64, Gradient), rate: f64) -> f64 {
        let (mut velocity, mut centre) = (vec![0.1_f64; workers], -0.3_f64);
        let mut own: Vec<f64> = (0..workers)
            .map(|worker| 1.0 + 0.1 * worker as f64)
            .collect();
        for _ in 0..6_000 {
            let mut moved = 0.0;
            for (x, v) in own.iter_mut().zip(&mut velocity) {
                let difference = rate * (*x - centre);
                let at = match gradient {
                    Gradient::Here => *x,
                    Gradient::Ahead => *x + momentum * *v,
                };
                *v = momentum * *v - lr * at;
                *x += *v - difference;
                moved += difference;
            }
            centre += moved;
            // Large enough to tell.
            if 1e12 < centre.abs() {
                break;
            }
        }
        own.iter().chain(&velocity).map(|x| x.abs()).sum::<f64>() + centre.abs()
    }

    #[test]
    fn below_the_bound_all_settle_and_above_it_they_fly_apart() {
        for workers in [1, 2, 3, 8] {
            for lr in [0.1, 0.5, 1.0, 1.2] {
                for (momentum, gradient) in [
                    (0.0, Gradient::Here),
                    (0.5, Gradient::Here),
                    (0.9, Gradient::Here),
                    (0.5, Gradient::Ahead),
                    (0.9, Gradient::Ahead),
                ] {
                    let way = (lr, momentum, gradient);
                    let bound =
                        steps(lr, momentum, gradient).bound(u32::try_from(workers).unwrap());
                    let near = distance(workers, way, 0.95 * bound);
                    let far = distance(workers, way, 1.05 * bound);
                    assert!(near < 1e-3, "{workers} workers, {way:?}: {near}");
                    assert!(
                        1e9 < far || 1.0 <= bound,
                        "{workers} workers, {way:?}: {far}"
                    );
                }
            }
        }
    }

    #[test]
    fn one_worker_without_momentum_has_the_papers_bound() {
        for lr in [0.0, 0.3, 1.0, 1.9] {
            let papers = (4.0 - 2.0 * lr) / (4.0 - lr);
            let ours = steps(lr, 0.0, Gradient::Here).bound(1);
            assert!((ours - papers).abs() < 1e-12, "{lr}: {ours}, {papers}");
        }
        // The last rate at which Nesterov's momentum settles by itself.
        let last = 2.0 * 1.9 / 2.8;
        assert!(0.0 < steps(0.999 * last, 0.9, Gradient::Ahead).bound(4));
        assert!(steps(1.001 * last, 0.9, Gradient::Ahead).bound(4) <= 0.0);
    }
}
