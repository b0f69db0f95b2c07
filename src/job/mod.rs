//! From a job's text to everything that a process needs of it: checked, resolved, planned.
//!
//! ```text
//! JOB.toml ─ source ─▶ Draft ─ check ─▶ JobConfig ─ resolve ─▶ ResolvedJob ─ plan ─▶ server, worker
//! ```

mod registries;
mod source;
mod resolve;
mod machine;
mod memory;
mod notes;
mod plan;
mod threads;
pub(crate) mod members;

pub use machine::{Available, available, peak_memory};
pub use members::MemberError;
pub use memory::{Memory, MemoryError, check_cluster_fits, check_server_fits, frame_limits};
pub(crate) use plan::plain_optimizer;
pub use plan::{
    PlanError, check_server, loop_settings, serve_options, server_plan, training_method,
    training_method_from, transforms,
};
pub use registries::REGISTRIES;
pub use resolve::{
    Blueprint, ResolveError, ResolvedJob, blueprint, resolve, resolve_fetched, resolve_own,
};
pub use source::{SHIPPED, SourceError, draft, draft_with};
pub(crate) use threads::{ThreadPlan, thread_plan};
pub use threads::{check_threads, model_bytes, runs_on_threads};
