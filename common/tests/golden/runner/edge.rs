//! Gradients that are not finite, or whose squares are not (`psgold-edge/1`): each reference's own
//! answer, coordinate by coordinate.

use serde_json::Value;
use thalweg_common::optimizer::GradientView;

use super::numbers::{Findings, doubles, field, numbers, row_difference, rows, singles};
use super::run::{Run, whole};

/// What doubles may differ by, and singles.
const TOLERANCES: (f64, f64) = (1e-11, 2e-5);

pub(super) fn runs(file: &Value) -> Result<Findings, String> {
    let init = numbers(file, "init")?;
    let gradients = rows(file, "grads")?;
    if let Some(row) = gradients.iter().find(|row| row.len() != init.len()) {
        return Err(format!("`grads`: {} values for {}", row.len(), init.len()));
    }
    let mut found = Findings::default();
    for run in field::<Vec<Value>>(file, "runs")? {
        let name: String = field(&run, "algorithm")?;
        found.add(&name, differences(&run, &init, &gradients));
    }
    Ok(found)
}

fn differences(file: &Value, init: &[f64], gradients: &[Vec<f64>]) -> Result<Findings, String> {
    let run = Run::read(file, gradients.len())?;
    let starts = singles(init);
    let value = |element: usize| starts[element];
    let spec = whole(init.len(), run.l2, &value);
    let (mut single, mut double) = (run.single(&spec)?, run.double(&spec)?);
    let expected = field(file, "params")?;
    let (in_f32, in_f64) = (rows(&expected, "float32")?, rows(&expected, "float64")?);
    for rows in [&in_f32, &in_f64] {
        if rows.len() != gradients.len() {
            return Err(format!("{} rows for {} steps", rows.len(), gradients.len()));
        }
    }
    let mut found = Findings::default();
    for (step, gradient) in gradients.iter().enumerate() {
        let context = run.context(step + 1);
        let bytes: Vec<u8> = singles(gradient)
            .into_iter()
            .flat_map(f32::to_le_bytes)
            .collect();
        let view = GradientView::Dense {
            start: 0,
            segments: &[&bytes],
        };
        single
            .step(&context, view, 1.0)
            .map_err(|error| error.to_string())?;
        let x = doubles(single.columns()[0]);
        let what = format!("float32 step {}", step + 1);
        found.note(row_difference(&what, TOLERANCES.1, &x, &in_f32[step]));

        let gradient: Vec<Option<f64>> = gradient.iter().copied().map(Some).collect();
        double.step_exact(&context, &gradient);
        let what = format!("float64 step {}", step + 1);
        let x = double.columns()[0];
        found.note(row_difference(&what, TOLERANCES.0, x, &in_f64[step]));
    }
    Ok(found)
}
