//! AdaptiveRevision beside asynchronous AdaGrad (`McMahan`, Streeter, NIPS 2014): sparse logistic
//! regression over Zipf-distributed features, in one pass, with every gradient applied a constant number
//! of updates after it was computed.

use std::collections::VecDeque;

use crate::chance::Chance;
use crate::say;
use crate::shard::Shard;

const FEATURES: usize = 2_000;
const NONZEROS: usize = 20;
const DELAYS: [usize; 4] = [0, 100, 300, 1_000];

#[derive(Debug)]
struct Stream {
    rows: Vec<(Vec<u32>, f32)>,
}

impl Stream {
    fn new(examples: usize, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mut cumulative: Vec<f64> = Vec::with_capacity(FEATURES);
        let mut sum = 0.0;
        for rank in 1..=FEATURES {
            sum += (rank as f64).powf(-0.9);
            cumulative.push(sum);
        }
        let truth: Vec<f64> = (0..FEATURES).map(|_| chance.normal()).collect();
        let row = |_| {
            let mut features: Vec<u32> = (0..NONZEROS)
                .map(|_| {
                    let at = sum * chance.unit();
                    cumulative.partition_point(|c| *c < at).min(FEATURES - 1) as u32
                })
                .collect();
            features.sort_unstable();
            features.dedup();
            let score: f64 = features.iter().map(|at| truth[*at as usize]).sum();
            let positive = chance.unit() < 1.0 / (1.0 + (-score).exp());
            (features, if positive { 1.0 } else { -1.0 })
        };
        Self {
            rows: (0..examples).map(row).collect(),
        }
    }

    /// The mean loss of the second half, each row judged before it is learned.
    fn progressive_loss(&self, (name, settings): (&str, &str), delay: usize, lr: f64) -> f64 {
        let mut shard = Shard::new(name, settings, &[0.0; FEATURES]);
        let mut late: VecDeque<(usize, f32, Vec<u8>)> = VecDeque::new();
        let (mut loss, mut judged) = (0.0, 0);
        for (number, (features, label)) in self.rows.iter().enumerate() {
            let (x, told) = shard.read_some(features);
            let margin = label * x.iter().sum::<f32>();
            if self.rows.len() / 2 <= number {
                loss += f64::from((-margin.clamp(-500.0, 500.0)).exp().ln_1p());
                judged += 1;
            }
            let g = -label / (1.0 + margin.clamp(-80.0, 80.0).exp());
            late.push_back((number, g, told));
            if delay < late.len() {
                let (number, g, told) = late.pop_front().unwrap();
                let features = &self.rows[number].0;
                shard.step_some(lr, features, &vec![g; features.len()], &told);
            }
        }
        loss / f64::from(judged)
    }
}

const REVISION: (&str, &str) = ("adaptive_revision", "");
const BASELINE: (&str, &str) = ("adagrad", "initial_accumulator_value = 1.0\neps = 0.0");

/// The best loss of a delay, and the rate that gives it.
fn best(stream: &Stream, rule: (&str, &str), delay: usize) -> (f64, f64) {
    let losses = (-6..=2).map(|power| {
        let lr = f64::from(power).exp2();
        (stream.progressive_loss(rule, delay, lr), lr)
    });
    losses.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
}

#[test]
fn adaptive_revision_tolerates_delays_at_which_adagrad_does_not() {
    let stream = Stream::new(16_000, 7);
    say("| delay | adaptive_revision, best lr | async_adagrad, best lr |\n|---|---|---|");
    let table = DELAYS.map(|delay| {
        let pair = (
            best(&stream, REVISION, delay),
            best(&stream, BASELINE, delay),
        );
        let ((revision, at), (baseline, other)) = pair;
        say(&format!(
            "| {delay} | {revision:.4} at {at} | {baseline:.4} at {other} |"
        ));
        pair
    });
    let [(first, base), _, (at_300, base_300), (at_1000, base_1000)] = table;
    assert_eq!(
        first.0.to_bits(),
        base.0.to_bits(),
        "without delay they are one"
    );
    for ((revision, _), (baseline, _)) in [(at_300, base_300), (at_1000, base_1000)] {
        assert!(revision <= baseline - 0.01, "{revision} beside {baseline}");
    }
    let moved = |(_, from): (f64, f64), (_, to): (f64, f64)| from / to;
    assert!(
        moved(first, at_1000) <= 2.0,
        "the best rate of adaptive_revision hardly moves"
    );
    assert!(4.0 <= moved(base, base_1000), "that of async_adagrad does");
}

#[test]
fn a_rate_that_was_chosen_without_delay_serves_adaptive_revision_only() {
    let stream = Stream::new(20_000, 8);
    let lr = 0.5;
    let [revision, baseline] =
        [REVISION, BASELINE].map(|rule| stream.progressive_loss(rule, 1_000, lr));
    say(&format!(
        "delay 1000 at lr 0.5, the best without delay: adaptive_revision {revision:.3}, async_adagrad \
         {baseline:.3}; guessing 0.693"
    ));
    assert!(revision < 0.5, "{revision}");
    assert!(1.0 < baseline, "{baseline}");
}
