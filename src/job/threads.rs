//! A job on threads of this process instead of a cluster: its problem, how it runs, and where it begins.

use std::sync::Arc;

use thalweg_common::config::{JobConfig, Sampling};
use thalweg_common::registry::number;
use thalweg_server::shard::Rate;
use thalweg_worker::hogwild::{HogwildError, Problem, RuleName, Scheme, Settings};
use thalweg_worker::method::{MethodEntry, Place};

use super::plan::{PlanError, rate};
use super::resolve::{Blueprint, ResolvedJob, initial_values};

/// What a run on threads needs to know.
pub(crate) struct ThreadPlan {
    /// What is minimised.
    pub(crate) problem: Problem,
    /// On how many threads, and how; the rate and the number of epochs are beside them.
    pub(crate) settings: Settings,
    /// The parameters at the beginning, in the order of the problem's coordinates.
    pub(crate) start: Vec<f32>,
    /// The step size by the examples before an epoch, parameter per gradient of one term.
    pub(crate) rate: Rate,
    /// Passes over the rows.
    pub(crate) epochs: u32,
}

/// Whether a job has threads instead of servers and workers.
#[must_use]
pub fn runs_on_threads(config: &JobConfig) -> bool {
    scheme(config).is_some()
}

/// What keeps the threads of such a job apart.
fn scheme(config: &JobConfig) -> Option<Scheme> {
    match MethodEntry::find(&config.method.name).ok()?.place {
        Place::Threads(scheme) => Some(scheme(config)),
        Place::Servers(_) | Place::Workers(_) => None,
    }
}

/// How a job runs on threads.
///
/// A term is the loss of one row, so that the learning rate, which is of the mean loss over a batch of
/// one row, is the step size; where a term is a multiple of the model's loss, a fraction of it. The L2 term
/// of the mean loss, `l2/2 ‖x‖²`, is `rows` times as much of their sum.
///
/// # Errors
/// [`PlanError`] if the model is no sum of sparse terms, or the job cannot go with threads.
///
/// # Panics
/// If the job has a cluster.
pub(crate) fn thread_plan(job: &ResolvedJob) -> Result<ThreadPlan, PlanError> {
    let blueprint = &job.blueprint;
    let config = &blueprint.config;
    let lambda = 0.5 * l2(config) * rows(blueprint);
    let model = &config.model;
    let problem = Problem::of(&model.name, &model.options, lambda, job.data.train.as_ref())?;
    if 0.0 < lambda && !problem.has_lambda() {
        return Err(PlanError::Threads(HogwildError::Problem(format!(
            "`regularizer.l2` = {} cannot go with `model.name` = \"{}\", whose terms have no place for it; \
             remove it (matrix_factorization has an `l2` of its own in [model])",
            l2(config),
            model.name
        ))));
    }
    let start = start(blueprint, &problem)?;
    let (rate, times) = (rate(blueprint)?, problem.times_loss());
    Ok(ThreadPlan {
        settings: settings(config),
        start,
        rate: Arc::new(move |progress| rate(progress) / times),
        epochs: epochs(config),
        problem,
    })
}

/// Judges whether threads can train a job.
///
/// # Errors
/// [`PlanError`] if they cannot.
pub fn check_threads(job: &ResolvedJob) -> Result<(), PlanError> {
    let plan = thread_plan(job)?;
    let begun = plan
        .problem
        .begin(Some(&plan.start), &plan.settings, &Arc::default());
    Ok(begun.map(drop)?)
}

fn settings(config: &JobConfig) -> Settings {
    Settings {
        threads: config.cluster.workers as usize,
        seed: config.seed,
        sampling: config
            .method
            .sampling
            .unwrap_or(Sampling::WithoutReplacement),
        rule: if config.optimizer.name == "adagrad" {
            RuleName::Adagrad
        } else {
            RuleName::Sgd
        },
        scheme: scheme(config).expect("a job on threads has a scheme"),
        ..Settings::default()
    }
}

/// The parameters that the job begins with: a file's, or those that a cluster would begin with. A problem
/// whose rows stay on the simplex begins there.
fn start(blueprint: &Blueprint, problem: &Problem) -> Result<Vec<f32>, PlanError> {
    let of_problem = problem.start(blueprint.config.seed);
    let given = initial_values(blueprint).map_err(|error| PlanError::Initial(Box::new(error)))?;
    let mut start = match given {
        Some(given) => given,
        None if matches!(problem, Problem::GraphCut(_)) => return Ok(of_problem),
        None => blueprint.model.layout().initial(blueprint.config.seed),
    };
    // What the problem has beside the model's parameters stays where it says.
    start.extend(of_problem.get(start.len()..).unwrap_or_default());
    Ok(start)
}

/// The strength of the L2 terms together.
fn l2(config: &JobConfig) -> f64 {
    let chosen = config.regularizer.chosen();
    let terms = chosen.iter().filter(|term| term.name == "l2");
    terms.filter_map(|term| number(&term.options, "l2")).sum()
}

#[expect(clippy::cast_precision_loss, reason = "a count of rows in memory")]
fn rows(blueprint: &Blueprint) -> f64 {
    blueprint.resolved.rows as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a checked whole number above 0; more than 2^32 are as good as endless"
)]
fn epochs(config: &JobConfig) -> u32 {
    config.train.epochs as u32
}

/// Bytes that the threads' model takes, beside the rows.
#[must_use]
pub fn model_bytes(blueprint: &Blueprint) -> u64 {
    let config = &blueprint.config;
    let scheme = scheme(config);
    // Beside the value there is AdaGrad's sum, or the count of what lossy updates lost.
    let is_wide = config.optimizer.name == "adagrad" || scheme == Some(Scheme::HogwildCounted);
    let cell = if is_wide { 8 } else { 4 };
    let copies = match scheme {
        Some(Scheme::TieredReplicas) => 1 + 2 * u64::from(config.cluster.workers),
        _ => 1,
    };
    let elements = blueprint.model.layout().elements();
    // What is read of it between two epochs, for whoever judges it.
    let judged = 2 * 4;
    elements.saturating_mul(cell * copies + judged)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::members::{read_everything, servers};
    use crate::job::{REGISTRIES, draft_with, resolve};

    #[test]
    fn parameters_begin_where_those_of_a_cluster_begin() {
        let sets = [
            "data.rows=100",
            "data.features=60",
            "model.name=factorization_machine",
            "cluster.servers=3",
        ];
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let (draft, _) = draft_with(Some("steady"), &sets).unwrap();
        let job = resolve(draft.check(&REGISTRIES).unwrap(), Path::new(".")).unwrap();
        let expected = read_everything(&servers(&job).unwrap(), &job);
        let found = job
            .blueprint
            .model
            .layout()
            .initial(job.blueprint.config.seed);
        assert!(found.iter().any(|x| *x != 0.0));
        let bits = |x: &[f32]| -> Vec<u32> { x.iter().map(|x| x.to_bits()).collect() };
        assert_eq!(bits(&found), bits(&expected));
    }
}
