//! From a cell to a job: what it sets, how much it trains, and what is promised of it.

use std::time::Duration;

use thalweg_common::physics::{Span, Straggler};
use thalweg_worker::worker::RETRIES_PER_SECOND;

use super::matrix::{Cell, Counting};

/// Rows of a batch: a power of two, so that a mean over them is exact.
const BATCH: u64 = 32;

/// The rate under plain SGD: a power of two, so that counters are exact.
const LR: f64 = 0.031_25;

/// What rules are given that adapt their steps.
const ADAPTIVE_LR: f64 = 0.125;

/// Iterations of a worker's own from one exchange to the next, in methods with local steps.
const PERIOD: u64 = 10;

/// Pulls asked for ahead: what a round trip of several gradients is hidden behind.
const PREFETCH: u64 = 4;

/// What a server may plan for, and what its process may hold, bytes.
const MEMORY_BYTES: u64 = 256 << 20;

/// Events that servers remember. What is asked for ten times a second is a small part of them.
const HISTORY_EVENTS: u64 = 4_096;

/// Pushes that may be unacknowledged where acknowledgements get lost, of the 64 that a server recognises.
const INFLIGHT_PUSHES: u64 = 32;

/// What a worker has for its last acknowledgements where these get lost.
const STOP_SECONDS: u64 = 60;

/// The largest part, and the largest piece of one on the wire, bytes: all of a shard is less.
const PART_BYTES: u64 = 1 << 20;
const CHUNK_BYTES: u64 = 1 << 16;

/// Iterations by which shares of the last of the data differ.
const LAST: u64 = 20;

/// How long a gate keeps a pull where requests are to be repeated soon.
const GATE_WAIT: Duration = Duration::from_millis(50);

/// Starting the processes, the last evaluation and the end, on a machine that has other things to do.
const START: Duration = Duration::from_secs(30);

/// How many times longer than predicted a cell may take.
const LONGER: u32 = 3;

/// What is the same for all cells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Common {
    pub(super) workers: u32,
    pub(super) servers: u32,
    /// That every worker is to make, at least.
    pub(super) iterations: u64,
    /// Iterations that one may be ahead under SSP.
    pub(super) lag: u64,
    /// Sleep per batch.
    pub(super) compute: Span,
    pub(super) seed: u64,
}

/// What is promised of a cell.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Promise {
    /// Within which it ends.
    pub(super) bound: Duration,
    /// That every worker makes, at least.
    pub(super) iterations: u64,
    /// Iterations that a worker may be ahead of the slowest; `None`: any number.
    pub(super) lag: Option<u64>,
    /// Steps that a part may be stale; `None`: any number.
    pub(super) staleness: Option<u64>,
    /// That a server's process may hold, bytes.
    pub(super) memory_bytes: u64,
    pub(super) counting: Counting,
    /// What one count adds to the counters, in their unit.
    pub(super) step: f64,
}

impl Common {
    /// Assignments to the keys of the job `steady`.
    pub(super) fn sets(&self, cell: &Cell) -> Vec<String> {
        let rows = self.total(cell) * BATCH;
        let mut sets = vec![
            "name=stress".to_owned(),
            format!("seed={}", self.seed),
            format!("data.rows={rows}"),
            "data.test_rows=4000".to_owned(),
            "data.features=1000".to_owned(),
            "model.name=counter".to_owned(),
            format!("method.name={}", cell.method),
            format!("consistency.model={}", cell.consistency),
            format!("train.batch_size={BATCH}"),
            format!("train.compute={}", self.compute),
            format!("cluster.servers={}", self.servers),
            format!("cluster.workers={}", self.workers),
            "evaluate.every=0.025".to_owned(),
            format!("limits.memory_bytes_max={MEMORY_BYTES}"),
            format!("limits.history_events={HISTORY_EVENTS}"),
            format!("limits.inflight_pulls_max={PREFETCH}"),
            format!("limits.part_bytes_max={PART_BYTES}"),
            format!("limits.chunk_bytes={CHUNK_BYTES}"),
        ];
        if cell.consistency.lag(self.lag) == Some(self.lag) && 0 < self.lag {
            sets.push(format!("consistency.lag={}", self.lag));
        }
        if let Some(request) = self.request(cell) {
            sets.push(format!("limits.inflight_pushes_max={INFLIGHT_PUSHES}"));
            sets.push(format!(
                "limits.gate_wait_seconds={}",
                GATE_WAIT.as_secs_f64()
            ));
            sets.push(format!("limits.request_seconds={}", request.as_secs_f64()));
            // Chance may take the acknowledgement of a worker's last push many times.
            sets.push(format!("limits.stop_seconds={STOP_SECONDS}"));
        }
        if Counting::of(&cell.method) != Counting::Rounds {
            // A mean of equal gradients would hide one that is in it twice.
            sets.push("consistency.aggregation=push".to_owned());
        }
        sets.extend(of_method(&cell.method));
        sets
    }

    /// What a counter may come to.
    pub(super) fn counts_max(&self, cell: &Cell) -> u64 {
        self.total(cell)
    }

    /// The learning rate.
    pub(super) fn lr(method: &str) -> f64 {
        match ADAPTS.contains(&method) {
            true => ADAPTIVE_LR,
            false => LR,
        }
    }

    /// After which a request is repeated, where acknowledgements get lost: soon, or nothing would be.
    fn request(&self, cell: &Cell) -> Option<Duration> {
        let is_lossy = 0.0 < cell.place.drop_acks.get();
        is_lossy.then(|| GATE_WAIT * 3 + cell.place.round_trip() * 3)
    }

    /// Iterations of all workers together, so that the slowest makes enough.
    fn total(&self, cell: &Cell) -> u64 {
        let workers = u64::from(self.workers);
        match cell.consistency.lag(self.lag) {
            Some(lag) => (self.iterations + 2 * lag + LAST) * workers,
            None => {
                // Others take what a slow one leaves, and equal ones are never quite equal; where chance
                // takes acknowledgements, they are far from it.
                let unequal = match self.request(cell) {
                    None => 1.25,
                    Some(_) => 1.75,
                };
                let slower = cell.place.straggler.map_or(1.0, slowdown);
                let shares = 1.0 + (f64::from(self.workers) - 1.0) * slower;
                ceil(as_f64(self.iterations) * shares * unequal)
            }
        }
    }

    /// What is promised of a cell that is predicted to train for so long.
    pub(super) fn promise(&self, cell: &Cell, predicted: Duration) -> Promise {
        let lag = cell.consistency.lag(self.lag);
        let counting = Counting::of(&cell.method);
        let others = u64::from(self.workers) - 1;
        let staleness = lag.map(|lag| match counting {
            Counting::Rounds => 0,
            // Since a part's parameters were read, when the slowest was a lag behind, each other worker has
            // passed it by a lag, and has one more under way; its own are a lag at most.
            Counting::Pushes | Counting::Elsewhere => others * (2 * lag + 1) + lag,
        });
        let again = self.request(cell).map_or(Duration::ZERO, |request| {
            let share = cell.place.drop_acks.get();
            let repeats = share / (1.0 - share);
            let one_by_one = request.mul_f64(as_f64(self.iterations) * repeats);
            // A worker asks only so often again, all its requests together.
            let mean = as_f64(self.total(cell)) / f64::from(self.workers);
            let retries = mean * f64::from(self.servers) * repeats;
            one_by_one.max(Duration::from_secs_f64(retries / RETRIES_PER_SECOND))
        });
        Promise {
            bound: START + predicted * LONGER + again,
            iterations: self.iterations,
            lag,
            staleness,
            memory_bytes: MEMORY_BYTES,
            counting,
            step: LR,
        }
    }
}

/// What a method sets beside its name.
fn of_method(method: &str) -> Vec<String> {
    let sets: Vec<String> = match method {
        "downpour" | "synchronous" => vec!["optimizer.name=sgd".to_owned()],
        "async_diloco" => vec![
            "optimizer.name=sgd".to_owned(),
            "outer.name=sgd".to_owned(),
            // What arrives is added whole.
            "outer.lr=1".to_owned(),
        ],
        "local_sgd" => vec!["optimizer.name=sgd".to_owned(), "outer.name=sgd".to_owned()],
        _ => Vec::new(),
    };
    let asks_ahead = !HAS_LOCAL_STEPS.contains(&method);
    let further = match asks_ahead {
        true => format!("method.prefetch={PREFETCH}"),
        false => format!("method.communication_period={PERIOD}"),
    };
    let lr = format!("optimizer.lr={}", Common::lr(method));
    sets.into_iter().chain([lr, further]).collect()
}

/// Methods whose rule adapts its steps to the gradients that it has seen.
const ADAPTS: [&str; 3] = ["adaptive_revision", "async_adagrad", "dc_asgd_adaptive"];

/// Methods whose workers take steps of their own.
const HAS_LOCAL_STEPS: [&str; 5] = ["async_diloco", "diloco", "local_sgd", "easgd", "eamsgd"];

/// How many times longer a gradient takes at the slowest, in the mean.
fn slowdown(straggler: Straggler) -> f64 {
    match straggler {
        Straggler::Always { factor, .. } => factor,
        Straggler::Sometimes { factor, share, .. } => 1.0 + share.get() * (factor - 1.0),
        // Each has its turns.
        Straggler::Rotating { .. } => 1.0,
        Straggler::Pause { length, every, .. } => {
            let works = every.0.saturating_sub(length.0);
            every.0.as_secs_f64() / works.as_secs_f64().max(1e-3)
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of iterations")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of iterations"
)]
fn ceil(count: f64) -> u64 {
    count.ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stress::matrix::{Consistency, Place};

    fn common() -> Common {
        Common {
            workers: 4,
            servers: 2,
            iterations: 200,
            lag: 3,
            compute: Span(Duration::from_millis(20)),
            seed: 1,
        }
    }

    fn cell(consistency: Consistency, place: Place) -> Cell {
        Cell {
            place,
            method: "downpour".to_owned(),
            consistency,
        }
    }

    #[test]
    fn a_slow_worker_makes_enough_iterations_though_nobody_waits_for_it() {
        let slow = Place {
            straggler: Some("1:4x".parse().unwrap()),
            ..Place::default()
        };
        let total = |consistency, place| common().total(&cell(consistency, place));
        assert_eq!(total(Consistency::Bsp, slow), 880);
        assert_eq!(total(Consistency::Asp, Place::default()), 1_000);
        let lossy = Place {
            drop_acks: "50%".parse().unwrap(),
            ..Place::default()
        };
        assert_eq!(total(Consistency::Asp, lossy), 1_400);
        // Three others make four while it makes one.
        assert!(200 * 13 <= total(Consistency::Asp, slow));
    }

    #[test]
    fn bounds_follow_the_consistency_and_what_is_predicted() {
        let promise = |consistency| {
            let cell = cell(consistency, Place::default());
            common().promise(&cell, Duration::from_secs(10))
        };
        assert_eq!(promise(Consistency::Bsp).staleness, Some(3));
        assert_eq!(promise(Consistency::Ssp).staleness, Some(24));
        assert_eq!(promise(Consistency::Asp).staleness, None);
        assert_eq!(promise(Consistency::Ssp).lag, Some(3));
        assert_eq!(promise(Consistency::Asp).bound, Duration::from_secs(60));
        let lossy = Place {
            drop_acks: "50%".parse().unwrap(),
            ..Place::default()
        };
        let cell = cell(Consistency::Asp, lossy);
        let promise = common().promise(&cell, Duration::from_secs(10));
        assert_eq!(
            promise.bound,
            Duration::from_secs(130),
            "of 350 iterations 700 requests to two servers come again, 10 in a second"
        );
    }

    #[test]
    fn every_step_of_a_counter_is_a_power_of_two() {
        for method in ["downpour", "async_diloco", "local_sgd"] {
            let cell = Cell {
                method: method.to_owned(),
                ..cell(Consistency::Bsp, Place::default())
            };
            let step = common().promise(&cell, Duration::ZERO).step;
            assert_eq!(step.log2().fract().abs().to_bits(), 0, "{method}: {step}");
        }
    }
}
