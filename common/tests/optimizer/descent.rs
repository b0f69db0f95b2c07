//! Every optimizer gets down two known surfaces, with the numbers that its entry states.

use thalweg_common::optimizer::{Descent, OPTIMIZERS, StepContext, StoreSpec, Surface};
use thalweg_common::optimizer::{GradientView, GroupSpan, Initial, OptimizerEntry};
use thalweg_common::regularizer::Terms;

use super::support::subject;

#[test]
fn every_optimizer_falls_as_low_as_its_entry_says() {
    let mut failures = Vec::new();
    for entry in OPTIMIZERS {
        for descent in &entry.about.descents {
            let reached = descend(entry, descent);
            if reached.is_nan() || descent.below <= reached {
                failures.push(format!("{}: {reached:.3e} after {descent:?}", entry.name));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The value after the descent.
fn descend(entry: &OptimizerEntry, descent: &Descent) -> f64 {
    let start = match descent.surface {
        Surface::Parabola => [1.0, 1.0],
        Surface::Rosenbrock => [-1.2, 1.0],
    };
    let groups = vec![GroupSpan {
        range: 0..2,
        lr_factor: 1.0,
        terms: Terms::l2(0.0),
        shape: vec![2],
    }];
    let function = |element: usize| start[element];
    let spec = StoreSpec {
        len: 2,
        initial: Initial::Function(&function),
        groups,
    };
    let mut store = subject(entry.name).build(&spec);
    let mut point = start;
    for count in 1..=descent.steps {
        let context = StepContext {
            lr: descent.lr,
            share: 1.0,
            count,
            progress: 0,
            staleness: 0,
            worker: 0,
        };
        let (_, gradient) = evaluate(descent.surface, point);
        let bytes: Vec<u8> = gradient.iter().flat_map(|g| g.to_le_bytes()).collect();
        let view = GradientView::Dense {
            start: 0,
            segments: &[&bytes],
        };
        store
            .step(&context, view, 1.0)
            .expect("two values fit two elements");
        let x = store.columns()[0];
        point = [x[0], x[1]];
    }
    evaluate(descent.surface, point).0
}

/// Value and gradient at a point.
fn evaluate(surface: Surface, [x, y]: [f32; 2]) -> (f64, [f32; 2]) {
    let (a, b) = (f64::from(x), f64::from(y));
    match surface {
        Surface::Parabola => (a * a + 10.0 * b * b, [2.0 * x, 20.0 * y]),
        Surface::Rosenbrock => {
            let value = (1.0 - a).powi(2) + 100.0 * (b - a * a).powi(2);
            let valley = y - x * x;
            (
                value,
                [-2.0 * (1.0 - x) - 400.0 * x * valley, 200.0 * valley],
            )
        }
    }
}
