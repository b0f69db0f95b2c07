//! The parts of `psgold-strategies/1` that the stores compute: proximal maps, decay and their late
//! steps (`prox`), and the projection on the simplex (`simplex_projection`). In f32 and f64. The other
//! parts of the format come with the strategies that they belong to.

use serde_json::Value;
use thalweg_common::layout::{ParameterLayout, Tensor};
use thalweg_common::optimizer::{
    GradientView, GroupSpan, Initial, Real, StepContext, StoreSpec, optimizer,
};
use thalweg_common::regularizer::{Chosen, Regularization, Term, regularizer};
use toml::Table;

use super::numbers::{Findings, doubles, field, numbers, row_difference, singles};

/// What singles may differ by.
const SINGLE: f64 = 2e-6;

/// Numbers in f32 and in f64.
type Both = (Vec<f64>, Vec<f64>);

pub(super) fn parts(file: &Value) -> Result<Findings, String> {
    let tolerance: f64 = field(&field(file, "tolerance")?, "float64")?;
    let mut found = Findings::default();
    found.add("prox", prox(&field(file, "prox")?, tolerance));
    let simplex = simplex_projection(&field(file, "simplex_projection")?, tolerance);
    found.add("simplex_projection", simplex);
    Ok(found)
}

fn simplex_projection(from: &Value, tolerance: f64) -> Result<Findings, String> {
    let mut found = Findings::default();
    for case in field::<Vec<Value>>(from, "cases")? {
        let v = numbers(&case, "v")?;
        found.join(compare(
            "x",
            tolerance,
            &v,
            &on_simplex(&v)?,
            &numbers(&case, "x")?,
        ));
    }
    Ok(found)
}

fn prox(from: &Value, tolerance: f64) -> Result<Findings, String> {
    let w = numbers(from, "w")?;
    let (lr, l1, l2): (f64, f64, f64) =
        (field(from, "lr")?, field(from, "l1")?, field(from, "l2")?);
    let late: usize = field(from, "lazy_k")?;
    let l1_term = format!("name = 'l1_proximal'\nl1 = {l1:?}");
    let net = |l1: f64| format!("name = 'elastic_net'\nl1 = {l1:?}\nl2 = {l2:?}");
    let decay = format!("name = 'decoupled_decay'\ndecay = {l2:?}");
    let coupled = format!("name = 'l2'\nl2 = {l2:?}");
    let mut found = Findings::default();
    for (key, term, count) in [
        ("l1_prox", &l1_term, 1),
        ("l2_prox", &net(0.0), 1),
        ("elastic_prox", &net(l1), 1),
        ("l2_decay_step", &decay, 1),
        // With plain SGD the two are one.
        ("l2_decay_step", &coupled, 1),
        ("lazy_l2_decay", &decay, late),
        ("lazy_l2_decay", &coupled, late),
        ("lazy_l1_prox(=soft(w,K*lr*l1))", &l1_term, late),
        ("lazy_l1_stepwise", &l1_term, late),
        ("lazy_elastic_stepwise", &net(l1), late),
    ] {
        let after = steps(term, &w, lr, count)?;
        found.join(compare(key, tolerance, &w, &after, &numbers(from, key)?));
    }
    // The gradient of the smooth term is what one step of rate 1 takes off.
    let smooth = "name = 'l1_smooth'\nl1 = 1.0\neps = 1e-6";
    let gradient = numbers(from, "l1_smooth_grad")?;
    let expected: Vec<f64> = w.iter().zip(gradient).map(|(w, g)| w - g).collect();
    let after = steps(smooth, &w, 1.0, 1)?;
    found.join(compare("l1_smooth_grad", tolerance, &w, &after, &expected));

    let values = values(smooth, &w)?;
    let key = "l1_smooth(sqrt(w^2+eps))";
    found.note(row_difference(
        key,
        tolerance,
        &values,
        &numbers(from, key)?,
    ));

    // Every rule that takes a sign takes this one.
    let signs = (
        singles(&w)
            .into_iter()
            .map(|w| f64::from(w.sign()))
            .collect(),
        w.iter().map(|w| w.sign()).collect(),
    );
    let key = "l1_subgradient_torch_sign";
    found.join(compare(key, tolerance, &w, &signs, &numbers(from, key)?));
    Ok(found)
}

/// The nearest point of the simplex.
fn on_simplex(v: &[f64]) -> Result<Both, String> {
    let entry = regularizer("simplex").map_err(|error| error.to_string())?;
    let Ok(Term::Constraint(simplex)) = entry.build(&Table::new()) else {
        return Err("the simplex is a constraint".to_owned());
    };
    let (mut single, mut double) = (singles(v), v.to_vec());
    simplex.project_singles(&mut single);
    simplex.project_doubles(&mut double);
    Ok((doubles(&single), double))
}

/// What a term adds to the objective for each of the parameters.
fn values(term: &str, w: &[f64]) -> Result<Vec<f64>, String> {
    let chosen: Chosen = toml::from_str(term).map_err(|error| error.to_string())?;
    match chosen.build().map_err(|error| error.to_string())? {
        (_, Term::Penalty(penalty)) => Ok(w.iter().map(|w| penalty.value(*w)).collect()),
        (entry, Term::Constraint(_)) => Err(format!("`{}` has no value", entry.name)),
    }
}

/// Where steps of plain SGD without a gradient lead. Nothing is pushed, so all of them are taken
/// late.
fn steps(term: &str, start: &[f64], lr: f64, count: usize) -> Result<Both, String> {
    let near = singles(start);
    let value = |element: usize| near[element];
    let layout = vec![Tensor::trainable("w", vec![start.len() as u64])];
    let layout = ParameterLayout::new(layout).map_err(|error| error.to_string())?;
    let chosen: Chosen = toml::from_str(term).map_err(|error| error.to_string())?;
    let terms = Regularization::resolve(&[chosen], &layout).map_err(|error| error.to_string())?;
    let spec = StoreSpec {
        len: start.len(),
        initial: Initial::Function(&value),
        groups: vec![GroupSpan {
            range: 0..start.len(),
            lr_factor: 1.0,
            terms: terms.of_tensor(0),
            shape: vec![start.len()],
        }],
    };
    let sgd = optimizer("sgd").map_err(|error| error.to_string())?;
    let built = sgd.build(&Table::new(), &spec);
    let mut single = built.map_err(|error| error.to_string())?;
    let built = sgd.build_exact(&Table::new(), &spec);
    let mut double = built.map_err(|error| error.to_string())?;
    for count in 1..=count as u64 {
        let context = StepContext {
            lr,
            share: 1.0,
            count,
            progress: 0,
            staleness: 0,
            worker: 0,
        };
        let stepped = single.step(&context, GradientView::Empty, 1.0);
        stepped.map_err(|error| error.to_string())?;
        double.step_exact(&context, &vec![None; start.len()]);
    }
    Ok((doubles(single.columns()[0]), double.columns()[0].to_vec()))
}

/// Compares what became of `start`, and which of the numbers are exactly zero.
fn compare(
    what: &str,
    tolerance: f64,
    start: &[f64],
    (single, double): &Both,
    expected: &[f64],
) -> Findings {
    let mut findings = Findings::default();
    for (kind, x, tolerance) in [("float32", single, SINGLE), ("float64", double, tolerance)] {
        let what = format!("{what} {kind}");
        findings.note(row_difference(&what, tolerance, x, expected));
        // On the border of a threshold, rounding decides between a zero and next to nothing.
        let is_other_zero = |((start, x), expected): &((&f64, &f64), &f64)| {
            (**x == 0.0) != (**expected == 0.0)
                && tolerance * start.abs() < x.abs().max(expected.abs())
        };
        let other = start.iter().zip(x).zip(expected).find(is_other_zero);
        findings.note(other.map(|((start, x), expected)| {
            format!("[{what}]: {start} becomes {x}, expected {expected}: one of them is zero")
        }));
    }
    findings
}
