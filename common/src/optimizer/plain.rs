//! What a [`Store`] means, in the fewest words: each element by itself, at every step.
//!
//! No tile, no vector instructions, nothing put off. It is the oracle of the store that servers run:
//! the laws require the same bits of both after any sequence of pushes and reads.

use std::ops::Range;

use super::gradient::{AddressError, GradientError, GradientView, check_coordinates, check_range};
use super::real::Real;
use super::retune::{ErasedRule, RetuneError};
use super::rule::{StepContext, UpdateRule};
use super::slots::SlotArray;
use super::store::{ExactStore, GroupSpan, Reader, RestoreError, Store, StoreSpec, check_saved};
use super::tile::{Formula, Scalars, shown};

/// Parameters and slots of a shard under the rule `R`.
#[derive(Debug)]
pub(super) struct PlainStore<F: Real, R: UpdateRule<F>> {
    rule: R,
    x: Vec<F>,
    slots: Vec<Vec<F>>,
    groups: Vec<GroupSpan>,
}

impl<F: Real, R: UpdateRule<F>> PlainStore<F, R> {
    /// Builds the store of `spec` under `rule`.
    pub(super) fn new(rule: R, spec: &StoreSpec<'_>) -> Self {
        spec.assert_tiled();
        let slots = rule
            .init()
            .as_slice()
            .iter()
            .map(|&slot| vec![slot; spec.len])
            .collect();
        Self {
            rule,
            x: spec.parameters(),
            slots,
            groups: spec.groups.clone(),
        }
    }

    fn slots_of(&self, element: usize) -> R::Slots {
        R::Slots::from_fn(|slot| self.slots[slot][element])
    }

    fn shown(&self, reader: Reader, element: usize) -> F {
        shown(&self.rule, reader, self.x[element], &self.slots_of(element))
    }

    fn show(&self, reader: Reader, element: usize, out: &mut Vec<u8>) {
        out.extend(self.shown(reader, element).to_f32().to_le_bytes());
    }

    /// Takes one step with the gradient of each element, if it has one.
    fn advance(&mut self, context: &StepContext, gradient: &[Option<F>]) {
        for group in &self.groups {
            let step = Scalars::of(&self.rule, group, context);
            let formula = Formula {
                rule: &self.rule,
                step: &step,
            };
            for element in group.range.clone() {
                let g = match gradient[element] {
                    Some(g) => g,
                    None if group.terms.act_always() => F::ZERO,
                    None => continue,
                };
                let (x, slots) = formula.apply(self.x[element], g, self.slots_of(element));
                self.x[element] = x;
                for (column, slot) in self.slots.iter_mut().zip(slots.as_slice()) {
                    column[element] = *slot;
                }
            }
            for unit in group.units() {
                let stepped =
                    |element: usize| gradient[element].is_some() || group.terms.act_always();
                if unit.clone().any(stepped) {
                    group.terms.project(&mut self.x[unit]);
                }
            }
        }
    }
}

impl<F: Real, R: UpdateRule<F>> Store<F> for PlainStore<F, R> {
    fn len(&self) -> usize {
        self.x.len()
    }

    fn slot_names(&self) -> &'static [&'static str] {
        R::SLOT_NAMES
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
        std::iter::once(&self.x)
            .chain(&self.slots)
            .map(Vec::as_slice)
            .collect()
    }

    fn restore(&mut self, columns: &[&[F]]) -> Result<(), RestoreError> {
        check_saved(columns, self.slots.len(), self.len())?;
        self.x = columns[0].to_vec();
        self.slots = columns[1..].iter().map(|slot| slot.to_vec()).collect();
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.x.len() * (1 + self.slots.len()) * size_of::<F>()
    }
}

impl<R: UpdateRule<f64>> ExactStore for PlainStore<f64, R> {
    fn step_exact(&mut self, context: &StepContext, gradient: &[Option<f64>]) {
        assert_eq!(gradient.len(), self.len(), "one entry for each element");
        self.advance(context, gradient);
    }

    fn shown(&self, reader: Reader) -> Vec<f64> {
        let shown = |element| PlainStore::shown(self, reader, element);
        (0..self.x.len()).map(shown).collect()
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
