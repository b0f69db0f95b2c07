//! Local clusters: of real processes on loopback, started, watched, and brought to an orderly end; and
//! of threads, for programs that bring a model or data of their own.

mod member;
mod cluster;
mod crew;
mod parent;
mod place;
mod in_process;
mod own;
mod threads;
mod record;
mod scrape;
mod tally;

pub use cluster::{LaunchError, LocalCluster, Loss};
pub use crew::{Crew, unix_time};
pub use in_process::train_in_process;
pub use member::{Process, Role};
pub use own::{InProcess, InProcessError, Trained};
pub use parent::{exit_with_parent, output_of};
pub use place::place_of_this_process;
pub(crate) use record::{Recorder, gather};
pub use scrape::MetricsPlace;
pub use tally::WorkerTally;
pub use threads::ThreadRun;

/// Exit code of a process whose model is worth nothing: of a worker whose gradient is no number, and of
/// the launcher of its job. 2 is the code of a command line that is wrong.
pub const DIVERGED: u8 = 3;
