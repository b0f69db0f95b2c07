//! The thread that writes checkpoints: at intervals, when asked, and once more at the end.
//!
//! Writing must not take the disk for itself: after a checkpoint that took long the next one waits until
//! the writing was a tenth of the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use parking_lot::Mutex;
use thalweg_common::message::CheckpointStatus;
use thalweg_common::time::Time;
use thalweg_proto::transport::Clock;
use tracing::Span;
use tracing::field::Empty;

use super::keep::{Checkpoints, Identity, Kept};
use super::start::{Begun, write, write_failure};
use crate::server::Server;

/// Requests for a checkpoint that may wait.
const REQUESTS_MAX: usize = 16;

/// Writing is at most one part in so many of the time, as long as nobody asks for more.
const SHARE: u32 = 10;

/// Asks for a checkpoint; the answer is what was written, or why nothing was.
pub type Request = Box<dyn FnOnce(Result<CheckpointStatus, String>) + Send>;

/// How a server keeps checkpoints.
#[derive(Debug)]
pub struct KeeperOptions {
    /// Where.
    pub checkpoints: Checkpoints,
    /// Between two of them; `None` for those that are asked for, and the last, alone.
    pub every: Option<Duration>,
    /// How the server began.
    pub begun: Begun,
}

enum Task {
    Write(Request),
    End,
}

/// The thread that keeps a server's checkpoints.
#[derive(Debug)]
pub struct Keeper {
    tasks: Sender<Task>,
    clock: Clock,
    ending: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Keeper {
    /// Starts it. `clock` is the clock of the server's driver, which takes it from [`Self::clock`].
    ///
    /// # Errors
    /// If the system cannot start a thread.
    pub fn start(
        server: Arc<Server>,
        options: KeeperOptions,
        clock: Clock,
    ) -> std::io::Result<Self> {
        let (tasks, asked) = bounded(REQUESTS_MAX);
        let ending = Arc::new(AtomicBool::new(false));
        let work = Work {
            server,
            checkpoints: options.checkpoints,
            identity: options.begun.identity,
            clock,
            ending: ending.clone(),
        };
        work.note(Time::ZERO, options.begun.kept, Duration::ZERO);
        let (every, inside) = (options.every, Span::current());
        let thread = thread::Builder::new()
            .name("checkpoints".to_owned())
            .spawn(move || inside.in_scope(|| work.run(&asked, every)))?;
        Ok(Self {
            tasks,
            clock,
            ending,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// The clock by which checkpoints are taken.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Asks for a checkpoint as things stand.
    ///
    /// # Errors
    /// Gives the request back if too many wait already, or the end has come.
    pub fn ask(&self, request: Request) -> Result<(), Request> {
        let back = |task| match task {
            Task::Write(request) => Err(request),
            Task::End => Ok(()),
        };
        let sent = self.tasks.try_send(Task::Write(request));
        sent.or_else(|error| back(error.into_inner()))
    }

    /// Writes the last checkpoint and ends the thread; waits for both. Requests that wait are answered with it. Once
    /// is enough.
    pub fn end(&self) {
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            self.ending.store(true, Ordering::Release);
            self.tasks.send(Task::End).ok();
            // One that panicked has nothing more to write.
            thread.join().ok();
        }
    }
}

struct Work {
    server: Arc<Server>,
    checkpoints: Checkpoints,
    identity: Identity,
    clock: Clock,
    ending: Arc<AtomicBool>,
}

impl Work {
    fn run(&self, asked: &Receiver<Task>, every: Option<Duration>) {
        let mut wait = every;
        // Whoever asks while the server ends gets its last one.
        let mut late: Vec<Request> = Vec::new();
        loop {
            let task = match wait {
                None => asked.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(wait) => asked.recv_timeout(wait),
            };
            match task {
                Ok(Task::Write(request)) if self.ending.load(Ordering::Acquire) => {
                    late.push(request);
                }
                Ok(Task::Write(request)) => request(self.write()),
                Err(RecvTimeoutError::Timeout) => drop(self.write()),
                Ok(Task::End) => {
                    let last = self.write();
                    return late.into_iter().for_each(|request| request(last.clone()));
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let last = self.server.checkpoints.status(self.clock.now());
            let took = last.map_or(Duration::ZERO, |last| last.took);
            wait = every.map(|every| every.max(took.saturating_mul(SHARE)));
        }
    }

    fn write(&self) -> Result<CheckpointStatus, String> {
        // At the level of errors, so that a failure says of which one it is.
        let _inside = tracing::error_span!("checkpoint", number = Empty).entered();
        let now = self.clock.now();
        match write(
            &self.server,
            &self.checkpoints,
            self.identity,
            (now, unix_ms()),
        ) {
            Ok(kept) => Ok(self.note(now, kept, self.clock.now().since(now))),
            Err(error) => {
                self.server.checkpoints.failed();
                tracing::warn!("no checkpoint is written: {error}");
                self.keep_the_word();
                Err(error.to_string())
            }
        }
    }

    /// Whatever becomes of the parameters, that the job has failed is kept: it must not be served again as one that has
    /// not.
    fn keep_the_word(&self) {
        let desk = self.server.save_desk(self.clock.now());
        let Some(cause) = desk.failure() else {
            return;
        };
        let of = (self.identity, unix_ms());
        if let Err(error) = write_failure(&self.checkpoints, cause.to_owned(), of) {
            tracing::warn!("nor is it kept that the job has failed: {error}");
        }
    }

    fn note(&self, now: Time, kept: Kept, took: Duration) -> CheckpointStatus {
        let status = CheckpointStatus {
            number: kept.number.0,
            took,
            bytes: kept.bytes,
            returns: self.identity.returns,
            ..CheckpointStatus::default()
        };
        self.server.checkpoints.written(now, status);
        tracing::info!(
            bytes = kept.bytes,
            seconds = took.as_secs_f64(),
            "{} is written",
            kept.number
        );
        status
    }
}

/// The time, milliseconds since 1970.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "how old a checkpoint is, another process must be able to say"
)]
pub fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
