//! Small shards, in cache: the arithmetic sets the pace.

use anyhow::Result;

use super::case::Case;
use super::limits::{BYTES, Instructions, Limits};
use super::race::{LIMITS, Race};
use super::samples::{Samples, rate_or_price};
use super::sheet::{Sheet, verdict};

/// Parameters of the shards: with two slots and the gradient 16 KiB, which is in the first cache,
/// and 128 KiB, which is in the second.
const LENGTHS: [usize; 2] = [1 << 10, 8 << 10];

/// How many times as fast as the obvious loop every optimizer is to be.
const TIMES_MIN: f64 = 2.0;

/// Measures each case in cache, in turn with the obvious loop and with the limits.
pub(super) fn run(sheet: &mut Sheet, cases: &[Case], rounds: usize) -> Result<()> {
    head(sheet, rounds);
    let mut vectors = LENGTHS.map(|len| Limits::new(len, 1));
    let mut reached = LENGTHS.map(|_| LIMITS.map(|_| Samples::default()));
    let mut times = LENGTHS.map(|_| Vec::new());
    for (number, case) in cases.iter().enumerate() {
        sheet.now("in cache", (number, cases.len()), &case.label);
        let (mut line, mut by_hand) = (format!("{:<32}", case.label), String::new());
        for (at, &len) in LENGTHS.iter().enumerate() {
            let race = Race::run(case, (len, rounds), &mut vectors[at])?;
            race.record(sheet, &case.label, len);
            let rate = race.rate(case);
            let triad = race.limits[0].map(|picos| rate_or_price(BYTES, picos));
            let share = rate.over(&triad).median();
            line += &format!(
                "  {:>7.0} {:>7.0} {share:>6.2}",
                race.ours.median(),
                rate.median()
            );
            line += &against(&race, race.obvious.as_ref());
            if let Some(obvious) = &race.obvious {
                let faster = obvious.over(&race.ours).median();
                times[at].push((case.label.clone(), faster));
            }
            if let Some(hand) = &race.by_hand {
                by_hand += &format!("  {:>22}{}", "", against(&race, Some(hand)));
            }
            for (all, own) in reached[at].iter_mut().zip(&race.limits) {
                all.extend(own);
            }
        }
        sheet.line(&line);
        if !by_hand.is_empty() {
            sheet.line(&format!("{:<32}{by_hand}", "    by hand"));
        }
    }
    limit_lines(sheet, &reached);
    for (len, times) in LENGTHS.iter().zip(&times) {
        let what = format!("times as fast as the obvious loop, {} Ki", len >> 10);
        sheet.line(&verdict(&what, TIMES_MIN, times));
    }
    sheet.line("\n");
    Ok(())
}

fn head(sheet: &Sheet, rounds: usize) {
    sheet.line(&format!(
        "In cache: one thread; ps per parameter, GB/s at the rule's bytes per parameter, the share of the \
         triad over as many elements, and how many times as fast as the obvious loop of the same rule, \
         compiled for the platform's baseline; medians of {rounds}\n\
         by hand:  the obvious loop without the frame of rules, as a check of it\n\
         quotient: a ← s·b/√c, the root and the division that most rules need at least; its last column is \
         all that better instructions can give them"
    ));
    let lengths: String = LENGTHS
        .iter()
        .map(|len| format!("  {:<37}", format!("{} Ki parameters", len >> 10)))
        .collect();
    sheet.line(&format!("{:<32}{lengths}", ""));
    let columns = format!(
        "  {:>7} {:>7} {:>6} {:>8} {:>5}",
        "ours ps", "GB/s", "/triad", "loop ps", "times"
    );
    let columns = columns.repeat(LENGTHS.len());
    sheet.line(&format!("{:<32}{columns}", "optimizer"));
}

/// The price of another loop, and how many times as fast ours is.
fn against(race: &Race, other: Option<&Samples>) -> String {
    match other {
        Some(other) => {
            let faster = other.over(&race.ours).median();
            format!(" {:>8.0} {faster:>5.1}", other.median())
        }
        None => format!(" {:>8} {:>5}", "", ""),
    }
}

/// The limits with the best instructions beside those with the baseline's, over all rounds.
fn limit_lines(sheet: &Sheet, reached: &[[Samples; LIMITS.len()]]) {
    let best = LIMITS
        .iter()
        .enumerate()
        .filter(|(_, (_, _, with))| *with == Instructions::Best);
    for (at, (name, work, _)) in best {
        let plain = LIMITS
            .iter()
            .position(|(_, other, with)| other == work && *with == Instructions::Baseline);
        let columns: String = reached
            .iter()
            .map(|limits| {
                let price = limits[at].median();
                let rate = rate_or_price(BYTES, price);
                let plain = plain.map_or(0.0, |plain| limits[plain].median());
                let faster = plain / price;
                format!(
                    "  {price:>7.0} {rate:>7.0} {:>6} {plain:>8.0} {faster:>5.1}",
                    ""
                )
            })
            .collect();
        sheet.line(&format!("{name:<32}{columns}"));
    }
}
