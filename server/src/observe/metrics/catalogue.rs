//! Every family of metrics that a server has: name, kind, unit, labels and what it says.
//!
//! A test compares the list with docs/METRICS.md and with what is rendered, and one looks up every name
//! that the dashboard and the alerts ask for.

use super::sheet::{Family, Kind, Measure};

/// Makes a constant of each family, and `ALL` of all of them.
macro_rules! families {
    ($($constant:ident: $kind:ident $measure:ident $name:literal $labels:expr, $help:literal;)*) => {
        $(
            pub(super) const $constant: Family = Family {
                name: $name,
                kind: Kind::$kind,
                measure: Measure::$measure,
                labels: &$labels,
                help: $help,
            };
        )*

        /// Every family, in the order in which they are rendered.
        #[cfg(test)]
        pub(super) const ALL: &[&Family] = &[$(&$constant),*];
    };
}

families! {
    BUILD: Info Number "build" ["version"],
        "The version of this server.";
    JOB: Info Number "job" ["name"],
        "The job that is trained.";
    UPTIME: Gauge Seconds "uptime" [],
        "Since the server started.";
    PHASE: Gauge Number "phase" ["phase"],
        "1 for the phase the job is in, else 0. Only server 0 knows that a job is done; the others know that it has failed, once a worker has told them.";
    EXAMPLES: Counter Number "examples_committed" [],
        "Examples in the parts that the first shard of this server applied since the server started.";
    EXAMPLES_REACHED: Gauge Number "examples_reached" [],
        "Examples in the parts that the first shard of this server applied since the job began, less what it lost when it returned: the progress of the job.";
    EXAMPLES_GOAL: Gauge Number "examples_goal" [],
        "Examples at which the job ends.";
    TRAINED: Gauge Seconds "trained" [],
        "From the first data dealt to now, or to the end of the job. Server 0 only.";
    LOSS: Gauge Number "loss" [],
        "The recent training loss, a decayed mean over examples. Server 0 only, once there is one.";
    RATE_FACTOR: Gauge Number "rate_factor" [],
        "What feedback multiplies the learning rate by. Server 0 only.";
    STALENESS: Histogram Steps "staleness" [],
        "Steps that a shard took between a worker's read and the part that came of it, of the parts applied. The sum is a lower bound: from 64 steps on they are counted by powers of two.";
    PARTS: Counter Number "parts" ["outcome"],
        "Parts that came and were judged, by outcome.";
    PARTS_WAITING: Gauge Number "parts_waiting" [],
        "Parts that wait for the step of their round.";
    PARTS_LATE: Counter Number "parts_late" [],
        "Of all parts, those beyond the job's limit on staleness or after their round, left out or not.";
    PARTS_REFUSED: Counter Number "parts_refused" ["reason"],
        "Parts refused, by reason.";
    REQUESTS: Counter Number "requests" ["kind"],
        "Requests that came, by kind.";
    REQUESTS_REFUSED: Counter Number "requests_refused" ["reason"],
        "Requests answered with a refusal of the whole, by reason.";
    APPLY: Histogram Seconds "apply" [],
        "What it took to judge and apply a part, without the time it waited in a queue.";
    QUEUED: Gauge Number "queued" [],
        "Parts and reads that wait in the queues of all shards here.";
    QUEUE_FULLEST: Gauge Number "queue_fullest" [],
        "Parts and reads that wait in the fullest queue of a shard here.";
    QUEUE_LIMIT: Gauge Number "queue_limit" [],
        "Parts and reads that may wait for one shard: limits.queue_parts_max. Beyond it they are refused.";
    CONNECTIONS: Gauge Number "connections" [],
        "Connections that are open.";
    CONNECTIONS_LIMIT: Gauge Number "connections_limit" [],
        "Connections that may be open at once. Further ones wait in the system's backlog.";
    WORKERS: Gauge Number "workers" ["state"],
        "Worker slots, by state of their session.";
    OBSERVERS: Gauge Number "observers" [],
        "Observer sessions that are open.";
    PUSHED: Counter Bytes "pushed" [],
        "Pushes of workers and their acknowledgements, at the sockets.";
    PULLED: Counter Bytes "pulled" [],
        "Pulls of workers and their answers, at the sockets.";
    RECEIVED: Counter Bytes "received" [],
        "Bytes received at the sockets, of everybody.";
    SENT: Counter Bytes "sent" [],
        "Bytes sent at the sockets, to everybody.";
    ELEMENTS: Gauge Number "elements" [],
        "Parameters held here.";
    STEPS: Counter Number "steps" [],
        "Steps of the optimizer since the server started, over all shards here.";
    GATE_WAITED: Counter Seconds "gate_waited" [],
        "Waits of all workers at the gate here that have ended, together.";
    LEASE: Gauge Seconds "lease" [],
        "Silence after which a worker is lost: limits.lease_seconds.";
    CERTIFICATE: Gauge Seconds "certificate_expiry_timestamp" [],
        "When the server's certificate ends, in Unix time. Servers with certificates only.";
    CHECKPOINT_NUMBER: Gauge Number "checkpoint_number" [],
        "The number of the last checkpoint. This one and those below: servers that keep checkpoints only.";
    CHECKPOINT_AGE: Gauge Seconds "checkpoint_age" [],
        "Since the last checkpoint was taken: what would be lost here if the server died now.";
    CHECKPOINT_TOOK: Gauge Seconds "checkpoint_write" [],
        "What the last checkpoint took to write and to read back.";
    CHECKPOINT_BYTES: Gauge Bytes "checkpoint_size" [],
        "The size of the last checkpoint.";
    CHECKPOINTS: Counter Number "checkpoints" [],
        "Checkpoints written and read back since the server started.";
    CHECKPOINTS_FAILED: Counter Number "checkpoints_failed" [],
        "Checkpoints that could not be written since the server started; the log says why.";
    RETURNS: Gauge Number "checkpoint_returns" [],
        "How often the server has returned from a checkpoint in its life.";
    WORKER_SERIES_LEFT_OUT: Gauge Number "worker_series_left_out" [],
        "Workers without series of their own, because there are more than 256; else 0.";
    WORKER_UP: Gauge Number "worker_up" ["worker"],
        "1 if a session holds the slot of the worker, else 0.";
    WORKER_EXAMPLES: Counter Number "worker_examples" ["worker"],
        "Examples committed by the worker since server 0 started. Server 0 only.";
    WORKER_CLOCK: Gauge Number "worker_clock" ["worker"],
        "Iterations that the worker has finished.";
    WORKER_CLOCK_LAG: Gauge Number "worker_clock_lag" ["worker"],
        "Iterations that the worker is behind the fastest. Workers with a session only.";
    WORKER_SILENT: Gauge Seconds "worker_silent" ["worker"],
        "Since the worker's last sign of life. Workers with a session only.";
    WORKER_WAITING: Gauge Seconds "worker_waiting" ["worker"],
        "How long the worker has been waiting at the gate; 0 if it is not. Workers with a session only.";
    WORKER_PARTS: Counter Number "worker_parts" ["worker", "outcome"],
        "Parts of the worker that came and were judged, by outcome.";
    WORKER_PARTS_WAITING: Gauge Number "worker_parts_waiting" ["worker"],
        "Parts of the worker that wait for the step of their round.";
    WORKER_STALENESS: Histogram Steps "worker_staleness" ["worker"],
        "Staleness of the worker's parts that were applied, as in thalweg_staleness_steps.";
    WORKER_COMPUTE: Counter Seconds "worker_compute" ["worker"],
        "Time that the worker's session spent computing, as it says to each server.";
    WORKER_PULL_WAIT: Counter Seconds "worker_pull_wait" ["worker"],
        "Time that the worker's session spent waiting for pulls, as it says to each server.";
    WORKER_SENT: Counter Bytes "worker_sent" ["worker"],
        "Bytes that the worker's session sent at its sockets, as it says to each server.";
    WORKER_RECEIVED: Counter Bytes "worker_received" ["worker"],
        "Bytes that the worker's session received at its sockets, as it says to each server.";
    WORKER_RETRIES: Counter Number "worker_retries" ["worker"],
        "Requests that the worker's sessions sent again, together, as they say to each server.";
    GATE_WAIT: Counter Seconds "gate_wait" ["worker", "on"],
        "How long the worker waited at the gate for another one, of the 100 pairs that waited longest.";
    GATE_WAITS: Counter Number "gate_waits" ["worker", "on"],
        "How often the worker waited at the gate for another one, of the same pairs.";
    SHARD_SERIES_LEFT_OUT: Gauge Number "shard_series_left_out" [],
        "Shards without series of their own, because there are more than 256 here; else 0.";
    SHARD_STEPS: Counter Number "shard_steps" ["shard"],
        "Steps that the shard has taken since the server started.";
    SHARD_VERSION: Gauge Number "shard_version" ["shard"],
        "Steps that the shard has taken since the job began: its version.";
    SHARD_EXAMPLES: Counter Number "shard_examples" ["shard"],
        "Examples in the parts that the shard applied since the server started.";
    SHARD_PENDING: Gauge Number "shard_pending" ["shard"],
        "Parts of the present round of the shard that wait for the others.";
}
