//! Elements that take, one after another, the steps that they owe.
//!
//! The steps of one element wait for each other, so a block of elements goes through them together.
//! Elements that owe more stand in front, so that at each step those which take it are neighbours.

use super::backlog::Backlog;
use super::columns::{BLOCK, Columns};
use super::real::Real;
use super::rule::UpdateRule;

/// Brings distinct elements to the end of their group's backlog. `taken` holds, for each element of
/// the shard, how many steps of the backlog it has taken; `block` is room to work in.
pub(super) fn catch_up<F: Real, R: UpdateRule<F>>(
    rule: &R,
    backlog: &Backlog<F, R::Step>,
    (columns, block): (&mut Columns<F>, &mut Columns<F>),
    taken: &mut [u8],
    elements: impl Iterator<Item = usize>,
) {
    let end = backlog.stamp();
    let fresh = rule.init();
    let mut batch = Vec::new();
    for element in elements {
        let rests = || backlog.rest_holds() && columns.is_at_rest(element, &fresh);
        if taken[element] == end || rests() {
            continue;
        }
        batch.push(element);
        if batch.len() == BLOCK {
            settle::<F, R>(backlog, (columns, block), taken, &mut batch);
        }
    }
    settle::<F, R>(backlog, (columns, block), taken, &mut batch);
}

fn settle<F: Real, R: UpdateRule<F>>(
    backlog: &Backlog<F, R::Step>,
    (columns, block): (&mut Columns<F>, &mut Columns<F>),
    taken: &mut [u8],
    batch: &mut Vec<usize>,
) {
    batch.sort_by_key(|&element| taken[element]);
    block.gather(columns, &batch.iter().copied());
    let mut takers = 0;
    for (number, scalars) in backlog.steps().iter().enumerate() {
        let owes = |&&element: &&usize| usize::from(taken[element]) <= number;
        takers += batch[takers..].iter().take_while(owes).count();
        block.step_late::<R>(scalars, 0..takers);
    }
    block.scatter(columns, &batch.iter().copied());
    for &element in batch.iter() {
        taken[element] = backlog.stamp();
    }
    batch.clear();
}
