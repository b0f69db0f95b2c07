//! A curve that never grows past its bound: when it is full, every second point goes, and from then on points come
//! half as often. So it always reaches from the beginning to now.

/// Points that a curve holds at most.
pub(super) const POINTS_MAX: usize = 512;

const _: () = assert!(POINTS_MAX.is_multiple_of(2));

/// One moment of training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// Since training began.
    pub(super) seconds: f64,
    /// Examples committed by then.
    pub(super) examples: u64,
    /// The recent training loss, if it is known.
    pub(super) train_loss: Option<f64>,
    /// The recent rate.
    pub(super) examples_per_second: Option<f64>,
}

/// The moments of training, the first and the last among them.
#[derive(Clone, Debug, Default)]
pub(super) struct Curve {
    points: Vec<Point>,
    /// The least time between two points.
    apart_seconds: f64,
    /// The latest moment, if it came too soon to be a point.
    latest: Option<Point>,
}

impl Curve {
    /// Takes in a later moment; one that is no later changes nothing, and one that is earlier begins anew: the
    /// server has started again.
    pub(super) fn take(&mut self, point: Point) {
        let Some(last) = self.points.last() else {
            self.points.push(point);
            return;
        };
        if point.examples < last.examples || point.seconds < last.seconds {
            *self = Self::default();
            self.points.push(point);
            return;
        }
        let passed = point.seconds - last.seconds;
        if passed <= 0.0 || passed < self.apart_seconds {
            self.latest = Some(point).filter(|_| 0.0 < passed);
            return;
        }
        self.latest = None;
        self.points.push(point);
        if POINTS_MAX <= self.points.len() {
            self.halve();
            // It is one of those that went.
            self.latest = Some(point);
        }
    }

    /// Leaves the first, the third, and so on, of an even number of points.
    fn halve(&mut self) {
        let mut number = 0;
        self.points.retain(|_| {
            number += 1;
            number % 2 == 1
        });
        let [first, .., last] = self.points[..] else {
            return;
        };
        self.apart_seconds = (last.seconds - first.seconds) / (self.points.len() - 1) as f64;
    }

    /// The points, oldest first.
    pub(super) fn points(&self) -> impl Iterator<Item = Point> {
        self.points.iter().copied().chain(self.latest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(seconds: u32) -> Point {
        Point {
            seconds: seconds.into(),
            examples: u64::from(seconds) * 10,
            train_loss: None,
            examples_per_second: None,
        }
    }

    fn seconds(curve: &Curve) -> Vec<f64> {
        curve.points().map(|point| point.seconds).collect()
    }

    #[test]
    fn a_curve_of_any_length_reaches_from_the_first_moment_to_the_last_within_its_bound() {
        let mut curve = Curve::default();
        for second in 0..100_000 {
            curve.take(point(second));
            assert!(curve.points().count() <= POINTS_MAX);
            let last = curve.points().last().unwrap();
            assert_eq!(last, point(second));
        }
        let seconds = seconds(&curve);
        assert_eq!((seconds[0], seconds[seconds.len() - 1]), (0.0, 99_999.0));
        assert!(POINTS_MAX / 4 < seconds.len(), "{}", seconds.len());
        let widths = seconds.windows(2).map(|pair| pair[1] - pair[0]);
        let inner: Vec<f64> = widths.take(seconds.len() - 2).collect();
        let (least, most) = inner.iter().fold((f64::MAX, 0.0_f64), |(low, high), w| {
            (low.min(*w), high.max(*w))
        });
        assert!(most <= 2.1 * least, "{least} to {most}");
    }

    #[test]
    fn a_moment_that_is_no_later_is_no_point_and_a_new_start_begins_anew() {
        let mut curve = Curve::default();
        for second in [1, 2, 2, 3] {
            curve.take(point(second));
        }
        assert_eq!(seconds(&curve), [1.0, 2.0, 3.0]);
        curve.take(point(1));
        assert_eq!(seconds(&curve), [1.0]);
    }
}
