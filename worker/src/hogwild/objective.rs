//! What is minimised: a sum of terms, each of which reads and changes few coordinates.
//!
//! ```text
//! f(x) = Σ_{e ∈ E} f_e(x_e)
//! ```
//!
//! | symbol | here | meaning |
//! |---|---|---|
//! | E | [`Objective::terms`] | the terms: rows, ratings, edges |
//! | e | [`Objective::touched`] | the coordinates of a term |
//! | `x_e` | [`Point::read`] | their values |
//! | ∂`f_e/∂x_v` | [`Point::slope`] | the gradient of a term, without a factor of \|E\|: γ has it |
//!
//! A term does not know where its coordinates are kept nor what becomes of its gradient: a [`Point`]
//! may be the shared model, a thread's replica, or a list that only writes down.
//!
//! Source: Niu, Recht, Ré, Wright, *Hogwild!*, NIPS 2011, section 2.

use std::fmt::Debug;

/// Where a term reads its coordinates and leaves its gradient.
pub trait Point {
    /// The value of coordinate `v`.
    fn read(&self, v: usize) -> f32;

    /// The slope of the term at coordinate `v`.
    fn slope(&mut self, v: usize, gradient: f32);

    /// The slopes of the term at a row of coordinates from `first` that stays on the simplex, and what
    /// was read there.
    fn slopes_on_simplex(&mut self, first: usize, x: &[f32], gradient: &[f32]);
}

/// A sum of terms. The same point gives the same slopes, in the same order.
pub trait Objective: Clone + Debug + Send + Sync + 'static {
    /// Whether rows of coordinates stay on a simplex.
    const PROJECTED: bool;

    /// How many coordinates there are.
    fn coordinates(&self) -> usize;

    /// How many terms there are.
    fn terms(&self) -> usize;

    /// How many slopes this term gives, a row on the simplex counted as one.
    fn size(&self, term: usize) -> usize;

    /// Replaces `out` by the coordinates that this term changes, sorted.
    fn touched(&self, term: usize, out: &mut Vec<u32>);

    /// Reads what this term needs and gives its slopes; returns how many coordinates they are of.
    fn slopes<P: Point>(&self, term: usize, point: &mut P) -> usize;

    /// The value of this term in f64, by the plain formula: what slopes are checked with.
    fn loss(&self, term: usize, x: &dyn Fn(usize) -> f64) -> f64;

    /// Where a run starts if nobody says otherwise.
    fn start(&self, seed: u64) -> Vec<f32>;

    /// The same objective with coordinate `v` at `places[v]`; `None` where coordinates must stay in
    /// order.
    fn renumbered(&self, places: &[u32]) -> Option<Self>;
}

/// f(x), the terms in their order.
#[must_use]
pub fn value<O: Objective>(objective: &O, x: &[f32]) -> f64 {
    let at = |v: usize| f64::from(x[v]);
    (0..objective.terms())
        .map(|term| objective.loss(term, &at))
        .sum()
}

/// How many terms each coordinate is in.
#[must_use]
pub fn frequencies<O: Objective>(objective: &O) -> Vec<u32> {
    let mut counts = vec![0_u32; objective.coordinates()];
    let mut touched = Vec::new();
    for term in 0..objective.terms() {
        objective.touched(term, &mut touched);
        for &v in &touched {
            counts[v as usize] += 1;
        }
    }
    counts
}
