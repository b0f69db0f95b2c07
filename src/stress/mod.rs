//! `thalweg stress`: a matrix of delay, loss, slow machines, methods and consistency on a real local cluster, and
//! after each cell the promises of the system, judged by what was measured.
//!
//! Every cell is `thalweg train` as a child, under conditions of the fault proxy. Its job trains logistic
//! regression with a counter beside every weight, so that exactly-once is read off the parameters of the very run
//! whose loss, throughput and staleness are told. Beside each stands what virtual time predicted.

mod matrix;
mod plan;
mod lead;
mod checks;
mod watch;
mod run;
mod predict;
mod budget;
mod netem;
mod claim;
mod result;
mod text;
mod page;
#[cfg(test)]
mod fixtures;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use thalweg_common::physics::Span;
use thalweg_worker::method::MethodEntry;

pub use self::matrix::{Axes, Consistency, Extent, Maybe};

use self::budget::Budget;
use self::matrix::Cell;
use self::plan::Common;
use self::predict::{Doomed, Ready};
use self::result::{CellResult, Left, SCHEMA_VERSION, StressResult, Totals};
use self::run::{Order, now};
use crate::progress::{say_err, say_out};
use crate::report::{Host, RunFolder, write_text};
use crate::view::Look;
use crate::view::units::{counted, span};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct StressOptions {
    /// How much is run where no axis is named.
    pub extent: Extent,
    /// What was named of each axis.
    pub axes: Axes,
    /// Names of methods; empty: the extent's.
    pub methods: Vec<String>,
    /// When workers wait for each other; empty: the extent's.
    pub consistencies: Vec<Consistency>,
    /// Only cells whose name contains one of these; empty: all.
    pub only: Vec<String>,
    /// Worker processes of a cell.
    pub workers: u32,
    /// Server processes of a cell.
    pub servers: u32,
    /// That every worker is to make, at least.
    pub iterations: u64,
    /// Iterations that one may be ahead under SSP.
    pub lag: u64,
    /// Sleep per batch.
    pub compute: Span,
    /// The seed of jobs and faults.
    pub seed: u64,
    /// The test loss to be reached.
    pub target: f64,
    /// No cell is begun that is not expected to end within it.
    pub duration: Duration,
    /// Where the files go; `None`: a folder of its own below `stress`.
    pub out: Option<PathBuf>,
    /// Whether to show no progress.
    pub quiet: bool,
    /// Whether to print `result.json` instead of the tables.
    pub json: bool,
    /// True once the user wants no more: what is whole by then is told.
    pub interrupted: Arc<AtomicBool>,
}

/// How a stress run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StressEnd {
    /// Everything was run, and everything holds.
    Passed,
    /// A check failed, or something was not run.
    Failed,
    /// The user ended it.
    Interrupted,
}

/// Runs the matrix, judges it and writes its files.
///
/// # Errors
/// If nothing can be run, a process cannot be started, or a file cannot be written.
pub fn stress(options: &StressOptions) -> Result<StressEnd> {
    let begun = now();
    let cells = choose(options)?;
    let place = (options.out.clone(), "stress");
    let folder = RunFolder::create_or_below(place, "stress", wall_clock())?;
    let course = Course {
        options,
        common: Common {
            workers: options.workers,
            servers: options.servers,
            iterations: options.iterations,
            lag: options.lag,
            compute: options.compute,
            seed: options.seed,
        },
        begun,
    };
    let netem = netem::probe();
    course.say(&format!(
        "{} of {} servers and {} workers each; netem: {netem}",
        counted(cells.len() as u64, "cell"),
        options.servers,
        options.workers
    ));
    let Prepared {
        ready,
        refused,
        mut not_run,
    } = course.prepare(&cells)?;
    let (cells, left_out) = course.run(&ready, folder.path())?;
    not_run.extend(left_out);
    let claims = claim::claims(&cells);
    let totals = Totals::of(&cells, &claims);
    let interrupted = course.is_over();
    let result = StressResult {
        schema_version: SCHEMA_VERSION,
        version: env!("CARGO_PKG_VERSION"),
        host: Host::here(),
        seed: options.seed,
        servers: options.servers,
        workers: options.workers,
        iterations: options.iterations,
        lag: options.lag,
        compute: options.compute.to_string(),
        target: options.target,
        netem,
        passed: totals.failed == 0 && not_run.is_empty() && !cells.is_empty() && !interrupted,
        cells,
        claims,
        refused,
        not_run,
        totals,
        interrupted,
        seconds: (now() - begun).as_secs_f64(),
    };
    tell(&result, &folder, options)?;
    Ok(match (interrupted, result.passed) {
        (true, _) => StressEnd::Interrupted,
        (false, true) => StressEnd::Passed,
        (false, false) => StressEnd::Failed,
    })
}

/// The cells that are asked for.
fn choose(options: &StressOptions) -> Result<Vec<Cell>> {
    // A name that is none is a slip, and no pair that cannot be.
    for name in &options.methods {
        MethodEntry::find(name).context("--methods")?;
    }
    let all = matrix::cells(
        options.extent,
        &options.axes,
        &options.methods,
        &options.consistencies,
    );
    let wanted = |(number, cell): &(usize, &Cell)| {
        let name = format!("{} {}", cell.name(number + 1), cell.place.words());
        options.only.is_empty() || options.only.iter().any(|word| name.contains(word.as_str()))
    };
    let chosen: Vec<_> = all
        .iter()
        .enumerate()
        .filter(wanted)
        .map(|(_, cell)| cell.clone())
        .collect();
    if chosen.is_empty() {
        bail!(
            "--only {}: none of the {} cells has that in its name or conditions; leave it out, and the table \
             names them",
            options.only.join(","),
            all.len()
        );
    }
    Ok(chosen)
}

fn tell(result: &StressResult, folder: &RunFolder, options: &StressOptions) -> Result<()> {
    let json = serde_json::to_string_pretty(result)?;
    write_text(&folder.path().join("result.json"), &json)?;
    write_text(&folder.path().join("report.html"), &page::render(result))?;
    for (name, svg) in page::plots(result) {
        write_text(&folder.path().join(name), &svg)?;
    }
    say_out(&match options.json {
        true => json,
        false => format!(
            "{}files      {}",
            text::render(result, Look::of_stdout()),
            folder.path().display()
        ),
    });
    Ok(())
}

/// A stress run under way.
struct Course<'a> {
    options: &'a StressOptions,
    common: Common,
    begun: Instant,
}

/// Cells that can be run, pairs that cannot be, and cells that would come to nothing.
struct Prepared {
    ready: Vec<Ready>,
    refused: Vec<Left>,
    not_run: Vec<Left>,
}

/// What came of the cells, by their numbers.
#[derive(Default)]
struct Outcomes {
    results: Vec<(usize, CellResult)>,
    not_run: Vec<(usize, Left)>,
    failure: Option<anyhow::Error>,
}

impl Course<'_> {
    fn say(&self, text: &str) {
        if !self.options.quiet {
            say_err(text);
        }
    }

    /// Whether the user wants no more.
    fn is_over(&self) -> bool {
        self.options.interrupted.load(Ordering::Relaxed)
    }

    /// Resolves all cells and runs them in virtual time, on all cores. Answers also the pairs that cannot be.
    fn prepare(&self, cells: &[Cell]) -> Result<Prepared> {
        let how = (&self.common, self.options.target);
        // Threads of their own: a simulation waits for a pool, and one that waits in a pool would begin another
        // on top of itself.
        let (next, prepared) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
        thread::scope(|scope| {
            for _ in 0..Host::here().cores {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(cell) = cells.get(number) else {
                            return;
                        };
                        let this = Ready::prepare(cell, how, &self.options.interrupted);
                        lock(&prepared).insert(number, this);
                    }
                });
            }
        });
        let prepared = prepared
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let (mut ready, mut refused, mut not_run) = (Vec::new(), Vec::new(), Vec::new());
        for (cell, prepared) in cells.iter().zip(prepared.into_values()) {
            match prepared {
                Ok(this) => ready.push(this),
                Err(_) if self.is_over() => {}
                Err(why) if why.is::<Doomed>() => not_run.push(left(cell, &why.to_string())),
                Err(why) => refused.push(left(cell, &format!("{why:#}"))),
            }
        }
        if ready.is_empty() && !self.is_over() {
            let all = refused.iter().chain(&not_run);
            let reasons: BTreeSet<&str> = all.map(|cell: &Left| &*cell.why).collect();
            let reasons: Vec<_> = reasons.into_iter().collect();
            bail!("no cell can be run: {}", reasons.join("; "));
        }
        Ok(Prepared {
            ready,
            refused,
            not_run,
        })
    }

    /// Runs the cells, one after the other where they need the machine, several at once where they mostly wait
    /// for messages.
    fn run(&self, ready: &[Ready], out: &Path) -> Result<(Vec<CellResult>, Vec<Left>)> {
        let budget = Budget::new(Host::here().cores);
        let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(Outcomes::default()));
        thread::scope(|scope| {
            for _ in 0..budget.lanes() {
                scope.spawn(|| {
                    self.run_lane((ready, out), (&budget, &next), &outcomes);
                });
            }
        });
        let mut outcomes = outcomes
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = outcomes.failure {
            return Err(failure);
        }
        outcomes.results.sort_by_key(|(number, _)| *number);
        outcomes.not_run.sort_by_key(|(number, _)| *number);
        let results = outcomes.results.into_iter().map(|(_, result)| result);
        let not_run = outcomes.not_run.into_iter().map(|(_, left)| left);
        Ok((results.collect(), not_run.collect()))
    }

    fn run_lane(
        &self,
        (ready, out): (&[Ready], &Path),
        (budget, next): (&Budget, &AtomicUsize),
        outcomes: &Mutex<Outcomes>,
    ) {
        // A cell is drawn and gets its share at once, so that cells begin in their order.
        while let Some((number, _share)) = budget.draw(next, ready) {
            let this = &ready[number];
            if self.is_over() || lock(outcomes).failure.is_some() {
                return;
            }
            let until = (now() - self.begun) + this.estimate();
            if self.options.duration < until {
                let why = format!(
                    "it would have ended after {}, and --duration is {}",
                    span(until),
                    span(self.options.duration)
                );
                lock(outcomes)
                    .not_run
                    .push((number, left(&this.cell, &why)));
                continue;
            }
            self.announce(number, ready, budget);
            match self.run_one((number + 1, this), out) {
                Ok(Some(result)) => {
                    self.say(&text::of_cell(&result));
                    lock(outcomes).results.push((number, result));
                }
                Ok(None) => return,
                Err(error) => {
                    lock(outcomes).failure.get_or_insert(error);
                    return;
                }
            }
        }
    }

    fn announce(&self, number: usize, ready: &[Ready], budget: &Budget) {
        let cell = &ready[number].cell;
        let rest = ready[number..].iter().map(|this| budget.real_time(this));
        self.say(&format!(
            "cell {} of {}: {} under {}, {}; about {} to go",
            number + 1,
            ready.len(),
            cell.method,
            cell.consistency,
            cell.place.words(),
            span(rest.sum())
        ));
    }

    /// Runs a cell and judges it; `None` if the user ended it.
    fn run_one(&self, (number, ready): (usize, &Ready), out: &Path) -> Result<Option<CellResult>> {
        let folder = out.join(ready.cell.name(number));
        let order = Order {
            job: &ready.job,
            promise: &ready.promise,
            arguments: &ready.arguments(),
            folder: &folder,
            interrupted: &self.options.interrupted,
        };
        let Some((seen, report)) = order.run()? else {
            return Ok(None);
        };
        let checks = checks::judge(&ready.cell.place, &ready.promise, &seen);
        Ok(Some(CellResult::new(
            (number, ready),
            (&seen, report.as_ref()),
            (checks, self.options.target),
        )))
    }
}

/// What a thread that panicked had under it is whole all the same: one insertion.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn left(cell: &Cell, why: &str) -> Left {
    Left {
        conditions: cell.place.words(),
        method: cell.method.clone(),
        consistency: cell.consistency.to_string(),
        why: why.to_owned(),
    }
}

#[expect(clippy::disallowed_methods, reason = "the folder is named by the time")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}
