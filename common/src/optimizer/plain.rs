//! What a [`Store`] means, in the fewest words: each element by itself, at every step.
//!
//! No blocks, no vector instructions, nothing put off. It is the oracle of the store that servers run:
//! the laws require the same bits of both after any sequence of pushes and reads.

use std::ops::Range;

use super::columns::Columns;
use super::gradient::{AddressError, GradientError, GradientView, check_coordinates, check_range};
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

    /// Takes one step with the gradient of each element, if it has one.
    fn advance(&mut self, context: &StepContext, gradient: &[Option<F>]) {
        for group in &self.groups {
            let step = Scalars::of(&self.rule, group, context);
            for element in group.range.clone() {
                let g = match gradient[element] {
                    Some(g) => g,
                    None if group.terms.act_always() => F::ZERO,
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

    fn step(
        &mut self,
        context: &StepContext,
        gradient: GradientView<'_>,
        scale: f32,
    ) -> Result<(), GradientError> {
        gradient.check(self.len())?;
        let scaled = |g| F::from_f32(scale) * F::from_f32(g);
        let gradient: Vec<Option<F>> = spread(gradient, self.len())
            .into_iter()
            .map(|g| g.map(scaled))
            .collect();
        self.advance(context, &gradient);
        Ok(())
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
    fn step_exact(&mut self, context: &StepContext, gradient: &[Option<f64>]) {
        assert_eq!(gradient.len(), self.len(), "one entry for each element");
        self.advance(context, gradient);
    }

    fn shown(&self, reader: Reader) -> Vec<f64> {
        let shown = |element| PlainStore::shown(self, reader, element);
        (0..self.columns.x.len()).map(shown).collect()
    }
}

/// The gradient of each of `len` elements, if it has one.
fn spread(gradient: GradientView<'_>, len: usize) -> Vec<Option<f32>> {
    let mut spread = vec![None; len];
    match gradient {
        GradientView::Empty => {}
        GradientView::Dense { start, segments } => {
            for (element, value) in (start..).zip(segments.iter().flat_map(|bytes| floats(bytes))) {
                spread[element] = Some(value);
            }
        }
        GradientView::Sparse {
            coordinates,
            values,
        } => {
            for (&coordinate, value) in coordinates.iter().zip(floats(values)) {
                spread[coordinate as usize] = Some(value);
            }
        }
    }
    spread
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
}
