//! Beside torch: its optimizers step in a process of their own, in turn with ours.

use anyhow::Result;

use super::case::Case;
use super::peer::Peer;
use super::samples::Samples;
use super::sheet::{Of, Sheet, verdict};
use super::subject::{SHARD, Shards, thread_counts, values};

/// How many times as fast as torch's fused kernels every optimizer is to be.
const FUSED_MIN: f64 = 1.0;

/// How many times as fast as torch's defaults.
const DEFAULT_MIN: f64 = 5.0;

/// Optimizers that torch has, too, with the same formula and state.
const SHARED: &[&str] = &[
    "sgd",
    "momentum",
    "nesterov",
    "asgd",
    "adagrad",
    "adadelta",
    "rmsprop",
    "adam",
    "adamw",
    "amsgrad",
    "adamax",
    "nadam",
    "adafactor",
];

/// The forms of torch's side: how the parameters lie, and which code runs.
const FORMS: [&str; 4] = ["one/fused", "one/default", "shards/fused", "shards/default"];

/// Measures those of the cases that torch has, with the torch of `python`. Says so where there is
/// none.
pub(super) fn run(
    sheet: &mut Sheet,
    (cases, python): (&[Case], &str),
    shards: usize,
    rounds: usize,
) -> Result<()> {
    sheet.now("torch", (0, 1), "starting");
    let mut peer = match Peer::start(python, shards * SHARD, shards) {
        Ok(peer) => peer,
        Err(reason) => {
            sheet.warn(&format!(
                "NO COMPARISON WITH TORCH in this run: `{python}` has none to compare with: {reason:#}. Give a \
                 Python that has torch: --torch /path/to/python"
            ));
            return Ok(());
        }
    };
    sheet.line(&format!(
        "torch {}: {shards} Mi parameters, ms per step, and how many times as fast as torch's we are in the \
         same round; medians of {rounds}\n\
         one: torch's parameters are one tensor; shards: they are {shards} tensors, as ours are",
        peer.version
    ));
    let heads: String = FORMS
        .iter()
        .map(|form| format!(" {form:>14} {:>5}", "times"))
        .collect();
    sheet.line(&format!(
        "{:<12} {:>7} {:>8}{heads}",
        "optimizer", "threads", "ours"
    ));
    let shared = |case: &&Case| case.settings.is_empty() && SHARED.contains(&case.entry.name);
    let cases: Vec<&Case> = cases.iter().filter(shared).collect();
    let counts = thread_counts(shards);
    let gradient = values(shards * SHARD, 1);
    let mut verdicts = FORMS.map(|_| Vec::new());
    for (number, case) in cases.iter().enumerate() {
        sheet.now("torch", (number, cases.len()), &case.label);
        let mut subjects = Shards::new(case, shards)?;
        for &threads in &counts {
            let mut step = || subjects.step(&gradient, threads);
            let (ours, theirs) = match measure(&mut step, &mut peer, (case, threads), rounds) {
                Ok(measured) => measured,
                Err(reason) => {
                    sheet.warn(&format!("TORCH ENDED at `{}`: {reason:#}", case.label));
                    return Ok(());
                }
            };
            let of = of(&case.label, threads, shards);
            sheet.record(&of, "ours", "ms", &ours);
            let mut line = format!("{:<12} {threads:>7} {:>8.1}", case.label, ours.median());
            for ((form, samples), verdicts) in FORMS.iter().zip(&theirs).zip(&mut verdicts) {
                let Some(samples) = samples else {
                    line += &format!(" {:>14} {:>5}", "", "");
                    continue;
                };
                let times = samples.over(&ours);
                line += &format!(" {:>14.1} {:>5.1}", samples.median(), times.median());
                verdicts.push((format!("{} x{threads}", case.label), times.median()));
                sheet.record(&of, form, "ms", samples);
                sheet.record(&of, &format!("times {form}"), "1", &times);
            }
            sheet.line(&line);
        }
    }
    for (form, found) in FORMS.iter().zip(&verdicts) {
        let least = if form.ends_with("fused") {
            FUSED_MIN
        } else {
            DEFAULT_MIN
        };
        sheet.line(&verdict(&format!("times as fast as {form}"), least, found));
    }
    sheet.line("\n");
    Ok(())
}

/// Times of our steps, and of those of torch's forms that there are, ms.
type Measured = (Samples, [Option<Samples>; FORMS.len()]);

fn measure(
    ours: &mut dyn FnMut() -> Result<f64>,
    peer: &mut Peer,
    (case, threads): (&Case, usize),
    rounds: usize,
) -> Result<Measured> {
    let there = peer.begin(case.entry.name, threads)?;
    let mut theirs = FORMS.map(|form| {
        there
            .iter()
            .any(|other| other == form)
            .then(Samples::default)
    });
    let mut own = Samples::default();
    // The first rounds find memory that was never touched.
    for round in 0..=rounds {
        let millis = ours()?;
        if 0 < round {
            own.push(millis);
        }
        for (form, samples) in FORMS.iter().zip(&mut theirs) {
            if let Some(samples) = samples {
                let millis = peer.step(form)?;
                if 0 < round {
                    samples.push(millis);
                }
            }
        }
    }
    peer.end()?;
    Ok((own, theirs))
}

fn of(subject: &str, threads: usize, shards: usize) -> Of {
    Of {
        question: "torch",
        subject: subject.to_owned(),
        threads,
        parameters: shards * SHARD,
        l2: 0.0,
    }
}
