//! Who waits for whom (`psgold-consistency/1`): the servers' gate and rounds, in the order of an ideal
//! clock, in which communication takes no time.
//!
//! Every worker of the file finishes its iterations after given durations; the gate says when the next
//! may begin. The times at which iterations start and finish are those of the reference.

use std::collections::BTreeSet;

use serde_json::Value;
use thalweg_common::consistency::{Aggregation, Consistency};
use thalweg_common::ids::{Clock, SessionId, WorkerId};
use thalweg_common::time::Time;
use thalweg_server::admission::{Admission, Gate, Ticket};

use crate::file::{File, field};

type Times = Vec<Vec<u64>>;

/// Checks a file; answers how many comparisons there were.
pub(crate) fn follow(file: &File) -> Result<usize, String> {
    let durations: Times = file.field("durations")?;
    let mut comparisons = 0;
    for run in file.field::<Vec<Value>>("runs")? {
        let model = match run.get("staleness").and_then(Value::as_u64) {
            Some(0) => Consistency::Bsp,
            Some(lag) => Consistency::Ssp { lag },
            None => Consistency::Asp,
        };
        let (starts, finishes) = play(&durations, model, 0);
        for (key, found) in [("start", &starts), ("finish", &finishes)] {
            let expected: Times = field(&run, key)?;
            if *found != expected {
                return Err(format!("{model}, {key}: {found:?}, expected {expected:?}"));
            }
            comparisons += 1;
        }
        let last = |times: &Vec<u64>| times.last().copied().unwrap_or(0);
        let makespan = finishes.iter().map(last).max().unwrap_or(0);
        let waits: Vec<u64> = finishes
            .iter()
            .zip(&durations)
            .map(|(finishes, durations)| last(finishes) - durations.iter().sum::<u64>())
            .collect();
        if makespan != field::<u64>(&run, "makespan")?
            || waits != field::<Vec<u64>>(&run, "wait_per_worker")?
        {
            return Err(format!("{model}: {makespan} in all, waits {waits:?}"));
        }
        comparisons += 1;
    }
    let runs: Value = field(&file.field("backup_workers")?, "runs")?;
    for run in runs.as_array().into_iter().flatten() {
        comparisons += backup_workers(run, &durations)?;
    }
    Ok(comparisons)
}

/// When each worker starts and finishes its iterations under the gate.
fn play(durations: &Times, model: Consistency, backup_workers: u32) -> (Times, Times) {
    let workers = u32::try_from(durations.len()).unwrap();
    let mut gate = Admission::new(model, workers, backup_workers);
    for worker in 0..workers {
        gate.enter(
            Time::ZERO,
            WorkerId(worker),
            SessionId(u64::from(worker) + 1),
        );
    }
    let mut starts: Times = vec![Vec::new(); durations.len()];
    let mut finishes = starts.clone();
    // Finished iterations at their times; ties by worker.
    let mut ahead: BTreeSet<(u64, usize)> = BTreeSet::new();
    let mut parked: Vec<(Ticket, usize)> = Vec::new();
    let mut ready: Vec<usize> = (0..durations.len()).collect();
    let mut now = 0;
    loop {
        for worker in std::mem::take(&mut ready) {
            let iteration = starts[worker].len();
            let Some(duration) = durations[worker].get(iteration) else {
                continue;
            };
            let number = WorkerId(u32::try_from(worker).unwrap());
            match gate.ask(Time::ZERO, number, Clock(iteration as u64)) {
                Gate::Open => {
                    starts[worker].push(now);
                    ahead.insert((now + duration, worker));
                }
                Gate::Parked(ticket) => parked.push((ticket, worker)),
            }
        }
        let Some((time, worker)) = ahead.pop_first() else {
            return (starts, finishes);
        };
        now = time;
        finishes[worker].push(now);
        let number = WorkerId(u32::try_from(worker).unwrap());
        let clock = Clock(finishes[worker].len() as u64);
        let released = gate.advance(Time::ZERO, number, clock);
        ready = vec![worker];
        parked.retain(|(ticket, waiting)| {
            let stays = !released.contains(ticket);
            if !stays {
                ready.push(*waiting);
            }
            stays
        });
    }
}

/// Rounds that take the first N gradients: whose they are, and how long all take. Every round the
/// reference lets all workers start together, as if a straggler gave up its batch.
fn backup_workers(run: &Value, durations: &Times) -> Result<usize, String> {
    let workers = u32::try_from(durations.len()).unwrap();
    let backups: u32 = field(run, "b")?;
    assert_eq!(
        Aggregation::Round {
            backup_workers: backups
        }
        .backup_workers(),
        backups
    );
    let rounds = durations[0].len();
    let expected: Vec<Vec<usize>> = field(run, "used")?;
    let mut total = 0;
    for round in 0..rounds {
        let mut gate = Admission::new(Consistency::Bsp, workers, backups);
        for worker in 0..workers {
            gate.enter(
                Time::ZERO,
                WorkerId(worker),
                SessionId(u64::from(worker) + 1),
            );
        }
        let mut order: Vec<usize> = (0..durations.len()).collect();
        order.sort_by_key(|worker| (durations[*worker][round], *worker));
        let mut used = Vec::new();
        for worker in order {
            let number = WorkerId(u32::try_from(worker).unwrap());
            gate.advance(Time::ZERO, number, Clock(1));
            used.push(worker);
            if gate.ask(Time::ZERO, number, Clock(1)) == Gate::Open {
                total += durations[worker][round];
                break;
            }
        }
        used.sort_unstable();
        if used != expected[round] {
            return Err(format!(
                "b = {backups}, round {round}: {used:?}, expected {:?}",
                expected[round]
            ));
        }
    }
    let expected: u64 = field(run, "total_time")?;
    if total == expected {
        Ok(rounds + 1)
    } else {
        Err(format!(
            "b = {backups}: {total} in all, expected {expected}"
        ))
    }
}
