//! What must hold of every cell, each as a check with its numbers. Pure: measurements in, verdicts out.

use serde::Serialize;

use super::lead::Lead;
use super::matrix::{Counting, Place};
use super::plan::Promise;
use crate::launch::WorkerTally;
use crate::proxy::Carried;
use crate::view::units::{bytes, grouped};

/// The share of all pushes that a clock lead must have been judged by.
const JUDGED_MIN: f64 = 0.8;

/// What was measured of a cell.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Measured {
    /// Real time from its start to its end, seconds.
    pub(super) seconds: f64,
    /// Whether it was ended because its bound had passed.
    pub(super) was_ended: bool,
    /// Whether it ended in order, with its job done; else why not.
    pub(super) done: Result<(), String>,
    pub(super) servers: u32,
    /// What each worker said at its end, by slot; `None` of one that said nothing.
    pub(super) workers: Vec<Option<WorkerTally>>,
    /// What went over the links, if there were any.
    pub(super) links: Option<Carried>,
    pub(super) lead: Lead,
    pub(super) staleness_max: u64,
    /// Parts with elements that were applied, at all shards together.
    pub(super) parts: u64,
    pub(super) shards: u64,
    /// The least and the greatest counter, in counts; `None` where none were read.
    pub(super) counters: Option<(f64, f64)>,
    /// Whether the servers' books have every row exactly once.
    pub(super) rows_once: bool,
    /// The most that each server's process held, bytes; empty where the system does not tell.
    pub(super) peak_bytes: Vec<u64>,
}

impl Measured {
    /// The sum over workers of what they said.
    pub(super) fn sum(&self, of: fn(&WorkerTally) -> u64) -> u64 {
        self.workers.iter().flatten().map(of).sum()
    }

    /// What the counters are to have counted.
    pub(super) fn expected(&self, counting: Counting) -> u64 {
        match counting {
            Counting::Pushes | Counting::Elsewhere => self.sum(|tally| tally.iterations),
            Counting::Rounds => {
                let clocks = self.workers.iter().flatten().map(|tally| tally.iterations);
                clocks.max().unwrap_or(0)
            }
        }
    }
}

/// One thing that must hold, and whether it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) holds: bool,
    /// What must hold, with its bound.
    pub(super) says: String,
    /// The numbers that decide.
    pub(super) found: String,
}

impl Check {
    pub(super) fn new(
        name: &'static str,
        holds: bool,
        says: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self {
            name,
            holds,
            says: says.into(),
            found: found.into(),
        }
    }
}

/// Judges a cell.
pub(super) fn judge(place: &Place, promise: &Promise, seen: &Measured) -> Vec<Check> {
    let mut checks = vec![
        no_hang(promise, seen),
        orderly_end(seen),
        iterations(promise, seen),
        clock_lead(promise, seen),
        staleness(promise, seen),
        parts_once(seen),
        rows_once(seen),
    ];
    checks.extend(counted_once(promise, seen));
    checks.extend(memory(promise, seen));
    checks.extend(faults(place, seen));
    checks
}

fn no_hang(promise: &Promise, seen: &Measured) -> Check {
    let bound = promise.bound.as_secs_f64();
    Check::new(
        "no hang",
        !seen.was_ended && seen.seconds <= bound,
        format!("it ends by itself within {bound:.1} s"),
        match seen.was_ended {
            true => format!("ended from outside after {:.1} s", seen.seconds),
            false => format!("{:.1} s", seen.seconds),
        },
    )
}

fn orderly_end(seen: &Measured) -> Check {
    let silent = seen.workers.iter().filter(|tally| tally.is_none()).count();
    let found = match (&seen.done, silent) {
        (Err(why), _) => why.clone(),
        (Ok(()), 0) => "all did".to_owned(),
        (Ok(()), silent) => format!("of {silent} workers no last word is known"),
    };
    Check::new(
        "orderly end",
        seen.done.is_ok() && silent == 0,
        "the job is done, and every process ends in order",
        found,
    )
}

fn iterations(promise: &Promise, seen: &Measured) -> Check {
    let each = seen
        .workers
        .iter()
        .map(|tally| tally.map_or(0, |tally| tally.iterations));
    let least = each.min().unwrap_or(0);
    Check::new(
        "iterations",
        promise.iterations <= least,
        format!(
            "every worker makes at least {}",
            grouped(promise.iterations)
        ),
        format!("the least {}", grouped(least)),
    )
}

/// A lead under a bound, judged by nearly all pushes: what nobody saw shows nothing.
fn clock_lead(promise: &Promise, seen: &Measured) -> Check {
    // Every server sees every push.
    let all = seen.sum(|tally| tally.pushes) * u64::from(seen.servers);
    let found = format!(
        "{} ahead at most, by {} of {} pushes at the servers",
        seen.lead.max,
        grouped(seen.lead.judged),
        grouped(all)
    );
    match promise.lag {
        None => Check::new("clock lead", true, "no bound under asp", found),
        Some(lag) => Check::new(
            "clock lead",
            seen.lead.max <= lag && enough(seen.lead.judged, all),
            format!("no worker begins an iteration more than {lag} ahead of the slowest"),
            found,
        ),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of counts")]
fn enough(judged: u64, all: u64) -> bool {
    0 < all && JUDGED_MIN * all as f64 <= judged as f64
}

fn staleness(promise: &Promise, seen: &Measured) -> Check {
    let found = format!(
        "{} at most, of {} parts",
        seen.staleness_max,
        grouped(seen.parts)
    );
    match promise.staleness {
        None => Check::new("staleness", 0 < seen.parts, "no bound under asp", found),
        Some(bound) => Check::new(
            "staleness",
            0 < seen.parts && seen.staleness_max <= bound,
            format!("no part is more than {bound} steps stale"),
            found,
        ),
    }
}

/// By the servers' count of parts against the workers' count of pushes.
fn parts_once(seen: &Measured) -> Check {
    let expected = seen.sum(|tally| tally.pushes) * seen.shards;
    Check::new(
        "parts once",
        0 < expected && seen.parts == expected,
        "every push is applied once at every shard",
        format!(
            "{} parts applied; {} pushed to {} shards",
            grouped(seen.parts),
            grouped(expected),
            seen.shards
        ),
    )
}

fn rows_once(seen: &Measured) -> Check {
    let found = if seen.rows_once {
        "they are"
    } else {
        "they are not"
    };
    Check::new(
        "rows once",
        seen.rows_once,
        "every row is committed exactly once, by the checksum of the servers",
        found,
    )
}

/// By the parameters themselves against the workers' count of iterations.
fn counted_once(promise: &Promise, seen: &Measured) -> Option<Check> {
    if promise.counting == Counting::Elsewhere {
        return None;
    }
    let expected = seen.expected(promise.counting);
    let (holds, found) = match seen.counters {
        None => (false, "no counters were read".to_owned()),
        Some((least, most)) => {
            #[expect(clippy::cast_precision_loss, reason = "less than 2^24")]
            let exact = expected as f64;
            let same = |counter: f64| counter.total_cmp(&exact).is_eq();
            (
                0 < expected && same(least) && same(most),
                format!("counters from {least} to {most}; {expected} were acknowledged"),
            )
        }
    };
    Some(Check::new(
        "counted once",
        holds,
        match promise.counting {
            Counting::Pushes | Counting::Elsewhere => {
                "every counter has every acknowledged push exactly once"
            }
            Counting::Rounds => "every counter has every round exactly once",
        },
        found,
    ))
}

/// Nothing where the system does not tell.
fn memory(promise: &Promise, seen: &Measured) -> Option<Check> {
    let most = *seen.peak_bytes.iter().max()?;
    Some(Check::new(
        "memory",
        0 < most && most <= promise.memory_bytes,
        format!(
            "no server's process holds more than {}",
            bytes(promise.memory_bytes)
        ),
        format!("{} at most", bytes(most)),
    ))
}

/// A fault that did not happen shows nothing.
fn faults(place: &Place, seen: &Measured) -> Option<Check> {
    let links = seen.links.unwrap_or_default();
    let (conditions, dropped) = (place.conditions(), place.drop_acks.get());
    let link = conditions.link;
    let is_late = !link.latency.is_zero() || !link.jitter.is_zero() || link.bandwidth.is_some();
    let asked = [
        (is_late, links.bytes_delayed, "bytes delayed"),
        (
            0.0 < link.loss.get(),
            links.retransmissions,
            "messages lost and sent again",
        ),
        (
            place.straggler.is_some(),
            seen.sum(|tally| tally.gradients_slowed),
            "gradients slowed",
        ),
        (
            0.0 < dropped,
            seen.sum(|tally| tally.acks_dropped),
            "acknowledgements dropped",
        ),
    ];
    let asked: Vec<_> = asked.into_iter().filter(|(asked, _, _)| *asked).collect();
    if asked.is_empty() {
        return None;
    }
    let words: Vec<_> = asked
        .iter()
        .map(|(_, count, what)| format!("{} {what}", grouped(*count)))
        .collect();
    Some(Check::new(
        "faults",
        asked.iter().all(|(_, count, _)| 0 < *count),
        "every fault that was asked for happened",
        words.join(", "),
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn promise() -> Promise {
        Promise {
            bound: Duration::from_secs(60),
            iterations: 200,
            lag: Some(3),
            staleness: Some(24),
            memory_bytes: 1_000,
            counting: Counting::Pushes,
            step: 0.25,
        }
    }

    fn place() -> Place {
        Place {
            latency: "20ms".parse().unwrap(),
            loss: "1%".parse().unwrap(),
            straggler: Some("1:4x".parse().unwrap()),
            drop_acks: "30%".parse().unwrap(),
            ..Place::default()
        }
    }

    /// All as it should be.
    fn measured() -> Measured {
        let tally = WorkerTally {
            iterations: 210,
            examples: 6_720,
            pushes: 210,
            repeats: 12,
            acks_dropped: 40,
            gradients_slowed: 9,
        };
        Measured {
            seconds: 10.0,
            was_ended: false,
            done: Ok(()),
            servers: 2,
            workers: vec![Some(tally); 4],
            links: Some(Carried {
                bytes_delayed: 1_000,
                retransmissions: 3,
                ..Carried::default()
            }),
            lead: Lead {
                max: 3,
                judged: 1_600,
            },
            staleness_max: 24,
            parts: 8 * 840,
            shards: 8,
            counters: Some((840.0, 840.0)),
            rows_once: true,
            peak_bytes: vec![900, 1_000],
        }
    }

    /// The checks that fail once something is otherwise.
    fn failing(change: impl FnOnce(&mut Measured)) -> Vec<&'static str> {
        let mut seen = measured();
        change(&mut seen);
        let checks = judge(&place(), &promise(), &seen);
        let failed = checks.iter().filter(|check| !check.holds);
        failed.map(|check| check.name).collect()
    }

    #[test]
    fn all_hold_where_all_is_as_it_should_be() {
        assert_eq!(failing(|_| ()), Vec::<&str>::new());
        let names: Vec<_> = judge(&place(), &promise(), &measured())
            .iter()
            .map(|check| check.name)
            .collect();
        assert_eq!(
            names,
            [
                "no hang",
                "orderly end",
                "iterations",
                "clock lead",
                "staleness",
                "parts once",
                "rows once",
                "counted once",
                "memory",
                "faults"
            ]
        );
    }

    #[test]
    fn a_cell_that_outlives_its_bound_hangs_whoever_ended_it() {
        assert_eq!(failing(|seen| seen.seconds = 60.1), ["no hang"]);
        assert_eq!(failing(|seen| seen.was_ended = true), ["no hang"]);
    }

    #[test]
    fn an_end_in_disorder_is_seen() {
        let failed = |seen: &mut Measured| seen.done = Err("server 1 is gone".into());
        assert_eq!(failing(failed), ["orderly end"]);
        let silent = failing(|seen| seen.workers[2] = None);
        assert!(
            silent.contains(&"orderly end") && silent.contains(&"iterations"),
            "{silent:?}"
        );
    }

    #[test]
    fn one_iteration_too_few_is_seen() {
        let few = |seen: &mut Measured| {
            seen.workers[1].as_mut().unwrap().iterations = 199;
            seen.counters = Some((829.0, 829.0));
        };
        assert_eq!(failing(few), ["iterations"]);
    }

    #[test]
    fn one_iteration_too_far_ahead_is_seen_and_so_is_looking_away() {
        assert_eq!(failing(|seen| seen.lead.max = 4), ["clock lead"]);
        assert_eq!(failing(|seen| seen.lead.judged = 1_000), ["clock lead"]);
        assert_eq!(failing(|seen| seen.lead = Lead::default()), ["clock lead"]);
    }

    #[test]
    fn one_step_too_stale_is_seen_and_so_are_no_parts() {
        assert_eq!(failing(|seen| seen.staleness_max = 25), ["staleness"]);
        assert_eq!(failing(|seen| seen.parts = 0), ["staleness", "parts once"]);
    }

    #[test]
    fn a_push_applied_twice_or_lost_is_seen_at_a_single_counter() {
        assert_eq!(
            failing(|seen| seen.counters = Some((840.0, 841.0))),
            ["counted once"]
        );
        assert_eq!(
            failing(|seen| seen.counters = Some((839.0, 840.0))),
            ["counted once"]
        );
        assert_eq!(
            failing(|seen| seen.counters = Some((839.5, 839.5))),
            ["counted once"]
        );
        assert_eq!(failing(|seen| seen.counters = None), ["counted once"]);
        assert_eq!(failing(|seen| seen.parts += 1), ["parts once"]);
        assert_eq!(failing(|seen| seen.parts -= 1), ["parts once"]);
        assert_eq!(failing(|seen| seen.rows_once = false), ["rows once"]);
    }

    #[test]
    fn of_rounds_each_is_one_and_where_nothing_counts_nothing_is_claimed() {
        let rounds = Promise {
            counting: Counting::Rounds,
            ..promise()
        };
        let seen = Measured {
            counters: Some((210.0, 210.0)),
            ..measured()
        };
        assert!(
            judge(&place(), &rounds, &seen)
                .iter()
                .all(|check| check.holds)
        );
        assert!(
            !judge(&place(), &rounds, &measured())
                .iter()
                .all(|check| check.holds)
        );
        let elsewhere = Promise {
            counting: Counting::Elsewhere,
            ..promise()
        };
        let checks = judge(&place(), &elsewhere, &measured());
        assert!(checks.iter().all(|check| check.name != "counted once"));
    }

    #[test]
    fn one_byte_too_many_is_seen() {
        assert_eq!(failing(|seen| seen.peak_bytes[0] = 1_001), ["memory"]);
        assert_eq!(failing(|seen| seen.peak_bytes = vec![0, 0]), ["memory"]);
    }

    #[test]
    fn a_fault_that_never_happened_fails_its_cell() {
        let links = |seen: &mut Measured, change: fn(&mut Carried)| {
            change(seen.links.as_mut().unwrap());
        };
        assert_eq!(
            failing(|seen| links(seen, |links| links.bytes_delayed = 0)),
            ["faults"]
        );
        assert_eq!(
            failing(|seen| links(seen, |links| links.retransmissions = 0)),
            ["faults"]
        );
        assert_eq!(failing(|seen| seen.links = None), ["faults"]);
        for clear in [
            (|tally| tally.acks_dropped = 0) as fn(&mut WorkerTally),
            |tally| tally.gradients_slowed = 0,
        ] {
            let none = |seen: &mut Measured| seen.workers.iter_mut().flatten().for_each(clear);
            assert_eq!(failing(none), ["faults"]);
        }
        let plain = judge(&Place::default(), &promise(), &measured());
        assert!(plain.iter().all(|check| check.name != "faults"));
    }
}
