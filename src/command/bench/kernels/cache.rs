//! Small shards, in cache: the arithmetic sets the pace.

use std::io::Write;

use anyhow::Result;
use thalweg_common::optimizer::{GradientView, OptimizerEntry};

use super::super::sample::{millis_since, now};
use super::subject::{Subject, values};
use super::{median, plain};

/// Parameters of the shard: with two slots and the gradient 128 KiB.
const LEN: usize = 8 << 10;

/// Steps of one sample.
const STEPS: usize = 500;

/// Measures each optimizer in cache, in turn with its plain loop where there is one.
pub(super) fn run(out: &mut impl Write, entries: &[&OptimizerEntry], rounds: usize) -> Result<()> {
    writeln!(
        out,
        "8 Ki parameters, in cache, one thread; ps per parameter, and how many times as fast as a \
         plain loop; medians of {rounds}"
    )?;
    writeln!(
        out,
        "{:<28} {:>10} {:>10} {:>7}",
        "optimizer", "ours", "plain", "times"
    )?;
    let gradient = values(LEN, 2);
    let singles: Vec<f32> = gradient
        .as_chunks::<4>()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    for entry in entries {
        let mut subject = Subject::new(entry, LEN, 0.0)?;
        let mut columns = [vec![0.5_f32; LEN], vec![0.0; LEN], vec![0.0; LEN]];
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..=rounds {
            let start = now();
            for _ in 0..STEPS {
                subject.step(GradientView::Dense {
                    start: 0,
                    segments: &[&gradient],
                })?;
            }
            let own = picos_per_element(millis_since(start));
            let start = now();
            if let Some(plain) = plain::of(entry.name) {
                let [x, a, b] = &mut columns;
                for _ in 0..STEPS {
                    plain(x, &singles, a, b);
                }
            }
            let plain = picos_per_element(millis_since(start));
            if 0 < round {
                ours.push(own);
                theirs.push(plain);
            }
        }
        let ours = median(ours);
        let theirs = plain::of(entry.name).map(|_| median(theirs));
        let compared = theirs.map_or_else(
            || format!("{:>10} {:>7}", "", ""),
            |plain| format!("{plain:>10.0} {:>7.1}", plain / ours),
        );
        writeln!(out, "{:<28} {ours:>10.0} {compared}", entry.name)?;
    }
    writeln!(out)?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn picos_per_element(millis: f64) -> f64 {
    millis * 1e9 / (STEPS * LEN) as f64
}
