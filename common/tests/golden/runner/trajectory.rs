//! Trajectories under given gradients, dense (`psgold/1`) and sparse (`psgold-sparse/1`).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use thalweg_common::optimizer::{GradientView, Reader, StepContext, Store};

use super::numbers::{Findings, Rows, difference, doubles, field, numbers, rows, singles};
use super::run::{Run, tensors};

/// One step's gradient: the elements that it has values for. A value is the sum of those that a file
/// gives for one element, in f64; files give singles, of which a worker sums in f32.
type Step = BTreeMap<u32, (f32, f64)>;

#[derive(Deserialize)]
struct Update {
    rows: Vec<usize>,
    values: Vec<Vec<f32>>,
}

pub(super) fn dense(file: &Value) -> Result<Findings, String> {
    let len = numbers(file, "init")?.len();
    let mut steps = Vec::new();
    for row in rows(file, "grads")? {
        if row.len() != len {
            return Err(format!(
                "`grads`: {} values for {len} parameters",
                row.len()
            ));
        }
        let pairs = singles(&row).into_iter().zip(row);
        steps.push((0..).zip(pairs).collect());
    }
    findings(file, &steps, false)
}

pub(super) fn sparse(file: &Value) -> Result<Findings, String> {
    let (height, width): (usize, usize) = (field(file, "rows")?, field(file, "cols")?);
    let updates: Vec<Update> = field(file, "updates")?;
    for update in &updates {
        let fits = update.rows.len() == update.values.len()
            && update.rows.iter().all(|row| *row < height)
            && update.values.iter().all(|values| values.len() == width);
        if !fits {
            return Err(format!(
                "`updates`: not all fit a table of {height} rows by {width}"
            ));
        }
    }
    let steps: Vec<Step> = updates.iter().map(|update| summed(update, width)).collect();
    findings(file, &steps, true)
}

/// Rows that occur twice are summed, as a worker does before it pushes.
fn summed(update: &Update, width: usize) -> Step {
    let mut sum = Step::new();
    for (row, values) in update.rows.iter().zip(&update.values) {
        for (col, value) in values.iter().enumerate() {
            let coordinate = u32::try_from(row * width + col).expect("a small table");
            let (single, double) = sum.entry(coordinate).or_insert((0.0, 0.0));
            *single += *value;
            *double += f64::from(*value);
        }
    }
    sum
}

fn findings(file: &Value, steps: &[Step], is_sparse: bool) -> Result<Findings, String> {
    if steps.is_empty() {
        return Ok(Findings::default());
    }
    let run = Run::read(file, steps.len())?;
    let init = singles(&numbers(file, "init")?);
    let value = |element: usize| init[element];
    let spec = tensors(file, run.l2, init.len(), &value)?;
    let (mut single, mut double) = (run.single(&spec)?, run.double(&spec)?);

    let (mut in_f32, mut in_f64) = (Path::default(), Path::default());
    for (count, step) in (1..).zip(steps) {
        let context = run.context(count);
        step_f32(single.as_mut(), &context, step, is_sparse)?;
        in_f32.points.push(doubles(single.columns()[0]));
        in_f32.evaluated.push(evaluated_f32(single.as_mut())?);

        let mut gradient = vec![None; init.len()];
        for (coordinate, (_, g)) in step {
            gradient[*coordinate as usize] = Some(*g);
        }
        double.step_exact(&context, &gradient);
        in_f64.points.push(double.columns()[0].to_vec());
        in_f64.evaluated.push(double.shown(Reader::Observer));
    }

    let (tolerances, params): (Value, Value) = (field(file, "tolerance")?, field(file, "params")?);
    let mut found = Findings::default();
    for (kind, path) in [("float32", &in_f32), ("float64", &in_f64)] {
        let tolerance: f64 = field(&tolerances, kind)?;
        found.note(difference(
            kind,
            tolerance,
            &path.points,
            &rows(&params, kind)?,
        ));
        // What is judged and saved, where that is another number than the parameter.
        if let Some(evaluated) = file.get("evaluated") {
            let expected = rows(evaluated, kind)?;
            let kind = format!("{kind}, evaluated");
            found.note(difference(&kind, tolerance, &path.evaluated, &expected));
        }
    }
    Ok(found)
}

/// Where a store went.
#[derive(Default)]
struct Path {
    points: Rows,
    evaluated: Rows,
}

fn step_f32(
    store: &mut dyn Store<f32>,
    context: &StepContext,
    step: &Step,
    is_sparse: bool,
) -> Result<(), String> {
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
    let stepped = store.step(context, view, 1.0);
    stepped.map(drop).map_err(|error| error.to_string())
}

fn evaluated_f32(store: &mut dyn Store<f32>) -> Result<Vec<f64>, String> {
    let mut bytes = Vec::new();
    let read = store.read_range(Reader::Observer, 0..store.len(), &mut bytes);
    read.map_err(|error| error.to_string())?;
    let (values, _) = bytes.as_chunks::<4>();
    let singles = values.iter().map(|bytes| f32::from_le_bytes(*bytes));
    Ok(singles.map(f64::from).collect())
}
