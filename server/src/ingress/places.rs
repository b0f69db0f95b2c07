//! The places for connections: how many there are, who holds one, and who makes room when they run out.
//!
//! Whoever reaches the port can open connections and say nothing. A bound on their number alone would let a stranger
//! take all places and keep every worker out; so a place belongs to who uses it. When the last is taken, a connection
//! that has not made one permitted request makes room, the oldest first; then one whose last request is so old that no
//! session of it can be alive.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use thalweg_common::time::Time;
use thalweg_proto::transport::Clock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// What a connection has at least for its first call, however many wait for its place: more than a client needs, and
/// so little that a backlog of a thousand strangers is through in seconds.
const GRACE: Duration = Duration::from_millis(250);

/// A connection that is over so soon did no work that was worth its opening. Commands that ask something are as short,
/// but they come one by one.
const SHORT: Duration = Duration::from_secs(1);

/// Between two looks for who may make room.
const LOOK: Duration = Duration::from_millis(50);

/// All places of one server.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    held: Mutex<BTreeMap<u64, Held>>,
    /// Connections that ever had a place.
    taken: AtomicU64,
    /// Those that were over soon, since somebody last asked.
    short: AtomicU32,
    clock: Clock,
    /// Silence after which a connection holds no living session.
    quiet_max: Duration,
}

/// A connection in the books.
#[derive(Debug)]
struct Held {
    standing: Arc<Standing>,
    /// Cuts it when dropped.
    _cut: oneshot::Sender<()>,
}

/// What is known of the connection at a place.
#[derive(Debug)]
pub(super) struct Standing {
    clock: Clock,
    opened: Time,
    /// When it last asked what it may ask, in nanoseconds of the clock; 0 for never.
    asked: AtomicU64,
}

impl Standing {
    fn new(clock: Clock) -> Self {
        Self {
            clock,
            opened: clock.now(),
            asked: AtomicU64::new(0),
        }
    }

    /// The connection has made a call that its caller may make, or sent a request on it.
    pub(super) fn note_request(&self) {
        let nanos = self.clock.now().since(Time::ZERO).as_nanos();
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX).max(1);
        self.asked.store(nanos, Ordering::Relaxed);
    }

    /// Whether it ever has.
    pub(super) fn has_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed) != 0
    }

    /// How much room it would make with how much right: less comes first. `None` if it stays.
    fn rank(&self, now: Time, quiet_max: Duration) -> Option<(bool, Time)> {
        let asked = self.asked.load(Ordering::Relaxed);
        let (has_asked, since, bound) = match asked {
            0 => (false, self.opened, GRACE),
            asked => {
                let at = Time::from_origin(Duration::from_nanos(asked));
                (true, at, quiet_max)
            }
        };
        (bound < now.since(since)).then_some((has_asked, since))
    }
}

/// A place that is taken; free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    id: u64,
    standing: Arc<Standing>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    /// What is known of the connection here.
    pub(super) fn standing(&self) -> &Arc<Standing> {
        &self.standing
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.held.lock().remove(&self.id);
        let now = self.places.clock.now();
        if now.since(self.standing.opened) < SHORT {
            self.places.short.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Places {
    /// `max` places; a connection that has asked nothing for `quiet_max` may lose its own.
    pub(super) fn new(max: usize, clock: Clock, quiet_max: Duration) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(max)),
            held: Mutex::default(),
            taken: AtomicU64::new(0),
            short: AtomicU32::new(0),
            clock,
            quiet_max,
        })
    }

    /// Takes a place, and makes one free if it must and may. What comes out of the receiver, a value or its end, cuts
    /// the connection that gets the place.
    pub(super) async fn take(self: &Arc<Self>) -> (Place, oneshot::Receiver<()>) {
        let permit = loop {
            if let Ok(permit) = self.free.clone().try_acquire_owned() {
                break permit;
            }
            self.make_room();
            // Nobody closes the semaphore; whoever makes room may take a moment, and maybe nobody can.
            if let Ok(Ok(permit)) =
                tokio::time::timeout(LOOK, self.free.clone().acquire_owned()).await
            {
                break permit;
            }
        };
        let (_cut, is_cut) = oneshot::channel();
        let standing = Arc::new(Standing::new(self.clock));
        let id = self.taken.fetch_add(1, Ordering::Relaxed);
        let entry = Held {
            standing: standing.clone(),
            _cut,
        };
        self.held.lock().insert(id, entry);
        let place = Place {
            places: self.clone(),
            id,
            standing,
            _permit: permit,
        };
        (place, is_cut)
    }

    /// How many connections were over soon after they had come, since the last call.
    pub(super) fn take_short(&self) -> u32 {
        self.short.swap(0, Ordering::Relaxed)
    }

    /// Cuts the connection with the least right to its place, if there is one that may be cut.
    fn make_room(&self) {
        let now = self.clock.now();
        let mut held = self.held.lock();
        let ranks = held.iter().filter_map(|(id, held)| {
            let rank = held.standing.rank(now, self.quiet_max)?;
            Some((rank, *id))
        });
        if let Some((_, id)) = ranks.min() {
            tracing::debug!(id, "a connection makes room for another");
            held.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET_MAX: Duration = Duration::from_secs(10);

    fn at(millis: u64) -> Time {
        Time::from_origin(Duration::from_millis(millis))
    }

    fn standing(opened: u64, asked_millis: Option<u64>) -> Standing {
        Standing {
            clock: Clock::start(),
            opened: at(opened),
            asked: AtomicU64::new(asked_millis.map_or(0, |millis| millis * 1_000_000)),
        }
    }

    #[test]
    fn strangers_make_room_before_the_quiet_and_whoever_speaks_stays() {
        let now = at(60_000);
        let rank = |opened, asked| standing(opened, asked).rank(now, QUIET_MAX);
        assert_eq!(rank(59_800, None), None, "it is about to speak");
        assert_eq!(rank(1, Some(50_001)), None, "its session may be alive");
        let old = rank(10_000, None).unwrap();
        let younger = rank(59_000, None).unwrap();
        let quiet = rank(1, Some(49_000)).unwrap();
        assert!(
            old < younger && younger < quiet,
            "{old:?} {younger:?} {quiet:?}"
        );
    }

    #[tokio::test]
    async fn the_last_place_is_taken_from_who_never_asked_and_from_nobody_else() {
        let places = Places::new(2, Clock::start(), Duration::from_secs(3_600));
        let (known, mut known_is_cut) = places.take().await;
        known.standing().note_request();
        assert!(known.standing().has_asked());
        let (stranger, stranger_is_cut) = places.take().await;
        assert!(!stranger.standing().has_asked());
        // Ends its connection, as the socket does that is cut.
        let leaving = tokio::spawn(async move {
            assert!(stranger_is_cut.await.is_err(), "cut, and told nothing");
            drop(stranger);
        });
        let (third, _is_cut) = places.take().await;
        leaving.await.unwrap();
        third.standing().note_request();
        assert!(known_is_cut.try_recv() == Err(oneshot::error::TryRecvError::Empty));
        // Everybody speaks: whoever comes next waits until somebody goes.
        let waits = tokio::time::timeout(4 * LOOK, places.take()).await;
        assert!(waits.is_err(), "both places belong to who uses them");
        drop(third);
        let (_fourth, _is_cut) = places.take().await;
        assert_eq!(places.held.lock().len(), 2);
        assert_eq!(places.take_short(), 2, "the stranger and the third");
        assert_eq!(places.take_short(), 0);
    }
}
