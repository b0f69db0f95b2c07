//! Large shards: every parameter steps, and memory sets the pace.

use anyhow::Result;

use super::case::Case;
use super::limits::{self, Limits};
use super::samples::{Samples, gigabytes_per_second};
use super::sheet::{Of, Sheet, verdict};
use super::subject::{SHARD, Shards, thread_counts, values};

/// The share of the triad that every optimizer is held to.
const SHARE_MIN: f64 = 0.9;

/// Measures each case over `shards` shards, on one thread and on all, in turn with memory.
pub(super) fn run(sheet: &mut Sheet, cases: &[Case], shards: usize, rounds: usize) -> Result<()> {
    let counts = thread_counts(shards);
    sheet.line(&format!(
        "Dense: {shards} Mi parameters in shards of 1 Mi; GB/s at the rule's bytes per parameter, and the \
         share of both limits in the same round; medians of {rounds}\n{}",
        limits::WORDS
    ));
    let heads: String = counts
        .iter()
        .map(|count| {
            format!(
                "  {:>9} {:>6} {:>6}",
                threads_word(*count),
                "/triad",
                "/axpy"
            )
        })
        .collect();
    sheet.line(&format!("{:<32} {:>7}{heads}", "optimizer", "B/param"));
    let gradient = values(shards * SHARD, 1);
    let mut limits: Vec<Limits> = counts
        .iter()
        .map(|&count| Limits::new(shards * SHARD, count))
        .collect();
    let mut reached = vec![(Samples::default(), Samples::default()); counts.len()];
    let mut shares = vec![Vec::new(); counts.len()];
    for (number, case) in cases.iter().enumerate() {
        sheet.now("dense", (number, cases.len()), &case.label);
        let bytes = case.bytes_per_parameter();
        let mut line = format!("{:<32} {bytes:>7}", case.label);
        let mut subjects = Shards::new(case, shards)?;
        for (at, &threads) in counts.iter().enumerate() {
            let mut measured = Measured::default();
            // The first rounds find memory that was never touched.
            for round in 0..=rounds {
                let triad = limits[at].triad();
                let axpy = limits[at].axpy();
                let millis = subjects.step(&gradient, threads)?;
                if 0 < round {
                    measured.triad.push(triad);
                    measured.axpy.push(axpy);
                    let rate = gigabytes_per_second(shards * SHARD * bytes, millis);
                    measured.rate.push(rate);
                }
            }
            let share = measured.rate.over(&measured.triad).median();
            line += &format!(
                "  {:>9.1} {share:>6.2} {:>6.2}",
                measured.rate.median(),
                measured.rate.over(&measured.axpy).median()
            );
            shares[at].push((case.label.clone(), share));
            reached[at].0.extend(&measured.triad);
            reached[at].1.extend(&measured.axpy);
            measured.record(sheet, &of(&case.label, threads, shards));
        }
        sheet.line(&line);
    }
    for (name, of_them) in [("triad", 0), ("axpy", 1)] {
        let rates = reached.iter().map(|pair| [&pair.0, &pair.1][of_them]);
        let rates: String = rates
            .map(|rates| format!("  {:>9.1} {:>6} {:>6}", rates.median(), "", ""))
            .collect();
        sheet.line(&format!("{name:<32} {:>7}{rates}", limits::BYTES));
    }
    for (count, shares) in counts.iter().zip(&shares) {
        let what = format!("share of the triad, {}", threads_word(*count));
        sheet.line(&verdict(&what, SHARE_MIN, shares));
    }
    sheet.line("\n");
    Ok(())
}

/// What a round measures, GB/s.
#[derive(Debug, Default)]
struct Measured {
    triad: Samples,
    axpy: Samples,
    rate: Samples,
}

impl Measured {
    fn record(&self, sheet: &mut Sheet, of: &Of) {
        sheet.record(of, "ours", "GB/s", &self.rate);
        sheet.record(of, "triad", "GB/s", &self.triad);
        sheet.record(of, "axpy", "GB/s", &self.axpy);
        sheet.record(of, "share of triad", "1", &self.rate.over(&self.triad));
        sheet.record(of, "share of axpy", "1", &self.rate.over(&self.axpy));
    }
}

fn threads_word(count: usize) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} thread{plural}")
}

fn of(subject: &str, threads: usize, shards: usize) -> Of {
    Of {
        question: "dense",
        subject: subject.to_owned(),
        threads,
        parameters: shards * SHARD,
        l2: 0.0,
    }
}
