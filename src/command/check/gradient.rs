//! `thalweg check --gradient`: is the model's gradient the slope of its loss, on the job's own rows?

use anyhow::{Result, bail};
use serde_json::{Value, json};
use thalweg_common::seed::{Purpose, derive, mix};
use thalweg_worker::data::Rows;
use thalweg_worker::model::gradient_check::{ERROR_MAX, TensorCheck, check_gradient};

use super::super::{Ending, say};
use crate::job::ResolvedJob;

/// Checks the gradient over `rows` training rows, on up to `elements` elements of each tensor.
pub(super) fn run(
    job: &ResolvedJob,
    (rows, elements): (u64, usize),
    as_json: bool,
) -> Result<Ending> {
    let config = &job.blueprint.config;
    let (data, model) = (&job.data.train, job.blueprint.model.as_ref());
    let seed = derive(config.seed, Purpose::GradientCheck, 0);
    let numbers: Vec<u64> = (0..rows.min(data.rows()))
        .map(|index| mix(seed ^ index) % data.rows())
        .collect();
    let mut batch = Rows::new();
    data.fill(&numbers, &mut batch);
    let checks = check_gradient(model, &batch, elements, seed)?;
    if as_json {
        say(&serde_json::to_string_pretty(&for_programs(
            &checks, &batch,
        ))?);
    } else {
        tell(job, &batch, &checks);
    }
    let wrong: Vec<&str> = checks
        .iter()
        .filter(|check| !check.is_right())
        .map(|check| check.tensor.as_str())
        .collect();
    if !wrong.is_empty() {
        bail!(
            "the gradient of {} is not the slope of the loss: expected a relative error of at most \
             {ERROR_MAX:.0e}",
            wrong.join(", ")
        );
    }
    if checks.iter().all(|check| check.checked + check.kinked == 0) {
        bail!("these rows touch no parameter; take more with --rows");
    }
    Ok(Ending::Done)
}

fn for_programs(checks: &[TensorCheck], batch: &Rows) -> Value {
    let tensor = |check: &TensorCheck| {
        json!({
            "tensor": check.tensor,
            "touched": check.touched,
            "checked": check.checked,
            "kinked": check.kinked,
            "error": check.error,
            "is_right": check.is_right(),
        })
    };
    json!({
        "rows": batch.len(),
        "error_max": ERROR_MAX,
        "tensors": checks.iter().map(tensor).collect::<Vec<_>>(),
    })
}

fn tell(job: &ResolvedJob, batch: &Rows, checks: &[TensorCheck]) {
    let config = &job.blueprint.config;
    say(&format!(
        "gradient of `{}` on {} rows of `{}`, at random parameters (seed {})",
        config.model.name,
        batch.len(),
        config.data.name,
        config.seed
    ));
    let width = checks.iter().map(|check| check.tensor.len()).max();
    for check in checks {
        say(&line(check, width.unwrap_or(0)));
    }
}

fn line(check: &TensorCheck, width: usize) -> String {
    let TensorCheck {
        tensor,
        touched,
        checked,
        kinked,
        error,
        worst,
    } = check;
    let judged = if check.is_right() { "right" } else { "WRONG" };
    let mut line = format!(
        "  {tensor:width$}  {judged}  relative error {error:.1e}, {checked} of {touched} touched \
         elements"
    );
    if 0 < *kinked {
        line.push_str(&format!(", {kinked} left out at kinks of the loss"));
    }
    if let Some(slope) = worst {
        line.push_str(&format!(
            "; worst at {}: gradient {:.6e}, slope {:.6e}",
            slope.element, slope.analytic, slope.numeric
        ));
    }
    line
}
