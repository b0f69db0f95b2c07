//! Some elements in local arrays, and the formula applied to each.
//!
//! A tile cannot alias anything, its length is a constant, and a tail is a tile of which some lanes
//! are not stored. So the compiler vectorises every rule without help, and a result never depends on
//! where a part was cut.

use super::real::Real;
use super::rule::{AtRead, Decay, Grad, StepContext, UpdateRule, View};
use super::slots::{LANES, SlotArray};
use super::store::{GroupSpan, Reader};
use crate::regularizer::l1_smooth::slope;
use crate::regularizer::l1_truncated::truncate;

/// The scalars of one step for one group: the rule's own, and those of the penalties.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scalars<F, S> {
    rule: S,
    /// λ of a coupled term; 0 leaves the gradient alone.
    l2: F,
    /// 1 − η·λ of the decoupled terms; 1 leaves the parameter alone.
    keep: F,
    /// λ and ε of a smooth L1 term, if there is one.
    smooth: Option<(F, F)>,
    /// What becomes of the parameter after the rule, if anything does.
    shrink: Option<Shrink<F>>,
}

/// A proximal map: soft thresholding up to some size, then a factor.
#[derive(Clone, Copy, Debug)]
struct Shrink<F> {
    by: F,
    reach: F,
    scale: F,
}

impl<F: Real> Shrink<F> {
    #[inline(always)]
    fn of(&self, x: F) -> F {
        truncate(x, self.by, self.reach) * self.scale
    }
}

impl<F: Real, S> Scalars<F, S> {
    /// Computes the scalars of the step at `context` for `group`.
    pub(super) fn of<R: UpdateRule<F, Step = S>>(
        rule: &R,
        group: &GroupSpan,
        context: &StepContext,
    ) -> Self {
        let context = group.context(context);
        let pull = group.terms.pull(&context);
        let (l2, decay) = match rule.decay() {
            Decay::Coupled => (pull.l2, pull.decay),
            Decay::Decoupled => (0.0, pull.l2 + pull.decay),
        };
        let shrinks = 0.0 < pull.shrink || pull.scale < 1.0;
        Self {
            rule: rule.prepare(&context),
            l2: F::of(l2),
            keep: F::of(1.0 - context.lr * decay),
            smooth: (0.0 < pull.smooth).then(|| (F::of(pull.smooth), F::of(pull.smooth_eps))),
            shrink: shrinks.then(|| Shrink {
                by: F::of(pull.shrink),
                reach: F::of(pull.reach),
                scale: F::of(pull.scale),
            }),
        }
    }
}

/// A rule at one step: all that turns one element into its next value.
#[derive(Debug)]
pub(super) struct Formula<'a, F: Real, R: UpdateRule<F>> {
    pub(super) rule: &'a R,
    pub(super) step: &'a Scalars<F, R::Step>,
}

impl<F: Real, R: UpdateRule<F>> Formula<'_, F, R> {
    /// One element, one step, penalties included.
    #[inline(always)]
    pub(super) fn apply(&self, x: F, g: F, slots: R::Slots) -> (F, R::Slots) {
        let s = self.step;
        let g = s.smooth.map_or(g, |(l1, eps)| g + slope(x, l1, eps));
        let (x, slots) = self.advance(x, g, slots);
        (s.shrink.map_or(x, |shrink| shrink.of(x)), slots)
    }

    /// Whether no penalty acts but L2 and decay.
    #[inline(always)]
    pub(super) fn is_plain(&self) -> bool {
        self.step.smooth.is_none() && self.step.shrink.is_none()
    }

    /// The rule at one element, the L2 term first, without the rarer penalties.
    ///
    /// A push that does not say what its worker read has missed nothing.
    #[inline(always)]
    fn advance(&self, x: F, g: F, slots: R::Slots) -> (F, R::Slots) {
        let s = self.step;
        let g = if s.l2 == F::ZERO { g } else { g + s.l2 * x };
        let at_read = match R::AT_READ {
            AtRead::Nothing => F::ZERO,
            AtRead::Parameter => x,
            AtRead::Slot(slot) => slots.as_slice()[slot],
        };
        let grad = Grad { g, at_read };
        R::update(&s.rule, s.keep * x, grad, slots)
    }
}

/// The columns of a shard: its parameters, and one column per slot.
#[derive(Debug)]
pub(super) struct Columns<F> {
    pub(super) x: Vec<F>,
    pub(super) slots: Vec<Vec<F>>,
}

impl<F: Real> Columns<F> {
    /// Whether an element stands at zero with fresh slots.
    #[inline(always)]
    pub(super) fn is_at_rest<S: SlotArray<F>>(&self, element: usize, fresh: &S) -> bool {
        let slots = self.slots.iter().zip(fresh.as_slice());
        self.x[element].same_bits(F::ZERO)
            && slots.fold(true, |same, (column, fresh)| {
                same & column[element].same_bits(*fresh)
            })
    }
}

/// [`LANES`] elements, aligned so that no vector of them crosses a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Tile<F: Real, S: SlotArray<F>> {
    x: [F; LANES],
    slots: S::Tile,
}

impl<F: Real, S: SlotArray<F>> Tile<F, S> {
    /// Elements at zero with fresh slots.
    #[inline(always)]
    pub(super) fn fresh<R: UpdateRule<F, Slots = S>>(rule: &R) -> Self {
        Self {
            x: [F::ZERO; LANES],
            slots: rule.init().splat(),
        }
    }

    /// Loads `count` neighbours from `at`.
    #[inline(always)]
    pub(super) fn load(&mut self, columns: &Columns<F>, at: usize, count: usize) {
        self.x[..count].copy_from_slice(&columns.x[at..at + count]);
        for (lanes, column) in self.slots.as_mut().iter_mut().zip(&columns.slots) {
            lanes[..count].copy_from_slice(&column[at..at + count]);
        }
    }

    /// Stores `count` neighbours from `at`.
    #[inline(always)]
    pub(super) fn store(&self, columns: &mut Columns<F>, at: usize, count: usize) {
        columns.x[at..at + count].copy_from_slice(&self.x[..count]);
        for (lanes, column) in self.slots.as_ref().iter().zip(&mut columns.slots) {
            column[at..at + count].copy_from_slice(&lanes[..count]);
        }
    }

    /// Loads single elements, at most [`LANES`].
    #[inline(always)]
    pub(super) fn gather(&mut self, columns: &Columns<F>, elements: impl Iterator<Item = usize>) {
        for (lane, element) in elements.enumerate() {
            self.x[lane] = columns.x[element];
            for (lanes, column) in self.slots.as_mut().iter_mut().zip(&columns.slots) {
                lanes[lane] = column[element];
            }
        }
    }

    /// Stores single elements, at most [`LANES`].
    #[inline(always)]
    pub(super) fn scatter(&self, columns: &mut Columns<F>, elements: impl Iterator<Item = usize>) {
        for (lane, element) in elements.enumerate() {
            columns.x[element] = self.x[lane];
            for (lanes, column) in self.slots.as_ref().iter().zip(&mut columns.slots) {
                column[element] = lanes[lane];
            }
        }
    }

    #[inline(always)]
    fn lane(&self, lane: usize) -> S {
        let slots = self.slots.as_ref();
        S::from_fn(|slot| slots[slot][lane])
    }

    /// Takes one step with the gradient `g`, penalties included: [`Formula::apply`] in every lane.
    #[inline(always)]
    pub(super) fn apply<R: UpdateRule<F, Slots = S>>(
        &mut self,
        formula: &Formula<'_, F, R>,
        g: &[F; LANES],
    ) {
        let mut g = *g;
        if let Some((l1, eps)) = formula.step.smooth {
            for (g, x) in g.iter_mut().zip(&self.x) {
                *g = *g + slope(*x, l1, eps);
            }
        }
        self.advance(formula, &g);
        if let Some(shrink) = formula.step.shrink {
            self.x = self.x.map(|x| shrink.of(x));
        }
    }

    /// The same without the penalties that a [plain](Formula::is_plain) formula does not have.
    #[inline(always)]
    pub(super) fn advance<R: UpdateRule<F, Slots = S>>(
        &mut self,
        formula: &Formula<'_, F, R>,
        g: &[F; LANES],
    ) {
        for lane in 0..LANES {
            let (x, slots) = formula.advance(self.x[lane], g[lane], self.lane(lane));
            self.x[lane] = x;
            for (lanes, slot) in self.slots.as_mut().iter_mut().zip(slots.as_slice()) {
                lanes[lane] = *slot;
            }
        }
    }

    /// Takes one step without a gradient in the lanes whose `first` step is not behind `number`.
    #[inline(always)]
    pub(super) fn advance_late<R: UpdateRule<F, Slots = S>>(
        &mut self,
        formula: &Formula<'_, F, R>,
        number: u32,
        first: &[u32; LANES],
    ) {
        let mut next = *self;
        next.apply(formula, &[F::ZERO; LANES]);
        let late = first.map(|first| first <= number);
        replace(&mut self.x, &next.x, &late);
        for (lanes, next) in self.slots.as_mut().iter_mut().zip(next.slots.as_ref()) {
            replace(lanes, next, &late);
        }
    }

    /// What `reader` sees of each lane, f32, little-endian.
    #[inline(always)]
    pub(super) fn shown<R: UpdateRule<F, Slots = S>>(
        &self,
        rule: &R,
        reader: Reader,
    ) -> [[u8; 4]; LANES] {
        std::array::from_fn(|lane| {
            let (x, slots) = (self.x[lane], self.lane(lane));
            shown(rule, reader, x, &slots).to_f32().to_le_bytes()
        })
    }
}

/// What `reader` sees of one element.
#[inline(always)]
pub(super) fn shown<F: Real, R: UpdateRule<F>>(
    rule: &R,
    reader: Reader,
    x: F,
    slots: &R::Slots,
) -> F {
    view::<F, R>(reader).map_or(x, |view| view(rule, x, slots))
}

/// How `reader` sees parameters.
#[inline(always)]
pub(super) const fn view<F: Real, R: UpdateRule<F>>(reader: Reader) -> View<R, F> {
    match reader {
        Reader::Worker => R::PUBLISH,
        Reader::Observer => R::EVALUATE,
    }
}

/// Replaces the chosen lanes.
#[inline(always)]
fn replace<F: Real>(lanes: &mut [F; LANES], by: &[F; LANES], chosen: &[bool; LANES]) {
    for ((lane, by), chosen) in lanes.iter_mut().zip(by).zip(chosen) {
        *lane = if *chosen { *by } else { *lane };
    }
}
