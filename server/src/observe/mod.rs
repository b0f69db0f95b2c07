//! How things stand on one server: the status, and the metrics made of it.

mod status;
pub(crate) mod metrics;

pub(crate) use metrics::{Books, Load, Request, Snapshot, Window};
