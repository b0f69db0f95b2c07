//! Late gradients on a perceptron: 32 workers in turn, each pushing the gradient of what it read 31
//! updates ago. Plain asynchronous SGD, the staleness-aware rate (Zhang et al., IJCAI 2016) and delay
//! compensation (Zheng et al., ICML 2017).

use crate::chance::Chance;
use crate::problem::{Problem, Score};
use crate::say;
use crate::shard::Shard;

const UPDATES: usize = 3_000;

struct Way {
    name: &'static str,
    rule: (&'static str, &'static str),
    by_staleness: bool,
}

impl Way {
    const fn of(name: &'static str, rule: &'static str, settings: &'static str) -> Self {
        Self {
            name,
            rule: (rule, settings),
            by_staleness: false,
        }
    }
}

const PLAIN: Way = Way::of("asynchronous SGD", "sgd", "");
const AWARE: Way = Way {
    by_staleness: true,
    ..Way::of("staleness_aware", "sgd", "")
};
const CONSTANT: Way = Way::of(
    "dc_asgd_constant 0.5",
    "dc_asgd_constant",
    "compensation = 0.5\nguard = false",
);
const ADAPTIVE: Way = Way::of(
    "dc_asgd_adaptive 2",
    "dc_asgd_adaptive",
    "compensation = 2.0\nguard = false",
);
const GAP: Way = Way::of("gap_aware", "gap_aware", "");
const GUARDED: Way = Way::of(
    "dc_asgd_adaptive 2, guarded",
    "dc_asgd_adaptive",
    "compensation = 2.0",
);

fn train(problem: &mut Problem, way: &Way, workers: usize, lr: f64, seed: u64) -> Score {
    let mut chance = Chance::new(seed);
    let mut shard = Shard::new(way.rule.0, way.rule.1, &problem.start);
    let mut reads = vec![shard.read(); workers];
    for update in 0..UPDATES {
        let worker = update % workers;
        let read = &reads[worker];
        let gradient = problem.gradient(&read.x, &mut chance);
        if gradient.iter().any(|g| !g.is_finite()) {
            break;
        }
        let staleness = shard.version - read.version;
        let scale = if way.by_staleness {
            1.0 / staleness.max(1) as f64
        } else {
            1.0
        };
        shard.step(lr, &gradient, &read.clone(), scale);
        reads[worker] = shard.read();
    }
    problem.score(&shard.read().x)
}

fn mean_error(problem: &mut Problem, way: &Way, workers: usize, lr: f64) -> f64 {
    let errors = [0, 1].map(|seed| train(problem, way, workers, lr, seed).error);
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    say(&format!("| {workers} | {lr} | {} | {mean:.3} |", way.name));
    mean
}

#[test]
fn what_knows_its_staleness_survives_where_plain_asynchronous_sgd_diverges() {
    let mut problem = Problem::new();
    say("| workers | lr | method | test error |\n|---|---|---|---|");
    let alone = mean_error(&mut problem, &PLAIN, 1, 0.3);
    let [plain, aware, gap, constant, adaptive, guarded] =
        [PLAIN, AWARE, GAP, CONSTANT, ADAPTIVE, GUARDED]
            .map(|way| mean_error(&mut problem, &way, 32, 0.3));
    let [plain_fast, aware_fast, gap_fast, guarded_fast] =
        [PLAIN, AWARE, GAP, GUARDED].map(|way| mean_error(&mut problem, &way, 32, 1.0));
    assert!(alone < 0.1, "{alone}");
    assert!(0.5 < plain && 0.5 < plain_fast, "{plain}, {plain_fast}");
    assert!(aware < 0.25 && aware_fast < 0.25, "{aware}, {aware_fast}");
    assert!(
        gap < 0.5 * plain && gap_fast < 0.5 * plain_fast,
        "{gap}, {gap_fast}"
    );
    assert!(adaptive < 2.0 * alone, "{adaptive}");
    assert!(adaptive < constant, "{adaptive}, {constant}");
    // The guard is there for the rate at which the rule of the paper overflows.
    assert!(
        guarded.is_finite() && guarded_fast <= 1.0,
        "{guarded}, {guarded_fast}"
    );
}
