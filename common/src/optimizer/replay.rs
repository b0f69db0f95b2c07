//! Steps that whole units of a constrained group have still to take.
//!
//! Between two of these steps a unit is projected, so its elements cannot go through the backlog one by
//! one: the unit takes a step, is projected, and takes the next. All elements of a unit have taken
//! equally many.

use std::ops::Range;

use super::backlog::Backlog;
use super::columns::{Columns, Room};
use super::real::Real;
use super::rule::UpdateRule;
use super::slots::SlotArray;
use super::store::GroupSpan;

/// Brings `units` of a group to the end of its backlog; else as [`super::late::catch_up`].
pub(super) fn catch_up<F: Real, R: UpdateRule<F>>(
    rule: &R,
    backlog: &Backlog<F, R::Step>,
    (columns, room): (&mut Columns<F>, &mut Room<F>),
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
            columns.step_late::<R>(step, unit.clone(), &mut room.scratch.bent);
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
