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
        out.reserve(4 * elements.size_hint().0);
        for element in elements {
            let shown = self.shown(rule, reader, element).to_f32();
            out.extend_from_slice(&shown.to_le_bytes());
        }
    }

    /// Takes one step on neighbours, with one gradient value for each, times `scale`. Values are
    /// f32, little-endian, of any alignment; `bent` is room for a gradient that must be computed.
    pub(super) fn step<R: UpdateRule<F>>(
        &mut self,
        scalars: &Scalars<F, R::Step>,
        start: usize,
        (values, scale): (&[u8], F),
        bent: &mut Vec<F>,
    ) {
        let as_it_came = scalars.penalties.spare_the_gradient() && scale == F::of(1.0);
        if as_it_came && let Some(g) = F::view(values) {
            for (block, g) in blocks(start..start + g.len()).zip(g.chunks(BLOCK)) {
                self.advance::<R>(scalars, block, g);
            }
            return;
        }
        let elements = start..start + values.len() / 4;
        for (block, values) in blocks(elements).zip(values.chunks(4 * BLOCK)) {
            bent.resize(block.len(), F::ZERO);
            decode(values, scale, bent);
            scalars.penalties.bend(&self.x[block.clone()], bent);
            self.advance::<R>(scalars, block, bent);
        }
    }

    /// Takes one step on neighbours that have no gradient.
    pub(super) fn step_late<R: UpdateRule<F>>(
        &mut self,
        scalars: &Scalars<F, R::Step>,
        range: Range<usize>,
        bent: &mut Vec<F>,
    ) {
        for block in blocks(range) {
            bent.clear();
            bent.resize(block.len(), F::ZERO);
            scalars.penalties.bend(&self.x[block.clone()], bent);
            self.advance::<R>(scalars, block, bent);
        }
    }

    /// Takes one step on the elements at `coordinates`, which are distinct.
    pub(super) fn step_apart<R: UpdateRule<F>>(
        &mut self,
        scalars: &Scalars<F, R::Step>,
        coordinates: &[u32],
        (values, scale): (&[u8], F),
        room: &mut Room<F>,
    ) {
        let Room { block, bent, .. } = room;
        let blocks = coordinates.chunks(BLOCK).zip(values.chunks(4 * BLOCK));
        for (coordinates, values) in blocks {
            let elements = coordinates.iter().map(|&coordinate| coordinate as usize);
            block.gather(self, &elements);
            block.step::<R>(scalars, 0, (values, scale), bent);
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

/// Room to take steps in, kept from one to the next.
#[derive(Debug)]
pub(super) struct Room<F> {
    /// Elements apart from their neighbours, at most [`BLOCK`].
    pub(super) block: Columns<F>,
    /// The gradient of a block, where it is not taken as it came.
    pub(super) bent: Vec<F>,
    /// Which elements the block has, of those that owe steps.
    pub(super) late: Vec<usize>,
}

impl<F: Real> Room<F> {
    /// Room for elements of `rule`.
    pub(super) fn new<R: UpdateRule<F>>(rule: &R) -> Self {
        let mut block = Columns::new(rule, Vec::new());
        block.columns_mut().for_each(|own| own.reserve_exact(BLOCK));
        Self {
            block,
            bent: Vec::with_capacity(BLOCK),
            late: Vec::with_capacity(BLOCK),
        }
    }

    /// Bytes of memory that it holds.
    pub(super) fn bytes(&self) -> usize {
        let values: usize = self.block.columns().map(Vec::capacity).sum();
        let values = values + self.bent.capacity();
        values * size_of::<F>() + self.late.capacity() * size_of::<usize>()
    }
}

/// Bytes of the room for elements of so many singles each: those numbers, a gradient, and
/// where they belong.
pub(super) fn room_bytes(numbers_per_element: usize) -> usize {
    BLOCK * (size_of::<f32>() * (numbers_per_element + 1) + size_of::<usize>())
}

/// The range in blocks.
fn blocks(range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range
        .step_by(BLOCK)
        .map(move |start| start..end.min(start + BLOCK))
}

/// How `reader` sees parameters.
const fn view<F: Real, R: UpdateRule<F>>(reader: Reader) -> View<R, F> {
    match reader {
        Reader::Worker => R::PUBLISH,
        Reader::Observer => R::EVALUATE,
    }
}
