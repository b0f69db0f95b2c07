//! Sparse steps: the price of a coordinate against the size of the model.

use anyhow::Result;
use thalweg_common::optimizer::GradientView;

use super::super::sample::{millis_since, now};
use super::case::Case;
use super::lines::{Arrays, Sets, TOUCHED, arrays_of};
use super::samples::{Samples, picos_each};
use super::sheet::{Of, Sheet};
use super::subject::{Subject, values};

/// Parameters of the models.
const SIZES: [usize; 7] = [10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

/// The size whose late steps are measured.
const LATE: usize = 1_000_000;

/// Different sets of coordinates. With the rounds below, a large model takes fewer steps than make
/// it settle, so that settling is measured by itself.
const SETS: usize = 20;

/// Rounds, beside the first.
const ROUNDS_MAX: usize = 5;

/// λ of the rows with an L2 term.
const L2: f64 = 1e-5;

/// Measures each case that takes sparse gradients, without and with an L2 term, in turn with the
/// price of the lines that it touches.
pub(super) fn run(sheet: &mut Sheet, cases: &[Case], rounds: usize) -> Result<()> {
    let rounds = rounds.min(ROUNDS_MAX);
    sheet.line(&format!(
        "Sparse: steps of {TOUCHED} coordinates (all, of smaller models); ns per coordinate by the size of the \
         model; medians of {rounds}. With an L2 term a coordinate first takes the steps that it has missed\n\
         lines: ns for adding to the same coordinates of as many arrays at 10 M, in the same rounds: the price \
         of their cache lines\n\
         late:  with an L2 term, ps for each step that a parameter has missed, when all of a model of 1 M \
         take them"
    ));
    let sizes: String = SIZES
        .iter()
        .map(|size| format!(" {:>7}", short(*size)))
        .collect();
    sheet.line(&format!(
        "{:<32} {:>5} {:>6}{sizes} {:>7} {:>6}",
        "optimizer", "l2", "arrays", "lines", "late"
    ));
    let rows: Vec<(&Case, f64)> = cases
        .iter()
        .filter(|case| !case.needs_tensors())
        .flat_map(|case| [(case, 0.0), (case, L2)])
        .collect();
    let most = rows.iter().map(|(case, l2)| arrays(case, *l2)).max();
    let most = most.unwrap_or(0);
    let mut bench = Bench {
        sets: SIZES.map(|size| Sets::new(size, SETS)),
        arrays: Arrays::new(most, SIZES[SIZES.len() - 1]),
        rounds,
    };
    let mut touched = vec![SIZES.map(|_| Samples::default()); 1 + most];
    for (number, (case, l2)) in rows.iter().enumerate() {
        sheet.now("sparse", (number, rows.len()), &case.label);
        let count = arrays(case, *l2);
        let mut line = format!("{:<32} {:>5} {count:>6}", case.label, word(*l2));
        let (mut lines, mut late) = (0.0, None);
        for at in 0..SIZES.len() {
            let measured = bench.measure(case, *l2, at)?;
            measured.record(sheet, &of(&case.label, SIZES[at], *l2));
            line += &format!(" {:>7.1}", measured.ours.median());
            lines = measured.lines.median();
            late = late.or(measured.late);
            touched[count][at].extend(&measured.lines);
        }
        let late = late.map_or_else(String::new, |late| format!("{late:.0}"));
        sheet.line(&format!("{line} {lines:>7.1} {late:>6}"));
    }
    for (count, prices) in touched.iter().enumerate() {
        if prices[0].median() == 0.0 {
            continue;
        }
        let prices: String = prices
            .iter()
            .map(|price| format!(" {:>7.1}", price.median()))
            .collect();
        sheet.line(&format!(
            "{:<32} {:>5} {count:>6}{prices}",
            "lines alone", ""
        ));
    }
    sheet.line("\n");
    Ok(())
}

/// What all rows share.
#[derive(Debug)]
struct Bench {
    sets: [Sets; SIZES.len()],
    arrays: Arrays,
    rounds: usize,
}

/// What the rounds measured, ns per coordinate.
#[derive(Debug, Default)]
struct Measured {
    ours: Samples,
    lines: Samples,
    /// ps for a parameter and missed step.
    late: Option<f64>,
}

impl Bench {
    /// Measures the model of the size number `at`.
    fn measure(&mut self, case: &Case, l2: f64, at: usize) -> Result<Measured> {
        let sets = &self.sets[at];
        let gradient = values(sets.touched(), 4);
        let mut subject = Subject::new(case, sets.size, l2)?;
        let mut measured = Measured::default();
        let mut steps = 0;
        for round in 0..=self.rounds {
            let lines = self.arrays.touch(arrays(case, l2), sets);
            let start = now();
            for coordinates in sets.taken() {
                subject.step(GradientView::Sparse {
                    coordinates,
                    values: &gradient,
                })?;
                steps += 1;
            }
            let ours = millis_since(start);
            // The first round finds memory that was never touched.
            if 0 < round {
                let nanos = |millis| picos_each(sets.coordinates(), millis) / 1e3;
                measured.ours.push(nanos(ours));
                measured.lines.push(nanos(lines));
            }
        }
        if sets.size == LATE && 0.0 < l2 {
            let start = now();
            subject.settle();
            measured.late = Some(picos_each(steps * sets.size, millis_since(start)));
        }
        Ok(measured)
    }
}

impl Measured {
    fn record(&self, sheet: &mut Sheet, of: &Of) {
        sheet.record(of, "ours", "ns per coordinate", &self.ours);
        sheet.record(of, "lines", "ns per coordinate", &self.lines);
        if let Some(late) = self.late {
            let mut once = Samples::default();
            once.push(late);
            sheet.record(of, "late", "ps per parameter and step", &once);
        }
    }
}

fn arrays(case: &Case, l2: f64) -> usize {
    arrays_of(case.facts.slot_names.len(), l2)
}

fn word(l2: f64) -> String {
    if l2 == 0.0 {
        String::new()
    } else {
        format!("{l2:.0e}")
    }
}

/// 1000 as 1 K.
fn short(size: usize) -> String {
    match size {
        0..1_000 => size.to_string(),
        1_000..1_000_000 => format!("{} K", size / 1_000),
        _ => format!("{} M", size / 1_000_000),
    }
}

fn of(subject: &str, parameters: usize, l2: f64) -> Of {
    Of {
        question: "sparse",
        subject: subject.to_owned(),
        threads: 1,
        parameters,
        l2,
    }
}
