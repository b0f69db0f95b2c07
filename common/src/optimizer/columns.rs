//! The columns of a shard, and how a step goes over some of their elements.
//!
//! Elements go through a step a block at a time, so that what is done to them before and after the
//! rule, and every turn of it, finds them in cache. Single elements are gathered into a block of their
//! own first, so there is one way to take a step, whatever the gradient looks like.

use std::ops::Range;

use super::gradient::decode;
use super::real::Real;
use super::rule::{UpdateRule, View};
use super::scalars::Scalars;
use super::slots::SlotArray;
use super::store::Reader;

/// Elements of a block: its columns fit into the nearest cache.
pub(super) const BLOCK: usize = 1024;

/// Parameters, and one column per slot: the slots of the rule's first turn, then of its second.
#[derive(Debug)]
pub(super) struct Columns<F> {
    pub(super) x: Vec<F>,
    pub(super) slots: Vec<Vec<F>>,
}

impl<F: Real> Columns<F> {
    /// Parameters with the slots that `rule` begins with.
    pub(super) fn new<R: UpdateRule<F>>(rule: &R, x: Vec<F>) -> Self {
        let fresh = rule.init();
        let turn = || fresh.as_slice().iter().map(|&slot| vec![slot; x.len()]);
        let slots = (0..rule.turns()).flat_map(|_| turn()).collect();
        Self { x, slots }
    }

    /// The slots of one element in one turn.
    pub(super) fn slots_of<S: SlotArray<F>>(&self, turn: usize, element: usize) -> S {
        S::from_fn(|slot| self.slots[turn * S::COUNT + slot][element])
    }

    /// Whether an element stands at zero with fresh slots.
    pub(super) fn is_at_rest<S: SlotArray<F>>(&self, element: usize, fresh: &S) -> bool {
        let same = |(slot, column): (usize, &Vec<F>)| {
            column[element].same_bits(fresh.as_slice()[slot % S::COUNT])
        };
        self.x[element].same_bits(F::ZERO) && self.slots.iter().enumerate().all(same)
    }

    /// What `reader` sees of one element.
    pub(super) fn shown<R: UpdateRule<F>>(&self, rule: &R, reader: Reader, element: usize) -> F {
        let x = self.x[element];
        view::<F, R>(reader).map_or(x, |view| view(rule, x, &self.slots_of(0, element)))
    }

    /// Appends what `reader` sees of neighbours.
    pub(super) fn show<R: UpdateRule<F>>(
        &self,
        rule: &R,
        reader: Reader,
        range: Range<usize>,
        out: &mut Vec<u8>,
    ) {
        if view::<F, R>(reader).is_none() {
            F::append(&self.x[range], out);
            return;
        }
        self.show_apart(rule, reader, range, out);
    }

    /// Appends what `reader` sees of single elements.
    pub(super) fn show_apart<R: UpdateRule<F>>(
        &self,
        rule: &R,
        reader: Reader,
        elements: impl Iterator<Item = usize>,
        out: &mut Vec<u8>,
    ) {
        let shown = |element| self.shown(rule, reader, element).to_f32().to_le_bytes();
        out.extend(elements.flat_map(shown));
    }

    /// Takes one step on neighbours, with one gradient value for each, times `scale`. Values are
    /// f32, little-endian, of any alignment.
    pub(super) fn step<R: UpdateRule<F>>(
        &mut self,
        scalars: &Scalars<F, R::Step>,
        start: usize,
        values: &[u8],
        scale: F,
    ) {
        let as_it_came = scalars.penalties.spare_the_gradient() && scale == F::of(1.0);
        let ready = if as_it_came { F::view(values) } else { None };
        let mut own = [F::ZERO; BLOCK];
        for (number, bytes) in values.chunks(4 * BLOCK).enumerate() {
            let first = number * BLOCK;
            let range = start + first..start + first + bytes.len() / 4;
            if let Some(g) = ready {
                self.advance::<R>(scalars, range.clone(), &g[first..first + range.len()]);
                continue;
            }
            let g = &mut own[..range.len()];
            decode(bytes, scale, g);
            scalars.penalties.bend(&self.x[range.clone()], g);
            self.advance::<R>(scalars, range, g);
        }
    }

    /// Takes one step on neighbours that have no gradient.
    pub(super) fn step_late<R: UpdateRule<F>>(
        &mut self,
        scalars: &Scalars<F, R::Step>,
        range: Range<usize>,
    ) {
        let mut g = [F::ZERO; BLOCK];
        for start in range.clone().step_by(BLOCK) {
            let block = start..range.end.min(start + BLOCK);
            let g = &mut g[..block.len()];
            g.fill(F::ZERO);
            scalars.penalties.bend(&self.x[block.clone()], g);
            self.advance::<R>(scalars, block, g);
        }
    }

    /// Takes one step on the elements at `coordinates`, which are distinct, in `block`.
    pub(super) fn step_apart<R: UpdateRule<F>>(
        &mut self,
        scalars: &Scalars<F, R::Step>,
        coordinates: &[u32],
        (values, scale): (&[u8], F),
        block: &mut Self,
    ) {
        let blocks = coordinates.chunks(BLOCK).zip(values.chunks(4 * BLOCK));
        for (coordinates, values) in blocks {
            let elements = coordinates.iter().map(|&coordinate| coordinate as usize);
            block.gather(self, &elements);
            block.step::<R>(scalars, 0, values, scale);
            block.scatter(self, &elements);
        }
    }

    /// The rule and what comes beside it at one block, whose gradient is ready.
    #[inline]
    fn advance<R: UpdateRule<F>>(
        &mut self,
        scalars: &Scalars<F, R::Step>,
        range: Range<usize>,
        g: &[F],
    ) {
        let count = R::Slots::COUNT;
        let x = &mut self.x[range.clone()];
        scalars.penalties.decay(x);
        for (turn, step) in scalars.turns().enumerate() {
            let slots = &mut self.slots[turn * count..(turn + 1) * count];
            R::Slots::advance::<R>(step, x, g, slots, range.clone());
        }
        scalars.penalties.shrink(x);
    }

    /// Becomes a copy of these elements of `from`, at most [`BLOCK`].
    pub(super) fn gather(&mut self, from: &Self, elements: &(impl Iterator<Item = usize> + Clone)) {
        for (own, from) in self.columns_mut().zip(from.columns()) {
            own.clear();
            own.extend(elements.clone().map(|element| from[element]));
        }
    }

    /// Puts the elements back where [`Self::gather`] took them.
    pub(super) fn scatter(&self, to: &mut Self, elements: &(impl Iterator<Item = usize> + Clone)) {
        for (own, to) in self.columns().zip(to.columns_mut()) {
            for (&value, element) in own.iter().zip(elements.clone()) {
                to[element] = value;
            }
        }
    }

    /// The parameters, then each slot.
    pub(super) fn columns(&self) -> impl Iterator<Item = &Vec<F>> {
        std::iter::once(&self.x).chain(&self.slots)
    }

    /// The same to change.
    pub(super) fn columns_mut(&mut self) -> impl Iterator<Item = &mut Vec<F>> {
        std::iter::once(&mut self.x).chain(&mut self.slots)
    }
}

/// How `reader` sees parameters.
const fn view<F: Real, R: UpdateRule<F>>(reader: Reader) -> View<R, F> {
    match reader {
        Reader::Worker => R::PUBLISH,
        Reader::Observer => R::EVALUATE,
    }
}
