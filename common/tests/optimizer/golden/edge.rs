//! Gradients that are not finite, or whose squares are not (`psgold-edge/1`): each reference's own
//! answer, coordinate by coordinate.

use serde_json::Value;
use thalweg_common::optimizer::GradientView;

use super::file::{Run, field, whole};

pub(super) fn failures(file: &Value) -> Result<Vec<String>, String> {
    let init = numbers(&file["init"])?;
    let gradients = rows(&file["grads"])?;
    let runs: Vec<Value> = field(file, "runs")?;
    let mut found = Vec::new();
    for run in &runs {
        let name: String = field(run, "algorithm")?;
        let differences = differences(run, &init, &gradients)?;
        found.extend(
            differences
                .iter()
                .map(|difference| format!("{name} {difference}")),
        );
    }
    Ok(found)
}

#[expect(clippy::cast_possible_truncation, reason = "the files hold singles")]
fn differences(file: &Value, init: &[f64], gradients: &[Vec<f64>]) -> Result<Vec<String>, String> {
    let run = Run::read(file)?;
    let value = |element: usize| init[element] as f32;
    let spec = whole(init.len(), run.l2, &value);
    let refused = |error: thalweg_common::registry::SettingError| error.to_string();
    let mut single = run.entry.build(&run.settings, &spec).map_err(refused)?;
    let mut double = run
        .entry
        .build_exact(&run.settings, &spec)
        .map_err(refused)?;
    let (singles, doubles) = (
        rows(&file["params"]["float32"])?,
        rows(&file["params"]["float64"])?,
    );
    let mut found = Vec::new();
    for (count, gradient) in (1..).zip(gradients) {
        let context = run.context(count);
        let bytes: Vec<u8> = gradient
            .iter()
            .flat_map(|g| (*g as f32).to_le_bytes())
            .collect();
        let view = GradientView::Dense {
            start: 0,
            segments: &[&bytes],
        };
        single
            .step(&context, view, 1.0)
            .map_err(|error| error.to_string())?;
        let x: Vec<f64> = single.columns()[0].iter().copied().map(f64::from).collect();
        found.extend(compare("float32", count, &x, &singles, 2e-5));

        let gradient: Vec<Option<f64>> = gradient.iter().copied().map(Some).collect();
        double.step_exact(&context, &gradient);
        let x = double.columns()[0].to_vec();
        found.extend(compare("float64", count, &x, &doubles, 1e-11));
    }
    Ok(found)
}

/// Equal NaNs and equal infinities are equal here.
fn compare(
    kind: &str,
    count: usize,
    found: &[f64],
    expected: &[Vec<f64>],
    tolerance: f64,
) -> Option<String> {
    let expected = &expected[count - 1];
    let alike = found.iter().zip(expected).all(|(a, b)| {
        a.to_bits() == b.to_bits()
            || (a.is_nan() && b.is_nan())
            || (a - b).abs() <= tolerance * b.abs().max(1.0)
    });
    (!alike).then(|| format!("[{kind}] step {count}: {found:?}, expected {expected:?}"))
}

fn rows(value: &Value) -> Result<Vec<Vec<f64>>, String> {
    let rows = value.as_array().ok_or("a list of rows is missing")?;
    rows.iter().map(numbers).collect()
}

/// Numbers, of which those that JSON does not have are words.
fn numbers(value: &Value) -> Result<Vec<f64>, String> {
    let list = value.as_array().ok_or("a list of numbers is missing")?;
    let number = |value: &Value| match value.as_str() {
        None => value
            .as_f64()
            .ok_or_else(|| format!("{value} is no number")),
        Some("NaN") => Ok(f64::NAN),
        Some("Infinity") => Ok(f64::INFINITY),
        Some("-Infinity") => Ok(f64::NEG_INFINITY),
        Some(other) => Err(format!("{other} is no number")),
    };
    list.iter().map(number).collect()
}
