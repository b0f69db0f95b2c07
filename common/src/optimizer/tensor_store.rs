//! The store of a rule that needs whole tensors: tensor by tensor, dense.
//!
//! A norm is of all elements, so an absent one counts as a gradient of zero. Only a tensor of which
//! a push brings nothing at all is left alone, unless it has an L2 term: that is what "absent" means
//! for a rule whose unit is the tensor.

use std::ops::Range;

use super::gradient::{
    AddressError, AtReadView, GradientError, GradientView, add_to, check_coordinates, check_range,
    covered, decode, overlap, overwrite, pieces, within,
};
use super::real::Real;
use super::retune::{ErasedRule, RetuneError};
use super::rule::StepContext;
use super::store::{ExactStore, GroupSpan, Reader, RestoreError, Store, StoreSpec, check_lengths};
use super::tensor_rule::{TensorRule, TensorView};

/// Parameters and slots of a shard under the rule `R`.
#[derive(Debug)]
pub(super) struct TensorStore<F: Real, R: TensorRule<F>> {
    rule: R,
    x: Vec<F>,
    /// One column per slot; each holds its tensors' numbers end to end.
    slots: Vec<Vec<F>>,
    tensors: Vec<Tensor>,
    /// The gradient of one tensor, put together.
    gradient: Vec<F>,
}

#[derive(Debug)]
struct Tensor {
    span: GroupSpan,
    /// Where its numbers lie in each slot's column.
    slots: Vec<Range<usize>>,
}

impl<F: Real, R: TensorRule<F>> TensorStore<F, R> {
    /// Builds the store of `spec` under `rule`.
    pub(super) fn new(rule: R, spec: &StoreSpec<'_>) -> Self {
        spec.assert_tiled();
        let mut ends = vec![0; R::SLOT_NAMES.len()];
        let tensors = spec.groups.iter().map(|span| {
            assert_eq!(
                span.shape.iter().product::<usize>() * usize::from(!span.shape.is_empty()),
                span.range.len(),
                "the shard map keeps tensors whole for a rule that needs them"
            );
            let lengths = rule.slot_lengths(&span.shape);
            let slots = ends.iter_mut().zip(lengths).map(|(end, len)| {
                let start = *end;
                *end += len;
                start..*end
            });
            Tensor {
                span: span.clone(),
                slots: slots.collect(),
            }
        });
        let tensors: Vec<Tensor> = tensors.collect();
        let longest = spec.groups.iter().map(|span| span.range.len()).max();
        Self {
            rule,
            x: spec.parameters(),
            slots: ends.iter().map(|&len| vec![F::ZERO; len]).collect(),
            tensors,
            gradient: vec![F::ZERO; longest.unwrap_or(0)],
        }
    }

    /// Lets every tensor take the step to which `bring` brings something, or that has an L2 term.
    /// `bring` is given a tensor's range, and room for its gradient.
    fn advance<'g>(
        &mut self,
        context: &StepContext,
        mut bring: impl FnMut(&Range<usize>, &mut [F]) -> Brought<'g, F>,
    ) {
        for Tensor { span, slots } in &self.tensors {
            let room = &mut self.gradient[..span.range.len()];
            let gradient = match bring(&span.range, room) {
                Brought::Nothing if !span.terms.act_always() => continue,
                Brought::Nothing => {
                    room.fill(F::ZERO);
                    room
                }
                Brought::PutTogether => room,
                Brought::AsItLies(values) => values,
            };
            let mut own: Vec<&mut [F]> = self
                .slots
                .iter_mut()
                .zip(slots)
                .map(|(column, range)| &mut column[range.clone()])
                .collect();
            let tensor = TensorView {
                shape: &span.shape,
                x: &mut self.x[span.range.clone()],
                g: gradient,
                slots: &mut own,
                l2: span.terms.pull(context).l2,
            };
            self.rule.update(&span.context(context), tensor);
            span.terms.project(&mut self.x[span.range.clone()]);
        }
    }

    fn lengths(&self) -> Vec<usize> {
        std::iter::once(&self.x)
            .chain(&self.slots)
            .map(Vec::len)
            .collect()
    }
}

impl<F: Real, R: TensorRule<F>> Store<F> for TensorStore<F, R> {
    fn len(&self) -> usize {
        self.x.len()
    }

    fn slot_names(&self) -> Vec<String> {
        R::SLOT_NAMES.iter().map(ToString::to_string).collect()
    }

    fn step_at(
        &mut self,
        context: &StepContext,
        gradient: GradientView<'_>,
        at_read: AtReadView<'_>,
        scale: f32,
    ) -> Result<(), GradientError> {
        gradient.check(self.len())?;
        // No rule of whole tensors looks at what was read.
        at_read.check(&gradient, self.len(), 0)?;
        let scale = F::from_f32(scale);
        self.advance(context, |tensor, room| match gradient {
            GradientView::Empty => Brought::Nothing,
            GradientView::Dense { start, segments } => {
                bring_dense(start, segments, scale, tensor, room)
            }
            GradientView::Sparse {
                coordinates,
                values,
            } => bring_sparse(coordinates, values, scale, tensor, room),
        });
        Ok(())
    }

    fn add(&mut self, delta: GradientView<'_>) -> Result<(), GradientError> {
        delta.check(self.len())?;
        add_to(&mut self.x, delta);
        Ok(())
    }

    fn overwrite(&mut self, x: &[f32]) {
        overwrite(&mut self.x, x);
    }

    fn readable_range(
        &mut self,
        range: Range<usize>,
        _out: &mut Vec<u8>,
    ) -> Result<(), AddressError> {
        check_range(&range, self.len())
    }

    fn readable_coordinates(
        &mut self,
        coordinates: &[u32],
        _out: &mut Vec<u8>,
    ) -> Result<(), AddressError> {
        check_coordinates(coordinates, self.len())
    }

    fn retune(&mut self, rule: ErasedRule) -> Result<(), RetuneError> {
        let shapes = self.tensors.iter().map(|tensor| &tensor.span.shape[..]);
        self.rule = rule.after_tensors(&self.rule, shapes)?;
        Ok(())
    }

    fn read_range(
        &mut self,
        _reader: Reader,
        range: Range<usize>,
        out: &mut Vec<u8>,
    ) -> Result<(), AddressError> {
        check_range(&range, self.len())?;
        F::append(&self.x[range], out);
        Ok(())
    }

    fn read_coordinates(
        &mut self,
        _reader: Reader,
        coordinates: &[u32],
        out: &mut Vec<u8>,
    ) -> Result<(), AddressError> {
        check_coordinates(coordinates, self.len())?;
        let values = coordinates
            .iter()
            .map(|&coordinate| self.x[coordinate as usize]);
        out.reserve(4 * values.len());
        for x in values {
            out.extend_from_slice(&x.to_f32().to_le_bytes());
        }
        Ok(())
    }

    fn columns(&mut self) -> Vec<&[F]> {
        std::iter::once(&self.x)
            .chain(&self.slots)
            .map(Vec::as_slice)
            .collect()
    }

    fn restore(&mut self, columns: &[&[F]]) -> Result<(), RestoreError> {
        check_lengths(columns, &self.lengths())?;
        self.x.copy_from_slice(columns[0]);
        for (slot, saved) in self.slots.iter_mut().zip(&columns[1..]) {
            slot.copy_from_slice(saved);
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        (self.lengths().iter().sum::<usize>() + self.gradient.len()) * size_of::<F>()
    }
}

impl<R: TensorRule<f64>> ExactStore for TensorStore<f64, R> {
    fn step_exact_at(&mut self, context: &StepContext, gradient: &[Option<f64>], _at_read: &[f64]) {
        assert_eq!(gradient.len(), self.len(), "one entry for each element");
        self.advance(context, |tensor, room| {
            let given = &gradient[tensor.clone()];
            for (room, given) in room.iter_mut().zip(given) {
                *room = given.unwrap_or(0.0);
            }
            if given.iter().any(Option::is_some) {
                Brought::PutTogether
            } else {
                Brought::Nothing
            }
        });
    }

    fn readable(&self) -> Vec<f64> {
        vec![0.0; self.x.len()]
    }

    fn shown(&self, _reader: Reader) -> Vec<f64> {
        self.x.clone()
    }
}

/// What a push has for one tensor.
enum Brought<'g, F> {
    /// No element.
    Nothing,
    /// Its gradient, now in the room for it.
    PutTogether,
    /// Its gradient, where the push has it.
    AsItLies(&'g [F]),
}

/// A copy costs as much as a rule's whole pass, so a tensor that came in one piece is not copied.
fn bring_dense<'g, F: Real>(
    start: usize,
    segments: &'g [&'g [u8]],
    scale: F,
    tensor: &Range<usize>,
    room: &mut [F],
) -> Brought<'g, F> {
    let inside = overlap(tensor, &covered(start, segments));
    if inside.is_empty() {
        return Brought::Nothing;
    }
    if inside != *tensor {
        room.fill(F::ZERO);
    }
    for (at, bytes) in pieces(start, segments, tensor) {
        if bytes.len() == 4 * tensor.len()
            && scale == F::of(1.0)
            && let Some(values) = F::view(bytes)
        {
            return Brought::AsItLies(values);
        }
        decode(bytes, scale, &mut room[at - tensor.start..]);
    }
    Brought::PutTogether
}

fn bring_sparse<'g, F: Real>(
    coordinates: &[u32],
    values: &[u8],
    scale: F,
    tensor: &Range<usize>,
    room: &mut [F],
) -> Brought<'g, F> {
    let inside = within(coordinates, tensor);
    if inside.is_empty() {
        return Brought::Nothing;
    }
    room.fill(F::ZERO);
    let (values, _) = values.as_chunks::<4>();
    for (&coordinate, bytes) in coordinates[inside.clone()].iter().zip(&values[inside]) {
        let value = F::from_f32(f32::from_le_bytes(*bytes));
        room[coordinate as usize - tensor.start] = scale * value;
    }
    Brought::PutTogether
}
