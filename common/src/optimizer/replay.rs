//! Steps that whole units of a constrained group have still to take.
//!
//! Between two of these steps a unit is projected, so its elements cannot go through the backlog one by
//! one: the unit takes a step, is projected, and takes the next. All elements of a unit have taken
//! equally many.

use std::ops::Range;

use super::backlog::Backlog;
use super::drive;
use super::real::Real;
use super::rule::UpdateRule;
use super::slots::SlotArray;
use super::store::GroupSpan;
use super::tile::{Columns, Formula};

/// Gradients that are zero, f32.
const ZEROS: [u8; 4096] = [0; 4096];

/// Brings `units` of a group to the end of its backlog; else as [`drive::catch_up`].
pub(super) fn catch_up<F: Real, R: UpdateRule<F>>(
    rule: &R,
    backlog: &Backlog<F, R::Step>,
    columns: &mut Columns<F>,
    taken: &mut [u8],
    (span, units): (&GroupSpan, impl Iterator<Item = Range<usize>>),
) {
    let end = backlog.stamp();
    let fresh = rule.init();
    for unit in units {
        let first = taken[unit.start];
        if first == end {
            continue;
        }
        taken[unit.clone()].fill(end);
        // Zeros that satisfy the constraint stay where every step leaves them.
        if backlog.rest_holds() && is_at_rest(columns, &unit, &fresh) {
            continue;
        }
        for step in &backlog.steps()[usize::from(first)..] {
            without_gradient(&Formula { rule, step }, columns, &unit);
            span.terms.project(&mut columns.x[unit.clone()]);
        }
    }
}

fn is_at_rest<F: Real, S: SlotArray<F>>(
    columns: &Columns<F>,
    unit: &Range<usize>,
    fresh: &S,
) -> bool {
    unit.clone()
        .all(|element| columns.is_at_rest(element, fresh))
}

fn without_gradient<F: Real, R: UpdateRule<F>>(
    formula: &Formula<'_, F, R>,
    columns: &mut Columns<F>,
    unit: &Range<usize>,
) {
    let at_once = ZEROS.len() / 4;
    for start in unit.clone().step_by(at_once) {
        let count = at_once.min(unit.end - start);
        drive::dense(formula, columns, start, &ZEROS[..4 * count], F::of(1.0));
    }
}
