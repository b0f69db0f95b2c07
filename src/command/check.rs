//! `thalweg check`: the resolved job, and what its servers will need.

use std::path::Path;

use anyhow::Result;
use clap::Args;
use thalweg_common::ids::ServerId;

use super::options::JobOptions;
use super::{Ending, say};
use crate::job::{Memory, resolve};

/// Arguments of `thalweg check`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    job: JobOptions,
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    let config = arguments.job.config(&[])?;
    let job = resolve(config, Path::new("."))?;
    let blueprint = &job.blueprint;
    say(&blueprint.config.to_toml());
    for note in job.notes() {
        say(&format!("# note: {note}"));
    }
    say(&format!("# fingerprint {}", blueprint.config.fingerprint()));
    say(&format!(
        "# {} elements in {} shards; ends at {} examples; data take {} bytes per worker",
        blueprint.map.elements(),
        blueprint.map.shards().len(),
        blueprint.examples_total(),
        job.data.train.memory_bytes()
    ));
    for server in (0..blueprint.map.servers()).map(ServerId) {
        let memory = Memory::plan(blueprint, server).check(server, &blueprint.config.limits)?;
        say(&format!("# server {server}: {memory}"));
    }
    Ok(Ending::Done)
}
