//! Every training method on the default job and on a perceptron for digits, two servers and four workers,
//! each at its own best rate: beside synchronous training under the same optimizer.
//!
//! Both are judged by their loss on test data. The perceptron has an L2 term: without one it fits every one of its
//! 1,347 digits, and the loss on 450 others is that of a handful of them, which moves by a tenth with the size of
//! the batches alone.

use std::io::Write;
use std::time::Duration;

use thalweg::launch::train_in_process;
use thalweg::simulate::SimulateError;
use thalweg_worker::evaluate::evaluate;
use thalweg_worker::method::{METHODS, MethodEntry};

use crate::bench::{Bench, say, try_run};

/// The environment variable with which all methods run; without it, a few at known rates.
const WANTED: &str = "THALWEG_METHODS";

/// How much worse than synchronous training a method may be.
const SHARE: f64 = 1.02;

/// What a run is worth on test data.
#[derive(Clone, Copy, Debug)]
struct Worth {
    loss: f64,
    accuracy: f64,
}

const NOTHING: Worth = Worth {
    loss: f64::INFINITY,
    accuracy: 0.0,
};

/// Keys that a task's methods run with beside their own recipes.
struct Task {
    name: &'static str,
    sets: &'static [&'static str],
    /// The optimizer of DiLoCo's workers, and of what they are compared with.
    local_moments: &'static [&'static str],
    /// The rate from which the search begins; it goes on until the best is inside.
    from: f64,
}

const FLIGHTS: Task = Task {
    name: "flights",
    sets: &["seed=1"],
    local_moments: &["optimizer.name=adamw"],
    from: 0.1,
};

const DIGITS: Task = Task {
    name: "digits, perceptron",
    sets: &[
        "seed=1",
        "train.batch_size=16",
        "train.epochs=60",
        "regularizer.l2=0.02",
    ],
    // AdamW's decay stands against gradients over the noise of their batch, so that rounds of four batches
    // would have another optimum than workers with one each.
    local_moments: &["optimizer.name=adam"],
    from: 0.03,
};

/// Synchronous training under the optimizer that a method stands on: what it is compared with. A method's
/// loss beside that of another optimizer would say nothing of the method.
fn synchronous_form(task: &Task, method: &str) -> &'static [&'static str] {
    match method {
        "synchronous" | "downpour" | "hogwild" | "tiered_replicas" => &["optimizer.name=adagrad"],
        "async_adagrad" | "adaptive_revision" => &[
            "optimizer.name=adagrad",
            "optimizer.initial_accumulator_value=1.0",
            "optimizer.eps=0.0",
        ],
        "ftrl_adaptive_revision" => &["optimizer.name=ftrl"],
        "mdownpour" | "eamsgd" => &["optimizer.name=nag_lookahead"],
        "diloco" | "async_diloco" => task.local_moments,
        _ => &["optimizer.name=sgd"],
    }
}

/// A rule that computes parameters anew from its sums forgets where they began, and the layers of a
/// perceptron must not all begin at zero. Threads on one model are for sums of sparse terms.
const NOT_FOR_PERCEPTRONS: [&str; 3] = ["ftrl_adaptive_revision", "hogwild", "tiered_replicas"];

/// A method with the optimizer that it runs with, if that is not its own.
type Way<'a> = (&'a str, &'a [&'a str]);

/// The method as it is listed. Any optimizer goes with Downpour.
fn as_listed<'a>(task: &Task, method: &'a str) -> Way<'a> {
    match method {
        "downpour" | "synchronous" | "hogwild" | "tiered_replicas" => {
            (method, &["optimizer.name=adagrad"])
        }
        "diloco" | "async_diloco" => (method, task.local_moments),
        _ => (method, &[]),
    }
}

/// What a run is worth; nothing if it did not stay finite.
fn worth(bench: &Bench, task: &Task, (method, optimizer): Way<'_>, lr: f64) -> Worth {
    let (name, rate) = (
        format!("method.name={method}"),
        format!("optimizer.lr={lr}"),
    );
    let all = [&[name.as_str(), rate.as_str()][..], task.sets, optimizer].concat();
    // A rate may be refused, as one at which the spring of elastic averaging would swing.
    let Ok(job) = bench.try_job(&all) else {
        return NOTHING;
    };
    let parameters = match MethodEntry::find(method)
        .expect("a listed method")
        .machine()
    {
        Some(_) => match try_run(&job, Duration::from_millis(1)) {
            Ok(history) => history.parameters,
            // A gradient that is no number ends its worker.
            Err(SimulateError::Failed { .. }) => return NOTHING,
            Err(error) => panic!("{error}"),
        },
        None => train_in_process(&job).expect("threads train"),
    };
    if parameters.iter().any(|x| !x.is_finite()) {
        return NOTHING;
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a thread");
    let test = job.data.test.as_ref().expect("the jobs have test data");
    let model = job.blueprint.model.as_ref();
    let judged = evaluate(model, test.as_ref(), u64::MAX, &parameters, &pool);
    let judged = judged.expect("the data fit the model");
    Worth {
        loss: judged.scores.loss.expect("every model has a loss"),
        accuracy: judged.scores.accuracy.expect("both jobs have classes"),
    }
}

/// The least loss over rates a factor apart, widened until it is inside; with its rate.
fn best(bench: &Bench, task: &Task, way: Way<'_>) -> (Worth, f64) {
    let factor = 2.0_f64;
    // Moments make steps of the size of the rate itself.
    let from = match way.1 == task.local_moments {
        true => task.from / 32.0,
        false => task.from,
    };
    let mut known = std::collections::BTreeMap::new();
    let mut at = 0_i32;
    loop {
        for power in [at - 1, at, at + 1] {
            let lr = from * factor.powi(power);
            known
                .entry(power)
                .or_insert_with(|| worth(bench, task, way, lr));
        }
        let least = known.iter().min_by(|a, b| a.1.loss.total_cmp(&b.1.loss));
        let (power, least) = least.map(|(p, l)| (*p, *l)).expect("three were tried");
        if power == at || 10 < at.abs() {
            return (least, from * factor.powi(power));
        }
        at = power;
    }
}

fn table(bench: &Bench, task: &Task) -> Vec<&'static str> {
    say(&format!(
        "| {} | best lr | test loss | accuracy | synchronous under the same optimizer | share |\n\
         |---|---|---|---|---|---|",
        task.name
    ));
    let mut known = std::collections::BTreeMap::new();
    let mut missed = Vec::new();
    let methods = METHODS
        .iter()
        .filter(|entry| task.name == FLIGHTS.name || !NOT_FOR_PERCEPTRONS.contains(&entry.name));
    for entry in methods {
        let form = synchronous_form(task, entry.name);
        let reference = known
            .entry(form)
            .or_insert_with(|| best(bench, task, ("synchronous", form)).0);
        let synchronous = *reference;
        let (found, lr) = best(bench, task, as_listed(task, entry.name));
        let share = found.loss / synchronous.loss;
        say(&format!(
            "| `{}` | {lr:.4} | {:.4} | {:.3} | {:.4}, {:.3} | {share:.3} |",
            entry.name, found.loss, found.accuracy, synchronous.loss, synchronous.accuracy
        ));
        if SHARE < share {
            missed.push(entry.name);
        }
    }
    missed
}

#[test]
fn every_method_comes_within_two_percent_of_synchronous_training() {
    if std::env::var_os(WANTED).is_none() {
        // Past the capture of tests that pass: what was not tested is always seen.
        writeln!(
            std::io::stderr(),
            "SKIPPED all methods at their best rates: minutes long (set {WANTED}=1)"
        )
        .expect("stderr can be written");
        return;
    }
    let mut missed = table(&Bench::default_job(), &FLIGHTS);
    if let Some(bench) = Bench::of_table("scores/digits-mlp") {
        missed.extend(table(&bench, &DIGITS));
    }
    assert_eq!(missed, [""; 0]);
}

#[test]
fn delay_tolerant_adagrad_trains_the_default_job_as_well_as_adagrad() {
    let bench = Bench::default_job();
    let (revision, plain) = (
        worth(
            &bench,
            &FLIGHTS,
            as_listed(&FLIGHTS, "adaptive_revision"),
            0.2,
        )
        .loss,
        worth(&bench, &FLIGHTS, as_listed(&FLIGHTS, "downpour"), 0.1).loss,
    );
    say(&format!(
        "flights    adaptive_revision {revision:.5}, downpour with adagrad {plain:.5}"
    ));
    assert!(revision <= SHARE * plain, "{revision} beside {plain}");
}

/// The loss of threads that race: they are scheduled otherwise each time, on a busy machine by far, and the middle of three
/// trainings says what they are worth.
fn usual_loss(bench: &Bench, method: &str) -> f64 {
    let mut losses =
        [(), (), ()].map(|()| worth(bench, &FLIGHTS, as_listed(&FLIGHTS, method), 0.1).loss);
    losses.sort_by(f64::total_cmp);
    losses[1]
}

#[test]
fn threads_on_one_model_train_the_default_job_as_well_as_a_cluster() {
    let bench = Bench::default_job();
    let cluster = worth(&bench, &FLIGHTS, as_listed(&FLIGHTS, "downpour"), 0.1).loss;
    for method in ["hogwild", "tiered_replicas"] {
        let threads = usual_loss(&bench, method);
        say(&format!(
            "flights    {method} {threads:.5}, downpour with adagrad {cluster:.5}"
        ));
        assert!(
            threads <= SHARE * cluster,
            "{method}: {threads} beside {cluster}"
        );
    }
}
