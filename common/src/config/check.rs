//! Values that are right on their own: ranges, names, and the defaults that depend on other keys.

use std::collections::BTreeMap;
use std::{mem, slice};

use toml::{Table, Value};

use super::error::Problems;
use super::job::{CheckEntry, Job, JobFile, Registries};
use super::sections::checkpoint::Checkpoint;
use super::sections::class_weight::ClassWeight;
use super::sections::cluster::{Cluster, INSECURE_LISTEN_WORDS, OnWorkerLoss};
use super::sections::consistency::ConsistencySection;
use super::sections::limits::Limits;
use super::sections::named::Schedule;
use super::sections::optimizer::Optimizer;
use super::{decay, pairs, waiting};
use crate::consistency::{Consistency, Staleness};
use crate::message::DUPLICATE_WINDOW;
use crate::name::Name;
use crate::optimizer::optimizer;
use crate::registry::is_kept_by_f32;
use crate::regularizer::refusal;
use crate::tuning::Misfit;

/// Pulls that may be asked for ahead.
const PREFETCH_MAX: usize = 64;

/// Iterations that may lie between two exchanges, and by which a worker may be ahead: beyond them a setting is a slip.
const ITERATIONS_MAX: u64 = 1_000_000;

/// Events of each kind that a server may be told to keep.
const HISTORY_EVENTS_MAX: usize = 65_536;

/// Checkpoints of one server that may be kept.
const CHECKPOINTS_MAX: usize = 1_000;

/// Fills in what a job file may leave open. Where that is impossible, notes it and puts in some
/// value, so that the rest can be judged.
pub(super) fn resolve(file: JobFile, problems: &mut Problems) -> Job {
    if file.optimizer.lr.is_none() {
        let text = "`optimizer.lr` is missing: no learning rate is right for every rule; \
                    set `lr` in [optimizer], for AdaGrad perhaps to 0.1";
        problems.add("optimizer.lr", text);
    }
    let model = waiting::consistency_model(file.consistency, problems);
    let aggregation = waiting::aggregation(file.consistency, model, problems);
    let loss = if model == Consistency::Bsp {
        OnWorkerLoss::Stop
    } else {
        OnWorkerLoss::Continue
    };
    let unit = file.schedule.unit;
    let schedules = file.schedules.into_iter().map(|(hyper, schedule)| {
        let schedule = Schedule {
            name: schedule.name,
            unit: schedule.unit.unwrap_or(unit),
            options: sorted(schedule.options),
        };
        (hyper, schedule)
    });
    let mut job = Job {
        name: file.name,
        seed: file.seed,
        data: file.data,
        model: file.model,
        gradient: file.gradient,
        optimizer: Optimizer {
            name: file.optimizer.name,
            lr: file.optimizer.lr.unwrap_or(1.0),
            options: file.optimizer.options,
        },
        outer: file.outer.map(|outer| Optimizer {
            name: outer.name,
            lr: outer.lr.unwrap_or(1.0),
            options: outer.options,
        }),
        schedule: file.schedule,
        schedules: schedules.collect(),
        feedback: file.feedback,
        regularizer: file.regularizer,
        method: file.method,
        consistency: ConsistencySection {
            model,
            aggregation,
            staleness: Staleness {
                rate: file.consistency.staleness_rate,
                limit: file.consistency.staleness_limit,
                beyond: file.consistency.beyond_limit,
            },
        },
        train: file.train,
        evaluate: file.evaluate,
        stop: file.stop,
        cluster: Cluster {
            servers: file.cluster.servers,
            workers: file.cluster.workers,
            on_worker_loss: file.cluster.on_worker_loss.unwrap_or(loss),
            insecure_listen: file.cluster.insecure_listen,
        },
        limits: file.limits,
        checkpoint: file.checkpoint,
    };
    sort_options(&mut job);
    job
}

/// The keys of every entry in one order, whatever the order in which they were written.
fn sort_options(job: &mut Job) {
    let terms = job.regularizer.terms.iter_mut();
    for options in terms.map(|term| &mut term.options).chain([
        &mut job.data.options,
        &mut job.model.options,
        &mut job.optimizer.options,
        &mut job.schedule.options,
        &mut job.feedback.options,
    ]) {
        *options = sorted(mem::take(options));
    }
    if let Some(outer) = &mut job.outer {
        outer.options = sorted(mem::take(&mut outer.options));
    }
    for transform in &mut job.gradient.transforms {
        transform.options = sorted(mem::take(&mut transform.options));
    }
}

/// Asks the registries about the names and keys that are theirs, and writes out every default: what
/// servers and workers agree on is what is done, not how it was spelled.
pub(super) fn names(job: &mut Job, registries: &Registries, problems: &mut Problems) {
    sections(job, registries, problems);
    lists(job, registries, problems);
}

/// The sections that each choose one entry.
fn sections(job: &mut Job, registries: &Registries, problems: &mut Problems) {
    let none = &mut Table::new();
    let mut questions: Vec<(&str, CheckEntry, &str, &mut Table)> = vec![
        (
            "data",
            registries.data,
            &job.data.name,
            &mut job.data.options,
        ),
        (
            "model",
            registries.model,
            &job.model.name,
            &mut job.model.options,
        ),
        (
            "optimizer",
            registries.optimizer,
            &job.optimizer.name,
            &mut job.optimizer.options,
        ),
        (
            "schedule",
            registries.schedule,
            &job.schedule.name,
            &mut job.schedule.options,
        ),
        (
            "feedback",
            registries.feedback,
            &job.feedback.name,
            &mut job.feedback.options,
        ),
        ("method", registries.method, &job.method.name, none),
    ];
    if let Some(outer) = &mut job.outer {
        let check = registries.optimizer;
        questions.push(("outer", check, &outer.name, &mut outer.options));
    }
    for (section, check, name, options) in questions {
        match check(name, options) {
            Ok(complete) => {
                *options = sorted(complete);
                if section != "data" {
                    narrow(section, options, problems);
                }
            }
            Err(refusal) => {
                let (key, refusal) = located(&refusal, options);
                let cure = cure(section, key, options);
                let text = format!("[{section}]: {refusal}{cure}");
                problems.add(&format!("{section}.{key}"), text);
            }
        }
    }
}

/// What may be chosen several times.
fn lists(job: &mut Job, registries: &Registries, problems: &mut Problems) {
    for (hyper, chosen) in &mut job.schedules {
        match (registries.schedule)(&chosen.name, &chosen.options) {
            Ok(complete) => {
                chosen.options = sorted(complete);
                narrow(&format!("schedules.{hyper}"), &chosen.options, problems);
            }
            Err(refusal) => {
                let (key, refusal) = located(&refusal, &chosen.options);
                let text = format!("[schedules] {hyper}: {refusal}");
                problems.add(&format!("schedules.{hyper}.{key}"), text);
            }
        }
    }
    for (place, transform) in job.gradient.transforms.iter_mut().enumerate() {
        match (registries.transform)(&transform.name, &transform.options) {
            Ok(complete) => transform.options = sorted(complete),
            Err(refusal) => {
                let refusal = refusal.trim().replace('\n', ", ");
                let text = format!("[gradient] transforms[{place}]: {refusal}");
                problems.add("gradient.transforms", text);
            }
        }
    }
    for term in &mut job.regularizer.terms {
        // What cannot be completed is refused with all regularizers.
        if let Ok(complete) = term.complete() {
            term.options = sorted(complete);
            narrow("regularizer.terms", &term.options, problems);
        }
    }
}

/// Refuses numbers of an entry that are lost on the way to the 32 bits in which steps are computed:
/// what is above zero must stay so, and what is finite as well.
fn narrow(section: &str, options: &Table, problems: &mut Problems) {
    for (key, value) in options {
        let numbers = match value {
            Value::Float(number) => slice::from_ref(number).to_vec(),
            Value::Array(list) => list.iter().filter_map(Value::as_float).collect(),
            _ => Vec::new(),
        };
        if let Some(lost) = numbers.iter().find(|number| !is_kept_by_f32(**number)) {
            let path = format!("{section}.{key}");
            problems.expect(&path, false, KEPT, format_args!("{lost:e}"));
        }
    }
}

/// What a number must be to be kept by 32 bits.
const KEPT: &str = "0, or between 1.4e-45 and 3.4e38 in size (steps are computed in 32-bit numbers, in \
                    which it would be 0 or infinite)";

/// What else a refused key may have been meant for.
fn cure(section: &str, key: &str, options: &Table) -> String {
    // A table belongs to no registry: it was meant for a hyper-parameter.
    if section == "schedule" && options.get(key).is_some_and(Value::is_table) {
        return "; schedules of hyper-parameters stand in [schedules]".to_owned();
    }
    let flags = TORCH_FLAGS.iter().filter(|_| section == "optimizer");
    let meant = flags.clone().find(|(flag, _)| *flag == key);
    meant.map_or_else(String::new, |(flag, name)| {
        format!("; torch's `{flag}` is an optimizer of its own here: name = \"{name}\"")
    })
}

/// Flags of torch's optimizers that choose another formula, and the name of that formula here.
const TORCH_FLAGS: &[(&str, &str)] = &[
    ("amsgrad", "amsgrad"),
    ("nesterov", "nesterov"),
    ("momentum", "momentum"),
    ("decoupled_weight_decay", "adamw"),
];

/// The key that a registry's refusal is about, and the refusal in one line.
fn located<'a>(refusal: &str, options: &'a Table) -> (&'a str, String) {
    let refusal = refusal.trim().replace('\n', ", ");
    // A list's refusal names the place in it: `betas[0]`.
    let names = |key: &str| [format!("`{key}`"), format!("`{key}[")];
    let meant = options
        .keys()
        .find(|key| names(key).iter().any(|word| refusal.contains(word)));
    (meant.map_or("name", String::as_str), refusal)
}

/// Judges every value and every pair of values.
pub(super) fn judge(job: &Job, problems: &mut Problems) {
    name(&job.name, problems);
    let permitted = "a number from 0 to 9223372036854775807";
    problems.expect("seed", i64::try_from(job.seed).is_ok(), permitted, job.seed);
    learning(job, problems);
    regularizers(job, problems);
    hyper_parameters(job, problems);
    counts(job, problems);
    sizes(&job.limits, problems);
    times(&job.limits, problems);
    checkpoints(&job.checkpoint, problems);
    let listen = job.cluster.insecure_listen.as_str();
    let permitted = format!("nothing, or the exact words \"{INSECURE_LISTEN_WORDS}\"");
    let holds = listen.is_empty() || job.cluster.may_listen_off_loopback();
    problems.expect(
        "cluster.insecure_listen",
        holds,
        &permitted,
        format!("\"{listen}\""),
    );
    class_weights(job, problems);
    pairs::judge(job, problems);
    decay::judge(job, problems);
}

fn name(name: &str, problems: &mut Problems) {
    let holds = name.parse::<Name>().is_ok();
    problems.expect("name", holds, Name::PERMITTED, format!("{name:?}"));
}

fn learning(job: &Job, problems: &mut Problems) {
    let (key, lr) = ("optimizer.lr", job.optimizer.lr);
    problems.expect(key, is_kept_by_f32(lr), KEPT, format_args!("{lr:e}"));
    let mut positive = |key: &str, value: f64, why: &str| {
        let holds = 0.0 < value && value.is_finite();
        problems.expect(
            key,
            holds,
            &format!("a finite number above 0 ({why})"),
            value,
        );
    };
    let why = "at 0 nothing is learned, and below 0 the loss is climbed";
    positive("optimizer.lr", job.optimizer.lr, why);
    if let Some(outer) = &job.outer {
        positive("outer.lr", outer.lr, why);
    }
    if let Some(rate) = job.method.elastic_rate {
        let why = "the share of its distance from the centre that a worker gives up";
        positive("method.elastic_rate", rate, why);
    }
    let why = "the passes over the data";
    positive("train.epochs", job.train.epochs, why);
    let why = "the epochs from one look at the loss to the next";
    positive("feedback.every", job.feedback.every, why);
    if let Some(limit) = job.train.seconds {
        let why = "the time after which no more data is dealt out";
        positive("train.seconds", limit.0, why);
    }
    let rules = [
        (
            "stop.tolerance",
            job.stop.tolerance,
            "the relative change of the objective",
        ),
        (
            "stop.gradient_norm",
            job.stop.gradient_norm,
            "the norm that is small enough",
        ),
    ];
    for (key, value, why) in rules {
        value
            .into_iter()
            .for_each(|value| positive(key, value, why));
    }
    let mut not_negative = |key: &str, value: f64, why: &str| {
        let holds = 0.0 <= value && value.is_finite();
        let expected = format!("a finite number of at least 0 ({why})");
        problems.expect(key, holds, &expected, value);
    };
    let why = "below 0 it would push parameters away from zero";
    not_negative("regularizer.l2", job.regularizer.l2, why);
    not_negative("regularizer.l1", job.regularizer.l1, why);
    let why = "the epochs between two evaluations, or 0 for one at the end";
    not_negative("evaluate.every", job.evaluate.every, why);
    let why = "by how much a metric must be better to count as better";
    not_negative("stop.min_change", job.stop.min_change, why);
    if let Some(rate) = job.method.local_lr {
        let why = "the rate of a worker's own steps";
        not_negative("method.local_lr", rate, why);
    }
}

/// Judges each regularizer alone and beside the optimizer. Which tensors there are, and what may meet
/// on one, is known with the model.
fn regularizers(job: &Job, problems: &mut Problems) {
    let rule = &job.optimizer;
    let facts = optimizer(&rule.name).and_then(|entry| entry.facts(&rule.options));
    let chosen = job.regularizer.chosen();
    let first_term = chosen.len() - job.regularizer.terms.len();
    for (place, chosen) in chosen.into_iter().enumerate() {
        let key = if first_term <= place {
            "regularizer.terms"
        } else if chosen.name == "l2" {
            "regularizer.l2"
        } else {
            "regularizer.l1"
        };
        let refused = match (chosen.build(), &facts) {
            (Err(error), _) => Some(error.to_string().trim().replace('\n', ", ")),
            (Ok((entry, _)), Ok(facts)) => refusal(&rule.name, facts, entry),
            // An unknown optimizer is refused for itself.
            (Ok(_), Err(_)) => None,
        };
        if let Some(refused) = refused {
            problems.add(key, format!("[regularizer]: {refused}"));
        }
    }
}

/// Judges which hyper-parameters have a schedule and, once the data are known, every value that the
/// job will see.
fn hyper_parameters(job: &Job, problems: &mut Problems) {
    if job.schedules.is_empty() {
        return;
    }
    let refused = match (job.tuning(), job.lengths()) {
        (Err(refused), _) => refused,
        (Ok(tuning), Some(lengths)) => tuning.judge(&lengths),
        (Ok(_), None) => return,
    };
    // An optimizer or a schedule that is wrong in itself is refused for itself.
    let refused = refused.iter();
    for error in refused.filter(|error| !matches!(error.why, Misfit::Setting(_))) {
        problems.add(&format!("schedules.{}", error.name), error.to_string());
    }
}

fn counts(job: &Job, problems: &mut Problems) {
    for (key, count) in [
        (
            "train.batch_size",
            job.train.batch_size.known().unwrap_or(1),
        ),
        ("train.examples", job.train.examples.unwrap_or(1)),
        ("stop.patience", job.stop.patience.unwrap_or(1)),
        ("train.accumulate", job.train.accumulate),
        ("cluster.servers", u64::from(job.cluster.servers)),
        ("cluster.workers", u64::from(job.cluster.workers)),
        ("limits.range_batches", job.limits.range_batches),
    ] {
        problems.expect(key, 1 <= count, "a whole number of at least 1", count);
    }
    let method = &job.method;
    for (key, iterations) in [
        ("method.n_push", method.n_push),
        ("method.n_pull", method.n_pull),
        ("method.communication_period", method.communication_period),
    ] {
        let holds = (1..=ITERATIONS_MAX).contains(&iterations);
        let permitted = format!("a whole number of iterations from 1 to {ITERATIONS_MAX}");
        problems.expect(key, holds, &permitted, iterations);
    }
    if let Consistency::Ssp { lag } = job.consistency.model {
        let permitted = format!(
            "a whole number of iterations from 1 to {ITERATIONS_MAX} (`model` = \"asp\" has no bound)"
        );
        problems.expect("consistency.lag", lag <= ITERATIONS_MAX, &permitted, lag);
    }
    let prefetch = job.method.prefetch;
    let holds = (1..=PREFETCH_MAX).contains(&prefetch);
    problems.expect(
        "method.prefetch",
        holds,
        "a whole number from 1 to 64",
        prefetch,
    );
}

fn sizes(limits: &Limits, problems: &mut Problems) {
    for (key, size) in [
        ("limits.message_bytes_max", limits.message_bytes_max),
        ("limits.part_bytes_max", limits.part_bytes_max),
        ("limits.inflight_pulls_max", limits.inflight_pulls_max),
        ("limits.queue_parts_max", limits.queue_parts_max),
        ("limits.sessions_max", limits.sessions_max),
    ] {
        problems.expect(key, 1 <= size, "a whole number of at least 1", size);
    }
    let events = limits.history_events;
    let holds = events <= HISTORY_EVENTS_MAX;
    let permitted = format!("a whole number from 0 to {HISTORY_EVENTS_MAX}");
    problems.expect("limits.history_events", holds, &permitted, events);
    let chunk = limits.chunk_bytes;
    let holds = 0 < chunk && chunk.is_multiple_of(4);
    problems.expect(
        "limits.chunk_bytes",
        holds,
        "a multiple of 4 above 0",
        chunk,
    );
    let pushes = limits.inflight_pushes_max;
    let holds = (1..=DUPLICATE_WINDOW).contains(&(pushes as u64));
    let permitted = format!("a whole number from 1 to {DUPLICATE_WINDOW}");
    problems.expect("limits.inflight_pushes_max", holds, &permitted, pushes);
}

fn times(limits: &Limits, problems: &mut Problems) {
    for (key, time) in [
        ("limits.lease_seconds", limits.lease_seconds),
        ("limits.iteration_seconds", limits.iteration_seconds),
        ("limits.heartbeat_seconds", limits.heartbeat_seconds),
        ("limits.join_seconds", limits.join_seconds),
        ("limits.gate_wait_seconds", limits.gate_wait_seconds),
        ("limits.connect_seconds", limits.connect_seconds),
        ("limits.request_seconds", limits.request_seconds),
        ("limits.retry_total_seconds", limits.retry_total_seconds),
        ("limits.stop_seconds", limits.stop_seconds),
    ] {
        let holds = time.is_valid() && 0.0 < time.0;
        problems.expect(key, holds, "seconds above 0 and at most 1e9", time);
    }
    let linger = limits.linger_seconds;
    problems.expect(
        "limits.linger_seconds",
        linger.is_valid(),
        "seconds from 0 to 1e9",
        linger,
    );
}

fn checkpoints(checkpoint: &Checkpoint, problems: &mut Problems) {
    let every = checkpoint.every_seconds;
    problems.expect(
        "checkpoint.every_seconds",
        every.is_valid(),
        "seconds from 0 to 1e9",
        every,
    );
    let keep = checkpoint.keep;
    let holds = (1..=CHECKPOINTS_MAX).contains(&keep);
    let permitted = format!("a whole number from 1 to {CHECKPOINTS_MAX}");
    problems.expect("checkpoint.keep", holds, &permitted, keep);
}

/// Weights are not negative; once the data are known, each belongs to a class and one of them counts.
fn class_weights(job: &Job, problems: &mut Problems) {
    let key = "train.class_weight";
    let Some(weights) = &job.train.class_weight else {
        return;
    };
    if let ClassWeight::Listed(list) = weights {
        for (class, weight) in list {
            let holds = 0.0 <= *weight && *weight <= f64::from(f32::MAX);
            let found = format!("{weight} for class \"{class}\"");
            problems.expect(key, holds, "finite numbers of at least 0", found);
        }
    }
    let Some(classes) = job.data.resolved.as_ref().map(|resolved| resolved.classes) else {
        return;
    };
    if classes == 0 {
        let text = "`train.class_weight` cannot go with these data: their labels are real numbers and \
                    name no class; leave it out";
        problems.add(key, text);
    } else if let ClassWeight::Listed(list) = weights {
        let last = ClassWeight::name(classes.saturating_sub(1), classes);
        let first = ClassWeight::name(0, classes);
        let between = if classes == 2 { "and" } else { "to" };
        for class in list.keys() {
            let text = format!(
                "`train.class_weight`: the data have no class \"{class}\"; their classes are \
                 \"{first}\" {between} \"{last}\""
            );
            if ClassWeight::class(class, classes).is_none() {
                problems.add(key, text);
            }
        }
        // A class that is not listed counts 1.
        let counts = list.len() < classes as usize || list.values().any(|weight| 0.0 < *weight);
        problems.expect(key, counts, "a weight above 0", "0 for every class");
    }
}

/// The same keys in the order of the alphabet, so that the order in which they were written does
/// not matter.
fn sorted(table: Table) -> Table {
    let in_order: BTreeMap<String, Value> = table.into_iter().collect();
    in_order
        .into_iter()
        .map(|(key, value)| (key, in_sorted_tables(value)))
        .collect()
}

fn in_sorted_tables(value: Value) -> Value {
    match value {
        Value::Table(table) => Value::Table(sorted(table)),
        Value::Array(list) => Value::Array(list.into_iter().map(in_sorted_tables).collect()),
        plain => plain,
    }
}
