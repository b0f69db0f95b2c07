//! What a user should know of a job before it runs: nothing that is wrong, but things that nobody
//! would choose.

use thalweg_common::consistency::Consistency;

use super::resolve::{Blueprint, ResolvedJob};
use super::threads::runs_on_threads;
use crate::view::units::grouped;

impl ResolvedJob {
    /// What is worth a line before the job runs, a sentence each.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let data = self.data.notes.iter().cloned();
        data.chain(few_batches(&self.blueprint))
            .chain(no_decay(&self.blueprint))
            .chain(long_periods(&self.blueprint))
            .collect()
    }
}

/// The rule `adamw` without a decay is `adam`.
fn no_decay(blueprint: &Blueprint) -> Option<String> {
    let config = &blueprint.config;
    let decays = config.regularizer.chosen();
    let decays = decays
        .iter()
        .any(|term| term.name == "l2" || term.name == "decoupled_decay");
    (config.optimizer.name == "adamw" && !decays).then(|| {
        "adamw without [regularizer] l2 decays nothing and is adam; torch's weight_decay is 0.01 \
         unless it is set"
            .to_owned()
    })
}

/// Periods and lags that are longer than what a worker has to do: they are nowhere reached.
fn long_periods(blueprint: &Blueprint) -> Option<String> {
    let config = &blueprint.config;
    if runs_on_threads(config) {
        return None;
    }
    let batches = blueprint
        .examples_total()
        .div_ceil(config.train.batch_size.rows());
    let iterations = batches.div_ceil(u64::from(config.cluster.workers).max(1));
    let lag = match config.consistency.model {
        Consistency::Ssp { lag } => lag,
        Consistency::Bsp | Consistency::Asp => 0,
    };
    let method = &config.method;
    let long = [
        (
            "method.communication_period",
            method.communication_period,
            "workers exchange once, at their end",
        ),
        (
            "method.n_push",
            method.n_push,
            "workers push once, at their end",
        ),
        (
            "method.n_pull",
            method.n_pull,
            "workers never see each other's steps",
        ),
        (
            "consistency.lag",
            lag,
            "nobody ever waits, as under \"asp\"",
        ),
    ];
    let long: Vec<String> = long
        .into_iter()
        .filter(|(_, count, _)| iterations < *count)
        .map(|(key, count, so)| format!("{key} = {} ({so})", grouped(count)))
        .collect();
    (!long.is_empty()).then(|| {
        format!(
            "beyond the {} iterations that a worker has in this job: {}",
            grouped(iterations),
            long.join(", ")
        )
    })
}

/// Workers for whom there is no batch. Under BSP every epoch is dealt alike, so that they get none in
/// any; else the job's batches go to whoever asks.
fn few_batches(blueprint: &Blueprint) -> Option<String> {
    let config = &blueprint.config;
    let (rows, batch) = (blueprint.resolved.rows, config.train.batch_size.rows());
    let total = blueprint.examples_total();
    let of_one_epoch = rows.min(total).div_ceil(batch);
    let (batches, of) = match config.consistency.model {
        Consistency::Bsp => (of_one_epoch, "an epoch"),
        Consistency::Ssp { .. } | Consistency::Asp => {
            let (epochs, rest) = (total / rows, total % rows);
            let all = epochs
                .saturating_mul(rows.div_ceil(batch))
                .saturating_add(rest.div_ceil(batch));
            (all, "the job")
        }
    };
    let workers = u64::from(config.cluster.workers);
    (batches < workers).then(|| {
        format!(
            "only {batches} of {workers} workers can get a batch: {of} has {} of [train] batch_size = \
             {batch}; start fewer workers or make batches smaller",
            if batches == 1 {
                "1 batch".to_owned()
            } else {
                format!("{} batches", grouped(batches))
            }
        )
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::job::{REGISTRIES, draft_with, resolve};

    fn notes(sets: &[&str]) -> Vec<String> {
        let sets: Vec<String> = ["data.rows=100", "train.batch_size=40"]
            .iter()
            .chain(sets)
            .map(|set| (*set).to_owned())
            .collect();
        let (draft, _) = draft_with(Some("steady"), &sets).unwrap();
        let job = draft.check(&REGISTRIES).unwrap();
        resolve(job, Path::new(".")).unwrap().notes()
    }

    #[test]
    fn workers_without_a_batch_are_told() {
        let [note] = &notes(&["cluster.workers=4"])[..] else {
            panic!("expected one note")
        };
        assert_eq!(
            note,
            "only 3 of 4 workers can get a batch: the job has 3 batches of [train] batch_size = 40; \
             start fewer workers or make batches smaller"
        );
        assert_eq!(notes(&["cluster.workers=3"]), [""; 0]);
    }

    #[test]
    fn a_period_that_no_worker_reaches_is_told() {
        let few = ["cluster.workers=2", "train.epochs=2", "method.name=easgd"];
        let long = notes(&[&few[..], &["method.communication_period=4"]].concat());
        assert_eq!(
            long,
            [
                "beyond the 3 iterations that a worker has in this job: method.communication_period = 4 \
              (workers exchange once, at their end)"
            ]
        );
        let fitting = notes(&[&few[..], &["method.communication_period=3"]].concat());
        assert_eq!(fitting, [""; 0]);
    }

    #[test]
    fn under_bsp_more_epochs_do_not_help() {
        let epochs = ["cluster.workers=4", "train.epochs=9"];
        assert_eq!(notes(&epochs), [""; 0]);
        let bulk = notes(&[&epochs[..], &["consistency.model=bsp"]].concat());
        assert!(bulk[0].contains("an epoch has 3 batches"), "{bulk:?}");
    }
}
