//! Loops as one writes them without thought of vectors, compiled for the baseline of the platform.

use std::hint::black_box;

/// A loop over parameters, gradients and up to two slots.
pub(super) type Loop = fn(&mut [f32], &[f32], &mut [f32], &mut [f32]);

/// The plain loop of an optimizer, where there is one.
pub(super) fn of(name: &str) -> Option<Loop> {
    Some(match name {
        "sgd" => sgd,
        "momentum" => momentum,
        "adagrad" => adagrad,
        "adam" => adam,
        _ => return None,
    })
}

fn sgd(x: &mut [f32], g: &[f32], _: &mut [f32], _: &mut [f32]) {
    let lr = black_box(1e-3_f32);
    for i in 0..x.len() {
        x[i] -= lr * g[i];
    }
}

fn momentum(x: &mut [f32], g: &[f32], v: &mut [f32], _: &mut [f32]) {
    let (lr, momentum) = (black_box(1e-3_f32), black_box(0.9_f32));
    for i in 0..x.len() {
        v[i] = momentum * v[i] + g[i];
        x[i] -= lr * v[i];
    }
}

fn adagrad(x: &mut [f32], g: &[f32], r: &mut [f32], _: &mut [f32]) {
    let (lr, eps) = (black_box(1e-3_f32), black_box(1e-10_f32));
    for i in 0..x.len() {
        r[i] += g[i] * g[i];
        x[i] -= lr * g[i] / (r[i].sqrt() + eps);
    }
}

fn adam(x: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) {
    let (lr, eps) = (black_box(1e-3_f32), black_box(1e-8_f32));
    let (beta1, beta2) = (black_box(0.9_f32), black_box(0.999_f32));
    let (correct1, correct2) = (black_box(0.5_f32), black_box(0.25_f32));
    for i in 0..x.len() {
        m[i] = beta1 * m[i] + (1.0 - beta1) * g[i];
        v[i] = beta2 * v[i] + (1.0 - beta2) * g[i] * g[i];
        x[i] -= lr / correct1 * m[i] / ((v[i] / correct2).sqrt() + eps);
    }
}
