//! A trained model: the job of a run folder, its parameters, and how its data were read.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use thalweg_common::config::Draft;
use thalweg_worker::data::{self, Dataset, Encoding, Files, LabelsIn, Reopened, Reopening};

use crate::job::{Blueprint, REGISTRIES, blueprint};
use crate::report::{RUNS, read_parameters};

/// Which model.
#[derive(Clone, Debug, Args)]
pub(super) struct ModelOptions {
    /// The run folder; the last run below `runs` if not given.
    #[arg(value_name = "RUN")]
    run: Option<PathBuf>,

    /// Use the parameters of the best evaluation instead of the final ones.
    #[arg(long, conflicts_with = "parameters")]
    best: bool,

    /// Use the parameters of this safetensors file instead of the run's.
    #[arg(long, value_name = "FILE")]
    parameters: Option<PathBuf>,
}

/// A model with its parameters.
#[derive(Debug)]
pub(super) struct TrainedModel {
    pub(super) folder: PathBuf,
    pub(super) blueprint: Blueprint,
    pub(super) x: Vec<f32>,
    /// How the training files were read, if they were files.
    pub(super) encoding: Option<Encoding>,
}

impl ModelOptions {
    /// Reads job, parameters and encoding of the run.
    pub(super) fn load(&self) -> Result<TrainedModel> {
        let folder = self
            .run
            .clone()
            .unwrap_or_else(|| Path::new(RUNS).join("latest"));
        let job = folder.join("job.toml");
        let text = fs::read_to_string(&job).with_context(|| {
            format!(
                "{}: expected the job of a run; name a run folder, such as one that `thalweg list runs` shows",
                job.display()
            )
        })?;
        let draft = Draft::parse(&job.display().to_string(), &text)?;
        let blueprint = blueprint(draft.check(&REGISTRIES)?)?;
        let parameters = match &self.parameters {
            Some(path) => path.clone(),
            None if self.best => folder.join("best.safetensors"),
            None => folder.join("parameters.safetensors"),
        };
        let named = &blueprint.config.model.name;
        let x = read_parameters(&parameters, blueprint.model.layout(), named)?;
        let encoding = encoding(&folder.join("encoding.json"))?;
        Ok(TrainedModel {
            folder,
            blueprint,
            x,
            encoding,
        })
    }
}

impl TrainedModel {
    /// The run's folder, and not the link by which it was found.
    pub(super) fn shown(&self) -> String {
        let target = fs::read_link(&self.folder);
        let folder = match (target, self.folder.parent()) {
            (Ok(target), Some(parent)) => parent.join(target),
            _ => self.folder.clone(),
        };
        folder.display().to_string()
    }

    /// Other files, read as the training files were.
    pub(super) fn reopen(&self, files: &[String], labels: LabelsIn) -> Result<Reopened> {
        let data = &self.blueprint.config.data;
        let Some(encoding) = &self.encoding else {
            bail!(
                "the run {} was trained on the data set `{}`, which is no files: there are no other rows \
                 of it; leave out --data",
                self.folder.display(),
                data.name
            );
        };
        Ok(data::reopen(&Reopening {
            name: &data.name,
            keys: &data.options,
            encoding,
            files: &Files::new(files.to_vec()),
            folder: Path::new("."),
            labels,
        })?)
    }

    /// The job's own test rows, or, without any, its training rows; and which of the two.
    pub(super) fn own_rows(&self) -> Result<(Arc<dyn Dataset>, &'static str)> {
        let data = &self.blueprint.config.data;
        let loaded = data::load(&data.name, &data.options, Path::new("."))?;
        Ok(match loaded.test {
            Some(test) => (test, "the job's test data"),
            None => (loaded.train, "the job's training data"),
        })
    }
}

fn encoding(path: &Path) -> Result<Option<Encoding>> {
    match fs::read(path) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text).with_context(|| {
            format!("{}: expected the encoding that a run wrote", path.display())
        })?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}
