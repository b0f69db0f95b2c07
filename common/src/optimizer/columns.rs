//! The columns of a shard, and how a step goes over some of their elements.
//!
//! Elements go through a step a block at a time, so that what is done to them before and after the
//! rule, and every turn of it, finds them in cache. Single elements are gathered into a block of their
//! own first, so there is one way to take a step, whatever the gradient looks like.

use std::ops::Range;

use super::gradient::{decode, decode_at_read};
use super::real::Real;
use super::rule::{AtRead, UpdateRule, View};
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

    /// Appends of each element what a worker that reads it now must know later.
    pub(super) fn append_readable<R: UpdateRule<F>>(
        &self,
        elements: impl Iterator<Item = usize>,
        out: &mut Vec<u8>,
    ) {
        for element in elements {
            let value = R::readable(self.x[element], &self.slots_of(0, element));
            match R::AT_READ {
                AtRead::Nothing => {}
                AtRead::Parameter => out.extend(F::of(value).to_f32().to_le_bytes()),
                AtRead::Sum => out.extend(value.to_le_bytes()),
            }
        }
    }

    /// Takes one step on neighbours, with one gradient value for each.
    pub(super) fn step<R: UpdateRule<F>>(
        &mut self,
        scalars: &Scalars<F, R::Step>,
        start: usize,
        values: Values<'_, F>,
        scratch: &mut Scratch<F>,
    ) {
        let as_it_came = scalars.penalties.spare_the_gradient() && values.scale == F::of(1.0);
        let elements = start..start + values.bytes.len() / 4;
        if as_it_came && let Some(g) = F::view(values.bytes) {
            for (number, (block, g)) in blocks(elements).zip(g.chunks(BLOCK)).enumerate() {
                scratch.see::<R>(values.at_read, number, block.len());
                self.advance::<R>(scalars, block, (g, &scratch.seen));
            }
            return;
        }
        let pieces = values.bytes.chunks(4 * BLOCK);
        for (number, (block, bytes)) in blocks(elements).zip(pieces).enumerate() {
            scratch.see::<R>(values.at_read, number, block.len());
            let bent = &mut scratch.bent;
            bent.resize(block.len(), F::ZERO);
            decode(bytes, values.scale, bent);
            scalars.penalties.bend(&self.x[block.clone()], bent);
            self.advance::<R>(scalars, block, (bent, &scratch.seen));
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
            // The server takes this step at what it has, so it has missed nothing.
            self.advance::<R>(scalars, block, (bent, &[]));
        }
    }

    /// Takes one step on the elements at `coordinates`, which are distinct.
    pub(super) fn step_apart<R: UpdateRule<F>>(
        &mut self,
        scalars: &Scalars<F, R::Step>,
        coordinates: &[u32],
        values: Values<'_, F>,
        room: &mut Room<F>,
    ) {
        let Room { block, scratch, .. } = room;
        let pieces = values.bytes.chunks(4 * BLOCK);
        for (number, (coordinates, bytes)) in coordinates.chunks(BLOCK).zip(pieces).enumerate() {
            let elements = coordinates.iter().map(|&coordinate| coordinate as usize);
            block.gather(self, &elements);
            let at_read = piece::<R, F>(values.at_read, number, coordinates.len());
            let values = Values {
                bytes,
                at_read,
                ..values
            };
            block.step::<R>(scalars, 0, values, scratch);
            block.scatter(self, &elements);
        }
    }

    /// The rule and what comes beside it at one block, whose gradient is ready.
    #[inline]
    fn advance<R: UpdateRule<F>>(
        &mut self,
        scalars: &Scalars<F, R::Step>,
        range: Range<usize>,
        gradient: (&[F], &[f64]),
    ) {
        let count = R::Slots::COUNT;
        let x = &mut self.x[range.clone()];
        scalars.penalties.decay(x);
        for (turn, step) in scalars.turns() {
            let slots = &mut self.slots[turn * count..(turn + 1) * count];
            R::Slots::advance::<R>(step, x, gradient, slots, range.clone());
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

/// A gradient's values: f32, little-endian, of any alignment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values<'a, F> {
    pub(super) bytes: &'a [u8],
    /// What they are multiplied by.
    pub(super) scale: F,
    /// What the worker had read of each element; empty where it is not said.
    pub(super) at_read: &'a [u8],
}

/// What was read of the elements of block `number`, of which there are `len`.
fn piece<R: UpdateRule<F>, F: Real>(at_read: &[u8], number: usize, len: usize) -> &[u8] {
    let (first, bytes) = (number * BLOCK, R::AT_READ.bytes());
    if at_read.is_empty() {
        return at_read;
    }
    &at_read[first * bytes..(first + len) * bytes]
}

/// Room for what is computed of a gradient before the rule sees it.
#[derive(Debug)]
pub(super) struct Scratch<F> {
    /// The gradient of a block, where it is not taken as it came.
    pub(super) bent: Vec<F>,
    /// What was read of the elements of a block; empty where it is not said.
    seen: Vec<f64>,
}

impl<F: Real> Scratch<F> {
    fn see<R: UpdateRule<F>>(&mut self, at_read: &[u8], number: usize, len: usize) {
        if matches!(R::AT_READ, AtRead::Nothing) {
            return;
        }
        let values = piece::<R, F>(at_read, number, len);
        decode_at_read(values, R::AT_READ.bytes(), &mut self.seen);
    }
}

/// Room to take steps in, kept from one to the next.
#[derive(Debug)]
pub(super) struct Room<F> {
    /// Elements apart from their neighbours, at most [`BLOCK`].
    pub(super) block: Columns<F>,
    pub(super) scratch: Scratch<F>,
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
            scratch: Scratch {
                bent: Vec::with_capacity(BLOCK),
                seen: Vec::with_capacity(seen_max(R::AT_READ)),
            },
            late: Vec::with_capacity(BLOCK),
        }
    }

    /// Bytes of memory that it holds.
    pub(super) fn bytes(&self) -> usize {
        let values: usize = self.block.columns().map(Vec::capacity).sum();
        let Scratch { bent, seen } = &self.scratch;
        (values + bent.capacity()) * size_of::<F>()
            + seen.capacity() * size_of::<f64>()
            + self.late.capacity() * size_of::<usize>()
    }
}

/// Elements of which a block may know what was read.
fn seen_max(at_read: AtRead) -> usize {
    match at_read {
        AtRead::Nothing => 0,
        AtRead::Parameter | AtRead::Sum => BLOCK,
    }
}

/// Bytes of the room for elements of so many singles each: those numbers, a gradient, what was read,
/// and where they belong.
pub(super) fn room_bytes(numbers_per_element: usize, at_read: AtRead) -> usize {
    BLOCK * (size_of::<f32>() * (numbers_per_element + 1) + size_of::<usize>())
        + seen_max(at_read) * size_of::<f64>()
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
