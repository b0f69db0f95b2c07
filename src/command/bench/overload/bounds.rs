//! What must hold, judged by what was measured.
//!
//! A short run judges what is no rate: on a busy machine a second says nothing of percentages.

use super::found::{Check, Extent, FloodFound, MemoryFound, Press};

/// Of the peak, under overload.
const GOODPUT_LEAST: f64 = 0.9;

/// After the end of an overload, seconds.
const RECOVERY_MOST: f64 = 30.0;

/// Of what good clients bring through without a flood.
const BESIDE_LEAST: f64 = 0.7;

/// How long a client may wait that comes during a flood, seconds: a connection that makes no call keeps its place for
/// as long.
pub(super) const NEWCOMER_MOST: f64 = 20.0;

/// Judges an overload.
pub(super) fn judge_press(press: &Press, memory_bytes_max: u64, extent: Extent) -> Vec<Check> {
    let check = |name, holds, says: String, found: String| Check {
        part: press.name.clone(),
        name,
        holds,
        says,
        found,
    };
    let (hinted, bare) = (press.refusals_hinted, press.refusals_bare);
    let mut checks = vec![
        memory(&press.name, press.memory, memory_bytes_max),
        check(
            "refused with a hint",
            0 < hinted && bare == 0,
            "pushes are refused, and every refusal says when to come again".to_owned(),
            format!("{hinted} with, {bare} without"),
        ),
        once(&press.name, press.applied, press.acknowledged),
    ];
    if extent == Extent::Full {
        let (of_peak, recovery) = (press.of_peak, press.recovery_seconds);
        checks.push(check(
            "goodput",
            GOODPUT_LEAST <= of_peak,
            format!(
                "at least {:.0} % of the peak, the mean of before and after",
                100.0 * GOODPUT_LEAST
            ),
            format!("{:.1} %", 100.0 * of_peak),
        ));
        checks.push(check(
            "recovery",
            recovery.is_some_and(|seconds| seconds <= RECOVERY_MOST),
            format!("90 % of the peak before it within {RECOVERY_MOST:.0} s of the end"),
            recovery.map_or("not while it was waited for".to_owned(), |seconds| {
                format!("{seconds:.1} s")
            }),
        ));
    }
    checks
}

/// Judges a flood.
pub(super) fn judge_flood(flood: &FloodFound, memory_bytes_max: u64, extent: Extent) -> Vec<Check> {
    let check = |name, holds, says: String, found: String| Check {
        part: flood.name.clone(),
        name,
        holds,
        says,
        found,
    };
    let (did, least) = (&flood.did, &flood.least);
    let told = |bytes: u64, past: u64, connections: u64| {
        format!("{bytes} bytes, {past} of them past the opening, on {connections} connections")
    };
    let mut checks = vec![
        check(
            "flooded",
            least.bytes <= did.bytes
                && least.past_opening <= did.past_opening
                && least.connections <= did.connections,
            format!(
                "the flood reached the server with at least {}",
                told(least.bytes, least.past_opening, least.connections)
            ),
            told(did.bytes, did.past_opening, did.connections),
        ),
        memory(&flood.name, flood.memory, memory_bytes_max),
        check(
            "newcomer",
            flood
                .newcomer_seconds
                .is_some_and(|seconds| seconds <= NEWCOMER_MOST),
            format!("a client that comes during the flood is let in within {NEWCOMER_MOST:.0} s"),
            flood
                .newcomer_seconds
                .map_or("it was not".to_owned(), |seconds| format!("{seconds:.2} s")),
        ),
        check(
            "progress",
            0.0 < flood.beside.applied && 0.0 < flood.beside.acknowledged,
            "pushes of good clients are applied and acknowledged beside it".to_owned(),
            format!("{:.0} a second", flood.beside.applied),
        ),
        once(&flood.name, flood.applied, flood.acknowledged),
    ];
    if extent == Extent::Full {
        checks.push(check(
            "goodput",
            BESIDE_LEAST <= flood.share,
            format!(
                "good clients bring through at least {:.0} % of what they do alone",
                100.0 * BESIDE_LEAST
            ),
            format!("{:.1} %", 100.0 * flood.share),
        ));
    }
    checks
}

fn memory(part: &str, found: MemoryFound, memory_bytes_max: u64) -> Check {
    let most = found.peak.max(found.resident_max);
    Check {
        part: part.to_owned(),
        name: "memory",
        // Where the system does not tell there is nothing to judge.
        holds: most.is_none_or(|most| most <= memory_bytes_max),
        says: format!("the server holds at most memory_bytes_max = {memory_bytes_max} bytes"),
        found: most.map_or("not told".to_owned(), |most| format!("{most} bytes")),
    }
}

fn once(part: &str, applied: u64, acknowledged: u64) -> Check {
    Check {
        part: part.to_owned(),
        name: "applied once",
        holds: applied == acknowledged,
        says: "every push that was acknowledged is in the parameters once".to_owned(),
        found: format!("{acknowledged} parts acknowledged, {applied} applied"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::bench::overload::flooder::Flooded;
    use crate::command::bench::overload::floods::Least;
    use crate::command::bench::overload::found::Rate;

    const LIMIT: u64 = 1_000;

    fn held(peak: u64) -> MemoryFound {
        MemoryFound {
            resident_max: Some(peak - 1),
            peak: Some(peak),
        }
    }

    fn press() -> Press {
        Press {
            of_peak: 0.9,
            refusals_hinted: 1,
            memory: held(LIMIT),
            recovery_seconds: Some(30.0),
            applied: 7,
            acknowledged: 7,
            ..Press::default()
        }
    }

    fn flood() -> FloodFound {
        FloodFound {
            beside: Rate {
                applied: 1.0,
                acknowledged: 1.0,
                ..Rate::default()
            },
            share: 0.7,
            did: Flooded {
                bytes: 30,
                past_opening: 20,
                connections: 2,
                ..Flooded::default()
            },
            least: Least {
                bytes: 30,
                past_opening: 20,
                connections: 2,
            },
            newcomer_seconds: Some(NEWCOMER_MOST),
            memory: held(LIMIT),
            applied: 7,
            acknowledged: 7,
            ..FloodFound::default()
        }
    }

    fn failed(checks: &[Check]) -> Vec<&'static str> {
        let failed = checks.iter().filter(|check| !check.holds);
        failed.map(|check| check.name).collect()
    }

    #[test]
    fn an_overload_at_its_bounds_holds_and_past_any_of_them_fails() {
        let judge = |press: &Press| failed(&judge_press(press, LIMIT, Extent::Full)).join(" ");
        assert_eq!(judge(&press()), "");
        let mut wrong = press();
        wrong.of_peak = 0.899;
        assert_eq!(judge(&wrong), "goodput");
        for late in [Some(30.1), None] {
            let mut wrong = press();
            wrong.recovery_seconds = late;
            assert_eq!(judge(&wrong), "recovery");
        }
        for (hinted, bare) in [(0, 0), (5, 1)] {
            let mut wrong = press();
            (wrong.refusals_hinted, wrong.refusals_bare) = (hinted, bare);
            assert_eq!(judge(&wrong), "refused with a hint");
        }
        let mut wrong = press();
        wrong.memory = held(LIMIT + 1);
        assert_eq!(judge(&wrong), "memory");
        wrong.memory = MemoryFound {
            resident_max: Some(LIMIT + 1),
            peak: None,
        };
        assert_eq!(judge(&wrong), "memory");
        for (applied, acknowledged) in [(7, 8), (8, 7)] {
            let mut wrong = press();
            (wrong.applied, wrong.acknowledged) = (applied, acknowledged);
            assert_eq!(judge(&wrong), "applied once");
        }
    }

    #[test]
    fn a_flood_at_its_bounds_holds_and_past_any_of_them_fails() {
        let judge = |flood: &FloodFound| failed(&judge_flood(flood, LIMIT, Extent::Full)).join(" ");
        assert_eq!(judge(&flood()), "");
        let mut wrong = flood();
        wrong.share = 0.699;
        assert_eq!(judge(&wrong), "goodput");
        // What the openings alone come to is no flood.
        let openings: [fn(&mut Flooded); 3] = [
            |did| did.bytes -= 1,
            |did| did.past_opening = 0,
            |did| did.connections = 1,
        ];
        for less in openings {
            wrong = flood();
            less(&mut wrong.did);
            assert_eq!(judge(&wrong), "flooded");
        }
        wrong = flood();
        wrong.memory = held(LIMIT + 1);
        assert_eq!(judge(&wrong), "memory");
        for late in [Some(NEWCOMER_MOST + 0.1), None] {
            wrong = flood();
            wrong.newcomer_seconds = late;
            assert_eq!(judge(&wrong), "newcomer");
        }
        wrong = flood();
        wrong.beside.applied = 0.0;
        assert_eq!(judge(&wrong), "progress");
        wrong = flood();
        wrong.applied = 8;
        assert_eq!(judge(&wrong), "applied once");
    }

    #[test]
    fn a_short_run_judges_no_rates_and_all_the_rest() {
        let mut slow = press();
        (slow.of_peak, slow.recovery_seconds) = (0.1, None);
        assert_eq!(failed(&judge_press(&slow, LIMIT, Extent::Quick)), [""; 0]);
        let mut slow = flood();
        slow.share = 0.1;
        assert_eq!(failed(&judge_flood(&slow, LIMIT, Extent::Quick)), [""; 0]);
        slow.newcomer_seconds = None;
        assert_eq!(
            failed(&judge_flood(&slow, LIMIT, Extent::Quick)),
            ["newcomer"]
        );
    }
}
