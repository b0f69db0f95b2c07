//! How fast a perceptron's gradients are: `cargo run --release -p thalweg-worker --example mlp_speed [--peer
//! PYTHON]`.
//!
//! Of a network 784-256-10 in f32 it prints samples per second of loss and gradient, beside the five
//! products of matrices that these consist of, alone, which is the limit; on two threads, each with batches
//! of its own, as two workers have them; and with a Python that has torch, torch's autograd on as many
//! threads. Then one thread on batches with fewer non-zeros, beside the way that takes the first layer
//! row by row. Medians.

#![expect(
    clippy::print_stdout,
    reason = "an example that prints what it measured"
)]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::{
    env,
    error::Error,
    hint::black_box,
    io::{BufRead, BufReader, Write},
    process::{ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::Instant,
};

use ndarray::{Array2, linalg::general_mat_mul};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thalweg_common::seed::unit;
use thalweg_worker::{
    data::{Rows, Task},
    model::{Coverage, Located, Shape, build},
};

const FEATURES: u32 = 784;
const HIDDEN: usize = 256;
const CLASSES: u32 = 10;
/// Measurements, and samples in each.
const TIMES: usize = 15;
const SAMPLES: usize = 12_800;

fn main() -> Result<(), Box<dyn Error>> {
    let mut peer = Peer::of_arguments()?;
    for batch in [64, 256] {
        for threads in [1, 2] {
            let model = together(threads, || gradients(batch, 1.0, FEATURES))?;
            let limit = together(threads, || Ok(products(batch)))?;
            println!(
                "batch {batch}, threads {threads}: {model:.0} samples/s, the products alone {limit:.0}, share {:.2}",
                model / limit
            );
            if let (64, Some(peer)) = (batch, &mut peer) {
                let torch = peer.ask(threads)?;
                println!(
                    "  torch's autograd {torch:.0}; ours is {:.2} times as fast",
                    model / torch
                );
            }
        }
    }
    for percent in [5, 10, 15, 20, 25, 30, 40, 50, 70, 90] {
        let share = f64::from(percent) / 100.0;
        // In a network of many more inputs the same batch has a small share of them.
        let chosen = gradients(64, share, FEATURES)?;
        let by_row = gradients(64, share, 200 * FEATURES)?;
        println!("batch 64, {percent} % non-zeros: {chosen:.0} samples/s, row by row {by_row:.0}");
    }
    Ok(())
}

/// The rates of so many threads that measure at once, added up.
fn together(
    threads: usize,
    measure: impl Fn() -> Result<f64, Box<dyn Error>> + Sync,
) -> Result<f64, Box<dyn Error>> {
    let one = || measure().map_err(|error| error.to_string());
    let rates: Result<Vec<f64>, String> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        let joined = running.into_iter().map(thread::ScopedJoinHandle::join);
        joined
            .map(|rate| rate.map_err(|_| "a thread panicked".to_owned())?)
            .collect()
    });
    Ok(rates?.iter().sum())
}

/// A Python with torch.
struct Peer {
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// The one that the command line names; `None` if it names none.
    fn of_arguments() -> Result<Option<Self>, Box<dyn Error>> {
        let mut arguments = env::args().skip(1);
        let python = match (arguments.next().as_deref(), arguments.next()) {
            (None, None) => return Ok(None),
            (Some("--peer"), Some(python)) => python,
            other => {
                return Err(format!("expected --peer PYTHON or nothing, found {other:?}").into());
            }
        };
        let mut process = Command::new(python)
            .args(["-c", include_str!("mlp_peer.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let pipes = (process.stdin.take(), process.stdout.take());
        let (Some(questions), Some(answers)) = pipes else {
            return Err("the pipes of the peer are missing".into());
        };
        let answers = BufReader::new(answers);
        Ok(Some(Self { questions, answers }))
    }

    /// Its samples per second on so many threads.
    fn ask(&mut self, threads: usize) -> Result<f64, Box<dyn Error>> {
        writeln!(self.questions, "{threads}")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        line.trim()
            .parse()
            .map_err(|_| "the peer gave no number; has it torch?".into())
    }
}

/// Numbers from −1 to 1.
fn random() -> impl FnMut() -> f32 {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    #[expect(clippy::cast_possible_truncation, reason = "numbers of any kind")]
    move || (2.0 * unit(random.next_u64()) - 1.0) as f32
}

/// Samples per second of the model's loss and gradient.
fn gradients(batch: u16, share: f64, features: u32) -> Result<f64, Box<dyn Error>> {
    let shape = Shape::plain(features.into(), Task::Classes(CLASSES));
    let model = build("mlp", &format!("hidden = [{HIDDEN}]").parse()?, &shape)?;
    let (mut random, mut rows) = (random(), Rows::new());
    for number in 0..batch {
        let has = |_: &u32| f64::from(random().abs()) < share;
        let kept: Vec<u32> = (0..FEATURES).filter(has).collect();
        let values: Vec<f32> = kept.iter().map(|_| random()).collect();
        rows.push(number.into(), f32::from(number % 10), &kept, &values);
    }
    let elements = model.layout().elements();
    let x: Vec<f32> = (0..elements).map(|_| 0.05 * random()).collect();
    let (mut gradient, mut located) = (vec![0.0; x.len()], Located::default());
    model.locate(&rows, &Coverage::Whole(elements), &mut located)?;
    Ok(rate(batch.into(), || {
        black_box(model.gradient(&rows, &located, &x, &mut gradient));
    }))
}

/// Samples per second of the products of matrices in it.
fn products(batch: u16) -> f64 {
    let (batch, mut random) = (usize::from(batch), random());
    let (inputs, scores) = (FEATURES as usize, CLASSES as usize);
    let mut matrix = |rows, columns| Array2::from_shape_simple_fn((rows, columns), &mut random);
    let (v, w0, w1) = (
        matrix(batch, inputs),
        matrix(inputs, HIDDEN),
        matrix(HIDDEN, scores),
    );
    let (mut hidden, mut out) = (matrix(batch, HIDDEN), matrix(batch, scores));
    let (mut slopes0, mut slopes1) = (matrix(inputs, HIDDEN), matrix(HIDDEN, scores));
    let mut below = matrix(batch, HIDDEN);
    rate(batch, || {
        general_mat_mul(1.0, &v, &w0, 0.0, &mut hidden);
        general_mat_mul(1.0, &hidden, &w1, 0.0, &mut out);
        general_mat_mul(1.0, &hidden.t(), &out, 0.0, &mut slopes1);
        general_mat_mul(1.0, &out, &w1.t(), 0.0, &mut below);
        general_mat_mul(1.0, &v.t(), &below, 0.0, &mut slopes0);
        black_box((&slopes0, &slopes1));
    })
}

/// The median rate of `work`, which is for so many samples.
#[expect(clippy::cast_precision_loss, reason = "thousands of samples")]
fn rate(samples: usize, mut work: impl FnMut()) -> f64 {
    let rounds = SAMPLES / samples;
    let mut rates: Vec<f64> = (0..=TIMES)
        .map(|_| {
            let start = Instant::now();
            (0..rounds).for_each(|_| work());
            (rounds * samples) as f64 / start.elapsed().as_secs_f64()
        })
        .skip(1)
        .collect();
    rates.sort_by(f64::total_cmp);
    rates[TIMES / 2]
}
