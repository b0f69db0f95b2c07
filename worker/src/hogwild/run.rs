//! A run: epochs of a scheme, the threads joined between them, and what came of each.

use std::fmt::Debug;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use super::HogwildError;
use super::control::Control;
use super::engine::{Engine, Sequential, on_threads};
use super::lock_free::{Counting, LockFree};
use super::locked::{CoordinateLocks, OneLock};
use super::objective::Objective;
use super::order::Order;
use super::points::{Exact, Lossy};
use super::problem::{Problem, of_each};
use super::round_robin::RoundRobin;
use super::rule::{AdaGrad, HotMerge, Rule, Sgd};
use super::settings::{Judge, RuleName, Scheme, Settings};
use super::tiered::{Merge, Tiered};

/// Terms whose losses are added up before they are added to the others: sums have the same bits for any
/// number of threads.
const LOSS_BLOCK: usize = 4_096;

/// What was done in an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Terms that were taken.
    pub terms: u64,
    /// Updates of a coordinate.
    pub updates: u64,
    /// Updates that were overwritten; `None` where they are not counted or cannot be.
    pub lost: Option<u64>,
    /// Merges of a tier.
    pub merges: u64,
    /// Merges that found the tier busy and were put off.
    pub merges_skipped: u64,
}

impl Counts {
    /// Adds those of another thread or epoch.
    pub fn add(&mut self, other: &Self) {
        self.terms += other.terms;
        self.updates += other.updates;
        self.lost = match (self.lost, other.lost) {
            (Some(a), Some(b)) => Some(a + b),
            (one, other) => one.or(other),
        };
        self.merges += other.merges;
        self.merges_skipped += other.merges_skipped;
    }
}

/// What came of an epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochDone {
    /// Its number, from 1.
    pub epoch: u32,
    /// γ in it.
    pub rate: f64,
    /// How long the threads worked, s; computing f(x) not counted.
    pub seconds: f64,
    /// f(x) after it, if it was asked for.
    pub loss: Option<f64>,
    /// What was done.
    pub counts: Counts,
}

/// What the progress callback is shown.
#[derive(Clone, Copy, Debug)]
pub struct Epoch<'a> {
    /// The epoch that ended.
    pub done: &'a EpochDone,
    /// The parameters after it.
    pub parameters: &'a [f32],
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The parameters, in the order of the objective's coordinates.
    pub parameters: Vec<f32>,
    /// Every epoch.
    pub epochs: Vec<EpochDone>,
    /// Of all epochs together.
    pub counts: Counts,
}

impl Outcome {
    /// f(x) at the end, if it was asked for.
    #[must_use]
    pub fn loss(&self) -> Option<f64> {
        self.epochs.last()?.loss
    }

    /// Time in all epochs, s.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.epochs.iter().map(|epoch| epoch.seconds).sum()
    }
}

/// Minimises a problem, from `start` or from where it says itself. `progress` is called after each epoch
/// and may end the run.
///
/// # Errors
/// For settings that are impossible or do not go with the problem, and for a start of the wrong length.
///
/// # Examples
/// ```
/// use std::ops::ControlFlow;
/// use thalweg_worker::data::{InMemory, Rows, Task};
/// use thalweg_worker::hogwild::rows::Bias;
/// use thalweg_worker::hogwild::sparse_svm::SparseSvm;
/// use thalweg_worker::hogwild::{Problem, Settings, run};
///
/// let mut rows = Rows::new();
/// rows.push_ones(0, 1.0, &[0]);
/// rows.push_ones(1, -1.0, &[1]);
/// let data = InMemory::from_rows(&rows, 2, Task::Binary);
/// let problem = Problem::SparseSvm(SparseSvm::of(&data, Bias::Absent, 0.0)?);
/// let settings = Settings { threads: 2, rate: 0.2, ..Settings::default() };
/// let found = run(&problem, None, &settings, &mut |_| ControlFlow::Continue(()))?;
/// assert!(found.loss().unwrap() < 0.1);
/// # Ok::<(), thalweg_worker::hogwild::HogwildError>(())
/// ```
pub fn run(
    problem: &Problem,
    start: Option<&[f32]>,
    settings: &Settings,
    progress: &mut dyn FnMut(Epoch<'_>) -> ControlFlow<()>,
) -> Result<Outcome, HogwildError> {
    of_each!(problem, objective => run_on(objective, start, settings, progress))
}

/// As [`run()`], for an objective of one's own.
///
/// # Errors
/// As [`run()`].
pub fn run_on<O: Objective>(
    objective: &O,
    start: Option<&[f32]>,
    settings: &Settings,
    progress: &mut dyn FnMut(Epoch<'_>) -> ControlFlow<()>,
) -> Result<Outcome, HogwildError> {
    let mut epochs = Running::new(objective, start, settings, &Arc::default())?;
    let mut outcome = Outcome {
        parameters: Vec::new(),
        epochs: Vec::new(),
        counts: Counts::default(),
    };
    for epoch in 0..settings.epochs {
        let mut done = epochs.next(settings.rate_of(epoch));
        let judged = match settings.judge {
            Judge::EveryEpoch => true,
            Judge::AtEnd => epoch + 1 == settings.epochs,
            Judge::Never => false,
        };
        done.loss = judged.then(|| epochs.value());
        outcome.counts.add(&done.counts);
        let shown = Epoch {
            done: &done,
            parameters: epochs.parameters(),
        };
        let flow = progress(shown);
        outcome.epochs.push(done);
        if flow.is_break() {
            break;
        }
    }
    outcome.parameters = epochs.parameters;
    Ok(outcome)
}

/// A run that its caller takes epoch by epoch. Between two epochs no thread is at work.
pub trait Epochs: Debug {
    /// Takes the next epoch at this rate. Its loss is not computed. It ends early if the run's
    /// [`Control`] is stopped.
    fn next(&mut self, rate: f64) -> EpochDone;

    /// The parameters after the last epoch, in the order of the objective's coordinates.
    fn parameters(&self) -> &[f32];

    /// f(x) there.
    fn value(&self) -> f64;
}

/// A run of an objective.
#[derive(Debug)]
struct Running<'a, O> {
    objective: &'a O,
    engine: Box<dyn Engine<O>>,
    settings: Settings,
    control: Arc<Control>,
    /// Epochs that are over.
    done: u32,
    parameters: Vec<f32>,
}

impl<'a, O: Objective> Running<'a, O> {
    fn new(
        objective: &'a O,
        start: Option<&[f32]>,
        settings: &Settings,
        control: &Arc<Control>,
    ) -> Result<Self, HogwildError> {
        settings.check()?;
        let parameters = match start {
            None => objective.start(settings.seed),
            Some(given) if given.len() == objective.coordinates() => given.to_vec(),
            Some(given) => {
                return Err(HogwildError::Problem(format!(
                    "expected {} parameters to start from, found {}; give those of the same problem",
                    objective.coordinates(),
                    given.len()
                )));
            }
        };
        Ok(Self {
            objective,
            engine: engine(objective, settings, &parameters)?,
            settings: settings.clone(),
            control: Arc::clone(control),
            done: 0,
            parameters,
        })
    }
}

impl<O: Objective> Epochs for Running<'_, O> {
    fn next(&mut self, rate: f64) -> EpochDone {
        let Settings { sampling, seed, .. } = self.settings;
        let order = Order::new(self.objective.terms(), sampling, seed, self.done);
        let order = order.watched_by(&self.control);
        let begun = now();
        let counts = self
            .engine
            .epoch(self.objective, &order, super::single(rate));
        let seconds = now().duration_since(begun).as_secs_f64();
        self.parameters = self.engine.parameters();
        self.done += 1;
        EpochDone {
            epoch: self.done,
            rate,
            seconds,
            loss: None,
            counts,
        }
    }

    fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    fn value(&self) -> f64 {
        total(self.objective, &self.parameters, self.settings.threads)
    }
}

/// A run of a problem, to be taken epoch by epoch; of the settings, `epochs`, `rate`, `back_off` and
/// `judge` are left to the caller.
///
/// # Errors
/// As [`run()`].
pub(super) fn begin<'a>(
    problem: &'a Problem,
    start: Option<&[f32]>,
    settings: &Settings,
    control: &Arc<Control>,
) -> Result<Box<dyn Epochs + 'a>, HogwildError> {
    Ok(of_each!(problem, objective => Box::new(Running::new(objective, start, settings, control)?)))
}

/// The scheme that the settings name.
fn engine<O: Objective>(
    objective: &O,
    settings: &Settings,
    start: &[f32],
) -> Result<Box<dyn Engine<O>>, HogwildError> {
    if O::PROJECTED && settings.rule == RuleName::Adagrad {
        return Err(HogwildError::Refused {
            scheme: settings.scheme.name(),
            reason: "AdaGrad scales every coordinate by itself, and the nearest point of the simplex is \
                     then another one"
                .into(),
            mend: "use rule = \"sgd\"",
        });
    }
    match settings.rule {
        RuleName::Sgd => of_rule(objective, Sgd, settings, start),
        RuleName::Adagrad => of_rule(objective, AdaGrad, settings, start),
    }
}

/// Tiered replicas, where terms and rule allow them.
fn tiered<O: Objective, R: Rule<Cell: Merge> + 'static>(
    objective: &O,
    rule: R,
    settings: &Settings,
    start: &[f32],
) -> Result<Box<dyn Engine<O>>, HogwildError> {
    let reason = match R::HOT_MERGE {
        HotMerge::Refuse(reason) => reason,
        HotMerge::AddDelta if O::PROJECTED => {
            "the sum of two steps that each end on the simplex need not end on it"
        }
        HotMerge::AddDelta => {
            let made = Tiered::new(objective, rule, start, settings.threads);
            return Ok(Box::new(made));
        }
    };
    Err(HogwildError::Refused {
        scheme: settings.scheme.name(),
        reason: reason.into(),
        mend: "use scheme = \"hogwild\", or rule = \"sgd\" where the terms allow it",
    })
}

fn of_rule<O: Objective, R: Rule<Cell: Merge> + 'static>(
    objective: &O,
    rule: R,
    settings: &Settings,
    start: &[f32],
) -> Result<Box<dyn Engine<O>>, HogwildError> {
    let threads = settings.threads;
    Ok(match settings.scheme {
        Scheme::Sequential => Box::new(Sequential::new(rule, start)),
        Scheme::Hogwild => Box::new(LockFree::<R, Exact>::new(rule, start, threads)),
        Scheme::HogwildLossy => Box::new(LockFree::<R, Lossy>::new(rule, start, threads)),
        // The settings were refused with any rule but SGD.
        Scheme::HogwildCounted => Box::new(Counting::new(start, threads)),
        Scheme::RoundRobin => Box::new(RoundRobin::new(rule, start, threads)),
        Scheme::OneLock => Box::new(OneLock::new(rule, start, threads)),
        Scheme::CoordinateLocks => Box::new(CoordinateLocks::new(rule, start, threads)),
        Scheme::TieredReplicas => return tiered(objective, rule, settings, start),
    })
}

/// f(x), on so many threads, with the same bits for any number of them.
fn total<O: Objective>(objective: &O, x: &[f32], threads: usize) -> f64 {
    let blocks = objective.terms().div_ceil(LOSS_BLOCK);
    let share = blocks.div_ceil(threads).max(1);
    let mut sums = vec![0.0; blocks];
    let mut shares: Vec<&mut [f64]> = sums.chunks_mut(share).collect();
    on_threads(&mut shares, |thread, sums| {
        let at = |v: usize| f64::from(x[v]);
        for (sum, block) in sums.iter_mut().zip(thread * share..) {
            let first = block * LOSS_BLOCK;
            let terms = first..(first + LOSS_BLOCK).min(objective.terms());
            *sum = terms.map(|term| objective.loss(term, &at)).sum();
        }
        Counts::default()
    });
    sums.iter().sum()
}

/// The present moment: the time of an epoch is a result of the run, and decides nothing in it.
#[expect(
    clippy::disallowed_methods,
    reason = "a driver of threads reads the clock"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}
