//! Large shards: every parameter steps, and memory sets the pace.

use std::io::Write;
use std::thread;

use anyhow::{Result, anyhow};
use thalweg_common::optimizer::{GradientView, OptimizerEntry};

use super::super::sample::{millis_since, now};
use super::bandwidth::Bandwidth;
use super::median;
use super::subject::{Subject, bytes_per_element, values};

/// Parameters of a shard.
const SHARD: usize = 1 << 20;

/// Measures each optimizer over `shards` shards, on one thread and on all, in turn with memory.
pub(super) fn run(
    out: &mut impl Write,
    entries: &[&OptimizerEntry],
    shards: usize,
    rounds: usize,
) -> Result<()> {
    let all = thread::available_parallelism().map_or(1, usize::from);
    let mut threads = vec![1, all.min(shards)];
    threads.dedup();
    writeln!(
        out,
        "{shards} Mi parameters in shards of 1 Mi; GB/s and the share of what x ← x + s·y reaches in the \
         same round; medians of {rounds}"
    )?;
    write!(out, "{:<28} {:>7}", "optimizer", "B/param")?;
    for count in &threads {
        write!(out, "  {:>10} {:>6}", format!("{count} thread(s)"), "share")?;
    }
    writeln!(out)?;
    let gradient = values(SHARD, 1);
    for entry in entries {
        let bytes = bytes_per_element(entry)?;
        write!(out, "{:<28} {bytes:>7}", entry.name)?;
        out.flush()?;
        let mut subjects = (0..shards)
            .map(|_| Subject::new(entry, SHARD, 0.0))
            .collect::<Result<Vec<_>>>()?;
        for &count in &threads {
            let mut limit = Bandwidth::new(shards * SHARD, count);
            let (mut rates, mut shares) = (Vec::new(), Vec::new());
            // The first rounds find memory that was never touched.
            for round in 0..=rounds {
                let reached = limit.measure();
                let rate = rate(&mut subjects, &gradient, count, bytes)?;
                if 0 < round {
                    rates.push(rate);
                    shares.push(rate / reached);
                }
            }
            write!(out, "  {:>10.1} {:>6.2}", median(rates), median(shares))?;
        }
        writeln!(out)?;
    }
    writeln!(out)?;
    Ok(())
}

/// The rate of one step of all shards, GB/s.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn rate(subjects: &mut [Subject], gradient: &[u8], threads: usize, bytes: usize) -> Result<f64> {
    let total = (subjects.len() * SHARD * bytes) as f64;
    let share = subjects.len().div_ceil(threads);
    let start = now();
    thread::scope(|scope| {
        let workers: Vec<_> = subjects
            .chunks_mut(share)
            .map(|own| {
                scope.spawn(move || {
                    own.iter_mut().try_for_each(|subject| {
                        subject.step(GradientView::Dense {
                            start: 0,
                            segments: &[gradient],
                        })
                    })
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .map_err(|_| anyhow!("a step panicked"))
                .flatten()
        })
    })?;
    Ok(total / (millis_since(start) * 1e6))
}
