//! A decay that multiplies parameters by 1 − η·λ must not turn them over: beyond η·λ = 1 each step
//! changes their sign, and beyond 2 they grow without end.

use super::error::Problems;
use super::job::Job;
use crate::optimizer::{Decay, StepContext, optimizer};
use crate::regularizer::{Chosen, Pull, Term};
use crate::schedule::{Lengths, Moment, schedule};

/// Moments of the job at which the rate is looked at, once its data are known.
const MOMENTS: u64 = 256;

/// Refuses decays that turn parameters over at the greatest rate of the job.
pub(super) fn judge(job: &Job, problems: &mut Problems) {
    let rule = &job.optimizer;
    let Ok(facts) = optimizer(&rule.name).and_then(|entry| entry.facts(&rule.options)) else {
        // An unknown optimizer is refused for itself.
        return;
    };
    let rate = greatest_rate(job);
    for chosen in job.regularizer.chosen() {
        let Some(pull) = pull(&chosen, rate) else {
            continue;
        };
        let decay = match facts.decay {
            Decay::Coupled => pull.decay,
            Decay::Decoupled => pull.decay + pull.l2,
        };
        if 1.0 < rate * decay {
            let key = if chosen.name == "l2" && 0.0 < job.regularizer.l2 {
                "regularizer.l2"
            } else {
                "regularizer.terms"
            };
            let (name, most) = (&chosen.name, 1.0 / rate);
            let text = format!(
                "[regularizer]: `{name}` = {decay} under `optimizer.name` = \"{}\" multiplies \
                 parameters by 1 − lr·{name} at each step, {:.3} at the greatest rate of the job, \
                 {rate}; below 0 it would turn them over: lower it to at most {most}, or the rate",
                rule.name,
                1.0 - rate * decay,
            );
            problems.add_between(&[key, "optimizer.lr"], text);
        }
    }
}

/// What a term does in one step; `None` of a constraint, and of what is refused for itself.
fn pull(chosen: &Chosen, lr: f64) -> Option<Pull> {
    let (_, Term::Penalty(penalty)) = chosen.build().ok()? else {
        return None;
    };
    let context = StepContext {
        lr,
        share: 1.0,
        count: 1,
        progress: 0,
        staleness: 0,
        worker: 0,
    };
    let mut pull = Pull::NONE;
    penalty.act(&context, &mut pull);
    Some(pull)
}

/// The greatest rate that the schedule comes to, as far as it is known how long the job is.
fn greatest_rate(job: &Job) -> f64 {
    let base = job.optimizer.lr;
    let chosen = &job.schedule;
    let built = schedule(&chosen.name).and_then(|entry| entry.build(&chosen.options));
    let (Ok(schedule), Some(lengths)) = (built, job.lengths()) else {
        return base;
    };
    let at = |moment| schedule.value(base, &Moment::new(moment, chosen.unit, &lengths));
    moments(&lengths).map(at).fold(0.0, f64::max)
}

fn moments(lengths: &Lengths) -> impl Iterator<Item = u64> {
    let last = u128::from(lengths.job);
    (0..=MOMENTS).map(move |moment| {
        u64::try_from(last * u128::from(moment) / u128::from(MOMENTS)).unwrap_or(u64::MAX)
    })
}
