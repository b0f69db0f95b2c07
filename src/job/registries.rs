//! The registries of all crates, as the job file's check asks them.

use thalweg_common::config::Registries;
use thalweg_worker::method::MethodEntry;
use thalweg_worker::{data, model};

/// Judges every name and every key of a job.
pub const REGISTRIES: Registries = Registries {
    data: |name, options| data::check(name, options).map_err(|error| error.to_string()),
    model: |name, options| model::check(name, options).map_err(|error| error.to_string()),
    method: |name, _| {
        MethodEntry::find(name)
            .map(drop)
            .map_err(|error| error.to_string())
    },
    ..Registries::COMMON
};
