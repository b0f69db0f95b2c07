//! The rows of a stream on their way from standard input to the workers.
//!
//! ```text
//! reader ─ lines ─▶ writer ─ segments ─▶ workers
//!                     │ rows that have arrived ▲ rows that are used
//!                     ▼                        │
//!                   watch ─ offer ─▶ server 0 ─┘
//! ```
//!
//! The reader waits for lines; the writer makes segments of them, when one is full or its first line has
//! waited long enough, and waits itself while too many rows lie unused. Both are threads: reading a pipe
//! blocks.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use parking_lot::{Condvar, Mutex};
use thalweg_common::config::JobConfig;
use thalweg_worker::data::stream::{Incoming, Spool, StreamError, clear};
use thalweg_worker::data::{DataError, Dataset, Encoding};
use toml::Table;

use super::run::now;

/// How long a line waits for others to make a segment with.
const FLUSH: Duration = Duration::from_millis(200);

/// Lines between the reader and the writer.
const LINES_BETWEEN: usize = 4_096;

/// What the reader hands over: a line, or why there are no more. At the end of the stream it hangs up.
type Line = Result<Vec<u8>, DataError>;

/// A stream that is being read.
pub(super) struct Feed {
    spool: Spool,
    lines: Receiver<Line>,
}

/// A stream whose rows are being written.
pub(super) struct Feeding {
    shared: Arc<Shared>,
    folder: PathBuf,
    /// Whether the servers know that it has ended.
    is_told: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    rows: u64,
    used: u64,
    /// That the stream has ended, and why if it was to go on.
    end: Option<Result<(), String>>,
}

/// Where a stream stands.
#[derive(Clone, Debug)]
pub(super) struct Arrived {
    /// Rows so far.
    pub(super) rows: u64,
    /// That it has ended, and why if it was to go on.
    pub(super) end: Option<Result<(), String>>,
}

impl Feed {
    /// Begins to read standard input, and waits for the rows that say what the data are.
    ///
    /// # Errors
    /// If standard input breaks off or has too few rows, or the folder does not take them.
    pub(super) fn begin(table: &Table, folder: &Path) -> Result<Self> {
        let mut spool = Spool::new(table, folder)?;
        let (sender, lines) = sync_channel(LINES_BETWEEN);
        thread::Builder::new()
            .name("stream-reader".into())
            .spawn(move || read(&sender))
            .context("cannot start a thread that reads standard input")?;
        while !spool.is_full() {
            match lines.recv() {
                Ok(line) => spool.push(&line?),
                Err(_) => break,
            }
        }
        spool.write_head()?;
        Ok(Self { spool, lines })
    }

    /// Refuses a bound on unused rows that the workers of this job could hold among themselves before they
    /// push: all would wait for one another.
    ///
    /// # Errors
    /// If it is less than twice that.
    pub(super) fn check_bound(&self, config: &JobConfig) -> Result<()> {
        let batch = config.train.batch_size.rows();
        let workers = u64::from(config.cluster.workers);
        let needed = [workers, batch, config.method.n_push]
            .into_iter()
            .fold(2, u64::saturating_mul);
        let ahead = self.spool.ahead_rows();
        anyhow::ensure!(
            needed <= ahead,
            "[data] ahead_rows: expected at least {needed}, twice what {workers} workers may hold before they \
             push (batch_size {batch}, n_push {}), found {ahead}; raise it, or lower train.batch_size",
            config.method.n_push
        );
        Ok(())
    }

    /// The head was read as `head` with this encoding: writes all that follows in the same way.
    ///
    /// # Errors
    /// If the head cannot be read again, or no thread can be started.
    pub(super) fn go_on(self, head: &dyn Dataset, encoding: &Encoding) -> Result<Feeding> {
        let Self { mut spool, lines } = self;
        let folder = spool.folder().to_owned();
        spool.learnt(head, encoding.clone())?;
        let shared = Arc::new(Shared::default());
        shared.state.lock().rows = spool.rows();
        let own = Arc::clone(&shared);
        thread::Builder::new()
            .name("stream-writer".into())
            .spawn(move || {
                let end = write(&mut spool, &lines, &own).map_err(|error| error.to_string());
                let mut state = own.state.lock();
                state.rows = spool.rows();
                state.end = Some(end);
            })
            .context("cannot start a thread that writes the stream")?;
        Ok(Feeding {
            shared,
            folder,
            is_told: false,
        })
    }
}

impl Feeding {
    /// Where the stream stands.
    pub(super) fn arrived(&self) -> Arrived {
        let state = self.shared.state.lock();
        Arrived {
            rows: state.rows,
            end: state.end.clone(),
        }
    }

    /// Every row below this one is used, and need not be kept.
    pub(super) fn used(&self, rows: u64) {
        self.shared.state.lock().used = rows;
        self.shared.changed.notify_all();
    }

    /// Whether the servers know that the stream has ended.
    pub(super) fn is_told(&self) -> bool {
        self.is_told
    }

    /// The servers know that the stream has ended.
    pub(super) fn tell(&mut self) {
        self.is_told = true;
    }

    /// Removes what is left of the rows: the job is done. The head stays, which says what they were.
    pub(super) fn clear(self) {
        // What cannot be removed does no harm.
        clear(&self.folder).ok();
    }
}

fn read(lines: &SyncSender<Line>) {
    let mut incoming = match Incoming::open() {
        Ok(incoming) => incoming,
        Err(error) => return drop(lines.send(Err(error))),
    };
    loop {
        let line = match incoming.next_line() {
            Ok(Some(line)) => Ok(line.to_vec()),
            Ok(None) => return,
            Err(error) => Err(error),
        };
        let is_last = line.is_err();
        // Nobody listens any more when the writer has ended.
        if lines.send(line).is_err() || is_last {
            return;
        }
    }
}

/// Writes segments until the stream ends.
fn write(spool: &mut Spool, lines: &Receiver<Line>, shared: &Shared) -> Result<(), StreamError> {
    let ahead = spool.ahead_rows();
    loop {
        let mut state = shared.state.lock();
        state.rows = spool.rows();
        while state.used.saturating_add(ahead) <= state.rows {
            shared.changed.wait(&mut state);
        }
        let used = state.used;
        drop(state);
        spool.forget(used)?;
        let mut first: Option<Instant> = None;
        let ended = loop {
            let wait = first.map_or(FLUSH, |first| FLUSH.saturating_sub(now() - first));
            match lines.recv_timeout(wait) {
                Ok(Ok(line)) => {
                    spool.push(&line);
                    first.get_or_insert_with(now);
                }
                Ok(Err(error)) => {
                    // What came before it is whole.
                    spool.write_segment()?;
                    return Err(error.into());
                }
                Err(RecvTimeoutError::Timeout) => break false,
                Err(RecvTimeoutError::Disconnected) => break true,
            }
            if spool.is_full() {
                break false;
            }
        };
        spool.write_segment()?;
        if ended {
            return Ok(());
        }
    }
}
