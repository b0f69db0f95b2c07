//! One race in cache: our store, the obvious loop, the loop by hand and the limits, in turn.

use anyhow::Result;

use super::super::sample::{millis_since, now};
use super::case::Case;
use super::limits::{Instructions, Limits, Work};
use super::plain;
use super::samples::{Samples, picos_each, rate_or_price};
use super::sheet::{Of, Sheet};
use super::subject::{Subject, context, initial, singles};

/// Parameters that step in one sample.
const STEPPED: usize = 4 << 20;

/// The limits of a race, with their names.
pub(super) const LIMITS: [(&str, Work, Instructions); 4] = [
    ("triad", Work::Triad, Instructions::Best),
    ("triad, baseline", Work::Triad, Instructions::Baseline),
    ("quotient", Work::Quotient, Instructions::Best),
    ("quotient, baseline", Work::Quotient, Instructions::Baseline),
];

/// What the rounds measured, ps per parameter.
#[derive(Debug, Default)]
pub(super) struct Race {
    pub(super) ours: Samples,
    /// Of a rule that sees one parameter at a time.
    pub(super) obvious: Option<Samples>,
    /// Where there is one.
    pub(super) by_hand: Option<Samples>,
    pub(super) limits: [Samples; LIMITS.len()],
}

impl Race {
    /// Runs `rounds` rounds over `len` parameters.
    pub(super) fn run(
        case: &Case,
        (len, rounds): (usize, usize),
        limits: &mut Limits,
    ) -> Result<Self> {
        let steps = STEPPED / len;
        let gradient = singles(len, 2);
        let bytes: Vec<u8> = gradient.iter().flat_map(|g| g.to_le_bytes()).collect();
        let mut subject = Subject::new(case, len, 0.0)?;
        let first = (0..len).map(initial).collect();
        let mut baseline = case.entry.build_baseline(&case.settings, first)?;
        let written = plain::of(&case.label);
        let mut columns = [0.5, 0.0, 0.0].map(|value| vec![value; len]);
        let mut taken = 0;
        let mut race = Self {
            obvious: baseline.is_some().then(Samples::default),
            by_hand: written.is_some().then(Samples::default),
            ..Self::default()
        };
        for round in 0..=rounds {
            let reached = LIMITS.map(|(_, work, with)| limits.again(work, with, steps));
            let ours = timed(steps, || subject.step_dense(&bytes))?;
            let obvious = baseline.as_mut().map(|baseline| {
                timed(steps, || {
                    taken += 1;
                    baseline.step(&context(taken), &gradient);
                    Ok(())
                })
            });
            let by_hand = written.map(|written| {
                let [x, a, b] = &mut columns;
                timed(steps, || {
                    written(x, &gradient, a, b);
                    Ok(())
                })
            });
            // The first rounds find caches that hold something else.
            if round == 0 {
                continue;
            }
            let picos = |millis| picos_each(steps * len, millis);
            race.ours.push(picos(ours));
            for (samples, millis) in race.limits.iter_mut().zip(reached) {
                samples.push(picos(millis));
            }
            let theirs = [(&mut race.obvious, obvious), (&mut race.by_hand, by_hand)];
            for (samples, millis) in theirs {
                if let (Some(samples), Some(millis)) = (samples, millis) {
                    samples.push(picos(millis?));
                }
            }
        }
        Ok(race)
    }

    /// GB/s at the rule's bytes per parameter.
    pub(super) fn rate(&self, case: &Case) -> Samples {
        let bytes = case.bytes_per_parameter();
        self.ours.map(|picos| rate_or_price(bytes, picos))
    }

    /// Writes every number down for programs.
    pub(super) fn record(&self, sheet: &mut Sheet, label: &str, len: usize) {
        let of = Of {
            question: "cache",
            subject: label.to_owned(),
            threads: 1,
            parameters: len,
            l2: 0.0,
        };
        let theirs = [
            ("ours", Some(&self.ours)),
            ("obvious loop", self.obvious.as_ref()),
            ("loop by hand", self.by_hand.as_ref()),
        ];
        let names = LIMITS.iter().map(|(name, ..)| *name);
        let limits = names.zip(self.limits.iter().map(Some));
        for (what, samples) in theirs.into_iter().chain(limits) {
            if let Some(samples) = samples {
                sheet.record(&of, what, "ps per parameter", samples);
            }
        }
    }
}

/// The time of `steps` steps, ms.
fn timed(steps: usize, mut step: impl FnMut() -> Result<()>) -> Result<f64> {
    let start = now();
    for _ in 0..steps {
        step()?;
    }
    Ok(millis_since(start))
}
