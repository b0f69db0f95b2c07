//! Claims over several cells: what waiting for nobody is worth where messages take their time.

use thalweg_worker::method::{MethodEntry, Place};

use super::checks::Check;
use super::result::CellResult;
use crate::view::units::score;

/// One way, milliseconds: half of the round trip that the claim is about.
const LATENCY_MS: f64 = 25.0;

/// Of the throughput without latency that is left there, at least.
const THROUGHPUT_MIN: f64 = 0.8;

/// By which the final losses differ, at most.
const LOSS_MAX: f64 = 0.02;

/// The claims that these cells can decide, of each method in turn. Methods whose workers step by themselves are left out: the
/// servers take few steps then, and what comes of these hangs on their order, also without latency.
pub(super) fn claims(cells: &[CellResult]) -> Vec<Check> {
    let mut methods: Vec<&str> = Vec::new();
    for cell in cells {
        if !methods.contains(&&*cell.method) && steps_on_servers(&cell.method) {
            methods.push(&cell.method);
        }
    }
    let judged = methods.into_iter().map(|method| claims_of(method, cells));
    judged.flatten().collect()
}

fn steps_on_servers(method: &str) -> bool {
    MethodEntry::find(method).is_ok_and(|entry| matches!(entry.place, Place::Servers(_)))
}

fn claims_of(method: &str, cells: &[CellResult]) -> Vec<Check> {
    let find = |latency: f64| {
        let mut all = cells.iter();
        all.find(|cell| {
            cell.method == method
                && cell.consistency == "asp"
                && cell.latency_alone
                && (cell.latency_ms - latency).abs() < 1e-9
        })
    };
    let (Some(near), Some(far)) = (find(0.0), find(LATENCY_MS)) else {
        return Vec::new();
    };
    let share = far.examples_per_second / near.examples_per_second;
    let throughput = Check::new(
        "asynchronous throughput",
        // A number that is none is no success.
        share >= THROUGHPUT_MIN,
        format!(
            "at 50 ms round trip {method} under asp has at least {THROUGHPUT_MIN} of its examples/s without latency"
        ),
        format!(
            "{share:.3}: {:.0} of {:.0} examples/s",
            far.examples_per_second, near.examples_per_second
        ),
    );
    let apart = match (near.loss, far.loss) {
        (Some(near), Some(far)) => (far - near).abs() / near,
        _ => f64::NAN,
    };
    let loss = Check::new(
        "asynchronous loss",
        apart <= LOSS_MAX,
        format!("and the final test loss of {method} is within {LOSS_MAX} of the one without"),
        format!(
            "{apart:.4} apart: {} beside {}",
            score(far.loss),
            score(near.loss)
        ),
    );
    vec![throughput, loss]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stress::fixtures::cell;

    #[test]
    fn the_claim_is_decided_by_its_two_cells_and_can_fail_on_either_count() {
        let judged = |examples_per_second: f64, loss: Option<f64>| -> Vec<bool> {
            let near = cell(0.0, 6_000.0, Some(0.5));
            let far = cell(25.0, examples_per_second, loss);
            let checks = claims(&[near, far]);
            checks.iter().map(|check| check.holds).collect()
        };
        assert_eq!(judged(4_800.0, Some(0.505)), [true, true]);
        assert_eq!(judged(4_799.0, Some(0.495)), [false, true]);
        assert_eq!(judged(6_000.0, Some(0.52)), [true, false]);
        assert_eq!(judged(6_000.0, Some(0.48)), [true, false]);
        assert_eq!(judged(f64::NAN, None), [false, false]);
    }

    #[test]
    fn without_both_cells_nothing_is_claimed() {
        assert!(claims(&[cell(0.0, 1.0, None), cell(50.0, 1.0, None)]).is_empty());
    }

    #[test]
    fn each_method_whose_servers_step_is_judged_by_its_own_cells() {
        let of = |method: &str, latency| CellResult {
            method: method.to_owned(),
            ..cell(latency, 1_000.0, Some(0.5))
        };
        let methods = ["adaptive_revision", "async_diloco", "downpour"];
        let cells: Vec<_> = methods
            .iter()
            .flat_map(|method| [of(method, 0.0), of(method, 25.0)])
            .collect();
        let said: Vec<_> = claims(&cells).into_iter().map(|claim| claim.says).collect();
        assert_eq!(said.len(), 4, "{said:?}");
        assert!(said[0].contains("adaptive_revision") && said[2].contains("downpour"));
    }
}
