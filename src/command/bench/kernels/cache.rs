//! Small shards, in cache: the arithmetic sets the pace.

use anyhow::Result;

use super::super::sample::{millis_since, now};
use super::case::Case;
use super::limits::{BYTES, Limits};
use super::plain::{self, Loop};
use super::samples::{Samples, picos_each, rate_or_price};
use super::sheet::{Of, Sheet, verdict};
use super::subject::{Subject, context, initial, singles};

/// Parameters of the shards: with two slots and the gradient 16 KiB, which is in the first cache,
/// and 128 KiB, which is in the second.
const LENGTHS: [usize; 2] = [1 << 10, 8 << 10];

/// Parameters that step in one sample.
const STEPPED: usize = 4 << 20;

/// How many times as fast as the obvious loop every optimizer is to be.
const TIMES_MIN: f64 = 2.0;

/// Measures each case in cache, in turn with the obvious loop and with the triad.
pub(super) fn run(sheet: &mut Sheet, cases: &[Case], rounds: usize) -> Result<()> {
    sheet.line(&format!(
        "In cache: one thread; ps per parameter, GB/s, the share of the triad over as many numbers, and how \
         many times as fast as the obvious loop of the same rule, compiled for the platform's baseline; \
         medians of {rounds}\n`by hand`: the same loop written without the frame of rules"
    ));
    let lengths: String = LENGTHS
        .iter()
        .map(|len| format!("  {:<37}", format!("{} Ki parameters", len >> 10)))
        .collect();
    sheet.line(&format!("{:<32}{lengths}", ""));
    let head = format!(
        "  {:>7} {:>7} {:>6} {:>8} {:>5}",
        "ours ps", "GB/s", "/triad", "loop ps", "times"
    );
    let heads = head.repeat(LENGTHS.len());
    sheet.line(&format!("{:<32}{heads}", "optimizer"));
    let mut limits = LENGTHS.map(|len| Limits::new(len, 1));
    let mut reached = LENGTHS.map(|_| Samples::default());
    let mut times = LENGTHS.map(|_| Vec::new());
    for (number, case) in cases.iter().enumerate() {
        sheet.now("in cache", (number, cases.len()), &case.label);
        let (mut line, mut by_hand) = (format!("{:<32}", case.label), String::new());
        for (at, &len) in LENGTHS.iter().enumerate() {
            let measured = measure(case, (len, rounds), &mut limits[at])?;
            measured.record(sheet, &case.label, len);
            reached[at].extend(&measured.triad);
            let share = measured.rate(case).over(&measured.triad);
            line += &format!(
                "  {:>7.0} {:>7.0} {:>6.2}",
                measured.ours.median(),
                measured.rate(case).median(),
                share.median()
            );
            match &measured.obvious {
                Some(obvious) => {
                    let faster = obvious.over(&measured.ours).median();
                    line += &format!(" {:>8.0} {faster:>5.1}", obvious.median());
                    times[at].push((case.label.clone(), faster));
                }
                None => line += &format!(" {:>8} {:>5}", "", ""),
            }
            if let Some(hand) = &measured.by_hand {
                let faster = hand.over(&measured.ours).median();
                by_hand += &format!("  {:>22} {:>8.0} {faster:>5.1}", "", hand.median());
            }
        }
        sheet.line(&line);
        if !by_hand.is_empty() {
            sheet.line(&format!("{:<32}{by_hand}", "    by hand"));
        }
    }
    let rates = reached.each_ref().map(|rates| {
        let rate = rates.median();
        format!(
            "  {:>7.0} {rate:>7.0} {:>21}",
            rate_or_price(BYTES, rate),
            ""
        )
    });
    sheet.line(&format!("{:<32}{}", "triad", rates.concat()));
    for (len, times) in LENGTHS.iter().zip(&times) {
        let what = format!("times as fast as the obvious loop, {} Ki", len >> 10);
        sheet.line(&verdict(&what, TIMES_MIN, times));
    }
    sheet.line("\n");
    Ok(())
}

/// What the rounds measured: ps per parameter, but the limit in GB/s.
#[derive(Debug, Default)]
struct Measured {
    triad: Samples,
    ours: Samples,
    obvious: Option<Samples>,
    by_hand: Option<Samples>,
}

impl Measured {
    /// GB/s.
    fn rate(&self, case: &Case) -> Samples {
        let bytes = case.bytes_per_parameter();
        self.ours.map(|picos| rate_or_price(bytes, picos))
    }

    fn record(&self, sheet: &mut Sheet, label: &str, len: usize) {
        let of = Of {
            question: "cache",
            subject: label.to_owned(),
            threads: 1,
            parameters: len,
            l2: 0.0,
        };
        sheet.record(&of, "ours", "ps per parameter", &self.ours);
        sheet.record(&of, "triad", "GB/s", &self.triad);
        let theirs = [
            ("obvious loop", &self.obvious),
            ("loop by hand", &self.by_hand),
        ];
        for (what, samples) in theirs {
            if let Some(samples) = samples {
                sheet.record(&of, what, "ps per parameter", samples);
            }
        }
    }
}

fn measure(case: &Case, (len, rounds): (usize, usize), limit: &mut Limits) -> Result<Measured> {
    let steps = STEPPED / len;
    let gradient = singles(len, 2);
    let bytes: Vec<u8> = gradient.iter().flat_map(|g| g.to_le_bytes()).collect();
    let mut subject = Subject::new(case, len, 0.0)?;
    let first = (0..len).map(initial).collect();
    let mut baseline = case.entry.build_baseline(&case.settings, first)?;
    let written = plain::of(&case.label);
    let mut columns = [0.5, 0.0, 0.0].map(|value| vec![value; len]);
    let mut taken = 0;
    let mut measured = Measured {
        obvious: baseline.is_some().then(Samples::default),
        by_hand: written.is_some().then(Samples::default),
        ..Measured::default()
    };
    for round in 0..=rounds {
        let triad = limit.triad_again(steps);
        let ours = timed(steps, || subject.step_dense(&bytes))?;
        let obvious = baseline.as_mut().map(|baseline| {
            timed(steps, || {
                taken += 1;
                baseline.step(&context(taken), &gradient);
                Ok(())
            })
        });
        let by_hand = written.map(|written| by_hand(written, &mut columns, &gradient, steps));
        // The first rounds find caches that hold something else.
        if 0 < round {
            measured.triad.push(triad);
            let picos = |millis| picos_each(steps * len, millis);
            measured.ours.push(picos(ours));
            let theirs = [
                (&mut measured.obvious, obvious),
                (&mut measured.by_hand, by_hand),
            ];
            for (samples, millis) in theirs {
                if let (Some(samples), Some(millis)) = (samples, millis) {
                    samples.push(picos(millis?));
                }
            }
        }
    }
    Ok(measured)
}

fn by_hand(run: Loop, columns: &mut [Vec<f32>; 3], gradient: &[f32], steps: usize) -> Result<f64> {
    let [x, a, b] = columns;
    timed(steps, || {
        run(x, gradient, a, b);
        Ok(())
    })
}

/// The time of `steps` steps, ms.
fn timed(steps: usize, mut step: impl FnMut() -> Result<()>) -> Result<f64> {
    let start = now();
    for _ in 0..steps {
        step()?;
    }
    Ok(millis_since(start))
}
