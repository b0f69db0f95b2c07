//! Sparse steps: the price of a coordinate against the size of the model.

use std::io::Write;

use anyhow::Result;
use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use thalweg_common::optimizer::{GradientView, OptimizerEntry};
use thalweg_common::shard_map::Grain;
use toml::Table;

use super::super::sample::{millis_since, now};
use super::median;
use super::subject::{Subject, values};

/// Parameters of the models.
const SIZES: [usize; 7] = [10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

/// Coordinates of a step, where the model has so many.
const TOUCHED: usize = 1_000;

/// Different sets of coordinates, taken in turn.
const SETS: usize = 32;

/// λ of the rows with an L2 term.
const L2: f64 = 1e-5;

/// Measures each optimizer that takes sparse gradients, without and with an L2 term.
pub(super) fn run(out: &mut impl Write, entries: &[&OptimizerEntry], rounds: usize) -> Result<()> {
    writeln!(
        out,
        "steps of up to {TOUCHED} coordinates; ns per coordinate by the size of the model; medians \
         of {rounds}. With an L2 term, the steps that a coordinate has missed are taken late"
    )?;
    write!(out, "{:<28} {:>6}", "optimizer", "l2")?;
    for size in SIZES {
        write!(out, " {size:>9}")?;
    }
    writeln!(out)?;
    for entry in entries {
        if entry.facts(&Table::new())?.grain == Grain::Tensors {
            continue;
        }
        for l2 in [0.0, L2] {
            write!(
                out,
                "{:<28} {:>6}",
                entry.name,
                if l2 == 0.0 { "" } else { "1e-5" }
            )?;
            for size in SIZES {
                write!(
                    out,
                    " {:>9.1}",
                    nanos_per_coordinate(entry, (size, l2), rounds)?
                )?;
            }
            writeln!(out)?;
        }
    }
    writeln!(out)?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn nanos_per_coordinate(
    entry: &OptimizerEntry,
    (size, l2): (usize, f64),
    rounds: usize,
) -> Result<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let touched = size.min(TOUCHED);
    let sets: Vec<Vec<u32>> = (0..SETS)
        .map(|_| {
            let drawn = sample(&mut random, size, touched).into_iter();
            let mut set: Vec<u32> = drawn.filter_map(|place| place.try_into().ok()).collect();
            set.sort_unstable();
            set
        })
        .collect();
    let gradient = values(touched, 4);
    let mut subject = Subject::new(entry, size, l2)?;
    let mut samples = Vec::new();
    for round in 0..=rounds {
        let start = now();
        for coordinates in &sets {
            subject.step(GradientView::Sparse {
                coordinates,
                values: &gradient,
            })?;
        }
        if 0 < round {
            samples.push(millis_since(start) * 1e6 / (SETS * touched) as f64);
        }
    }
    Ok(median(samples))
}
