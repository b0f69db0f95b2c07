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
//! Where the loss has a kink right at x, it has two slopes and none of them is the gradient's: the two
//! one-sided slopes then differ as much at a small step as at a larger one. Such elements are left out
//! and counted.
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
    /// Those of them whose slopes were compared.
    pub checked: usize,
    /// Those of them that were left out, as the loss has a kink there.
    pub kinked: usize,
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
            .filter_map(|place| subject.slope(first + place, touched[first + place] - span.start))
            .collect();
        checks.push(TensorCheck {
            tensor: tensor.name.clone(),
            touched: end - first,
            checked: slopes.len(),
            kinked: count - slopes.len(),
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
    /// The mean loss at x.
    here: f64,
}

impl<'a> Subject<'a> {
    fn new(model: &'a dyn Model, rows: &'a Rows, located: &'a Located, x: Vec<f32>) -> Self {
        let mut analytic = vec![0.0; x.len()];
        model.gradient(rows, located, &x, &mut analytic);
        let mut subject = Self {
            model,
            rows,
            located,
            x,
            analytic,
            here: 0.0,
        };
        subject.here = subject.mean_loss();
        subject
    }

    /// The slope at `place` of the replica, which is `element` of its tensor; `None` at a kink.
    fn slope(&mut self, place: usize, element: u64) -> Option<Slope> {
        let analytic = f64::from(self.analytic[place]);
        let around = STEPS.map(|h| [-h, h].map(|moved| self.loss(place, moved)));
        if is_kink(self.here, around) {
            return None;
        }
        let slopes = STEPS.iter().zip(around).map(|(h, [below, above])| Slope {
            element,
            analytic,
            numeric: (above - below) / (2.0 * f64::from(*h)),
        });
        slopes.min_by(|a, b| distance(a).total_cmp(&distance(b)))
    }

    /// The mean loss with one element moved.
    fn loss(&mut self, place: usize, moved: f32) -> f64 {
        let stays = self.x[place];
        self.x[place] += moved;
        let losses = self.mean_loss();
        self.x[place] = stays;
        losses
    }

    #[expect(clippy::cast_precision_loss, reason = "rows of one batch")]
    fn mean_loss(&self) -> f64 {
        self.model.losses(self.rows, self.located, &self.x) / self.rows.len() as f64
    }
}

/// Whether the one-sided slopes differ at the smallest step nearly as much as at the one before. Of a
/// smooth loss the difference is h·f″, and shrinks as the step does.
fn is_kink(here: f64, around: [[f64; 2]; STEPS.len()]) -> bool {
    let bend = |step: usize| {
        let [below, above] = around[step];
        ((above - here) - (here - below)).abs() / f64::from(STEPS[step])
    };
    let (last, before) = (STEPS.len() - 1, STEPS.len() - 2);
    // What rounding alone can make of the difference of losses of this size.
    let noise = 64.0 * f64::EPSILON * here.abs().max(1.0) / f64::from(STEPS[last]);
    noise < bend(last) && 0.125 * bend(before) < bend(last)
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

#[cfg(test)]
mod tests {
    use super::check_gradient;
    use crate::data::{Rows, Task};
    use crate::model::{Shape, build};

    #[test]
    fn an_element_at_a_kink_is_left_out_and_counted_and_no_other_is() {
        let keys = "loss = 'hinge'\nbias = false".parse().unwrap();
        let model = build("linear_svm", &keys, &Shape::plain(1, Task::Binary)).unwrap();
        let (seed, mut rows) = (3, Rows::new());
        rows.push(0, 1.0, &[0], &[1.0]);
        let away = &check_gradient(&*model, &rows, 9, seed).unwrap()[0];
        assert_eq!((away.checked, away.kinked), (1, 0));
        // The loss is 1 − x at the only parameter, which is so found; a value of 1/x makes the margin 1.
        let found = (1..=512_u16).find_map(|steps| {
            let x = f32::from(steps) / 1_024.0;
            [x, -x].into_iter().find_map(|x| {
                let mut rows = Rows::new();
                rows.push(0, x.signum(), &[0], &[1.0 / x.abs()]);
                let check = check_gradient(&*model, &rows, 9, seed).unwrap().remove(0);
                (check.kinked == 1).then_some(check)
            })
        });
        let check = found.expect("one of the multiples of the grain is the parameter");
        assert_eq!(check.checked, 0);
        assert!(check.is_right() && check.worst.is_none());
    }
}
