//! Owner threads: large parts are applied and read here, so that transfer, check and apply of
//! different parts overlap and no thread of the network waits for memory.
//!
//! A shard's token says who works on it. A small part on an idle shard takes the token at once, on
//! the thread that received it; anything else joins the shard's bounded queue, and whoever holds
//! the token works the queue off.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use thalweg_common::ids::ShardId;

/// Parts up to this many bytes are done on the thread that received them, if the shard is idle.
pub(super) const INLINE_BYTES_MAX: usize = 64 << 10;

/// Work on one shard.
pub(super) type Job = Box<dyn FnOnce() + Send>;

struct Lane {
    queue: (Sender<Job>, Receiver<Job>),
    token: AtomicBool,
}

/// The owner threads of one server.
pub(super) struct Owners {
    lanes: Arc<BTreeMap<ShardId, Lane>>,
    ready: Sender<ShardId>,
}

impl fmt::Debug for Owners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owners")
            .field("shards", &self.lanes.len())
            .finish_non_exhaustive()
    }
}

impl Owners {
    /// Starts `threads` owner threads over `shards`, each with a queue of `queue_max` parts. They
    /// end when the `Owners` are dropped.
    pub(super) fn start(
        shards: impl Iterator<Item = ShardId>,
        queue_max: usize,
        threads: usize,
    ) -> Self {
        let lane = || Lane {
            queue: bounded(queue_max),
            token: AtomicBool::new(false),
        };
        let lanes: Arc<BTreeMap<_, _>> = Arc::new(shards.map(|shard| (shard, lane())).collect());
        // A shard is in here at most once: only who takes its token puts it in.
        let (ready, taken) = bounded::<ShardId>(lanes.len().max(1));
        for number in 0..threads.max(1) {
            let (lanes, taken) = (lanes.clone(), taken.clone());
            thread::Builder::new()
                .name(format!("owner-{number}"))
                .spawn(move || {
                    while let Ok(shard) = taken.recv() {
                        lanes[&shard].work_off();
                    }
                })
                .expect("the system can start a thread");
        }
        Self { lanes, ready }
    }

    /// The token of an idle shard, for a part of `bytes`: `None` if the part is large, or somebody
    /// is at work on the shard or waits to be.
    pub(super) fn token(&self, shard: ShardId, bytes: usize) -> Option<Token<'_>> {
        let lane = self.lanes.get(&shard)?;
        let idle = bytes <= INLINE_BYTES_MAX && lane.queue.1.is_empty() && lane.take_token();
        idle.then(|| Token {
            owners: self,
            shard,
            lane,
        })
    }

    /// How much waits in all queues, and in the fullest of them.
    pub(super) fn queued(&self) -> (usize, usize) {
        let lengths = self.lanes.values().map(|lane| lane.queue.1.len());
        lengths.fold((0, 0), |(sum, most), length| {
            (sum + length, most.max(length))
        })
    }

    /// Queues a job for a shard.
    ///
    /// # Errors
    /// Gives the job back if the shard's queue is full or the shard is not held here.
    pub(super) fn enqueue(&self, shard: ShardId, job: Job) -> Result<(), Job> {
        let Some(lane) = self.lanes.get(&shard) else {
            return Err(job);
        };
        match lane.queue.0.try_send(job) {
            Ok(()) => {
                self.wake(shard, lane);
                Ok(())
            }
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => Err(job),
        }
    }

    fn wake(&self, shard: ShardId, lane: &Lane) {
        if !lane.queue.1.is_empty() && lane.take_token() {
            self.ready
                .send(shard)
                .expect("a shard is ready at most once, and owners outlive this");
        }
    }
}

/// The right to work on one shard; given back on drop.
#[derive(Debug)]
pub(super) struct Token<'a> {
    owners: &'a Owners,
    shard: ShardId,
    lane: &'a Lane,
}

impl Drop for Token<'_> {
    fn drop(&mut self) {
        self.lane.token.store(false, Ordering::Release);
        self.owners.wake(self.shard, self.lane);
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane")
            .field("queued", &self.queue.1.len())
            .finish_non_exhaustive()
    }
}

impl Lane {
    fn take_token(&self) -> bool {
        !self.token.swap(true, Ordering::AcqRel)
    }

    /// Works the queue off, as the holder of the token, and gives the token back.
    fn work_off(&self) {
        loop {
            while let Ok(job) = self.queue.1.try_recv() {
                job();
            }
            self.token.store(false, Ordering::Release);
            // A job that came between the last look and the release found the token taken.
            if self.queue.1.is_empty() || !self.take_token() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_job_runs_once_and_never_two_of_a_shard_at_a_time() {
        let owners = Owners::start((0..3).map(ShardId), 1_000, 2);
        let inside = Arc::new([const { AtomicUsize::new(0) }; 3]);
        let (done, finished) = mpsc::sync_channel(1_000);
        for i in 0..900_usize {
            let (inside, done) = (inside.clone(), done.clone());
            let shard = i % 3;
            let job = Box::new(move || {
                assert_eq!(inside[shard].fetch_add(1, Ordering::SeqCst), 0);
                thread::yield_now();
                inside[shard].fetch_sub(1, Ordering::SeqCst);
                done.send(i).unwrap();
            });
            let id = ShardId(u32::try_from(shard).unwrap());
            match owners.token(id, i % 2 * (INLINE_BYTES_MAX + 1)) {
                Some(_token) => job(),
                None => assert!(owners.enqueue(id, job).is_ok()),
            }
        }
        let mut seen: Vec<_> = (0..900)
            .map(|_| finished.recv_timeout(Duration::from_secs(10)).unwrap())
            .collect();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..900));
    }

    #[test]
    fn a_full_queue_gives_the_job_back() {
        let owners = Owners::start([ShardId(0)].into_iter(), 1, 1);
        let (go, wait) = mpsc::sync_channel::<()>(0);
        let blocked = Box::new(move || {
            wait.recv().ok();
        });
        assert!(owners.enqueue(ShardId(0), blocked).is_ok());
        let mut refused = false;
        for _ in 0..3 {
            refused |= owners.enqueue(ShardId(0), Box::new(|| {})).is_err();
        }
        assert!(
            owners.token(ShardId(0), 0).is_none(),
            "the shard is not idle"
        );
        assert!(refused);
        assert_eq!(owners.queued(), (1, 1));
        drop(go);
    }
}
