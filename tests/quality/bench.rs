//! A job with its data, loaded once and run many times with changes.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use thalweg::job::{REGISTRIES, ResolvedJob, blueprint, draft};
use thalweg::simulate::{History, Physics, SimulateError, Simulation};
use thalweg_common::config::{ConfigError, Draft, JobConfig, Resolved};
use thalweg_worker::data::{self, Loaded};
use thalweg_worker::model::Shape;

/// A job's text and its data.
#[derive(Debug)]
pub(crate) struct Bench {
    draft: Draft,
    /// The data that the job names.
    pub(crate) data: Loaded,
}

impl Bench {
    /// The job that `thalweg train` runs without a name.
    pub(crate) fn default_job() -> Self {
        Self::of(draft(None).expect("the default job is shipped"))
    }

    /// A job of the table, `jobs/quality/NAME.toml`. `None`, with a line that says so, if its data
    /// lie in the shared folder and that is absent.
    pub(crate) fn of_table(name: &str) -> Option<Self> {
        let path = repository().join(format!("jobs/quality/{name}.toml"));
        let text = fs::read_to_string(&path).expect("the table's jobs are in the repository");
        let (job, shared) = (
            Draft::parse(name, &text).expect("the job is TOML"),
            shared(),
        );
        if !text.contains("../shared/") {
            return Some(Self::of(job));
        }
        if !shared.is_dir() {
            // Past the capture of tests that pass: what was not tested is always seen.
            writeln!(
                io::stderr(),
                "SKIPPED {name}: no folder {} (set THALWEG_SHARED)",
                shared.display()
            )
            .expect("stderr can be written");
            return None;
        }
        let shared = shared.to_str().expect("the folder's name is Unicode");
        let text = text.replace("../shared", shared);
        Some(Self::of(
            Draft::parse(name, &text).expect("the job is TOML"),
        ))
    }

    /// The job with this text.
    pub(crate) fn of_text(text: &str) -> Self {
        Self::of(Draft::parse("a test's job", text).expect("the job is TOML"))
    }

    fn of(draft: Draft) -> Self {
        let config = draft
            .check(&REGISTRIES)
            .unwrap_or_else(|error| panic!("{error}"));
        let data = data::load(&config.data.name, &config.data.options, &repository())
            .unwrap_or_else(|error| panic!("{error}"));
        Self { draft, data }
    }

    /// The job with changes, such as `cluster.workers=1`.
    pub(crate) fn config(&self, sets: &[&str]) -> JobConfig {
        let config = self.try_config(sets);
        config.unwrap_or_else(|error| panic!("{error}"))
    }

    fn try_config(&self, sets: &[&str]) -> Result<JobConfig, ConfigError> {
        let mut draft = self.draft.clone();
        for set in sets {
            draft.set(set).expect("a change is KEY=VALUE");
        }
        draft.follow_method(&REGISTRIES);
        draft.check(&REGISTRIES)
    }

    /// The job with changes, ready to run on its own data.
    pub(crate) fn job(&self, sets: &[&str]) -> ResolvedJob {
        self.job_on(sets, self.data.clone())
    }

    /// The same of changes that may be refused.
    pub(crate) fn try_job(&self, sets: &[&str]) -> Result<ResolvedJob, ConfigError> {
        Ok(Self::ready(self.try_config(sets)?, self.data.clone()))
    }

    /// The job with changes, ready to run on `data` in place of its own.
    pub(crate) fn job_on(&self, sets: &[&str], data: Loaded) -> ResolvedJob {
        Self::ready(self.config(sets), data)
    }

    fn ready(config: JobConfig, data: Loaded) -> ResolvedJob {
        let resolved = Resolved {
            rows: data.train.rows(),
            test_rows: data.test.as_ref().map_or(0, |test| test.rows()),
            features: data.train.features(),
            classes: data.train.task().classes(),
            fields: Shape::of(data.train.as_ref()).fields,
            hash: data.train.content_hash(),
        };
        let config = config
            .with_resolved(resolved)
            .expect("the data fit the job");
        let blueprint = blueprint(config).expect("the model fits the data");
        ResolvedJob { blueprint, data }
    }
}

/// Runs a job in virtual time, 0.2 ms for every batch.
pub(crate) fn run(job: &ResolvedJob, latency: Duration) -> History {
    try_run(job, latency).unwrap_or_else(|error| panic!("{error}"))
}

/// The same, where a run may come to nothing: a rate may be one at which the model diverges.
pub(crate) fn try_run(job: &ResolvedJob, latency: Duration) -> Result<History, SimulateError> {
    let physics = Physics::constant(latency, Duration::from_micros(200));
    Simulation::new(job, physics)?.run()
}

/// Prints a line of the report.
#[expect(
    clippy::print_stdout,
    reason = "the table is what the suite is run for"
)]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// `THALWEG_SHARED`, or the folder `shared` beside the repository.
pub(crate) fn shared() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    env::var_os("THALWEG_SHARED").map_or_else(beside, PathBuf::from)
}
