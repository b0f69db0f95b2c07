//! Every training method on the default job and on a perceptron for digits, two servers and four workers,
//! each at its own best rate: beside the synchronous loss.

use std::io::Write;
use std::time::Duration;

use thalweg_worker::evaluate::evaluate;
use thalweg_worker::method::METHODS;

use crate::bench::{Bench, run, say};

/// The environment variable with which all methods run; without it, a few at known rates.
const WANTED: &str = "THALWEG_METHODS";

/// How much more than the synchronous loss a method's may be.
const SHARE: f64 = 1.02;

/// Keys that a task's methods run with beside their own recipes.
struct Task {
    name: &'static str,
    sets: &'static [&'static str],
    /// Rates from which the search begins, and goes on until the best is inside.
    from: f64,
}

const FLIGHTS: Task = Task {
    name: "flights",
    sets: &["seed=1"],
    from: 0.1,
};

const DIGITS: Task = Task {
    name: "digits, perceptron",
    sets: &["seed=1", "train.batch_size=16"],
    from: 0.03,
};

/// What methods that know no rate of their own stand on.
fn optimizer_of(method: &str) -> &'static [&'static str] {
    match method {
        // Any optimizer goes with these; the papers' plain gradient is not what makes them.
        "synchronous" | "downpour" => &["optimizer.name=adagrad"],
        _ => &[],
    }
}

/// The loss on test data; infinite if the run did not stay finite.
fn loss(bench: &Bench, task: &Task, method: &str, lr: f64) -> f64 {
    let (name, rate) = (format!("method.name={method}"), format!("optimizer.lr={lr}"));
    let all = [&[name.as_str(), rate.as_str()][..], task.sets, optimizer_of(method)].concat();
    let job = bench.job(&all);
    let parameters = run(&job, Duration::from_millis(1)).parameters;
    if parameters.iter().any(|x| !x.is_finite()) {
        return f64::INFINITY;
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let test = job.data.test.as_ref().expect("the jobs have test data");
    let model = job.blueprint.model.as_ref();
    let judged = evaluate(model, test.as_ref(), u64::MAX, &parameters, &pool);
    let judged = judged.expect("the data fit the model");
    judged.scores.loss.expect("every model has a loss")
}

/// The least loss over rates a factor apart, widened until it is inside; with its rate.
fn best(bench: &Bench, task: &Task, method: &str) -> (f64, f64) {
    let factor = 2.0_f64;
    let mut known = std::collections::BTreeMap::new();
    let mut at = 0_i32;
    loop {
        for power in [at - 1, at, at + 1] {
            let lr = task.from * factor.powi(power);
            known.entry(power).or_insert_with(|| loss(bench, task, method, lr));
        }
        let least = known.iter().min_by(|a, b| a.1.total_cmp(b.1));
        let (power, least) = least.map(|(p, l)| (*p, *l)).expect("three were tried");
        if power == at || 10 < at.abs() {
            return (least, task.from * factor.powi(power));
        }
        at = power;
    }
}

fn table(bench: &Bench, task: &Task) -> Vec<&'static str> {
    say(&format!("| {} | best lr | test loss | of the synchronous |\n|---|---|---|---|", task.name));
    let (synchronous, _) = best(bench, task, "synchronous");
    let mut missed = Vec::new();
    for entry in METHODS {
        let (loss, lr) = best(bench, task, entry.name);
        let share = loss / synchronous;
        say(&format!("| `{}` | {lr:.4} | {loss:.4} | {share:.3} |", entry.name));
        if SHARE < share {
            missed.push(entry.name);
        }
    }
    missed
}

#[test]
fn every_method_comes_within_two_percent_of_the_synchronous_loss() {
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
        loss(&bench, &FLIGHTS, "adaptive_revision", 0.2),
        loss(&bench, &FLIGHTS, "downpour", 0.1),
    );
    say(&format!("flights    adaptive_revision {revision:.5}, downpour with adagrad {plain:.5}"));
    assert!(revision <= SHARE * plain, "{revision} beside {plain}");
}
