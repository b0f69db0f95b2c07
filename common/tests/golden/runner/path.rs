//! Paths over known functions, whose gradients are taken where the optimizer says: surfaces
//! (`psgold-surface/1`) and quadratics (`psgold-objective/1`). In f64 only, because a gradient that
//! is rounded on the way would bend the path.

use serde_json::Value;
use thalweg_common::optimizer::{ExactStore, Reader};

use super::numbers::{Findings, difference, field, numbers, row_difference, rows, singles};
use super::run::{Run, whole};

pub(super) fn surface(file: &Value) -> Result<Findings, String> {
    let name: String = field(file, "surface")?;
    let gradient = match name.as_str() {
        "beale" => beale,
        "saddle" => |[x, y]: [f64; 2]| [2.0 * x, -2.0 * y],
        "rosenbrock" => rosenbrock,
        other => return Err(format!("no surface is called `{other}`")),
    };
    let start: [f64; 2] = field(file, "start")?;
    let tolerance: f64 = field(&field(file, "tolerance")?, "float64")?;
    let mut found = Findings::default();
    for run in field::<Vec<Value>>(file, "runs")? {
        let name: String = field(&run, "algorithm")?;
        found.add(&name, along(&run, start, gradient, tolerance));
    }
    Ok(found)
}

/// One run over a surface.
fn along(
    file: &Value,
    start: [f64; 2],
    gradient: fn([f64; 2]) -> [f64; 2],
    tolerance: f64,
) -> Result<Findings, String> {
    let path = rows(file, "path")?;
    let run = Run::read(file, path.len())?;
    let mut store = store(&run, &start)?;
    let mut found = Findings::default();
    for (count, expected) in (1..).zip(&path) {
        let at = store.shown(Reader::Worker);
        let gradient = gradient([at[0], at[1]]).map(Some);
        store.step_exact(&run.context(count), &gradient);
        let what = format!("step {count}");
        found.note(row_difference(
            &what,
            tolerance,
            store.columns()[0],
            expected,
        ));
        if !found.failures.is_empty() {
            break;
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

fn rosenbrock([x, y]: [f64; 2]) -> [f64; 2] {
    let valley = y - x * x;
    [-2.0 * (1.0 - x) - 400.0 * x * valley, 200.0 * valley]
}

/// Nesterov's method with all its numbers: the parameter, the velocity, and the point ahead.
pub(super) fn objective(file: &Value) -> Result<Findings, String> {
    let objective: Value = field(file, "objective")?;
    // The gradient is a·(x − c).
    let (a, c) = (numbers(&objective, "a")?, numbers(&objective, "c")?);
    let start = numbers(file, "x0")?;
    if [a.len(), c.len()] != [start.len(); 2] {
        return Err("`a`, `c` and `x0` are of different lengths".to_owned());
    }
    let tolerance: f64 = field(&field(file, "tolerance")?, "float64")?;
    let expected = ["w", "v", "phi_torch_iterate"].map(|key| (key, rows(file, key)));
    let steps = rows(file, "w")?.len();
    let run = Run::read(file, steps)?;
    let mut store = store(&run, &start)?;
    let mut columns = [const { Vec::new() }; 3];
    for count in 1..=steps {
        let at = store.shown(Reader::Worker);
        let gradient: Vec<Option<f64>> =
            (0..at.len()).map(|i| Some(a[i] * (at[i] - c[i]))).collect();
        store.step_exact(&run.context(count), &gradient);
        let ahead = store.shown(Reader::Worker);
        let [w, v] = store.columns()[..] else {
            return Err("a parameter and a velocity are wanted".to_owned());
        };
        for (column, values) in columns.iter_mut().zip([w, v, &ahead]) {
            column.push(values.to_vec());
        }
    }
    let mut found = Findings::default();
    for (column, (key, expected)) in columns.iter().zip(expected) {
        found.note(difference(key, tolerance, column, &expected?));
    }
    Ok(found)
}

/// The store in f64, at the start: initial values are singles, which not every start is.
fn store(run: &Run, start: &[f64]) -> Result<Box<dyn ExactStore>, String> {
    let near = singles(start);
    let initial = |element: usize| near[element];
    let mut store = run.double(&whole(start.len(), run.l2, &initial))?;
    let mut saved: Vec<Vec<f64>> = store.columns().iter().map(|c| c.to_vec()).collect();
    saved[0] = start.to_vec();
    let columns: Vec<&[f64]> = saved.iter().map(Vec::as_slice).collect();
    store.restore(&columns).expect("the columns are its own");
    Ok(store)
}
