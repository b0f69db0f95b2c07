//! The job file: one TOML text that says everything about a job.
//!
//! ```text
//! text ─ Draft::parse ─▶ Draft ─ set ─▶ Draft ─ read ─▶ JobFile ─ check ─▶ JobConfig
//! ```
//!
//! A [`Draft`] knows where every value stands; a [`JobFile`] has the right keys and types; a
//! [`JobConfig`] makes sense. Nothing else in the project judges a job: whoever holds a
//! [`JobConfig`] holds the proof. What is wrong is told all at once, with the line, what was
//! expected, what was found and how to mend it.
//!
//! ```
//! use thalweg_common::config::{BatchSize, Draft, Registries};
//!
//! let mut draft = Draft::parse("job.toml", "[optimizer]\nlr = 0.1\n")?;
//! draft.set("train.batch_size=32")?;
//! let job = draft.check(&Registries::COMMON)?;
//! assert_eq!(job.train.batch_size, BatchSize::Rows(32));
//! assert_eq!(job.cluster.workers, 4);
//!
//! let bad = Draft::parse("job.toml", "[optimizer]\nlearning_rate = 0.1\n")?;
//! assert_eq!(
//!     bad.check(&Registries::COMMON).unwrap_err().to_string(),
//!     "job.toml:2: unknown key `learning_rate` in [optimizer]; did you mean `lr`?"
//! );
//! # Ok::<(), thalweg_common::config::ConfigError>(())
//! ```

mod sections;
mod job;
mod draft;
mod assignment;
mod read;
mod fields;
mod hints;
mod words;
mod check;
mod waiting;
mod pairs;
mod decay;
mod canonical;
mod error;
#[cfg(test)]
mod tests;

pub use self::draft::Draft;
pub use self::error::{ConfigError, Origin, Problem};
pub use self::job::{CheckEntry, Job, JobConfig, JobFile, Registries};
pub use self::sections::batch_size::BatchSize;
pub use self::sections::checkpoint::Checkpoint;
pub use self::sections::class_weight::ClassWeight;
pub use self::sections::cluster::{Cluster, ClusterFile, INSECURE_LISTEN_WORDS, OnWorkerLoss};
pub use self::sections::consistency::{ConsistencyFile, ConsistencyModel, ConsistencySection};
pub use self::sections::data::{Data, Resolved};
pub use self::sections::gradient::{Gradient, Transform};
pub use self::sections::keys_of_sections;
pub use self::sections::limits::Limits;
pub use self::sections::method::{Method, Overlap, Sampling, Updates};
pub use self::sections::named::{Feedback, Model, Schedule, ScheduleFile};
pub use self::sections::optimizer::{Optimizer, OptimizerFile, Regularizer};
pub use self::sections::quantity::{Pause, Seconds};
pub use self::sections::stop::Stop;
pub use self::sections::train::{Evaluate, PullExtent, Train};
