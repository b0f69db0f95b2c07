//! Is a model's gradient the slope of its loss? Told by central differences, on rows of the job.
//!
//! ```text
//! nᵢ = (f(x + h·eᵢ) − f(x − h·eᵢ)) / 2h        error = ‖a − n‖ / (‖a‖ + ‖n‖), tensor by tensor
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | f | mean of the weighted losses over the rows | loss |
//! | a | the model's gradient | loss per parameter |
//! | h | a power of two, so that x ± h is exact in f32 | parameter |
//!
//! No single h is right for every model: a large one feels the curve, a small one the rounding, and
//! either may step over a kink. So several are tried and the best stands: a wrong gradient is wrong
//! at all of them.
//!
//! Parameters and gradients are f32, losses f64, so the error of a right gradient is near 10⁻⁶, that
//! of a wrong term as large as the term's share. With f64 throughout, 10⁻⁷ is good and 10⁻⁴ wrong.

use rand::seq::index::sample;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thalweg_common::seed::unit;

use super::linear::narrow;
use super::{Coverage, Located, Model, ModelError};
use crate::data::Rows;

/// A relative error above this is that of a wrong gradient.
pub const ERROR_MAX: f64 = 1e-4;

/// The steps of the differences, h.
const STEPS: [f32; 4] = [1.0 / 64.0, 1.0 / 1_024.0, 1.0 / 16_384.0, 1.0 / 262_144.0];

/// Parameters are multiples of this, so that adding a step rounds nothing.
const GRAIN: f64 = 1.0 / 1_024.0;

/// One element's slope, told twice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// Which element, counted in its tensor.
    pub element: u64,
    /// What the model says.
    pub analytic: f64,
    /// What the differences say.
    pub numeric: f64,
}

/// How well gradient and slopes of one tensor agree.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorCheck {
    /// The tensor's name.
    pub tensor: String,
    /// Its elements that the rows touch.
    pub touched: usize,
    /// Those of them that were checked.
    pub checked: usize,
    /// ‖a − n‖ / (‖a‖ + ‖n‖) over the checked elements; 0 where all slopes are 0.
    pub error: f64,
    /// The element with the largest |a − n|; `None` if none was checked.
    pub worst: Option<Slope>,
}

impl TensorCheck {
    /// Whether the gradient is right, as far as this can tell. NaN is not.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.error <= ERROR_MAX
    }
}

/// Compares a model's gradient over `rows` with the slopes of its loss, on up to `sample_max`
/// elements of each tensor among those that the rows touch. The parameters are random, between −½
/// and ½.
///
/// # Errors
/// [`ModelError`] if the rows touch more elements than a replica may hold.
pub fn check_gradient(
    model: &dyn Model,
    rows: &Rows,
    sample_max: usize,
    seed: u64,
) -> Result<Vec<TensorCheck>, ModelError> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut touched = Vec::new();
    model.touched(rows, &mut touched);
    let draw = |_: &u64| narrow(((unit(random.next_u64()) - 0.5) / GRAIN).round() * GRAIN);
    let x: Vec<f32> = touched.iter().map(draw).collect();
    let mut located = Located::default();
    model.locate(rows, &Coverage::Coordinates(touched.clone()), &mut located)?;
    let mut subject = Subject::new(model, rows, &located, x);
    let mut checks = Vec::new();
    for (span, tensor) in model.layout().spans() {
        let first = touched.partition_point(|&element| element < span.start);
        let end = touched.partition_point(|&element| element < span.end);
        let count = (end - first).min(sample_max);
        let mut places = sample(&mut random, end - first, count).into_vec();
        places.sort_unstable();
        let slopes: Vec<Slope> = places
            .into_iter()
            .map(|place| subject.slope(first + place, touched[first + place] - span.start))
            .collect();
        checks.push(TensorCheck {
            tensor: tensor.name.clone(),
            touched: end - first,
            checked: count,
            error: relative_error(&slopes),
            worst: slopes
                .into_iter()
                .max_by(|a, b| distance(a).total_cmp(&distance(b))),
        });
    }
    Ok(checks)
}

/// A model at a point.
struct Subject<'a> {
    model: &'a dyn Model,
    rows: &'a Rows,
    located: &'a Located,
    x: Vec<f32>,
    analytic: Vec<f32>,
    /// Where gradients that nobody asks for go.
    ignored: Vec<f32>,
}

impl<'a> Subject<'a> {
    fn new(model: &'a dyn Model, rows: &'a Rows, located: &'a Located, x: Vec<f32>) -> Self {
        let mut analytic = vec![0.0; x.len()];
        model.gradient(rows, located, &x, &mut analytic);
        let ignored = vec![0.0; x.len()];
        Self {
            model,
            rows,
            located,
            x,
            analytic,
            ignored,
        }
    }

    /// The slope at `place` of the replica, which is `element` of its tensor.
    fn slope(&mut self, place: usize, element: u64) -> Slope {
        let analytic = f64::from(self.analytic[place]);
        let slopes = STEPS.map(|h| Slope {
            element,
            analytic,
            numeric: (self.loss(place, h) - self.loss(place, -h)) / (2.0 * f64::from(h)),
        });
        let best = slopes
            .into_iter()
            .min_by(|a, b| distance(a).total_cmp(&distance(b)));
        best.expect("there is more than one step")
    }

    /// The mean loss with one element moved.
    #[expect(clippy::cast_precision_loss, reason = "rows of one batch")]
    fn loss(&mut self, place: usize, moved: f32) -> f64 {
        let stays = self.x[place];
        self.x[place] += moved;
        let losses = self
            .model
            .gradient(self.rows, self.located, &self.x, &mut self.ignored);
        self.x[place] = stays;
        losses / self.rows.len() as f64
    }
}

fn distance(slope: &Slope) -> f64 {
    (slope.analytic - slope.numeric).abs()
}

fn relative_error(slopes: &[Slope]) -> f64 {
    let norm = |of: fn(&Slope) -> f64| slopes.iter().map(|s| of(s).powi(2)).sum::<f64>().sqrt();
    let size = norm(|slope| slope.analytic) + norm(|slope| slope.numeric);
    if size == 0.0 {
        0.0
    } else {
        norm(distance) / size
    }
}
