//! What a user should know of a job before it runs: nothing that is wrong, but things that nobody
//! would choose.

use thalweg_common::consistency::Consistency;

use super::resolve::{Blueprint, ResolvedJob};
use crate::view::units::grouped;

impl ResolvedJob {
    /// What is worth a line before the job runs, a sentence each.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let data = self.data.notes.iter().cloned();
        data.chain(few_batches(&self.blueprint))
            .chain(no_decay(&self.blueprint))
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
    fn under_bsp_more_epochs_do_not_help() {
        let epochs = ["cluster.workers=4", "train.epochs=9"];
        assert_eq!(notes(&epochs), [""; 0]);
        let bulk = notes(&[&epochs[..], &["consistency.model=bsp"]].concat());
        assert!(bulk[0].contains("an epoch has 3 batches"), "{bulk:?}");
    }
}
