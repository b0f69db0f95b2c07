//! What only the driver of a server knows: requests, refusals, queues, connections and how long parts
//! take. Counted with atomics on the way, read when somebody asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use thalweg_common::error::RefusalKind;
use thalweg_common::message;

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Register,
    Push,
    Pull,
    Range,
    Heartbeat,
    Status,
    Leave,
    Conclude,
    Offer,
    Data,
    Checkpoint,
}

impl Request {
    pub(crate) const ALL: [Self; 11] = [
        Self::Register,
        Self::Push,
        Self::Pull,
        Self::Range,
        Self::Heartbeat,
        Self::Status,
        Self::Leave,
        Self::Conclude,
        Self::Offer,
        Self::Data,
        Self::Checkpoint,
    ];

    /// The value of its label.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Push => "push",
            Self::Pull => "pull",
            Self::Range => "range",
            Self::Heartbeat => "heartbeat",
            Self::Status => "status",
            Self::Leave => "leave",
            Self::Conclude => "conclude",
            Self::Offer => "offer",
            Self::Data => "data",
            Self::Checkpoint => "checkpoint",
        }
    }
}

impl From<&message::Request> for Request {
    fn from(request: &message::Request) -> Self {
        match request {
            message::Request::Register(_) => Self::Register,
            message::Request::Push(_) => Self::Push,
            message::Request::Pull(_) => Self::Pull,
            message::Request::NextRange(_) => Self::Range,
            message::Request::Heartbeat(_) => Self::Heartbeat,
            message::Request::Status(_) => Self::Status,
            message::Request::Leave(_) => Self::Leave,
            message::Request::Conclude(_) => Self::Conclude,
            message::Request::Offer(_) => Self::Offer,
        }
    }
}

/// The counters of one server's driver.
#[derive(Debug)]
pub(crate) struct Load {
    requests: [AtomicU64; Request::ALL.len()],
    refused: [AtomicU64; RefusalKind::ALL.len()],
    apply: Histogram,
    /// What a part usually takes, nanoseconds: a mean in which the last sixteen count most.
    usual_apply: AtomicU64,
    /// How many times longer than a queue takes those are told to wait who find no room, in [`CROWDING_ONE`]s.
    crowding: AtomicU64,
    connections: AtomicU64,
    /// The most that was told of pushed and pulled bytes. They are shares of the sockets' bytes, and may
    /// fall a little, which a counter must not.
    pushed: AtomicU64,
    pulled: AtomicU64,
}

/// A factor of one in the units of the crowding, and its greatest value. So fine that a share of it is never nothing.
const CROWDING_ONE: u64 = 1 << 20;
const CROWDING_MAX: u64 = 1_000 * CROWDING_ONE;

/// By which share the crowding rises with a refusal, and falls with a part that is applied: one in so many. What comes
/// of a change shows only once those have waited who were told; if it changed much in that time, the server would be
/// idle and crowded by turns.
const CROWDING_RISE: u64 = 256;
const CROWDING_FALL: u64 = 32 * CROWDING_RISE;

impl Default for Load {
    fn default() -> Self {
        Self {
            requests: Default::default(),
            refused: Default::default(),
            // From a microsecond to four seconds.
            apply: Histogram::new(exponential_buckets(1e-6, 4.0, 12)),
            usual_apply: AtomicU64::new(0),
            crowding: AtomicU64::new(CROWDING_ONE),
            connections: AtomicU64::new(0),
            pushed: AtomicU64::new(0),
            pulled: AtomicU64::new(0),
        }
    }
}

/// The numbers of [`Load`] at one moment, with those of the queues.
#[derive(Clone, Debug)]
pub(crate) struct LoadNumbers {
    /// Requests of each kind.
    pub(crate) requests: Vec<(Request, u64)>,
    /// Requests answered with a refusal, by reason.
    pub(crate) refused: Vec<(RefusalKind, u64)>,
    /// What judging and applying a part took.
    pub(crate) apply: Histogram,
    /// Connections open, and how many may be.
    pub(crate) connections: Window,
    /// Work that waits in the queues of all shards.
    pub(crate) queued: u64,
    /// Work that waits in the fullest queue, and how much may.
    pub(crate) fullest_queue: Window,
}

/// How much of something bounded is in use.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    pub(crate) used: u64,
    pub(crate) max: u64,
}

impl Load {
    /// Counts a request that came.
    pub(crate) fn came(&self, request: Request) {
        self.requests[request as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that was answered with a refusal.
    pub(crate) fn refused(&self, kind: RefusalKind) {
        self.refused[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a part that took so long to be judged and applied.
    pub(crate) fn applied(&self, took: Duration) {
        self.apply.observe(took.as_secs_f64());
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let before = self.usual_apply.load(Ordering::Relaxed);
        // Two parts at once may count as one: it is an estimate.
        let mean = before - before / 16 + took / 16;
        self.usual_apply.store(mean, Ordering::Relaxed);
        let crowding = self.crowding.load(Ordering::Relaxed);
        let less = (crowding - crowding / CROWDING_FALL).max(CROWDING_ONE);
        self.crowding.store(less, Ordering::Relaxed);
    }

    /// Notes a request for which there was no room; answers how many times longer than the queue takes its
    /// sender should wait.
    ///
    /// A refused part has cost its transfer. If all were to come back after the time of the queue, however many
    /// they are, a server with ten times too much to do would spend much of its time on refusals. So the wait grows
    /// with each of them and falls with each part that is applied, and settles where one is refused for every
    /// `CROWDING_FALL / CROWDING_RISE` that are applied.
    pub(crate) fn turned_away(&self) -> f64 {
        let crowding = self.crowding.load(Ordering::Relaxed);
        let more = (crowding + crowding / CROWDING_RISE).min(CROWDING_MAX);
        self.crowding.store(more, Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "a factor below a thousand")]
        let factor = more as f64 / CROWDING_ONE as f64;
        factor
    }

    /// What a part takes at present.
    pub(crate) fn usual_apply(&self) -> Duration {
        Duration::from_nanos(self.usual_apply.load(Ordering::Relaxed))
    }

    /// Counts a connection for as long as the answer lives.
    pub(crate) fn connected(self: &Arc<Self>) -> Connected {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Connected(self.clone())
    }

    /// Pushed and pulled bytes that never fall.
    pub(crate) fn rising(&self, pushed: u64, pulled: u64) -> (u64, u64) {
        let most = |mark: &AtomicU64, now: u64| mark.fetch_max(now, Ordering::Relaxed).max(now);
        (most(&self.pushed, pushed), most(&self.pulled, pulled))
    }

    /// The numbers at this moment. `queued` is what waits for all shards together.
    pub(crate) fn numbers(
        &self,
        connections_max: usize,
        queued: usize,
        fullest_queue: Window,
    ) -> LoadNumbers {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LoadNumbers {
            requests: Request::ALL
                .map(|request| (request, load(&self.requests[request as usize])))
                .to_vec(),
            refused: RefusalKind::ALL
                .map(|kind| (kind, load(&self.refused[kind as usize])))
                .to_vec(),
            apply: self.apply.clone(),
            connections: Window {
                used: load(&self.connections),
                max: connections_max as u64,
            },
            queued: queued as u64,
            fullest_queue,
        }
    }
}

/// A connection that is open.
#[derive(Debug)]
pub(crate) struct Connected(Arc<Load>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_place() {
        let load = Load::default();
        for (count, request) in (1..).zip(Request::ALL) {
            (0..count).for_each(|_| load.came(request));
        }
        for (count, kind) in (1..).zip(RefusalKind::ALL) {
            (0..count).for_each(|_| load.refused(kind));
        }
        let numbers = load.numbers(8, 0, Window::default());
        let counts = numbers.requests.iter().map(|(_, count)| *count);
        assert!(counts.eq(1..=Request::ALL.len() as u64));
        let counts = numbers.refused.iter().map(|(_, count)| *count);
        assert!(counts.eq(1..=RefusalKind::ALL.len() as u64));
    }

    #[test]
    fn what_a_part_usually_takes_follows_what_parts_take() {
        let load = Load::default();
        assert_eq!(load.usual_apply(), Duration::ZERO);
        (0..200).for_each(|_| load.applied(Duration::from_micros(500)));
        let slow = load.usual_apply().as_micros();
        assert!((490..=500).contains(&slow), "{slow}");
        (0..200).for_each(|_| load.applied(Duration::from_micros(50)));
        let fast = load.usual_apply().as_micros();
        assert!((49..=60).contains(&fast), "{fast}");
    }

    #[test]
    fn the_more_are_turned_away_the_longer_they_wait_until_few_are() {
        let load = Load::default();
        let applied = |count| (0..count).for_each(|_| load.applied(Duration::from_micros(50)));
        let first = load.turned_away();
        assert!(1.0 < first && first < 1.1, "{first}");
        for _ in 0..2_000 {
            load.turned_away();
        }
        assert!(
            (load.turned_away() - 1_000.0).abs() < 1e-9,
            "there is a bound"
        );
        applied(200_000);
        assert!(load.turned_away() < 1.1, "nobody is turned away any more");
        // One refused for 32 applied: it stays where it is.
        for _ in 0..1_024 {
            load.turned_away();
        }
        let before = load.turned_away();
        for _ in 0..100 {
            applied(32);
            load.turned_away();
        }
        let after = load.turned_away();
        assert!(
            0.5 < after / before && after / before < 2.0,
            "{before} {after}"
        );
    }

    #[test]
    fn a_connection_counts_while_it_is_open_and_bytes_never_fall() {
        let load = Arc::new(Load::default());
        let open = [load.connected(), load.connected()];
        let used = || load.numbers(8, 0, Window::default()).connections.used;
        assert_eq!(used(), 2);
        drop(open);
        assert_eq!(used(), 0);
        assert_eq!(load.rising(10, 20), (10, 20));
        assert_eq!(load.rising(9, 21), (10, 21));
    }
}
