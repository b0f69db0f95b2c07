//! What a run leaves behind: the run folder and the report in it.
//!
//! A folder holds everything that is needed to judge a run later: the checked job, the metrics as
//! they came, the final report and parameters, the logs of the processes. A file is either whole or
//! not there; only `metrics.jsonl` grows line by line. `docs/REPORT.md` lists every key.

mod atomic;
mod date;
mod folder;
mod metrics;
mod non_zero;
pub(crate) mod page;
mod parameters;
mod scores;
mod schema;
mod simulation;
mod conditions;
mod threads;
mod assemble;
mod state;
mod summary;
mod tensorboard;

pub use assemble::{Facts, Outcome};
pub use atomic::{FileError, check_report_path, write_report, write_text, write_with};
pub use conditions::ConditionsReport;
pub use folder::{RUNS, RunFolder, RunFolderError};
pub use metrics::MetricsLog;
pub use non_zero::{Counts, TensorCounts};
pub use page::{render_curves, render_page};
pub use parameters::{
    ParametersError, Provenance, ReadError, hash_parameters, read_parameters, write_parameters,
};
pub use schema::{
    Diverged, Divergence, EpochUse, Final, Host, LostWorker, Reference, Report, Resumed, RunStatus,
    SCHEMA_VERSION, ServerReturn, ShardReport, SocketBytes, WorkerReport,
};
pub use scores::{EvaluationPoint, Scores, TrainScores};
pub use simulation::{SimulationReport, UsageReport};
pub use state::{RunMark, RunState, StateWord};
pub(crate) use summary::bars;
pub use summary::render_summary;
pub use tensorboard::EventLog;
pub use threads::ThreadsReport;

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod documented;
