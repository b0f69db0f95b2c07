//! The registries of all crates, as the job file's check asks them.

use thalweg_common::config::Registries;
use thalweg_worker::method::MethodEntry;
use thalweg_worker::transform::transform;
use thalweg_worker::{data, model};

use super::plan::check_method;

/// Judges every name and every key of a job.
pub const REGISTRIES: Registries = Registries {
    data: |name, options| match data::check(name, options) {
        Ok(()) => Ok(options.clone()),
        Err(error) => Err(error.to_string()),
    },
    model: |name, options| match model::check(name, options) {
        Ok(()) => Ok(options.clone()),
        Err(error) => Err(error.to_string()),
    },
    transform: |name, options| {
        transform(name)
            .and_then(|entry| entry.complete(options))
            .map_err(|error| error.to_string())
    },
    method: |name, options| match MethodEntry::find(name) {
        Ok(_) => Ok(options.clone()),
        Err(error) => Err(error.to_string()),
    },
    recipe: MethodEntry::recipe_of,
    broken: |job| {
        MethodEntry::find(&job.method.name).map_or_else(|_| Vec::new(), |entry| entry.broken(job))
    },
    fits: check_method,
    ..Registries::COMMON
};

#[cfg(test)]
mod tests {
    use thalweg_common::config::Draft;

    use super::REGISTRIES;
    use crate::job::draft_with;

    /// What is said of the shipped stream with these settings; one problem a line.
    fn said(sets: &[&str]) -> String {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let (draft, _) = draft_with(Some("steady"), &sets).unwrap();
        match draft.check(&REGISTRIES) {
            Ok(_) => "nothing".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_contradicts_a_method_is_the_fault_and_not_what_follows_from_it() {
        for (sets, words) in [
            (
                &["method.name=synchronous", "consistency.model=asp"][..],
                "cannot go with `consistency.model` = \"asp\"",
            ),
            (
                &["method.name=diloco", "consistency.model=asp"],
                "cannot go with `consistency.model` = \"asp\"",
            ),
            (
                &["method.name=n_softsync", "consistency.aggregation=push"],
                "cannot go with `consistency.aggregation`",
            ),
            (
                &["method.name=mdownpour", "method.n_pull=4"],
                "cannot go with `method.n_pull` = 4",
            ),
            (
                &["method.name=adownpour", "optimizer.rate=0.5"],
                "cannot go with `optimizer.rate` = 0.5",
            ),
        ] {
            let said = said(sets);
            assert!(said.contains(words), "{sets:?}: {said}");
            assert!(
                said.starts_with(&format!("--set {}", sets[1])),
                "{sets:?}: {said}"
            );
            assert_eq!(said.lines().count(), 1, "{sets:?}: {said}");
        }
        let set_by_method = said(&["method.name=synchronous", "method.n_push=2"]);
        let words = "`method.name` = \"synchronous\" sets `consistency.model` = \"bsp\" where the job does not";
        assert!(set_by_method.contains(words), "{set_by_method}");
    }

    #[test]
    fn what_a_spring_cannot_bear_is_refused_with_the_key_that_was_set() {
        let easgd = [
            "method.name=easgd",
            "optimizer.name=sgd",
            "optimizer.lr=0.05",
        ];
        let eamsgd = [
            "method.name=eamsgd",
            "optimizer.lr=0.1",
            "cluster.workers=4",
        ];
        for (job, sets, words) in [
            (
                easgd,
                &["method.elastic_rate=0.9"][..],
                "`method.elastic_rate` = 0.9: beyond 2q/",
            ),
            (
                easgd,
                &["method.elastic_rate=0.99", "cluster.workers=1"],
                "(4 − 2·lr)/(4 − lr) = 0.9873",
            ),
            (
                easgd,
                &["optimizer.lr=1.7"],
                "`optimizer.lr` = 1.7: with lr = 1.7 and the usual elastic rate of 0.9/4 = 0.225",
            ),
            (easgd, &["optimizer.lr=2.5"], "a worker diverges by itself"),
            (
                eamsgd,
                &["optimizer.lr=1.5"],
                "`optimizer.lr` = 1.5: with lr = 1.5, momentum = 0.9 a worker diverges",
            ),
            (
                easgd,
                &["consistency.staleness_limit=3"],
                "`consistency.staleness_limit` = 3: a worker has given up",
            ),
            (
                easgd,
                &["consistency.staleness_rate=inverse"],
                "`consistency.staleness_rate` = \"inverse\"",
            ),
        ] {
            let said = said(&[&job[..], sets].concat());
            assert!(said.contains(words), "{sets:?}: {said}");
            assert!(
                said.starts_with(&format!("--set {}", sets[0])),
                "{sets:?}: {said}"
            );
        }
        // Rules that scale each gradient by others have no rate on which a parabola turns.
        for (job, sets) in [
            (easgd, &["optimizer.name=adagrad", "optimizer.lr=2.5"][..]),
            (
                easgd,
                &[
                    "optimizer.name=momentum",
                    "optimizer.momentum=0.9",
                    "optimizer.lr=2.5",
                    "method.elastic_rate=0.1",
                ],
            ),
            (easgd, &["method.elastic_rate=0.3"]),
            (eamsgd, &["optimizer.lr=1.2"]),
        ] {
            assert_eq!(said(&[&job[..], sets].concat()), "nothing", "{sets:?}");
        }
    }

    #[test]
    fn staleness_is_discounted_once_and_where_there_is_some() {
        for (sets, words) in [
            (
                &[
                    "method.name=adaptive_revision",
                    "consistency.staleness_rate=inverse",
                ][..],
                "discount it twice",
            ),
            (
                &[
                    "method.name=dc_asgd_adaptive",
                    "consistency.staleness_limit=4",
                    "consistency.beyond_limit=down_weight",
                ],
                "discount it twice",
            ),
            (
                &[
                    "method.name=synchronous",
                    "consistency.staleness_rate=inverse",
                ],
                "none is late",
            ),
            (
                &[
                    "consistency.staleness_limit=0",
                    "consistency.beyond_limit=down_weight",
                ],
                "which is 0 for every one",
            ),
            (
                &["consistency.beyond_limit=count"],
                "`consistency.staleness_limit`, and that is not set",
            ),
            (&["method.n_push=2000000"], "from 1 to 1000000"),
            (
                &["consistency.model=ssp", "consistency.lag=2000000"],
                "from 1 to 1000000",
            ),
        ] {
            let said = said(sets);
            assert!(said.contains(words), "{sets:?}: {said}");
        }
    }

    #[test]
    fn a_bad_transform_is_refused_with_its_line_its_place_and_the_way_out() {
        for (list, words) in [
            (
                "[{ name = 'clip_by_value' }, { name = 'clip_by_norm' }]",
                "job.toml:4: [gradient] transforms[1]: no gradient transform is called \
                 `clip_by_norm` (did you mean `clip_by_global_norm`?); there are: clip_by_value, \
                 clip_by_global_norm, gaussian_noise",
            ),
            (
                "[{ name = 'gaussian_noise', eta = -1 }]",
                "job.toml:4: [gradient] transforms[0]: `eta` is -1, but must be a finite number of \
                 at least 0: it is a variance",
            ),
            (
                "[{ name = 'clip_by_global_norm', norm = 1 }]",
                "job.toml:4: [gradient] transforms[0]: `clip_by_global_norm` has no setting `norm` \
                 (did you mean `max_norm`?); it has: max_norm",
            ),
        ] {
            let text = format!("[optimizer]\nlr = 1\n[gradient]\ntransforms = {list}\n");
            let draft = Draft::parse("job.toml", &text).unwrap();
            let refused = draft.check(&REGISTRIES).unwrap_err();
            assert_eq!(refused.to_string(), words);
        }
    }
}
