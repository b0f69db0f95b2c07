//! The store that servers run: columns, vectorised loops, and penalties settled late.
//!
//! A dense gradient over a whole group is one fused pass. A sparse one touches its coordinates only;
//! in a group with a penalty the others owe the step to the group's [`Backlog`] until they are read
//! or pushed to. Where a constraint acts, what a push touches is settled, stepped and projected by
//! whole units.

use std::borrow::Cow;
use std::ops::Range;

use super::backlog::Backlog;
use super::columns::{Columns, Room, Values};
use super::gradient::{
    AddressError, AtReadView, GradientError, GradientView, add_to, check_coordinates, check_range,
    covered, overlap, overwrite, pieces, within,
};
use super::late;
use super::real::Real;
use super::replay;
use super::retune::{ErasedRule, RetuneError};
use super::rule::{AtRead, StepContext, UpdateRule, slot_names};
use super::scalars::Scalars;
use super::store::{GroupSpan, Reader, RestoreError, Store, StoreSpec, check_saved};

/// Parameters and slots of a shard under the rule `R`.
#[derive(Debug)]
pub(super) struct ColumnStore<F: Real, R: UpdateRule<F>> {
    rule: R,
    columns: Columns<F>,
    room: Room<F>,
    groups: Vec<Group<F, R::Step>>,
    /// For each element, how many steps of its group's backlog it has taken. Empty until there is a
    /// backlog, so that dense training pays nothing for it.
    taken: Vec<u8>,
}

#[derive(Debug)]
struct Group<F, S> {
    span: GroupSpan,
    /// Only where there is a penalty.
    backlog: Option<Backlog<F, S>>,
}

impl<F: Real, R: UpdateRule<F>> ColumnStore<F, R> {
    /// Builds the store of `spec` under `rule`.
    pub(super) fn new(rule: R, spec: &StoreSpec<'_>) -> Self {
        spec.assert_tiled();
        let columns = Columns::new(&rule, spec.parameters());
        let room = Room::new(&rule);
        let groups = spec.groups.iter().map(|span| Group {
            span: span.clone(),
            backlog: span.terms.act_always().then(Backlog::new),
        });
        let groups = groups.collect();
        Self {
            rule,
            columns,
            room,
            groups,
            taken: Vec::new(),
        }
    }

    fn step_dense(&mut self, group: usize, step: &Scalars<F, R::Step>, elements: &Dense<'_>) {
        let whole = self.groups[group].span.range.clone();
        let inside = overlap(&whole, &covered(elements.start, elements.segments));
        self.settle_range(group, &inside);
        let scale = F::from_f32(elements.scale);
        for (start, bytes) in pieces(elements.start, elements.segments, &inside) {
            let at_read = elements.at_read(start..start + bytes.len() / 4, R::AT_READ.bytes());
            let values = Values {
                bytes,
                scale,
                at_read,
            };
            let scratch = &mut self.room.scratch;
            self.columns.step::<R>(step, start, values, scratch);
        }
        if inside != whole {
            self.defer(group, step, inside.clone());
        }
        self.project(group, inside);
        self.bound_backlog(group);
    }

    fn step_sparse(&mut self, group: usize, step: &Scalars<F, R::Step>, elements: &Sparse<'_>) {
        let inside = within(elements.coordinates, &self.groups[group].span.range);
        let coordinates = &elements.coordinates[inside.clone()];
        let values = &elements.values[4 * inside.start..4 * inside.end];
        self.settle(group, indices(coordinates));
        let at_read = elements.at_read(inside, R::AT_READ.bytes());
        let values = Values {
            bytes: values,
            scale: F::from_f32(elements.scale),
            at_read: &at_read,
        };
        let room = &mut self.room;
        self.columns
            .step_apart::<R>(step, coordinates, values, room);
        self.defer(group, step, indices(coordinates));
        self.project(group, indices(coordinates));
        self.bound_backlog(group);
    }

    /// Records a step that only `takers` of the group have taken, if the others must take it too.
    fn defer(
        &mut self,
        group: usize,
        step: &Scalars<F, R::Step>,
        takers: impl Iterator<Item = usize>,
    ) {
        let Some(backlog) = &mut self.groups[group].backlog else {
            return;
        };
        if self.taken.is_empty() {
            self.taken = vec![0; self.columns.x.len()];
        }
        backlog.push(&self.rule, step);
        for element in takers {
            self.taken[element] = backlog.stamp();
        }
    }

    /// Projects the units that have one of these elements, which have just taken a step. Where every
    /// step moves every element, the rest of each unit takes it first.
    fn project(&mut self, group: usize, elements: impl Iterator<Item = usize>) {
        let Group { span, backlog } = &self.groups[group];
        if span.terms.unit().is_none() {
            return;
        }
        let units: Vec<_> = span.units_of(elements).collect();
        if let Some(backlog) = backlog.as_ref().filter(|log| !log.is_empty()) {
            let rest = units.iter().cloned().flatten();
            let stores = (&mut self.columns, &mut self.room);
            late::catch_up(&self.rule, backlog, stores, &mut self.taken, rest);
            for unit in &units {
                self.taken[unit.clone()].fill(backlog.stamp());
            }
        }
        for unit in units {
            span.terms.project(&mut self.columns.x[unit]);
        }
    }

    /// Settles a group whose backlog is full.
    fn bound_backlog(&mut self, group: usize) {
        let Group { span, backlog } = &self.groups[group];
        if backlog.as_ref().is_some_and(Backlog::is_full) {
            let whole = span.range.clone();
            self.settle_range(group, &whole);
        }
    }

    /// Lets elements of one group take all steps that they owe.
    fn settle(&mut self, group: usize, elements: impl Iterator<Item = usize>) {
        let Group { span, backlog } = &self.groups[group];
        let Some(backlog) = backlog.as_ref().filter(|log| !log.is_empty()) else {
            return;
        };
        let (rule, taken) = (&self.rule, &mut self.taken);
        let stores = (&mut self.columns, &mut self.room);
        if span.terms.unit().is_some() {
            let units = span.units_of(elements);
            replay::catch_up(rule, backlog, stores, taken, (span, units));
        } else {
            late::catch_up(rule, backlog, stores, taken, elements);
        }
    }

    fn settle_all(&mut self) {
        self.settle_neighbours(&(0..self.columns.x.len()));
    }

    /// Lets a range of elements, of whichever groups, take all steps that they owe.
    fn settle_neighbours(&mut self, range: &Range<usize>) {
        for group in 0..self.groups.len() {
            let inside = overlap(&self.groups[group].span.range, range);
            self.settle_range(group, &inside);
        }
    }

    /// The same for single elements.
    fn settle_apart(&mut self, coordinates: &[u32]) {
        for group in 0..self.groups.len() {
            let inside = within(coordinates, &self.groups[group].span.range);
            self.settle(group, indices(&coordinates[inside]));
        }
    }

    /// [`Self::settle`] for neighbours; a group that is settled whole forgets its backlog.
    fn settle_range(&mut self, group: usize, range: &Range<usize>) {
        self.settle(group, range.clone());
        let Group {
            span,
            backlog: Some(backlog),
        } = &mut self.groups[group]
        else {
            return;
        };
        if *range == span.range && !backlog.is_empty() {
            backlog.clear();
            self.taken[range.clone()].fill(0);
        }
    }
}

/// A dense gradient, as in [`GradientView::Dense`], with its factor.
struct Dense<'a> {
    start: usize,
    segments: &'a [&'a [u8]],
    scale: f32,
    at_read: AtReadView<'a>,
}

impl Dense<'_> {
    /// What was read of these elements, `bytes` of each.
    fn at_read(&self, elements: Range<usize>, bytes: usize) -> &[u8] {
        let (values, first) = match self.at_read {
            AtReadView::AsItIs => return &[],
            AtReadView::Echoed(values) => (values, self.start),
            AtReadView::Pinned(values) => (values, 0),
        };
        &values[(elements.start - first) * bytes..(elements.end - first) * bytes]
    }
}

/// A sparse gradient, as in [`GradientView::Sparse`], with its factor.
struct Sparse<'a> {
    coordinates: &'a [u32],
    values: &'a [u8],
    scale: f32,
    at_read: AtReadView<'a>,
}

impl Sparse<'_> {
    /// What was read of the elements at these places of the list, `bytes` of each.
    fn at_read(&self, places: Range<usize>, bytes: usize) -> Cow<'_, [u8]> {
        match self.at_read {
            AtReadView::AsItIs => Cow::Borrowed(&[]),
            AtReadView::Echoed(values) => {
                Cow::Borrowed(&values[places.start * bytes..places.end * bytes])
            }
            AtReadView::Pinned(values) => {
                let mut all = Vec::with_capacity(places.len() * bytes);
                for element in indices(&self.coordinates[places]) {
                    all.extend_from_slice(&values[element * bytes..][..bytes]);
                }
                Cow::Owned(all)
            }
        }
    }
}

fn indices(coordinates: &[u32]) -> impl Iterator<Item = usize> + Clone {
    coordinates.iter().map(|&coordinate| coordinate as usize)
}

impl<F: Real, R: UpdateRule<F>> Store<F> for ColumnStore<F, R> {
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
        for group in 0..self.groups.len() {
            let Group { span, backlog } = &self.groups[group];
            if backlog.is_none() && !gradient.touches(&span.range) {
                continue;
            }
            let step = Scalars::of(&self.rule, &self.groups[group].span, context);
            match gradient {
                GradientView::Dense { start, segments } => {
                    self.step_dense(
                        group,
                        &step,
                        &Dense {
                            start,
                            segments,
                            scale,
                            at_read,
                        },
                    );
                }
                GradientView::Sparse {
                    coordinates,
                    values,
                } => {
                    self.step_sparse(
                        group,
                        &step,
                        &Sparse {
                            coordinates,
                            values,
                            scale,
                            at_read,
                        },
                    );
                }
                GradientView::Empty => {
                    self.defer(group, &step, std::iter::empty());
                    self.bound_backlog(group);
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, delta: GradientView<'_>) -> Result<(), GradientError> {
        delta.check(self.len())?;
        self.settle_all();
        add_to(&mut self.columns.x, delta);
        Ok(())
    }

    fn overwrite(&mut self, x: &[f32]) {
        self.settle_all();
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
        self.settle_neighbours(&range);
        self.columns.show(&self.rule, reader, range, out);
        Ok(())
    }

    fn read_coordinates(
        &mut self,
        reader: Reader,
        coordinates: &[u32],
        out: &mut Vec<u8>,
    ) -> Result<(), AddressError> {
        check_coordinates(coordinates, self.len())?;
        self.settle_apart(coordinates);
        let elements = indices(coordinates);
        self.columns.show_apart(&self.rule, reader, elements, out);
        Ok(())
    }

    fn readable_range(
        &mut self,
        range: Range<usize>,
        out: &mut Vec<u8>,
    ) -> Result<(), AddressError> {
        check_range(&range, self.len())?;
        if R::AT_READ != AtRead::Nothing {
            self.settle_neighbours(&range);
            self.columns.append_readable::<R>(range, out);
        }
        Ok(())
    }

    fn readable_coordinates(
        &mut self,
        coordinates: &[u32],
        out: &mut Vec<u8>,
    ) -> Result<(), AddressError> {
        check_coordinates(coordinates, self.len())?;
        if R::AT_READ != AtRead::Nothing {
            self.settle_apart(coordinates);
            let elements = indices(coordinates);
            self.columns.append_readable::<R>(elements, out);
        }
        Ok(())
    }

    fn columns(&mut self) -> Vec<&[F]> {
        self.settle_all();
        self.columns.columns().map(Vec::as_slice).collect()
    }

    fn restore(&mut self, columns: &[&[F]]) -> Result<(), RestoreError> {
        check_saved(columns, self.columns.slots.len(), self.len())?;
        for group in &mut self.groups {
            group.backlog.iter_mut().for_each(Backlog::clear);
        }
        self.taken.fill(0);
        for (own, saved) in self.columns.columns_mut().zip(columns) {
            own.copy_from_slice(saved);
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        let values = self.len() * (1 + self.columns.slots.len()) * size_of::<F>();
        let owed: usize = self
            .groups
            .iter()
            .flat_map(|group| &group.backlog)
            .map(Backlog::bytes)
            .sum();
        values + self.taken.capacity() + owed + self.room.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::plain::PlainStore;
    use super::super::rule::{Grad, View};
    use super::super::store::Initial;
    use super::*;
    use crate::regularizer::Terms;

    /// Does all that a rule may do and the listed ones do not: it moves elements at rest, publishes
    /// something else than the parameter, and looks at what was read.
    #[derive(Debug)]
    struct Awkward;

    impl UpdateRule<f32> for Awkward {
        type Slots = [f32; 3];
        type Step = f32;
        const SLOT_NAMES: &'static [&'static str] = &["sum", "last", "seen"];
        const AT_READ: AtRead = AtRead::Sum;
        const PUBLISH: View<Self, f32> = Some(|_, x, slots| x + slots[0]);
        const EVALUATE: View<Self, f32> = Some(|_, x, slots| x - slots[1]);

        fn init(&self) -> [f32; 3] {
            [0.0, 0.5, 0.0]
        }

        fn prepare(&self, context: &StepContext) -> f32 {
            // Leaves elements at rest alone at even steps only.
            if context.count.is_multiple_of(2) {
                0.0
            } else {
                0.125
            }
        }

        fn update(step: &f32, x: f32, grad: Grad<f32>, slots: [f32; 3]) -> (f32, [f32; 3]) {
            let [sum, last, _] = slots;
            let seen = f32::of(grad.at_read);
            (0.5 * x + grad.g + step, [sum + x, last, seen])
        }

        fn readable(_: f32, slots: &[f32; 3]) -> f64 {
            f64::from(slots[1])
        }
    }

    #[test]
    fn a_rule_that_moves_at_rest_or_publishes_a_sum_equals_its_plain_twin() {
        let group = |range, l2| GroupSpan {
            shape: Vec::new(),
            range,
            lr_factor: 1.0,
            terms: Terms::l2(l2),
        };
        let groups = vec![group(0..40, 0.25), group(40..50, 0.0), group(50..90, 0.5)];
        let spec = StoreSpec {
            len: 90,
            initial: Initial::Zeros,
            groups,
        };
        let mut fast = ColumnStore::new(Awkward, &spec);
        let mut slow = PlainStore::new(Awkward, &spec);
        for count in 1..=400 {
            let context = StepContext {
                lr: 1.0,
                share: 1.0,
                count,
                progress: 0,
                staleness: 0,
                worker: 0,
            };
            let at = u32::try_from(count % 89).unwrap();
            let coordinates = [at, at + 1];
            let push = GradientView::Sparse {
                coordinates: &coordinates,
                values: &[63; 8],
            };
            let (mut a, mut b) = (Vec::new(), Vec::new());
            for (store, out) in [
                (&mut fast as &mut dyn Store<f32>, &mut a),
                (&mut slow, &mut b),
            ] {
                store.step(&context, push, 1.0).unwrap();
                store
                    .read_coordinates(Reader::Worker, &[at, 89], out)
                    .unwrap();
                store
                    .read_coordinates(Reader::Observer, &[at], out)
                    .unwrap();
                if count % 60 == 0 {
                    store.read_range(Reader::Worker, 0..90, out).unwrap();
                    store.read_range(Reader::Observer, 3..80, out).unwrap();
                }
            }
            assert_eq!(a, b, "step {count}");
        }
        assert_eq!(fast.columns(), slow.columns());
    }
}
