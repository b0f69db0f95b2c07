//! `thalweg bench hogwild`: how fast threads of one process train on skewed sparse rows, beside what the
//! machine allows and what others reach in the same run.
//!
//! docs/HOGWILD.md says what the lines mean and what was measured.

mod recipe;
mod limits;
mod contest;
mod peers;

use std::fs::File;
use std::path::PathBuf;
use std::thread;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use thalweg_worker::hogwild::RuleName;
use thalweg_worker::hogwild::rows::Bias;
use thalweg_worker::hogwild::sparse_logistic::SparseLogistic;

use self::contest::{Contender, Race, Schedule, choose, contenders};
use self::limits::Limits;
use self::recipe::{HARSH, Parts, RCV1_LIKE, Recipe};
use super::kernels::machine::Machine;
use super::kernels::samples::Samples;
use crate::progress::{say_err, say_out};

/// Options of `bench hogwild`. Takes some minutes: let nothing else run meanwhile.
#[derive(Args, Debug)]
pub(super) struct HogwildArgs {
    /// Threads; all that run at once if nothing is said.
    #[arg(long)]
    threads: Option<usize>,
    /// Rounds, of which medians are printed.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..=101))]
    rounds: u16,
    /// Passes over the rows.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    epochs: u32,
    /// Rows to train on; a tenth of them each chooses the schedule and judges.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1000..=2_000_000))]
    rows: u32,
    /// Of the rows and of their order.
    #[arg(long, default_value_t = 20_261_122)]
    seed: u64,
    /// The Python whose scikit-learn and torch are measured, too.
    #[arg(long, value_name = "PYTHON", default_value = "python3")]
    python: String,
    /// Leaves the peers out.
    #[arg(long)]
    no_peers: bool,
    /// Writes every number of every round to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The log-loss to which the time is taken on the first set.
const TARGET: f64 = 0.44;

/// All numbers of a run.
#[derive(Debug, Serialize)]
struct Numbers {
    machine: Machine,
    threads: usize,
    sets: Vec<Set>,
}

/// The numbers of one set of rows.
#[derive(Debug, Serialize)]
struct Set {
    name: &'static str,
    rows: usize,
    nonzeros_per_row: f64,
    /// Of plain SGD and of AdaGrad.
    schedules: [Schedule; 2],
    validation_losses: [f64; 2],
    limits: Limits,
    contenders: Vec<Contender>,
    peers: Vec<peers::Found>,
}

/// Runs the measurements and prints their tables.
pub(super) fn run(args: &HogwildArgs) -> Result<()> {
    let available = thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.unwrap_or(available);
    anyhow::ensure!(
        (1..=1_024).contains(&threads),
        "expected from 1 to 1,024 threads, found {threads}; change --threads"
    );
    let json = match &args.json {
        Some(path) => {
            let file = File::create(path);
            let file =
                file.with_context(|| format!("creating {} for the numbers", path.display()))?;
            Some((path, file))
        }
        None => None,
    };
    let machine = Machine::here();
    say_out(&format!("{machine}"));
    let mut numbers = Numbers {
        machine,
        threads,
        sets: Vec::new(),
    };
    for recipe in [RCV1_LIKE, HARSH] {
        let set = measure(recipe, args, threads)?;
        print(&set, threads);
        numbers.sets.push(set);
    }
    match json {
        Some((path, file)) => serde_json::to_writer_pretty(file, &numbers)
            .with_context(|| format!("writing the numbers to {}", path.display())),
        None => Ok(()),
    }
}

fn measure(recipe: Recipe, args: &HogwildArgs, threads: usize) -> Result<Set> {
    let rows = args.rows as usize;
    let parts = recipe.make(rows, rows / 10, args.seed);
    let found = if recipe == RCV1_LIKE && !args.no_peers {
        peers(&parts, args, threads)?
    } else {
        Vec::new()
    };
    let of = |rows| SparseLogistic::new(rows, Bias::Absent, 0.0);
    let (train, validation, test) = (of(parts.train)?, of(parts.validation)?, of(parts.test)?);
    let target = (recipe == RCV1_LIKE).then_some(TARGET);
    let chosen = |rule| choose(&train, &validation, rule, (args.epochs, target));
    let of_rules = [chosen(RuleName::Sgd)?, chosen(RuleName::Adagrad)?];
    let schedules = of_rules.map(|(schedule, _)| schedule);
    let mut limits = Limits::default();
    let mut contenders = contenders(threads);
    let race = Race {
        train: &train,
        test: &test,
        schedules,
        epochs: args.epochs,
        target,
    };
    for round in 0..args.rounds {
        limits.measure(&train, threads, single(schedules[0].rate));
        for contender in &mut contenders {
            if round == 0 || !contender.is_baseline() {
                contender.train(&race, args.seed + u64::from(round))?;
            }
        }
    }
    let nonzeros: usize = (0..rows).map(|row| train.rows().row(row).len()).sum();
    Ok(Set {
        name: recipe.name,
        rows,
        nonzeros_per_row: nonzeros as f64 / rows as f64,
        schedules,
        validation_losses: of_rules.map(|(_, loss)| loss),
        limits,
        contenders,
        peers: found,
    })
}

/// What the peers reach, or a line that says that there are none.
fn peers(parts: &Parts, args: &HogwildArgs, threads: usize) -> Result<Vec<peers::Found>> {
    let folder = tempfile::tempdir().context("making a folder for the peers' rows")?;
    peers::write(parts, folder.path())?;
    let mut all = Vec::new();
    for (name, script) in peers::PEERS {
        match peers::run(
            &args.python,
            script,
            folder.path(),
            (parts, threads, args.epochs),
        ) {
            Ok(found) => all.extend(found),
            Err(reason) => say_err(&format!(
                "NO COMPARISON WITH {name} in this run: `{}` has none to compare with: {reason:#}. Give a \
                 Python that has it: --python /path/to/python",
                args.python
            )),
        }
    }
    Ok(all)
}

fn print(set: &Set, threads: usize) {
    say_out(&format!(
        "\n{}: {} rows, {:.1} non-zeros a row",
        set.name, set.rows, set.nonzeros_per_row
    ));
    let chosen = set.schedules.iter().zip(set.validation_losses);
    for (rule, (schedule, loss)) in ["SGD", "AdaGrad"].into_iter().zip(chosen) {
        say_out(&format!(
            "{rule}: rate {}, back-off {}, chosen on the validation rows (log-loss {loss:.4})",
            schedule.rate, schedule.back_off
        ));
    }
    let limits = &set.limits;
    say_out(&format!(
        "core to core, one way: {} ns",
        spread(&limits.ping_pong, 0)
    ));
    say_out(&format!(
        "{:<28} {:>12} {:>22}",
        "M examples/s",
        "1 thread",
        format!("{threads} threads")
    ));
    for (name, samples) in [
        ("dot products only", &limits.dot_products),
        ("updates only", &limits.updates),
        ("disjoint models: the bound", &limits.disjoint),
    ] {
        let [one, all] = samples;
        say_out(&format!(
            "{name:<28} {:>12.1} {:>22}",
            one.median(),
            spread(all, 1)
        ));
    }
    say_out(&format!(
        "\n{:<28} {:>7} {:>20} {:>8} {:>24} {:>10} {:>9}",
        "", "threads", "M examples/s", "of bound", "test log-loss", "ms to 0.44", "lost"
    ));
    for one in &set.contenders {
        let bound = &limits.disjoint[usize::from(1 < one.threads)];
        let lost = match one.lost.median() {
            lost if 0.0 < lost => format!("{:.3} %", 100.0 * lost),
            _ => String::new(),
        };
        let to_target = match one.to_target.median() {
            millis if millis.is_finite() => format!("{millis:.0}"),
            _ if set.name == RCV1_LIKE.name => "never".to_owned(),
            _ => String::new(),
        };
        say_out(&format!(
            "{:<28} {:>7} {:>20} {:>8.2} {:>24} {to_target:>10} {lost:>9}",
            one.name,
            one.threads,
            spread(&one.rate, 1),
            one.rate.over(bound).median(),
            spread(&one.loss, 4),
        ));
    }
    for peer in &set.peers {
        say_out(&format!(
            "{:<60} {} threads, {:.2} M examples/s, test log-loss {:.4}",
            peer.name, peer.threads, peer.rate, peer.loss
        ));
    }
}

/// The median, and the least and the greatest where there are several.
fn spread(samples: &Samples, digits: usize) -> String {
    let [least, most] = samples.ends();
    let median = samples.median();
    if least.total_cmp(&most).is_eq() {
        return format!("{median:.digits$}");
    }
    format!("{median:.digits$} ({least:.digits$}–{most:.digits$})")
}

#[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
fn single(number: f64) -> f32 {
    number as f32
}
