//! One direction of one connection: what comes is timed, kept until it arrives, and delivered in order.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use thalweg_common::physics::{Link, Way};
use thalweg_common::time::Time;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::counts::{Counts, LaneCounts};
use super::options::{Faults, WINDOW_BYTES_MIN};
use super::timer::Timer;
use thalweg_proto::transport::Clock;

/// The most that is read at once.
const READ_BYTES: u32 = WINDOW_BYTES_MIN;

/// With less room than this a new buffer is begun.
const ROOM_BYTES: usize = 16 << 10;

/// What a read counts at least against the window, so that the window bounds the number of reads, too.
const PARCEL_BYTES_MIN: u32 = 256;

/// Why a connection ends before its time.
#[derive(Debug)]
pub(super) enum Broken {
    /// It was asked for.
    Reset,
    /// One of its ends broke.
    End(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::End(error)
    }
}

/// What was read, and when it arrives.
struct Parcel<'a> {
    due: Time,
    /// Without any, the end of what is sent this way.
    bytes: Bytes,
    /// Its place among what may be under way.
    _place: Place<'a>,
}

/// A place among what is under way, given back when it is delivered or its connection ends.
struct Place<'a> {
    _permit: Option<OwnedSemaphorePermit>,
    counts: &'a LaneCounts,
    bytes: u64,
}

impl<'a> Place<'a> {
    fn take(permit: Option<OwnedSemaphorePermit>, counts: &'a LaneCounts, bytes: u64) -> Self {
        counts.sets_out(bytes);
        Self {
            _permit: permit,
            counts,
            bytes,
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.counts.is_over(self.bytes);
    }
}

/// What both lanes of a connection share.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    pub(super) clock: Clock,
    pub(super) faults: &'a Faults,
    pub(super) counts: &'a Counts,
    pub(super) window_bytes: u32,
    pub(super) opened: Time,
    /// Bytes that went through the connection.
    pub(super) passed: AtomicU64,
}

/// One direction of one connection.
#[derive(Debug)]
pub(super) struct Lane<'a> {
    pub(super) way: Way,
    pub(super) link: &'a Mutex<Link>,
    pub(super) shared: &'a Shared<'a>,
}

impl<'a> Lane<'a> {
    /// Carries what comes from `from` to `to`, to its end.
    pub(super) async fn carry(&self, from: ReadHalf<'_>, to: WriteHalf<'_>) -> Result<(), Broken> {
        let parcels = self.shared.window_bytes / PARCEL_BYTES_MIN + 2;
        let (sender, receiver) = mpsc::channel(parcels as usize);
        // Both are polled by this task, so that none wakes another.
        let (_, _) = tokio::try_join!(self.receive(from, sender), self.deliver(receiver, to))?;
        Ok(())
    }

    /// Reads as long as there is room under way, and times what comes.
    async fn receive(
        &self,
        mut from: ReadHalf<'_>,
        parcels: mpsc::Sender<Parcel<'a>>,
    ) -> Result<(), Broken> {
        let window = Arc::new(Semaphore::new(self.shared.window_bytes as usize));
        let mut buffer = BytesMut::new();
        loop {
            // Room first: what is read is then within the bound already.
            let room = Arc::clone(&window).acquire_many_owned(READ_BYTES);
            let mut room = room.await.expect("nobody closes the window");
            if buffer.capacity() - buffer.len() < ROOM_BYTES {
                buffer.reserve(READ_BYTES as usize);
            }
            let mut some = (&mut from).take(READ_BYTES.into());
            let length = some.read_buf(&mut buffer).await?;
            let bytes = buffer.split().freeze();
            let counts = self.shared.counts.of(self.way);
            if self.loses() {
                counts.lost(length as u64);
                match length {
                    // Nor is the end heard of.
                    0 => std::future::pending().await,
                    _ => continue,
                }
            }
            let place = u32::try_from(length).unwrap_or(READ_BYTES);
            let permit = room.split(place.max(PARCEL_BYTES_MIN) as usize);
            let parcel = Parcel {
                due: self.send(length as u64),
                bytes,
                _place: Place::take(permit, counts, length as u64),
            };
            // A lane that delivers no more has said why.
            parcels.send(parcel).await.ok();
            if length == 0 {
                return Ok(());
            }
        }
    }

    fn loses(&self) -> bool {
        let times = (self.shared.opened, self.shared.clock.now());
        self.shared.faults.loses(self.way, times)
    }

    /// When so many bytes arrive that are sent now.
    fn send(&self, bytes: u64) -> Time {
        // The time is read under the lock, so that it does not go back for the link.
        let mut link = self.link.lock();
        let now = self.shared.clock.now();
        let due = link.send(now, bytes);
        if now < due {
            self.shared.counts.of(self.way).delayed(bytes);
        }
        due
    }

    /// Delivers each parcel when it is due.
    async fn deliver(
        &self,
        mut parcels: mpsc::Receiver<Parcel<'a>>,
        mut to: WriteHalf<'_>,
    ) -> Result<(), Broken> {
        let mut timer = Timer::new()?;
        let (clock, counts) = (self.shared.clock, self.shared.counts);
        while let Some(parcel) = parcels.recv().await {
            timer.until(clock, parcel.due).await?;
            while let Some(end) = self.shared.faults.silent_until(clock.now()) {
                counts.held.fetch_add(1, Relaxed);
                timer.until(clock, end).await?;
            }
            if parcel.bytes.is_empty() {
                to.shutdown().await?;
                return Ok(());
            }
            let may_pass = self.may_pass(parcel.bytes.len() as u64);
            let length = usize::try_from(may_pass).unwrap_or(usize::MAX);
            let whole = length == parcel.bytes.len();
            to.write_all(&parcel.bytes[..length]).await?;
            counts.of(self.way).delivered(may_pass);
            if !whole {
                return Err(Broken::Reset);
            }
        }
        Ok(())
    }

    /// How many of so many bytes go through before the connection is to be reset.
    fn may_pass(&self, bytes: u64) -> u64 {
        let passed = self.shared.passed.fetch_add(bytes, Relaxed);
        let left = self.shared.faults.reset_after.map(|n| n - passed.min(n));
        left.map_or(bytes, |left| left.min(bytes))
    }
}
