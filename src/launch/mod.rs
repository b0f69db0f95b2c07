//! A local cluster of real processes on loopback: started, watched, and brought to an orderly end.

mod member;
mod cluster;
mod parent;
mod in_process;

pub use cluster::{LaunchError, LocalCluster, Loss};
pub use in_process::train_in_process;
pub use member::{Process, Role};
pub use parent::exit_with_parent;
