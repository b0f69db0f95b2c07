//! Elements that take, one after another, the steps that they owe.
//!
//! The steps of one element wait for each other, so a block of elements goes through them together.
//! Elements that owe more stand in front, so that at each step those which take it are neighbours.

use super::backlog::Backlog;
use super::columns::{BLOCK, Columns, Room};
use super::real::Real;
use super::rule::UpdateRule;

/// Brings distinct elements to the end of their group's backlog. `taken` holds, for each element of
/// the shard, how many steps of the backlog it has taken.
pub(super) fn catch_up<F: Real, R: UpdateRule<F>>(
    rule: &R,
    backlog: &Backlog<F, R::Step>,
    (columns, room): (&mut Columns<F>, &mut Room<F>),
    taken: &mut [u8],
    elements: impl Iterator<Item = usize>,
) {
    let end = backlog.stamp();
    let fresh = rule.init();
    room.late.clear();
    for element in elements {
        let rests = || backlog.rest_holds() && columns.is_at_rest(element, &fresh);
        if taken[element] == end || rests() {
            continue;
        }
        room.late.push(element);
        if room.late.len() == BLOCK {
            settle::<F, R>(backlog, (columns, room), taken);
        }
    }
    settle::<F, R>(backlog, (columns, room), taken);
}

fn settle<F: Real, R: UpdateRule<F>>(
    backlog: &Backlog<F, R::Step>,
    (columns, room): (&mut Columns<F>, &mut Room<F>),
    taken: &mut [u8],
) {
    let Room {
        block,
        scratch,
        late,
    } = room;
    late.sort_by_key(|&element| taken[element]);
    block.gather(columns, &late.iter().copied());
    let mut takers = 0;
    for (number, scalars) in backlog.steps().iter().enumerate() {
        let owes = |&&element: &&usize| usize::from(taken[element]) <= number;
        takers += late[takers..].iter().take_while(owes).count();
        block.step_late::<R>(scalars, 0..takers, &mut scratch.bent);
    }
    block.scatter(columns, &late.iter().copied());
    for element in late.drain(..) {
        taken[element] = backlog.stamp();
    }
}
