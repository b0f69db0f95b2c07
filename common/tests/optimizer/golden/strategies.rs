//! The parts of `psgold-strategies/1` that the stores compute: proximal maps, decay and their late
//! steps (`prox`), and the projection on the simplex (`simplex_projection`). The other parts of the
//! format come with the strategies that they belong to.

use serde_json::Value;
use thalweg_common::layout::{ParameterLayout, Tensor};
use thalweg_common::optimizer::{GradientView, Initial, StepContext, StoreSpec};
use thalweg_common::regularizer::{Chosen, Regularization, Term, regularizer};

use super::super::support::{regularized_groups, subject};
use super::file::field;

/// What singles may differ by.
const SINGLE: f64 = 2e-6;

pub(super) fn failures(file: &Value) -> Result<Vec<String>, String> {
    let tolerance: f64 = field(&file["tolerance"], "float64")?;
    let mut found = prox(&file["prox"], tolerance)?;
    let cases: Vec<Value> = field(&file["simplex_projection"], "cases")?;
    for case in &cases {
        let (v, x): (Vec<f64>, Vec<f64>) = (field(case, "v")?, field(case, "x")?);
        let after = on_simplex(&v)?;
        found.extend(differences("simplex", &after, &x, tolerance));
    }
    Ok(found)
}

fn prox(from: &Value, tolerance: f64) -> Result<Vec<String>, String> {
    let w: Vec<f64> = field(from, "w")?;
    let (lr, l1, l2): (f64, f64, f64) =
        (field(from, "lr")?, field(from, "l1")?, field(from, "l2")?);
    let late: usize = field(from, "lazy_k")?;
    let l1_term = format!("name = 'l1_proximal'\nl1 = {l1:?}");
    let net = |l1: f64| format!("name = 'elastic_net'\nl1 = {l1:?}\nl2 = {l2:?}");
    let decay = format!("name = 'decoupled_decay'\ndecay = {l2:?}");
    let coupled = format!("name = 'l2'\nl2 = {l2:?}");
    let mut found = Vec::new();
    for (key, term, count) in [
        ("l1_prox", &l1_term, 1),
        ("l2_prox", &net(0.0), 1),
        ("elastic_prox", &net(l1), 1),
        ("l2_decay_step", &decay, 1),
        // With plain SGD the two are one.
        ("l2_decay_step", &coupled, 1),
        ("lazy_l2_decay", &decay, late),
        ("lazy_l1_prox(=soft(w,K*lr*l1))", &l1_term, late),
        ("lazy_l1_stepwise", &l1_term, late),
        ("lazy_elastic_stepwise", &net(l1), late),
    ] {
        let expected: Vec<f64> = field(from, key)?;
        let after = steps(term, &w, lr, count);
        found.extend(differences(key, &after, &expected, tolerance));
    }
    // The gradient of the smooth term is what one step of rate 1 takes off.
    let smooth = steps("name = 'l1_smooth'\nl1 = 1.0\neps = 1e-6", &w, 1.0, 1);
    let expected: Vec<f64> = field(from, "l1_smooth_grad")?;
    let expected: Vec<f64> = w.iter().zip(expected).map(|(w, g)| w - g).collect();
    found.extend(differences("l1_smooth_grad", &smooth, &expected, tolerance));
    Ok(found)
}

/// The nearest point of the simplex, in f32 and f64.
#[expect(clippy::cast_possible_truncation, reason = "singles are wanted")]
fn on_simplex(v: &[f64]) -> Result<(Vec<f64>, Vec<f64>), String> {
    let entry = regularizer("simplex").map_err(|error| error.to_string())?;
    let Ok(Term::Constraint(simplex)) = entry.build(&toml::Table::new()) else {
        return Err("the simplex is a constraint".to_owned());
    };
    let (mut single, mut double): (Vec<f32>, _) =
        (v.iter().map(|v| *v as f32).collect(), v.to_vec());
    simplex.project_singles(&mut single);
    simplex.project_doubles(&mut double);
    Ok((single.into_iter().map(f64::from).collect(), double))
}

/// Where steps of plain SGD without a gradient lead, in f32 and f64. Nothing is pushed, so all of
/// them are taken late.
#[expect(clippy::cast_possible_truncation, reason = "the files hold singles")]
fn steps(term: &str, start: &[f64], lr: f64, count: usize) -> (Vec<f64>, Vec<f64>) {
    let value = |element: usize| start[element] as f32;
    let layout = vec![Tensor::trainable("w", vec![start.len() as u64])];
    let layout = ParameterLayout::new(layout).expect("one tensor");
    let chosen: Chosen = toml::from_str(term).expect("a regularizer");
    let terms = Regularization::resolve(&[chosen], &layout).expect("it fits one tensor");
    let spec = StoreSpec {
        len: start.len(),
        initial: Initial::Function(&value),
        groups: regularized_groups(&layout, &terms),
    };
    let sgd = subject("sgd");
    let mut single = sgd.build(&spec);
    let mut double = sgd
        .entry
        .build_exact(&sgd.settings, &spec)
        .expect("sgd has no settings");
    for count in 1..=count as u64 {
        let context = StepContext {
            lr,
            count,
            progress: 0,
            staleness: 0,
        };
        let nothing = GradientView::Empty;
        single.step(&context, nothing, 1.0).expect("nothing fits");
        double.step_exact(&context, &vec![None; start.len()]);
    }
    let single = single.columns()[0].iter().copied().map(f64::from).collect();
    (single, double.columns()[0].to_vec())
}

fn differences(
    what: &str,
    (single, double): &(Vec<f64>, Vec<f64>),
    expected: &[f64],
    tolerance: f64,
) -> Vec<String> {
    let mut found = Vec::new();
    for (kind, x, tolerance) in [("float32", single, SINGLE), ("float64", double, tolerance)] {
        let near = |(a, b): (&f64, &f64)| (a - b).abs() <= tolerance * b.abs().max(1.0);
        if x.len() != expected.len() || !x.iter().zip(expected).all(near) {
            found.push(format!("{what} [{kind}]: {x:?}, expected {expected:?}"));
        }
        let zeros = |x: &[f64]| x.iter().filter(|x| **x == 0.0).count();
        if zeros(x) != zeros(expected) {
            found.push(format!(
                "{what} [{kind}]: other zeros in {x:?}, expected {expected:?}"
            ));
        }
    }
    found
}
