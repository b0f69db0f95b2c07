//! Who sees what a worker's driver does, and when: for records of a run's timings.

use std::time::Duration;

use thalweg_common::ids::ServerId;
use thalweg_common::message::Request;
use thalweg_common::time::Time;

use crate::worker::RequestId;

/// Sees what a driver does. It is called on the loop's thread, and must be quick.
pub trait Witness {
    /// A gradient was computed that began at `begun`; the job's `compute` is not in `took`.
    fn computed(&mut self, begun: Time, took: Duration);
    /// A request is handed to a link.
    fn asked(&mut self, now: Time, server: ServerId, id: RequestId, request: &Request);
    /// The loop has the answer.
    fn answered(&mut self, now: Time, server: ServerId, id: RequestId);
}

/// Nobody sees it.
impl Witness for () {
    fn computed(&mut self, _: Time, _: Duration) {}
    fn asked(&mut self, _: Time, _: ServerId, _: RequestId, _: &Request) {}
    fn answered(&mut self, _: Time, _: ServerId, _: RequestId) {}
}
