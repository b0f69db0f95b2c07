//! Small jobs on the embedded data, with changes.

use std::path::Path;

use thalweg::job::{REGISTRIES, ResolvedJob, resolve};
use thalweg_common::config::Draft;

/// A small job on the steady stream: plain SGD, one pass over 600 rows, overlap off.
const SMALL: &str = r#"
name = "small"
[data]
name = "steady"
rows = 600
test_rows = 0
features = 200
nonzeros = 7
[model]
name = "logistic_regression"
[optimizer]
name = "sgd"
lr = 0.5
[method]
overlap = "off"
[train]
batch_size = 8
[cluster]
servers = 1
workers = 1
"#;

/// The small job with `sets` applied.
pub(crate) fn small(sets: &[&str]) -> ResolvedJob {
    let mut draft = Draft::parse("small", SMALL).unwrap();
    for set in sets {
        draft.set(set).unwrap();
    }
    draft.follow_method(&REGISTRIES);
    let config = draft
        .check(&REGISTRIES)
        .unwrap_or_else(|error| panic!("{error}"));
    resolve(config, Path::new(".")).unwrap()
}

/// The bits of parameters, to compare them exactly.
pub(crate) fn bits(parameters: &[f32]) -> Vec<u32> {
    parameters.iter().map(|x| x.to_bits()).collect()
}
