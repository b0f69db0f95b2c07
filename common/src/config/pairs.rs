//! Values that are right on their own and impossible together. Each refusal names both keys, says
//! why, and how to mend it.

use std::fmt::Display;

use super::error::Problems;
use super::job::Job;
use super::sections::limits::Limits;
use super::sections::method::Overlap;
use super::sections::optimizer::Optimizer;
use super::sections::stop::Stop;
use crate::consistency::{Aggregation, BeyondLimit, Consistency, Staleness, StalenessRate};
use crate::optimizer::{AtRead, optimizer};

/// Bytes of every message that are kept for its frame, beside the chunk.
const FRAME_BYTES: usize = 4096;

/// Signs of life that a worker may lose before its lease ends.
const HEARTBEATS_PER_LEASE: f64 = 2.0;

/// Judges every pair.
pub(super) fn judge(job: &Job, problems: &mut Problems) {
    match job.consistency.model {
        Consistency::Bsp => bulk_synchronous(job, problems),
        Consistency::Ssp { lag } => stale_synchronous(job, lag, problems),
        Consistency::Asp => {}
    }
    rounds(job, problems);
    staleness(job, problems);
    delays(job, problems);
    solo_phase(job, problems);
    prefetch(job, problems);
    pieces(job, problems);
    sessions(job, problems);
    stop(job, problems);
    rows(job, problems);
    sizes(&job.limits, problems);
    times(&job.limits, problems);
}

/// Notes that two settings exclude each other.
fn cannot_go(
    problems: &mut Problems,
    (key, value): (&str, &dyn Display),
    (other, other_value): (&str, &dyn Display),
    why_and_cure: &str,
) {
    let text =
        format!("`{key}` = {value} cannot go with `{other}` = {other_value}: {why_and_cure}");
    problems.add_between(&[key, other], text);
}

/// A round is one gradient of every worker at the same parameters, so every iteration pulls and
/// pushes. Overlap is no contradiction: the gate keeps the pull until the round is applied.
fn bulk_synchronous(job: &Job, problems: &mut Problems) {
    let model = ("consistency.model", &"\"bsp\"" as &dyn Display);
    for (key, count, does) in [
        ("method.n_push", job.method.n_push, "pushes"),
        ("method.n_pull", job.method.n_pull, "pulls"),
    ] {
        if 1 < count {
            let cure = format!(
                "under bsp every iteration {does}; set `{key}` = 1, or `consistency.model` = \
                 \"ssp\" with `lag` = {} or more",
                count - 1
            );
            cannot_go(problems, (key, &count), model, &cure);
        }
    }
}

/// A server learns a worker's clock from its pushes, and a pull names the last iteration that will
/// use it: a clock seems up to `n_push` − 1 iterations old, and a pull looks `n_pull` − 1 ahead. A lag
/// below their sum would let workers wait for each other for ever.
fn stale_synchronous(job: &Job, lag: u64, problems: &mut Problems) {
    let (n_push, n_pull) = (job.method.n_push, job.method.n_pull);
    let needed = n_push
        .saturating_sub(1)
        .saturating_add(n_pull.saturating_sub(1));
    if lag < needed {
        let (key, count) = if n_push < n_pull {
            ("method.n_pull", n_pull)
        } else {
            ("method.n_push", n_push)
        };
        let cure = format!(
            "between its pushes a worker's clock stands still, and a pull looks ahead to the last \
             iteration that uses it; set `lag` = {needed} (`n_push` - 1 + `n_pull` - 1) or more, or \
             push and pull more often"
        );
        cannot_go(problems, ("consistency.lag", &lag), (key, &count), &cure);
    }
}

/// Only under BSP has a round an end: otherwise a worker may push twice before another pushes once.
fn rounds(job: &Job, problems: &mut Problems) {
    let aggregation = job.consistency.aggregation;
    splits(job, problems);
    let round = matches!(aggregation, Aggregation::Round { .. });
    if round && job.consistency.model != Consistency::Bsp {
        cannot_go(
            problems,
            ("consistency.aggregation", &"\"round\""),
            ("consistency.model", &model_in_quotes(job)),
            "only bsp has rounds; set `consistency.model` = \"bsp\" or `aggregation` = \"push\"",
        );
    }
}

/// A limit has something beyond it, and a factor something to act on.
fn staleness(job: &Job, problems: &mut Problems) {
    let Staleness {
        rate,
        limit,
        beyond,
    } = job.consistency.staleness;
    let beyond_limit = match beyond {
        BeyondLimit::Reject => None,
        BeyondLimit::DownWeight => Some("\"down_weight\""),
        BeyondLimit::Count => Some("\"count\""),
    };
    match (limit, &beyond_limit) {
        (None, Some(words)) => {
            let text = format!(
                "`consistency.beyond_limit` = {words} says what becomes of a gradient beyond \
                 `consistency.staleness_limit`, and that is not set; set it, or leave both out"
            );
            let keys = ["consistency.beyond_limit", "consistency.staleness_limit"];
            problems.add_between(&keys, text);
        }
        (Some(0), Some(words)) if beyond == BeyondLimit::DownWeight => {
            let cure = "a late gradient counts limit/staleness, which is 0 for every one; set \
                        `beyond_limit` = \"reject\" to leave late gradients out, or a limit of 1 or more";
            let limit = ("consistency.staleness_limit", &0 as &dyn Display);
            cannot_go(problems, limit, ("consistency.beyond_limit", words), cure);
        }
        _ => {}
    }
    if rate == StalenessRate::Inverse
        && matches!(job.consistency.aggregation, Aggregation::Round { .. })
    {
        cannot_go(
            problems,
            ("consistency.staleness_rate", &"\"inverse\""),
            ("consistency.aggregation", &"\"round\""),
            "a round's gradients are all of the parameters that it steps from, and none is late; leave out \
             `staleness_rate`, or set `aggregation` = \"push\" or \"softsync\"",
        );
    }
}

/// What is divided among the workers, and what a round does without, is bounded by their number.
fn splits(job: &Job, problems: &mut Problems) {
    let workers = job.cluster.workers;
    match job.consistency.aggregation {
        Aggregation::Push => {}
        Aggregation::Round { backup_workers } => {
            if workers <= backup_workers && 0 < backup_workers {
                cannot_go(
                    problems,
                    ("consistency.backup_workers", &backup_workers),
                    ("cluster.workers", &workers),
                    "a round needs the gradient of at least one worker; lower the first",
                );
            }
        }
        Aggregation::Softsync { splits } => {
            if !(1..=workers).contains(&splits) {
                cannot_go(
                    problems,
                    ("consistency.splits", &splits),
                    ("cluster.workers", &workers),
                    "there are from 1 to as many splits as workers; set a number between",
                );
            }
            if job.consistency.model == Consistency::Bsp {
                cannot_go(
                    problems,
                    ("consistency.aggregation", &"\"softsync\""),
                    ("consistency.model", &"\"bsp\""),
                    "under bsp every step is of all workers; set `aggregation` = \"round\", or \
                     `consistency.model` = \"asp\" or \"ssp\"",
                );
            }
        }
    }
}

/// A rule that looks at what a worker had read needs one read for each gradient, and takes gradients
/// one by one.
fn delays(job: &Job, problems: &mut Problems) {
    let Optimizer { name, options, .. } = job.servers_optimizer();
    let facts = optimizer(name).and_then(|entry| entry.facts(options));
    // What is wrong with it by itself was refused with words of its own.
    if facts.is_ok_and(|facts| facts.at_read != AtRead::Nothing) {
        let key = if job.outer.is_some() {
            "outer.name"
        } else {
            "optimizer.name"
        };
        look_back(job, (key, &format!("\"{name}\"")), problems);
    }
}

/// What cannot go with a rule that looks at what a worker had read.
fn look_back(job: &Job, of_rule: (&str, &dyn Display), problems: &mut Problems) {
    let words = match job.consistency.aggregation {
        Aggregation::Push => None,
        Aggregation::Round { .. } => Some("\"round\""),
        Aggregation::Softsync { .. } => Some("\"softsync\""),
    };
    if let Some(words) = words {
        let cure = "the rule corrects each gradient for what its worker could not see, and a mean of \
                    several has no one read; set `aggregation` = \"push\" (under `consistency.model` = \"bsp\" it \
                    is \"round\" unless it is set)";
        cannot_go(problems, of_rule, ("consistency.aggregation", &words), cure);
    }
    if 1 < job.method.n_push {
        let cure = "gradients of several reads cannot be corrected as one; set `n_push` = 1";
        let of_pushes = ("method.n_push", &job.method.n_push as &dyn Display);
        cannot_go(problems, of_rule, of_pushes, cure);
    }
    if job.consistency.staleness.rate == StalenessRate::Inverse {
        let cure = "the rule takes account of what each gradient could not see, and a factor of 1/staleness \
                    would discount it twice; leave out `staleness_rate`";
        let of_rate = ("consistency.staleness_rate", &"\"inverse\"" as &dyn Display);
        cannot_go(problems, of_rule, of_rate, cure);
    }
    if job.consistency.staleness.beyond == BeyondLimit::DownWeight {
        let cure = "the rule takes account of what each gradient could not see, and limit/staleness would discount \
                    it twice; set `beyond_limit` = \"reject\" or \"count\"";
        let of_limit = (
            "consistency.beyond_limit",
            &"\"down_weight\"" as &dyn Display,
        );
        cannot_go(problems, of_rule, of_limit, cure);
    }
    if let Some(rate) = job.method.local_lr.filter(|rate| 0.0 < *rate) {
        let cure = "a worker that steps by itself takes gradients elsewhere than where it has read; set \
                    `local_lr` = 0";
        cannot_go(problems, of_rule, ("method.local_lr", &rate), cure);
    }
}

/// While worker 0 is alone, the clocks of the others stand at 0, and a gate would hold it up.
fn solo_phase(job: &Job, problems: &mut Problems) {
    if 0 < job.method.solo_phase && job.consistency.model != Consistency::Asp {
        cannot_go(
            problems,
            ("method.solo_phase", &job.method.solo_phase),
            ("consistency.model", &model_in_quotes(job)),
            "worker 0 alone would wait for the others, which wait for it; \
             set `consistency.model` = \"asp\" or `solo_phase` = 0",
        );
    }
}

/// Every pull that is asked for ahead is a pull in flight.
fn prefetch(job: &Job, problems: &mut Problems) {
    let (ahead, most) = (job.method.prefetch, job.limits.inflight_pulls_max);
    if job.method.overlap == Overlap::Full && most < ahead {
        cannot_go(
            problems,
            ("method.prefetch", &ahead),
            ("limits.inflight_pulls_max", &most),
            "every pull asked for ahead is in flight; lower the first or raise the second",
        );
    }
}

/// A piece of a batch has at least one row.
fn pieces(job: &Job, problems: &mut Problems) {
    let Some(rows) = job.train.batch_size.known() else {
        return;
    };
    let pieces = job.train.accumulate;
    if rows.max(1) < pieces {
        cannot_go(
            problems,
            ("train.accumulate", &pieces),
            ("train.batch_size", &rows),
            "a batch has no more pieces than examples; lower the first or raise the second",
        );
    }
}

/// A rule that looks at evaluations needs some, and one that looks at test data needs these.
fn stop(job: &Job, problems: &mut Problems) {
    let (rules, every) = (&job.stop, job.evaluate.every);
    let Some((key, value)) = first_rule(rules) else {
        return;
    };
    if every == 0.0 {
        cannot_go(
            problems,
            (key, &value),
            ("evaluate.every", &every),
            "the rule looks at evaluations during the run; raise the second",
        );
    }
    let has_test_data = job
        .data
        .resolved
        .as_ref()
        .is_none_or(|data| 0 < data.test_rows);
    if rules.needs_test_data() && !has_test_data {
        cannot_go(
            problems,
            (key, &value),
            ("data.resolved.test_rows", &0),
            "the rule looks at scores on test data, and there are none; give [data] a `test` file, or \
             leave out the rule",
        );
    }
}

/// The first rule that is set, those on test data before the others.
fn first_rule(rules: &Stop) -> Option<(&'static str, f64)> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a number of evaluations, for an error text"
    )]
    let patience = rules.patience.map(|evaluations| evaluations as f64);
    [
        ("stop.target", rules.target),
        ("stop.patience", patience),
        ("stop.tolerance", rules.tolerance),
        ("stop.gradient_norm", rules.gradient_norm),
    ]
    .into_iter()
    .find_map(|(key, value)| Some((key, value?)))
}

/// Besides the workers there is at least the evaluator.
fn sessions(job: &Job, problems: &mut Problems) {
    let most = job.limits.sessions_max;
    let workers = usize::try_from(job.cluster.workers).unwrap_or(usize::MAX);
    if most <= workers {
        cannot_go(
            problems,
            ("cluster.workers", &workers),
            ("limits.sessions_max", &most),
            "each worker has a session, and the evaluator one more; raise `sessions_max`",
        );
    }
}

/// A worker without a row would never finish an iteration.
fn rows(job: &Job, problems: &mut Problems) {
    let Some(resolved) = &job.data.resolved else {
        return;
    };
    let workers = job.cluster.workers;
    if resolved.rows < u64::from(workers) {
        cannot_go(
            problems,
            ("cluster.workers", &workers),
            ("data.resolved.rows", &resolved.rows),
            "each worker needs a row of its own; start fewer workers",
        );
    }
    let least = "a whole number of at least 1";
    problems.expect(
        "data.resolved.features",
        1 <= resolved.features,
        least,
        resolved.features,
    );
    let of_fields = (resolved.fields.iter()).try_fold(0_u64, |sum, width| sum.checked_add(*width));
    problems.expect(
        "data.resolved.fields",
        resolved.fields.is_empty() || of_fields == Some(resolved.features),
        "widths that add up to `features`",
        format!("{:?}", resolved.fields),
    );
    let permitted = "2 or more, or 0 for a regression";
    problems.expect(
        "data.resolved.classes",
        resolved.classes != 1,
        permitted,
        resolved.classes,
    );
}

fn sizes(limits: &Limits, problems: &mut Problems) {
    let (chunk, message) = (limits.chunk_bytes, limits.message_bytes_max);
    if message < chunk.saturating_add(FRAME_BYTES) {
        let why = format!(
            "a message holds a chunk and {FRAME_BYTES} bytes of frame; \
             lower the first or raise the second"
        );
        let other = ("limits.message_bytes_max", &message as &dyn Display);
        cannot_go(problems, ("limits.chunk_bytes", &chunk), other, &why);
    }
    if limits.part_bytes_max < chunk {
        cannot_go(
            problems,
            ("limits.chunk_bytes", &chunk),
            ("limits.part_bytes_max", &limits.part_bytes_max),
            "a chunk is a piece of a part; lower the first or raise the second",
        );
    }
}

fn times(limits: &Limits, problems: &mut Problems) {
    let (heartbeat, lease) = (limits.heartbeat_seconds, limits.lease_seconds);
    if lease.0 < heartbeat.0 * HEARTBEATS_PER_LEASE {
        cannot_go(
            problems,
            ("limits.heartbeat_seconds", &heartbeat),
            ("limits.lease_seconds", &lease),
            "one late sign of life would end the lease; let the lease be at least twice as long",
        );
    }
    let (retry, iteration) = (limits.retry_total_seconds, limits.iteration_seconds);
    if iteration.0 <= retry.0 {
        cannot_go(
            problems,
            ("limits.retry_total_seconds", &retry),
            ("limits.iteration_seconds", &iteration),
            "a worker that still tries to reach a server would count as one that hangs; let the second be longer",
        );
    }
    let (wait, request) = (limits.gate_wait_seconds, limits.request_seconds);
    if request.0 <= wait.0 {
        cannot_go(
            problems,
            ("limits.gate_wait_seconds", &wait),
            ("limits.request_seconds", &request),
            "a pull at the gate must be answered before its request ends; lower the first",
        );
    }
    let total = limits.retry_total_seconds;
    if total.0 < request.0 {
        cannot_go(
            problems,
            ("limits.request_seconds", &request),
            ("limits.retry_total_seconds", &total),
            "all tries together last at least as long as one; raise the second",
        );
    }
}

fn model_in_quotes(job: &Job) -> &'static str {
    match job.consistency.model {
        Consistency::Asp => "\"asp\"",
        Consistency::Ssp { .. } => "\"ssp\"",
        Consistency::Bsp => "\"bsp\"",
    }
}
