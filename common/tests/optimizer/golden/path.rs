//! Paths over known functions, whose gradients are taken where the optimizer says: surfaces
//! (`psgold-surface/1`) and quadratics (`psgold-objective/1`). In f64 only, because a gradient that
//! is rounded on the way would bend the path.

use serde::Deserialize;
use serde_json::Value;
use thalweg_common::optimizer::{ExactStore, Reader};

use super::file::{Run, field, whole};

pub(super) fn surface(file: &Value) -> Result<Vec<String>, String> {
    let name: String = field(file, "surface")?;
    let gradient = match name.as_str() {
        "beale" => beale,
        "saddle" => |[x, y]: [f64; 2]| [2.0 * x, -2.0 * y],
        other => return Err(format!("no surface is called `{other}`")),
    };
    let start: [f32; 2] = field(file, "start")?;
    let exact_start: [f64; 2] = field(file, "start")?;
    let tolerance: f64 = field(&file["tolerance"], "float64")?;
    let mut found = Vec::new();
    for run in field::<Vec<Value>>(file, "runs")? {
        let name: String = field(&run, "algorithm")?;
        let path: Vec<Vec<f64>> = field(&run, "path")?;
        let run = Run::read(&run)?;
        let initial = |element: usize| start[element];
        let mut store = store(&run, 2, &initial)?;
        restart(store.as_mut(), &exact_start);
        for (count, expected) in (1..).zip(&path) {
            let at = store.shown(Reader::Worker);
            let gradient = gradient([at[0], at[1]]).map(Some);
            store.step_exact(&run.context(count), &gradient);
            let error = largest_error(store.columns()[0], expected);
            if tolerance < error {
                found.push(format!("{name}: error {error:.2e} at step {count}"));
                break;
            }
        }
    }
    Ok(found)
}

fn beale([x, y]: [f64; 2]) -> [f64; 2] {
    let parts = [(1.5, 1), (2.25, 2), (2.625, 3)].map(|(c, power)| {
        let inner = c - x + x * y.powi(power);
        let by_x = y.powi(power) - 1.0;
        let by_y = f64::from(power) * x * y.powi(power - 1);
        [2.0 * inner * by_x, 2.0 * inner * by_y]
    });
    [0, 1].map(|axis| parts.iter().map(|part| part[axis]).sum())
}

#[derive(Deserialize)]
struct Quadratic {
    /// The gradient is a·(x − c).
    a: Vec<f64>,
    c: Vec<f64>,
}

/// Nesterov's method with all its numbers: the parameter, the velocity, and the point ahead.
pub(super) fn objective(file: &Value) -> Result<Vec<String>, String> {
    let run = Run::read(file)?;
    let Quadratic { a, c } = field(file, "objective")?;
    let start: Vec<f32> = field(file, "x0")?;
    let exact_start: Vec<f64> = field(file, "x0")?;
    let tolerance: f64 = field(&file["tolerance"], "float64")?;
    let columns: [Vec<Vec<f64>>; 3] = [
        field(file, "w")?,
        field(file, "v")?,
        field(file, "phi_torch_iterate")?,
    ];
    let initial = |element: usize| start[element];
    let mut store = store(&run, start.len(), &initial)?;
    restart(store.as_mut(), &exact_start);
    let mut found = Vec::new();
    for count in 1..=columns[0].len() {
        let at = store.shown(Reader::Worker);
        let gradient: Vec<Option<f64>> =
            (0..at.len()).map(|i| Some(a[i] * (at[i] - c[i]))).collect();
        store.step_exact(&run.context(count), &gradient);
        let ahead = store.shown(Reader::Worker);
        let mut values: Vec<&[f64]> = store.columns();
        values.push(&ahead);
        for (values, expected) in values.iter().zip(&columns) {
            let error = largest_error(values, &expected[count - 1]);
            if tolerance < error {
                found.push(format!("error {error:.2e} at step {count}"));
            }
        }
    }
    Ok(found)
}

fn store(
    run: &Run,
    len: usize,
    initial: &dyn Fn(usize) -> f32,
) -> Result<Box<dyn ExactStore>, String> {
    run.entry
        .build_exact(&run.settings, &whole(len, run.l2, initial))
        .map_err(|error| error.to_string())
}

/// Puts the store where the file starts: initial values are singles, which not every start is.
fn restart(store: &mut dyn ExactStore, start: &[f64]) {
    let mut saved: Vec<Vec<f64>> = store.columns().iter().map(|c| c.to_vec()).collect();
    saved[0] = start.to_vec();
    let columns: Vec<&[f64]> = saved.iter().map(Vec::as_slice).collect();
    store.restore(&columns).expect("the columns are its own");
}

fn largest_error(found: &[f64], expected: &[f64]) -> f64 {
    let errors = found
        .iter()
        .zip(expected)
        .map(|(a, b)| (a - b).abs() / b.abs().max(1.0));
    // A NaN is an error of any size.
    errors.fold(0.0, |worst, error| {
        if error.is_nan() {
            f64::INFINITY
        } else {
            error.max(worst)
        }
    })
}
