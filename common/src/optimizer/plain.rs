//! What a [`Store`] means, in the fewest words: each element by itself, at every step.
//!
//! No blocks, no vector instructions, nothing put off. It is the oracle of the store that servers run:
//! the laws require the same bits of both after any sequence of pushes and reads.

use std::ops::Range;

use super::columns::Columns;
use super::gradient::{
    AddressError, AtReadView, GradientError, GradientView, add_to, check_coordinates, check_range,
    decode_at_read, each_value, overwrite,
};
use super::real::Real;
use super::retune::{ErasedRule, RetuneError};
use super::rule::{StepContext, UpdateRule, slot_names};
use super::scalars::Scalars;
use super::slots::SlotArray;
use super::store::{ExactStore, GroupSpan, Reader, RestoreError, Store, StoreSpec, check_saved};

/// Parameters and slots of a shard under the rule `R`.
#[derive(Debug)]
pub(super) struct PlainStore<F: Real, R: UpdateRule<F>> {
    rule: R,
    columns: Columns<F>,
    groups: Vec<GroupSpan>,
}

impl<F: Real, R: UpdateRule<F>> PlainStore<F, R> {
    /// Builds the store of `spec` under `rule`.
    pub(super) fn new(rule: R, spec: &StoreSpec<'_>) -> Self {
        spec.assert_tiled();
        let columns = Columns::new(&rule, spec.parameters());
        Self {
            rule,
            columns,
            groups: spec.groups.clone(),
        }
    }

    fn shown(&self, reader: Reader, element: usize) -> F {
        self.columns.shown(&self.rule, reader, element)
    }

    fn show(&self, reader: Reader, element: usize, out: &mut Vec<u8>) {
        out.extend(self.shown(reader, element).to_f32().to_le_bytes());
    }

    /// Takes one step with the gradient of each element, if it has one, and what was read of it.
    fn advance(&mut self, context: &StepContext, gradient: &[Option<F>], at_read: &[Option<f64>]) {
        for group in &self.groups {
            let step = Scalars::of(&self.rule, group, context);
            for element in group.range.clone() {
                let g = match gradient[element] {
                    Some(g) => (g, at_read.get(element).copied().flatten()),
                    None if group.terms.act_always() => (F::ZERO, None),
                    None => continue,
                };
                let turns = 0..self.rule.turns();
                let mut slots: Vec<R::Slots> = turns
                    .map(|turn| self.columns.slots_of(turn, element))
                    .collect();
                let x = step.apply::<R>(self.columns.x[element], g, &mut slots);
                self.columns.x[element] = x;
                let slots = slots.iter().flat_map(SlotArray::as_slice);
                for (column, slot) in self.columns.slots.iter_mut().zip(slots) {
                    column[element] = *slot;
                }
            }
            for unit in group.units() {
                let stepped =
                    |element: usize| gradient[element].is_some() || group.terms.act_always();
                if unit.clone().any(stepped) {
                    group.terms.project(&mut self.columns.x[unit]);
                }
            }
        }
    }
}

impl<F: Real, R: UpdateRule<F>> Store<F> for PlainStore<F, R> {
    fn len(&self) -> usize {
        self.columns.x.len()
    }

    fn slot_names(&self) -> Vec<String> {
        slot_names::<F, R>(&self.rule)
    }

    fn step_at(
        &mut self,
        context: &StepContext,
        gradient: GradientView<'_>,
        at_read: AtReadView<'_>,
        scale: f32,
    ) -> Result<(), GradientError> {
        gradient.check(self.len())?;
        at_read.check(&gradient, self.len(), R::AT_READ.bytes())?;
        let at_read = spread_at_read(gradient, at_read, self.len(), R::AT_READ.bytes());
        let scaled = |g| F::from_f32(scale) * F::from_f32(g);
        let gradient: Vec<Option<F>> = spread(gradient, self.len())
            .into_iter()
            .map(|g| g.map(scaled))
            .collect();
        self.advance(context, &gradient, &at_read);
        Ok(())
    }

    fn add(&mut self, delta: GradientView<'_>) -> Result<(), GradientError> {
        delta.check(self.len())?;
        add_to(&mut self.columns.x, delta);
        Ok(())
    }

    fn overwrite(&mut self, x: &[f32]) {
        overwrite(&mut self.columns.x, x);
    }

    fn retune(&mut self, rule: ErasedRule) -> Result<(), RetuneError> {
        self.rule = rule.after(&self.rule)?;
        Ok(())
    }

    fn read_range(
        &mut self,
        reader: Reader,
        range: Range<usize>,
        out: &mut Vec<u8>,
    ) -> Result<(), AddressError> {
        check_range(&range, self.len())?;
        range.for_each(|element| self.show(reader, element, out));
        Ok(())
    }

    fn read_coordinates(
        &mut self,
        reader: Reader,
        coordinates: &[u32],
        out: &mut Vec<u8>,
    ) -> Result<(), AddressError> {
        check_coordinates(coordinates, self.len())?;
        coordinates
            .iter()
            .for_each(|&coordinate| self.show(reader, coordinate as usize, out));
        Ok(())
    }

    fn readable_range(
        &mut self,
        range: Range<usize>,
        out: &mut Vec<u8>,
    ) -> Result<(), AddressError> {
        check_range(&range, self.len())?;
        self.columns.append_readable::<R>(range, out);
        Ok(())
    }

    fn readable_coordinates(
        &mut self,
        coordinates: &[u32],
        out: &mut Vec<u8>,
    ) -> Result<(), AddressError> {
        check_coordinates(coordinates, self.len())?;
        let elements = coordinates.iter().map(|&coordinate| coordinate as usize);
        self.columns.append_readable::<R>(elements, out);
        Ok(())
    }

    fn columns(&mut self) -> Vec<&[F]> {
        self.columns.columns().map(Vec::as_slice).collect()
    }

    fn restore(&mut self, columns: &[&[F]]) -> Result<(), RestoreError> {
        check_saved(columns, self.columns.slots.len(), self.len())?;
        for (own, saved) in self.columns.columns_mut().zip(columns) {
            own.copy_from_slice(saved);
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.columns.x.len() * (1 + self.columns.slots.len()) * size_of::<F>()
    }
}

impl<R: UpdateRule<f64>> ExactStore for PlainStore<f64, R> {
    fn step_exact_at(&mut self, context: &StepContext, gradient: &[Option<f64>], at_read: &[f64]) {
        assert_eq!(gradient.len(), self.len(), "one entry for each element");
        let says = at_read.is_empty() || at_read.len() == self.len();
        assert!(says, "one value at read for each element, or none");
        let at_read: Vec<_> = at_read.iter().copied().map(Some).collect();
        self.advance(context, gradient, &at_read);
    }

    fn readable(&self) -> Vec<f64> {
        let of_one =
            |element| R::readable(self.columns.x[element], &self.columns.slots_of(0, element));
        (0..self.columns.x.len()).map(of_one).collect()
    }

    fn shown(&self, reader: Reader) -> Vec<f64> {
        let shown = |element| PlainStore::shown(self, reader, element);
        (0..self.columns.x.len()).map(shown).collect()
    }
}

/// The gradient of each of `len` elements, if it has one.
fn spread(gradient: GradientView<'_>, len: usize) -> Vec<Option<f32>> {
    let mut spread = vec![None; len];
    each_value(gradient, |element, value| spread[element] = Some(value));
    spread
}

/// What was read of each of `len` elements, if it is said.
fn spread_at_read(
    gradient: GradientView<'_>,
    at_read: AtReadView<'_>,
    len: usize,
    bytes: usize,
) -> Vec<Option<f64>> {
    let mut values = Vec::new();
    match at_read {
        AtReadView::AsItIs => vec![None; len],
        AtReadView::Pinned(all) => {
            decode_at_read(all, bytes, &mut values);
            values.into_iter().map(Some).collect()
        }
        AtReadView::Echoed(echoed) => {
            decode_at_read(echoed, bytes, &mut values);
            let (mut values, mut spread) = (values.into_iter(), vec![None; len]);
            each_value(gradient, |element, _| spread[element] = values.next());
            spread
        }
    }
}
