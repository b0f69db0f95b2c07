//! `[limits]`: every bound there is, with its unit last in the name.

use serde::{Deserialize, Serialize};

use super::quantity::Seconds;

/// Every bound of a job. All sizes are at least 1 unless they say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The largest message on the wire, bytes. Default 2 MiB.
    pub message_bytes_max: usize,
    /// The largest piece of a part in one message, bytes; a multiple of 4. Default 256 KiB.
    pub chunk_bytes: usize,
    /// The largest part, bytes, all its chunks together. Default 16 MiB.
    pub part_bytes_max: usize,
    /// Pushes not yet acknowledged per session and server, at most 64. Default 8.
    pub inflight_pushes_max: usize,
    /// Pulls not yet answered per session and server. Default 4.
    pub inflight_pulls_max: usize,
    /// Parts that wait in front of one shard. Default 64.
    pub queue_parts_max: usize,
    /// Sessions of one server, workers and observers together. Default 256.
    pub sessions_max: usize,
    /// Events that the history of a server keeps: so many pushes and waits, and so many of all others; 0 to
    /// 65,536. Default 256.
    pub history_events: usize,
    /// How often in a row, without an iteration in between, a worker whose session is over takes its place
    /// again; 0 for never. Default 8.
    pub rejoins_max: u32,
    /// Memory that a server may plan for, bytes; 0 for no limit. Default 0.
    pub memory_bytes_max: u64,
    /// A worker without a sign of life for so long is lost. Default 10.
    pub lease_seconds: Seconds,
    /// A worker that gives signs of life, and finishes no iteration for so long while none is slower, is lost: it hangs.
    /// Default 3600.
    pub iteration_seconds: Seconds,
    /// Between two signs of life. Default 1.
    pub heartbeat_seconds: Seconds,
    /// All workers must have registered within. Default 60.
    pub join_seconds: Seconds,
    /// The gate keeps a pull so long, then answers "not yet", and the worker asks again. Default 5.
    pub gate_wait_seconds: Seconds,
    /// A connection must stand within; a server ends one that has made no permitted call so long after it was opened.
    /// Default 10.
    pub connect_seconds: Seconds,
    /// A request must be answered within. Default 30.
    pub request_seconds: Seconds,
    /// A request is tried again for so long in all. Default 120.
    pub retry_total_seconds: Seconds,
    /// A process that is told to stop has stopped within. Default 10.
    pub stop_seconds: Seconds,
    /// A server whose job is done waits so long for its sessions to leave; may be 0. Default 10.
    pub linger_seconds: Seconds,
    /// Batches in one leased range of the data. Default 16.
    pub range_batches: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 2 << 20,
            chunk_bytes: 256 << 10,
            part_bytes_max: 16 << 20,
            inflight_pushes_max: 8,
            inflight_pulls_max: 4,
            queue_parts_max: 64,
            sessions_max: 256,
            history_events: 256,
            rejoins_max: 8,
            memory_bytes_max: 0,
            lease_seconds: Seconds(10.0),
            iteration_seconds: Seconds(3600.0),
            heartbeat_seconds: Seconds(1.0),
            join_seconds: Seconds(60.0),
            gate_wait_seconds: Seconds(5.0),
            connect_seconds: Seconds(10.0),
            request_seconds: Seconds(30.0),
            retry_total_seconds: Seconds(120.0),
            stop_seconds: Seconds(10.0),
            linger_seconds: Seconds(10.0),
            range_batches: 16,
        }
    }
}
