//! The race in words: a line for each method while it runs, and one sentence at its end.

use std::time::Duration;

use super::lane::End;
use crate::report::bars;
use crate::view::units::{score, span};
use crate::view::{Look, Tone};

/// What the screen shows of a lane.
#[derive(Clone, Debug)]
pub(super) struct Standing<'a> {
    pub(super) method: &'a str,
    pub(super) waits: bool,
    pub(super) curve: &'a [(f64, f64)],
    pub(super) reached: Option<f64>,
    pub(super) end: Option<&'a End>,
}

/// The race as it stands, line by line.
pub(super) fn screen(lanes: &[Standing<'_>], target: f64, look: Look) -> Vec<String> {
    lanes.iter().map(|lane| line(lane, target, look)).collect()
}

fn line(lane: &Standing<'_>, target: f64, look: Look) -> String {
    let losses: Vec<f64> = lane.curve.iter().map(|(_, loss)| *loss).collect();
    let (seconds, loss) = lane.curve.last().copied().unwrap_or_default();
    let state = match (lane.reached, lane.end) {
        (Some(at), _) => look.paint(
            Tone::Good,
            &format!("reached {target} after {}", in_words(at)),
        ),
        (None, Some(end)) if end.done => look.paint(Tone::Notable, "did not reach it"),
        (None, Some(_)) => look.paint(Tone::Bad, "failed"),
        (None, None) => "under way".to_owned(),
    };
    format!(
        "{:<18} {:<40} {:>7} {:>7}  {state}",
        lane.method,
        bars(&losses),
        score((!losses.is_empty()).then_some(loss)),
        in_words(seconds)
    )
}

/// What the race has shown, every number measured in it.
pub(super) fn sentence(lanes: &[Standing<'_>], target: f64) -> String {
    let quickest = lanes
        .iter()
        .filter(|lane| !lane.waits)
        .filter_map(|lane| Some((lane.reached?, lane.method)))
        .min_by(|a, b| a.0.total_cmp(&b.0));
    let first = match quickest {
        Some((seconds, method)) => format!(
            "asynchronous training ({method}) reached a test loss of {target} in {}",
            in_words(seconds)
        ),
        None => format!("no asynchronous method reached a test loss of {target}"),
    };
    let second = lanes
        .iter()
        .find(|lane| lane.waits)
        .map_or_else(String::new, |lane| match (lane.reached, lane.end) {
            (Some(seconds), _) => format!(", synchronous in {}", in_words(seconds)),
            (None, Some(end)) => format!(
                ", synchronous had not after {} ({})",
                in_words(end.seconds),
                score(end.loss)
            ),
            (None, None) => ", synchronous had not when the race was ended".to_owned(),
        });
    format!("{first}{second}; {}", books(lanes))
}

fn books(lanes: &[Standing<'_>]) -> String {
    let ends = || {
        lanes
            .iter()
            .filter_map(|lane| Some((lane.method, lane.end?)))
    };
    let short: Vec<&str> = ends()
        .filter(|(_, end)| !end.every_row_once)
        .map(|(method, _)| method)
        .collect();
    let killed = ends().map(|(_, end)| end.workers_lost).sum::<usize>();
    if ends().count() == lanes.len() && short.is_empty() {
        return format!(
            "no acknowledged update lost: {killed} workers were killed, and the books of all {} runs have every \
             row exactly once",
            lanes.len()
        );
    }
    let named = match short.is_empty() {
        true => "runs that were ended".to_owned(),
        false => short.join(", "),
    };
    format!("the books do not have every row exactly once of: {named}")
}

fn in_words(seconds: f64) -> String {
    span(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(every_row_once: bool) -> End {
        End {
            done: true,
            seconds: 43.5,
            loss: Some(0.55),
            every_row_once,
            workers_lost: 1,
            cause: None,
        }
    }

    fn standing<'a>(waits: bool, reached: Option<f64>, end: &'a End) -> Standing<'a> {
        Standing {
            method: if waits { "synchronous" } else { "downpour" },
            waits,
            curve: &[(0.0, 0.7), (3.0, 0.55)],
            reached,
            end: Some(end),
        }
    }

    #[test]
    fn the_sentence_says_what_was_measured_and_nothing_else() {
        let whole = end(true);
        let said = |sync, asynchronous, end| {
            sentence(
                &[
                    standing(true, sync, end),
                    standing(false, asynchronous, end),
                ],
                0.54,
            )
        };
        assert_eq!(
            said(Some(21.0), Some(2.5), &whole),
            "asynchronous training (downpour) reached a test loss of 0.54 in 2.5 s, synchronous in 21.0 s; no \
             acknowledged update lost: 2 workers were killed, and the books of all 2 runs have every row exactly once"
        );
        let never = said(None, Some(2.5), &whole);
        assert!(
            never.contains("synchronous had not after 43.5 s (0.5500)"),
            "{never}"
        );
        let none = said(Some(21.0), None, &end(false));
        assert!(none.starts_with("no asynchronous method reached"), "{none}");
        assert!(
            none.contains("not have every row exactly once of: synchronous, downpour"),
            "{none}"
        );
    }

    #[test]
    fn a_line_shows_the_curve_and_how_the_method_stands() {
        let whole = end(true);
        let lines = screen(&[standing(false, Some(2.5), &whole)], 0.54, Look::default());
        assert!(
            lines[0].starts_with("downpour           █▁"),
            "{}",
            lines[0]
        );
        assert!(
            lines[0].ends_with("0.5500   3.0 s  reached 0.54 after 2.5 s"),
            "{}",
            lines[0]
        );
    }
}
