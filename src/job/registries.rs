//! The registries of all crates, as the job file's check asks them.

use thalweg_common::config::Registries;
use thalweg_common::optimizer::optimizer;
use thalweg_common::schedule::schedule;
use thalweg_worker::{data, method, model};

/// Judges every name and every key of a job.
pub const REGISTRIES: Registries = Registries {
    data: |name, options| data::check(name, options).map_err(|error| error.to_string()),
    model: |name, options| model::check(name, options).map_err(|error| error.to_string()),
    optimizer: |name, options| {
        optimizer(name)
            .and_then(|entry| entry.check(options))
            .map_err(|error| error.to_string())
    },
    schedule: |name, options| {
        schedule(name)
            .and_then(|entry| entry.check(options))
            .map_err(|error| error.to_string())
    },
    method: |name, _| method::check(name).map_err(|error| error.to_string()),
};
