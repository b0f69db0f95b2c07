//! Transfer hidden behind computation, in virtual time, where every millisecond is accounted for.

use std::time::Duration;

use thalweg::simulate::{History, Physics, Simulation};

use crate::support::small;

const ROWS: u32 = 600;
const BATCH: u32 = 8;

fn run(latency_ms: u64, compute_ms: u64, sets: &[&str]) -> History {
    let physics = Physics::constant(
        Duration::from_millis(latency_ms),
        Duration::from_millis(compute_ms),
    );
    let sets = [&["optimizer.lr=0.05", "cluster.servers=2"], sets].concat();
    Simulation::new(&small(&sets), physics)
        .unwrap()
        .run()
        .unwrap()
}

#[test]
fn a_delay_of_20_ms_hides_behind_a_gradient_of_25_ms() {
    let (compute, round_trip) = (Duration::from_millis(25), Duration::from_millis(20));
    let batches = ROWS / BATCH;
    let history = run(10, 25, &["method.overlap=full", "method.prefetch=2"]);
    let off = run(10, 25, &["method.overlap=off"]);
    // Off, every iteration waits for a pull and for a push.
    let transfer = 2 * round_trip * batches;
    assert!(off.virtual_time >= compute * batches + transfer);
    let shown = history.virtual_time - compute * batches;
    assert!(
        shown <= transfer / 10,
        "{shown:?} of {transfer:?} of transfer shows"
    );
    assert!(
        history
            .statuses
            .iter()
            .any(|status| status.staleness.max > 0)
    );
}

#[test]
fn batches_keep_flowing_with_50_ms_on_every_reply() {
    let batches = ROWS / BATCH;
    let history = run(25, 5, &["method.overlap=full", "method.prefetch=4"]);
    let off = run(25, 5, &["method.overlap=off"]);
    // Four groups are asked for ahead of the present one: a round trip brings at least four.
    let at_most = Duration::from_millis(55) * (batches / 4 + 4);
    assert!(
        history.virtual_time <= at_most,
        "{:?} > {at_most:?}",
        history.virtual_time
    );
    assert!(off.virtual_time > 4 * history.virtual_time);
}

#[test]
fn a_slow_worker_slows_nobody_but_itself() {
    let alone = run(1, 20, &["cluster.workers=1"]).virtual_time;
    let four = run(1, 20, &["cluster.workers=4"]).virtual_time;
    assert!(
        four < alone / 3,
        "{four:?} with four workers, {alone:?} with one"
    );
}
