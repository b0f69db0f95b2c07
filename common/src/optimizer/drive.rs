//! The only loops over parameters.
//!
//! Each loop brings [`LANES`] elements into a [`Tile`], applies the formula lane by lane, and puts
//! them back. Each is compiled once per instruction set and chosen when the program runs; as no rule
//! fuses a multiply with an add, all of them compute the same bits. [`super::plain`] is their oracle.
//!
//! There are dozens of rules, so each loop holds the formula once: what is small or rare goes the
//! way of another loop instead of having a copy of its own.

use std::ops::Range;

use multiversion::multiversion;

use super::backlog::Backlog;
use super::real::Real;
use super::rule::UpdateRule;
use super::slots::LANES;
use super::store::Reader;
use super::tile::{Columns, Formula, Tile, view};

/// Takes one step on the neighbours from `start`, with one gradient value for each, times `scale`.
/// Values are f32, little-endian, of any alignment.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn dense<F: Real, R: UpdateRule<F>>(
    formula: &Formula<'_, F, R>,
    columns: &mut Columns<F>,
    start: usize,
    values: &[u8],
    scale: F,
) {
    let mut tile = Tile::fresh(formula.rule);
    // The rarer penalties would cost every job something here: they go the way of the tail.
    let plain = if formula.is_plain() { values } else { &[] };
    let (whole, _) = plain.as_chunks::<TILE_BYTES>();
    let mut at = start;
    for bytes in whole {
        tile.load(columns, at, LANES);
        tile.advance(formula, &decode(bytes, scale));
        tile.store(columns, at, LANES);
        at += LANES;
    }
    for tail in values[whole.len() * TILE_BYTES..].chunks(TILE_BYTES) {
        let mut neighbours = [0; LANES];
        let neighbours = &mut neighbours[..tail.len() / 4];
        for (coordinate, element) in neighbours.iter_mut().zip(at..) {
            *coordinate = u32::try_from(element).expect("a shard has fewer than 2^32 elements");
        }
        sparse(formula, columns, neighbours, tail, scale);
        at += neighbours.len();
    }
}

/// Takes one step on the elements at `coordinates`, which are distinct; else as [`dense`].
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn sparse<F: Real, R: UpdateRule<F>>(
    formula: &Formula<'_, F, R>,
    columns: &mut Columns<F>,
    coordinates: &[u32],
    values: &[u8],
    scale: F,
) {
    let mut tile = Tile::fresh(formula.rule);
    for (coordinates, bytes) in coordinates.chunks(LANES).zip(values.chunks(TILE_BYTES)) {
        let elements = || coordinates.iter().map(|&coordinate| coordinate as usize);
        tile.gather(columns, elements());
        tile.apply(formula, &decode(&padded(bytes), scale));
        tile.scatter(columns, elements());
    }
}

/// Brings distinct elements to the end of their group's backlog. `taken` holds, for each element of
/// the shard, how many steps of the backlog it has taken.
///
/// The steps of one element wait for each other, so a whole tile of elements goes in lock-step.
pub(super) fn catch_up<F: Real, R: UpdateRule<F>, I: Iterator<Item = usize>>(
    rule: &R,
    backlog: &Backlog<F, R::Step>,
    columns: &mut Columns<F>,
    taken: &mut [u8],
    elements: I,
) {
    let end = backlog.stamp();
    let fresh = rule.init();
    let mut batch = [0; LANES];
    let mut count = 0;
    for element in elements {
        if taken[element] == end || (backlog.rest_holds() && columns.is_at_rest(element, &fresh)) {
            continue;
        }
        batch[count] = element;
        count += 1;
        if count == LANES {
            settle(rule, backlog, columns, taken, &batch);
            count = 0;
        }
    }
    settle(rule, backlog, columns, taken, &batch[..count]);
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl", "x86_64+avx2"))]
fn settle<F: Real, R: UpdateRule<F>>(
    rule: &R,
    backlog: &Backlog<F, R::Step>,
    columns: &mut Columns<F>,
    taken: &mut [u8],
    batch: &[usize],
) {
    let end = backlog.stamp();
    // Lanes without an element have nothing left to take.
    let mut first = [u32::from(end); LANES];
    for (first, &element) in first.iter_mut().zip(batch) {
        *first = u32::from(taken[element]);
        taken[element] = end;
    }
    let mut tile = Tile::fresh(rule);
    tile.gather(columns, batch.iter().copied());
    let earliest = first.iter().fold(u32::from(end), |a, &b| a.min(b));
    for number in earliest..u32::from(end) {
        let step = &backlog.steps()[number as usize];
        tile.advance_late(&Formula { rule, step }, number, &first);
    }
    tile.scatter(columns, batch.iter().copied());
}

/// Appends what `reader` sees of the neighbours in `range`.
pub(super) fn show<F: Real, R: UpdateRule<F>>(
    rule: &R,
    reader: Reader,
    columns: &Columns<F>,
    range: Range<usize>,
    out: &mut Vec<u8>,
) {
    if view::<F, R>(reader).is_none() {
        F::append(&columns.x[range], out);
        return;
    }
    out.reserve(4 * range.len());
    let mut tile = Tile::fresh(rule);
    for at in range.clone().step_by(LANES) {
        let count = LANES.min(range.end - at);
        tile.load(columns, at, count);
        out.extend_from_slice(tile.shown(rule, reader)[..count].as_flattened());
    }
}

/// Appends what `reader` sees of single elements.
pub(super) fn show_at<F: Real, R: UpdateRule<F>>(
    rule: &R,
    reader: Reader,
    columns: &Columns<F>,
    coordinates: &[u32],
    out: &mut Vec<u8>,
) {
    out.reserve(4 * coordinates.len());
    let mut tile = Tile::fresh(rule);
    for coordinates in coordinates.chunks(LANES) {
        let elements = coordinates.iter().map(|&coordinate| coordinate as usize);
        tile.gather(columns, elements);
        out.extend_from_slice(tile.shown(rule, reader)[..coordinates.len()].as_flattened());
    }
}

const TILE_BYTES: usize = 4 * LANES;

#[inline(always)]
fn decode<F: Real>(bytes: &[u8; TILE_BYTES], scale: F) -> [F; LANES] {
    let (values, _) = bytes.as_chunks::<4>();
    let mut g = [F::ZERO; LANES];
    for (g, bytes) in g.iter_mut().zip(values) {
        *g = scale * F::from_f32(f32::from_le_bytes(*bytes));
    }
    g
}

#[inline(always)]
fn padded(bytes: &[u8]) -> [u8; TILE_BYTES] {
    let mut whole = [0; TILE_BYTES];
    whole[..bytes.len()].copy_from_slice(bytes);
    whole
}
