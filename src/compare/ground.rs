//! The common ground of a comparison: one job with its data, loaded once, and what is changed in it.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use thalweg_common::config::{Draft, Resolved};
use thalweg_worker::data::Loaded;

use crate::job::{REGISTRIES, ResolvedJob, blueprint, draft_with, resolve};

/// A job before a method is chosen.
#[derive(Debug)]
pub(crate) struct Ground {
    draft: Draft,
    resolved: Resolved,
    data: Loaded,
    /// As it stands, with a method of its own.
    pub(crate) own: ResolvedJob,
}

impl Ground {
    /// Loads a job's data. Answers also what the user is to be told.
    pub(crate) fn new(job: Option<&str>, sets: &[String]) -> Result<(Self, Vec<String>)> {
        let (draft, notes) = draft_with(job, sets)?;
        let own = resolve(draft.check(&REGISTRIES)?, Path::new("."))?;
        let ground = Self {
            draft,
            resolved: own.blueprint.resolved.clone(),
            data: own.data.clone(),
            own,
        };
        Ok((ground, notes))
    }

    /// The job with these changes.
    pub(super) fn with(&self, sets: &[String]) -> Result<ResolvedJob> {
        let mut draft = self.draft.clone();
        for set in sets {
            draft.set(set)?;
        }
        draft.follow_method(&REGISTRIES);
        let config = draft.check(&REGISTRIES)?;
        let blueprint = blueprint(config.with_resolved(self.resolved.clone())?)?;
        let data = Loaded {
            train: Arc::clone(&self.data.train),
            ..self.data.clone()
        };
        Ok(ResolvedJob { blueprint, data })
    }
}
