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
    fits: check_method,
    ..Registries::COMMON
};

#[cfg(test)]
mod tests {
    use thalweg_common::config::Draft;

    use super::REGISTRIES;

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
