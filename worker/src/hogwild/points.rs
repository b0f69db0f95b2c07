//! The points that terms work on: a model of one's own, the shared one, and two that stand before
//! another.

use std::fmt::Debug;
use std::marker::PhantomData;

use super::objective::Point;
use super::rule::Rule;
use super::shared::{Cell, SharedVector};
use super::simplex::project;

/// The most coordinates that a row on the simplex may have: such rows are kept on the stack.
pub const SIMPLEX_MAX: usize = 64;

/// A model that one thread has for itself.
#[derive(Debug)]
pub(super) struct Own<'a, R: Rule> {
    pub(super) cells: &'a mut [R::Cell],
    pub(super) rule: R,
    pub(super) rate: f32,
}

impl<R: Rule> Point for Own<'_, R> {
    #[inline]
    fn read(&self, v: usize) -> f32 {
        self.cells[v].value()
    }

    #[inline]
    fn slope(&mut self, v: usize, gradient: f32) {
        let cell = &mut self.cells[v];
        *cell = self.rule.step(*cell, gradient, self.rate);
    }

    fn slopes_on_simplex(&mut self, first: usize, x: &[f32], gradient: &[f32]) {
        each_move(x, gradient, self.rate, |place, delta| {
            let cell = &mut self.cells[first + place];
            *cell = self.rule.moved(*cell, delta);
        });
    }
}

/// How a shared word is changed.
pub(super) trait Write: Debug + Send + Sync {
    fn update<C: Cell>(x: &SharedVector<C>, v: usize, change: impl Fn(C) -> C);
}

/// No update is lost.
#[derive(Debug)]
pub(super) struct Exact;

/// Updates may be lost.
#[derive(Debug)]
pub(super) struct Lossy;

impl Write for Exact {
    #[inline]
    fn update<C: Cell>(x: &SharedVector<C>, v: usize, change: impl Fn(C) -> C) {
        x.update_exact(v, change);
    }
}

impl Write for Lossy {
    #[inline]
    fn update<C: Cell>(x: &SharedVector<C>, v: usize, change: impl Fn(C) -> C) {
        x.update_lossy(v, change);
    }
}

/// The shared model.
#[derive(Debug)]
pub(super) struct Shared<'a, R: Rule, W: Write> {
    pub(super) x: &'a SharedVector<R::Cell>,
    pub(super) rule: R,
    pub(super) rate: f32,
    pub(super) write: PhantomData<W>,
}

impl<R: Rule, W: Write> Point for Shared<'_, R, W> {
    #[inline]
    fn read(&self, v: usize) -> f32 {
        self.x.load(v).value()
    }

    #[inline]
    fn slope(&mut self, v: usize, gradient: f32) {
        let (rule, rate) = (self.rule, self.rate);
        W::update(self.x, v, |cell| rule.step(cell, gradient, rate));
    }

    fn slopes_on_simplex(&mut self, first: usize, x: &[f32], gradient: &[f32]) {
        let rule = self.rule;
        each_move(x, gradient, self.rate, |place, delta| {
            W::update(self.x, first + place, |cell| rule.moved(cell, delta));
        });
    }
}

/// Calls `each` with the place and the move of every coordinate that the projected step
/// `x ← Π(x − γ·g)` moves. Moves and not values, so that those of other threads stay.
fn each_move(x: &[f32], gradient: &[f32], rate: f32, mut each: impl FnMut(usize, f32)) {
    let mut to = [0.0; SIMPLEX_MAX];
    let to = &mut to[..x.len()];
    for ((to, x), g) in to.iter_mut().zip(x).zip(gradient) {
        *to = x - rate * g;
    }
    project(to);
    for (place, (to, x)) in to.iter().zip(x).enumerate() {
        each(place, to - x);
    }
}

/// Only one slope of a term goes on to the point behind, as if it stood for all of them.
#[derive(Debug)]
pub(super) struct One<'p, P> {
    pub(super) point: &'p mut P,
    /// Which one.
    pub(super) kept: usize,
    /// By how much it is multiplied: the number of slopes.
    pub(super) factor: f32,
    /// Slopes that came so far.
    pub(super) seen: usize,
    /// Coordinates that were changed.
    pub(super) changed: usize,
}

impl<P: Point> Point for One<'_, P> {
    #[inline]
    fn read(&self, v: usize) -> f32 {
        self.point.read(v)
    }

    #[inline]
    fn slope(&mut self, v: usize, gradient: f32) {
        if self.seen == self.kept {
            self.point.slope(v, self.factor * gradient);
            self.changed += 1;
        }
        self.seen += 1;
    }

    fn slopes_on_simplex(&mut self, first: usize, x: &[f32], gradient: &[f32]) {
        if self.seen == self.kept {
            let mut all = [0.0; SIMPLEX_MAX];
            let all = &mut all[..gradient.len()];
            for (all, g) in all.iter_mut().zip(gradient) {
                *all = self.factor * g;
            }
            self.point.slopes_on_simplex(first, x, all);
            self.changed += x.len();
        }
        self.seen += 1;
    }
}

/// Reads at one point and writes the slopes down, for those who step later.
#[derive(Debug)]
pub struct Recorder<R> {
    read: R,
    slopes: Vec<(u32, f32)>,
    rows: Vec<SimplexRow>,
}

/// Slopes at a row on the simplex, and what was read there.
#[derive(Debug)]
struct SimplexRow {
    first: usize,
    x: Vec<f32>,
    gradient: Vec<f32>,
}

impl<R: Fn(usize) -> f32> Recorder<R> {
    /// Nothing is written down yet.
    pub fn new(read: R) -> Self {
        Self {
            read,
            slopes: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Forgets what was written down.
    pub fn clear(&mut self) {
        self.slopes.clear();
        self.rows.clear();
    }

    /// Gives another point all that was written down.
    pub fn replay<P: Point>(&self, point: &mut P) {
        for &(v, gradient) in &self.slopes {
            point.slope(v as usize, gradient);
        }
        for row in &self.rows {
            point.slopes_on_simplex(row.first, &row.x, &row.gradient);
        }
    }

    /// Adds what was written down to `gradient`, one number per coordinate.
    ///
    /// # Panics
    /// When `gradient` lacks a coordinate.
    pub fn add_to(&self, gradient: &mut [f32]) {
        for &(v, slope) in &self.slopes {
            gradient[v as usize] += slope;
        }
        for row in &self.rows {
            for (sum, slope) in gradient[row.first..].iter_mut().zip(&row.gradient) {
                *sum += slope;
            }
        }
    }
}

impl<R: Fn(usize) -> f32> Point for Recorder<R> {
    #[inline]
    fn read(&self, v: usize) -> f32 {
        (self.read)(v)
    }

    #[inline]
    fn slope(&mut self, v: usize, gradient: f32) {
        let v = u32::try_from(v).expect("coordinates have numbers of 32 bits");
        self.slopes.push((v, gradient));
    }

    fn slopes_on_simplex(&mut self, first: usize, x: &[f32], gradient: &[f32]) {
        self.rows.push(SimplexRow {
            first,
            x: x.to_vec(),
            gradient: gradient.to_vec(),
        });
    }
}
