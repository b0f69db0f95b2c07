//! Trajectories under given gradients, dense (`psgold/1`) and sparse (`psgold-sparse/1`).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use thalweg_common::optimizer::{GradientView, Reader, Store};

use super::file::{Run, field, tensors};

/// Parameters after each step.
type Points = Vec<Vec<f64>>;

/// One step's gradient: the elements that it has values for. A value is the sum of those that a file
/// gives for one element, in f64; files give singles, of which a worker sums in f32.
type Step = BTreeMap<u32, (f32, f64)>;

#[derive(Deserialize)]
struct Update {
    rows: Vec<usize>,
    values: Vec<Vec<f32>>,
}

pub(super) fn dense(file: &Value) -> Result<Vec<String>, String> {
    let rows: Vec<Vec<f32>> = field(file, "grads")?;
    let pair = |g: f32| (g, f64::from(g));
    let steps: Vec<Step> = rows
        .into_iter()
        .map(|row| (0..).zip(row.into_iter().map(pair)).collect())
        .collect();
    failures(file, &steps, false)
}

pub(super) fn sparse(file: &Value) -> Result<Vec<String>, String> {
    let cols: usize = field(file, "cols")?;
    let updates: Vec<Update> = field(file, "updates")?;
    let steps: Vec<Step> = updates.iter().map(|update| summed(update, cols)).collect();
    failures(file, &steps, true)
}

/// Rows that occur twice are summed, as a worker does before it pushes.
fn summed(update: &Update, cols: usize) -> Step {
    let mut sum = Step::new();
    for (row, values) in update.rows.iter().zip(&update.values) {
        for (col, value) in values.iter().enumerate() {
            let coordinate = u32::try_from(row * cols + col).expect("a small table");
            let (single, double) = sum.entry(coordinate).or_insert((0.0, 0.0));
            *single += *value;
            *double += f64::from(*value);
        }
    }
    sum
}

fn failures(file: &Value, steps: &[Step], is_sparse: bool) -> Result<Vec<String>, String> {
    let run = Run::read(file)?;
    let init: Vec<f32> = field(file, "init")?;
    let value = |element: usize| init[element];
    let spec = tensors(file, run.l2, init.len(), &value)?;
    let refused = |error: thalweg_common::registry::SettingError| error.to_string();
    let mut single = run.entry.build(&run.settings, &spec).map_err(refused)?;
    let mut double = run
        .entry
        .build_exact(&run.settings, &spec)
        .map_err(refused)?;

    let (mut singles, mut doubles) = (Path::default(), Path::default());
    for (count, step) in (1..).zip(steps) {
        let context = run.context(count);
        step_f32(single.as_mut(), &context, step, is_sparse);
        let x: Vec<f64> = single.columns()[0].iter().copied().map(f64::from).collect();
        singles.points.push(x);
        singles.evaluated.push(evaluated_f32(single.as_mut()));

        let mut gradient = vec![None; init.len()];
        for (coordinate, (_, g)) in step {
            gradient[*coordinate as usize] = Some(*g);
        }
        double.step_exact(&context, &gradient);
        doubles.points.push(double.columns()[0].to_vec());
        doubles.evaluated.push(double.shown(Reader::Observer));
    }

    let mut found = Vec::new();
    for (kind, path) in [("float32", &singles), ("float64", &doubles)] {
        let tolerance: f64 = field(&file["tolerance"], kind)?;
        let expected: Points = field(&file["params"], kind)?;
        found.extend(difference(kind, tolerance, &path.points, &expected));
        // What is judged and saved, where that is another number than the parameter.
        if let Some(file) = file.get("evaluated") {
            let expected: Points = field(file, kind)?;
            let kind = format!("{kind}, evaluated");
            found.extend(difference(&kind, tolerance, &path.evaluated, &expected));
        }
    }
    Ok(found)
}

/// Where a store went.
#[derive(Default)]
struct Path {
    points: Points,
    evaluated: Points,
}

fn step_f32(
    store: &mut dyn Store<f32>,
    context: &thalweg_common::optimizer::StepContext,
    step: &Step,
    is_sparse: bool,
) {
    let coordinates: Vec<u32> = step.keys().copied().collect();
    let values: Vec<u8> = step.values().flat_map(|(g, _)| g.to_le_bytes()).collect();
    let segments = [values.as_slice()];
    let view = if is_sparse {
        GradientView::Sparse {
            coordinates: &coordinates,
            values: &values,
        }
    } else {
        GradientView::Dense {
            start: 0,
            segments: &segments,
        }
    };
    store.step(context, view, 1.0).expect("the gradient fits");
}

fn evaluated_f32(store: &mut dyn Store<f32>) -> Vec<f64> {
    let mut bytes = Vec::new();
    store
        .read_range(Reader::Observer, 0..store.len(), &mut bytes)
        .expect("all of the store");
    let (values, _) = bytes.as_chunks::<4>();
    values
        .iter()
        .map(|bytes| f64::from(f32::from_le_bytes(*bytes)))
        .collect()
}

/// What is wrong with a path, if anything: an error above tolerance · max(1, the largest size of
/// that parameter on the way).
fn difference(kind: &str, tolerance: f64, found: &Points, expected: &Points) -> Option<String> {
    if found.len() != expected.len() {
        let (found, expected) = (found.len(), expected.len());
        return Some(format!("[{kind}]: {expected} points for {found} steps"));
    }
    let mut largest = vec![1.0_f64; found[0].len()];
    let mut errors = vec![0.0_f64; found[0].len()];
    for (found, expected) in found.iter().zip(expected) {
        for (element, (found, expected)) in found.iter().zip(expected).enumerate() {
            largest[element] = largest[element].max(expected.abs());
            let error = (found - expected).abs();
            // A NaN is an error of any size.
            let error = if error.is_nan() { f64::INFINITY } else { error };
            errors[element] = errors[element].max(error);
        }
    }
    let relative = errors
        .iter()
        .zip(&largest)
        .map(|(error, size)| error / size);
    let worst = relative.fold(0.0, f64::max);
    (tolerance < worst).then(|| format!("[{kind}]: error {worst:.2e}, tolerance {tolerance:.0e}"))
}
