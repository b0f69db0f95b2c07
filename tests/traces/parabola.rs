//! Asynchronous and lock-step runs on a noisy parabola (`psgold-async/1`).

use serde_json::Value;

use crate::cluster::{Cluster, Setup};
use crate::file::{File, compare, field, singles};
use crate::script::Step;

/// When a worker reads.
#[derive(Clone, Copy, PartialEq)]
enum Reads {
    /// At once after its push.
    AfterPush,
    /// At the beginning of its event.
    InEvent,
    /// All workers together, once a round.
    InLockStep,
}

/// A method's job, and what a file shows of it.
struct Plan {
    job: String,
    reads: Reads,
    /// The key of what observers see.
    shows: &'static str,
}

/// Follows a file; answers how many comparisons there were.
pub(crate) fn follow(file: &File) -> Result<usize, String> {
    let plan = plan(file)?;
    let rules_look_back = plan.job.contains("dc_asgd") || plan.job.contains("gap_aware");
    let mut comparisons = follow_with(file, &plan, "")?;
    if rules_look_back {
        // The same with what was read sent along.
        let told = follow_with(file, &plan, "train.pull = 'sparse'\n");
        comparisons += told.map_err(|why| format!("sparse pulls: {why}"))?;
    }
    Ok(comparisons)
}

fn planned(job: String, reads: Reads, shows: &'static str) -> Plan {
    Plan { job, reads, shows }
}

fn sgd(lr: f64, more: &str) -> String {
    format!("{more}[optimizer]\nname = 'sgd'\nlr = {lr:?}\n")
}

fn plan(file: &File) -> Result<Plan, String> {
    let number = |key: &str| file.hyper::<f64>(key);
    let count = |key: &str| file.hyper::<u64>(key);
    Ok(match file.text("algorithm").unwrap_or_default() {
        "asgd" => planned(
            sgd(number("eta")?, "method.local_lr = 0.0\n"),
            Reads::AfterPush,
            "w",
        ),
        "staleness_aware" => planned(
            sgd(number("eta")?, "method.name = 'staleness_aware'\n"),
            Reads::AfterPush,
            "w",
        ),
        "n_softsync" => {
            let splits = count("n")?;
            let head = format!("method.name = 'n_softsync'\nconsistency.splits = {splits}\n");
            planned(sgd(number("eta")?, &head), Reads::AfterPush, "w")
        }
        "delayed_nesterov" => {
            let job = format!(
                "method.local_lr = 0.0\n[optimizer]\nname = 'delayed_nesterov'\nlr = {:?}\n\
                 momentum = {:?}\nperiod = {}\nactivation = {:?}\n",
                number("lr")?,
                number("beta")?,
                count("N")?,
                number("c")?
            );
            planned(job, Reads::InEvent, "w")
        }
        _ => return looking_back(file),
    })
}

/// Rules that look at what the worker had read.
fn looking_back(file: &File) -> Result<Plan, String> {
    let number = |key: &str| file.hyper::<f64>(key);
    Ok(match file.text("algorithm").unwrap_or_default() {
        "dc_asgd_c" => {
            let (lr, lambda) = (number("eta")?, number("lambda0")?);
            let rule = format!("lr = {lr:?}\nguard = false\ncompensation = {lambda:?}\n");
            let job = format!("method.name = 'dc_asgd_constant'\n[optimizer]\n{rule}");
            planned(job, Reads::AfterPush, "w")
        }
        "dc_asgd_a" => {
            let own = file.hyper("mean_square_per_worker").unwrap_or(false);
            let means: u64 = if own { file.field("workers")? } else { 1 };
            let job = format!(
                "method.name = 'dc_asgd_adaptive'\n[optimizer]\nlr = {:?}\nguard = false\ncompensation = {:?}\n\
                 memory = {:?}\neps = {:?}\nmean_squares = {means}\n",
                number("eta")?,
                number("lambda0")?,
                number("m")?,
                number("eps")?
            );
            planned(job, Reads::AfterPush, "w")
        }
        "gap_aware" => {
            let (lr, eps) = (number("eta")?, number("eps")?);
            let job =
                format!("method.name = 'gap_aware'\n[optimizer]\nlr = {lr:?}\neps = {eps:?}\n");
            planned(job, Reads::AfterPush, "w")
        }
        _ => return downpour(file),
    })
}

/// Downpour and the forms of it that EASGD's paper compares with.
fn downpour(file: &File) -> Result<Plan, String> {
    let number = |key: &str| file.hyper::<f64>(key);
    let count = |key: &str| file.hyper::<u64>(key);
    Ok(match file.text("algorithm").unwrap_or_default() {
        "downpour" => {
            let rule = match file.hyper::<String>("server")?.as_str() {
                "sgd" => "name = 'sgd'\n".to_owned(),
                "adagrad" => format!(
                    "name = 'adagrad'\neps = {:?}\ninitial_accumulator_value = {:?}\n",
                    number("eps")?,
                    number("initial_accumulator_value")?
                ),
                other => return Err(format!("no server is called `{other}`")),
            };
            let job = format!(
                "method.retake = false\nmethod.local_lr = {:?}\nmethod.n_push = {}\nmethod.n_pull = {}\n\
                 [optimizer]\nlr = {:?}\n{rule}",
                number("alpha")?,
                count("n_push")?,
                count("n_fetch")?,
                number("server_lr")?
            );
            planned(job, Reads::InEvent, "server")
        }
        "adownpour" => {
            let job = format!(
                "method.name = 'adownpour'\n[optimizer]\nlr = {:?}\n",
                number("eta")?
            );
            planned(job, Reads::InEvent, "z")
        }
        "mvadownpour" => {
            let (lr, rate) = (number("eta")?, number("alpha_mva")?);
            let job =
                format!("method.name = 'mvadownpour'\n[optimizer]\nlr = {lr:?}\nrate = {rate:?}\n");
            planned(job, Reads::InEvent, "z")
        }
        "mdownpour" => {
            let (lr, momentum) = (number("eta")?, number("delta")?);
            let rule = format!("lr = {lr:?}\nmomentum = {momentum:?}\n");
            let job = format!("method.name = 'mdownpour'\n[optimizer]\n{rule}");
            planned(job, Reads::AfterPush, "server")
        }
        _ => return elastic_averaging(file),
    })
}

fn elastic_averaging(file: &File) -> Result<Plan, String> {
    let number = |key: &str| file.hyper::<f64>(key);
    let count = |key: &str| file.hyper::<u64>(key);
    Ok(match file.text("algorithm").unwrap_or_default() {
        "easgd_async" => {
            let job = format!(
                "method.name = 'easgd'\nmethod.elastic_rate = {:?}\nmethod.communication_period = {}\n{}",
                number("alpha")?,
                count("tau")?,
                sgd(number("eta")?, "")
            );
            planned(job, Reads::InEvent, "center")
        }
        "eamsgd_async" => {
            let job = format!(
                "method.name = 'eamsgd'\nmethod.elastic_rate = {:?}\nmethod.communication_period = {}\n\
                 [optimizer]\nlr = {:?}\nmomentum = {:?}\n",
                number("alpha")?,
                count("tau")?,
                number("eta")?,
                number("delta")?
            );
            planned(job, Reads::InEvent, "center")
        }
        "easgd_sync" => {
            let job = format!(
                "method.name = 'easgd'\nmethod.elastic_rate = {:?}\nmethod.communication_period = 1\n\
                 consistency.model = 'bsp'\n{}",
                number("alpha")?,
                sgd(number("eta")?, "")
            );
            planned(job, Reads::InLockStep, "center")
        }
        _ => return local_steps(file),
    })
}

fn local_steps(file: &File) -> Result<Plan, String> {
    let number = |key: &str| file.hyper::<f64>(key);
    let count = |key: &str| file.hyper::<u64>(key);
    Ok(match file.text("algorithm").unwrap_or_default() {
        "local_sgd" => {
            let job = format!(
                "method.name = 'local_sgd'\nmethod.communication_period = {}\n{}",
                count("H")?,
                sgd(number("eta")?, "")
            );
            planned(job, Reads::InLockStep, "w")
        }
        "diloco" => {
            let betas: Vec<f64> = file.hyper("betas")?;
            let job = format!(
                "method.name = 'diloco'\nmethod.communication_period = {}\nregularizer.l2 = {:?}\n\
                 outer.lr = {:?}\nouter.momentum = {:?}\n[optimizer]\nlr = {:?}\nbetas = {betas:?}\n\
                 eps = {:?}\n",
                count("H")?,
                number("weight_decay")?,
                number("outer_lr")?,
                number("outer_momentum")?,
                number("inner_lr")?,
                number("eps")?
            );
            planned(job, Reads::InLockStep, "outer")
        }
        other => return Err(format!("no method for `{other}`")),
    })
}

fn follow_with(file: &File, plan: &Plan, more: &str) -> Result<usize, String> {
    let objective: Value = file.field("objective")?;
    let (a, c): (Vec<f64>, Vec<f64>) = (field(&objective, "a")?, field(&objective, "c")?);
    let noise: Vec<Vec<Vec<f64>>> = field(&objective, "noise[worker][local_step]")?;
    let step = |noise: &Vec<f64>| Step::Parabola {
        a: a.clone(),
        c: c.clone(),
        noise: noise.clone(),
    };
    let steps = noise
        .iter()
        .map(|of_worker| of_worker.iter().map(step).collect());
    let start: Vec<f64> = file.field("x0")?;
    let mut cluster = Cluster::new(&Setup {
        job: format!("{more}{}", plan.job),
        start: singles(&start),
        steps: steps.collect(),
    });
    let workers = noise.len();
    let events: Vec<Value> = file.field("events")?;
    if plan.reads == Reads::InLockStep {
        return in_lock_step(&mut cluster, workers, plan.shows, &events);
    }
    if plan.reads == Reads::AfterPush {
        (0..workers).for_each(|worker| cluster.read(worker));
    }
    let order: Vec<usize> = file.field("order")?;
    if order.len() != events.len() {
        return Err("`order` and `events` are of different lengths".to_owned());
    }
    for (place, (worker, event)) in order.into_iter().zip(&events).enumerate() {
        cluster.compute(worker);
        if plan.reads == Reads::AfterPush {
            cluster.read(worker);
        }
        compare(
            &format!("event {place}"),
            plan.shows,
            &cluster.observe(),
            event,
        )?;
    }
    Ok(events.len())
}

/// Rounds: all workers read, then each computes until it must read again.
fn in_lock_step(
    cluster: &mut Cluster,
    workers: usize,
    shows: &str,
    events: &[Value],
) -> Result<usize, String> {
    for (round, event) in events.iter().enumerate() {
        (0..workers).for_each(|worker| cluster.read(worker));
        for worker in 0..workers {
            while !cluster.wants_to_read(worker) {
                cluster.compute(worker);
            }
        }
        compare(&format!("round {round}"), shows, &cluster.observe(), event)?;
    }
    Ok(events.len())
}
