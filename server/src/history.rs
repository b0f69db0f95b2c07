//! The history of a server: its last events in a ring.
//!
//! Kept at the desk and written under its lock; nothing here touches a parameter. Pushes and waits are
//! many, and would wash away the few joins and losses that explain them: each kind has a ring of its
//! own. A push is one entry and costs no allocation.

use std::collections::VecDeque;

use thalweg_common::consistency::Staleness;
use thalweg_common::ids::{SessionId, WorkerId};
use thalweg_common::message::{
    HISTORY_TOLD_MAX, Happened, HistoryEvent, Outcome, PartAck, PushHeader, Pushed, StatusRequest,
    last_events,
};
use thalweg_common::time::Time;

/// Bytes of words that an event keeps.
const TEXT_BYTES_MAX: usize = 240;

/// Bytes of a reason: an error may have several lines.
const REASON_BYTES_MAX: usize = 2_000;

/// Bytes of an entry of a ring, without words.
const ENTRY_BYTES: usize = 128;

const _: () = assert!(
    size_of::<Entry>() <= ENTRY_BYTES,
    "the plan of memory counts with it"
);

/// What one event of each kind takes at most, bytes: two entries, and the words of one.
pub const EVENT_BYTES: usize = 2 * ENTRY_BYTES + TEXT_BYTES_MAX;

/// Whom an event is about.
pub(crate) type Who = (Option<WorkerId>, Option<SessionId>);

/// The last events of one server.
#[derive(Debug)]
pub(crate) struct History {
    started: Time,
    events_max: usize,
    /// Events so far: what orders those of the two rings.
    written: u64,
    /// Pushes and waits.
    frequent: VecDeque<Entry>,
    /// All others.
    rare: VecDeque<Entry>,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    event: HistoryEvent,
}

impl History {
    /// An empty history with room for `events_max` events of each kind; 0 keeps none.
    pub(crate) fn new(events_max: usize, started: Time) -> Self {
        Self {
            started,
            events_max,
            written: 0,
            frequent: VecDeque::with_capacity(events_max),
            rare: VecDeque::with_capacity(events_max),
        }
    }

    pub(crate) fn write(&mut self, now: Time, (worker, session): Who, what: Happened) {
        if self.events_max == 0 {
            return;
        }
        let ring = match what.is_frequent() {
            true => &mut self.frequent,
            false => &mut self.rare,
        };
        if self.events_max <= ring.len() {
            ring.pop_front();
        }
        self.written += 1;
        ring.push_back(Entry {
            number: self.written,
            event: HistoryEvent {
                at: now.since(self.started),
                worker,
                session,
                what,
            },
        });
    }

    /// The last events that are asked for, in their order; neither of the rings fills the answer alone.
    pub(crate) fn last(&self, asked: &StatusRequest) -> Vec<HistoryEvent> {
        let is_asked =
            |entry: &&Entry| asked.worker.is_none() || entry.event.worker == asked.worker;
        let entries = self.frequent.iter().chain(&self.rare);
        let mut entries: Vec<_> = entries.filter(is_asked).collect();
        entries.sort_unstable_by_key(|entry| entry.number);
        let told = asked.history.min(HISTORY_TOLD_MAX) as usize;
        let told = last_events(entries, told, |entry| entry.event.what.is_frequent());
        told.into_iter().map(|entry| entry.event.clone()).collect()
    }
}

/// As much of `text` as an event keeps, and a worker's line in a status.
pub(crate) fn kept(text: &str) -> String {
    cut(text, TEXT_BYTES_MAX)
}

/// As much of `text` as is kept of a reason for which somebody left or a job ended.
pub(crate) fn kept_reason(text: &str) -> String {
    cut(text, REASON_BYTES_MAX)
}

/// What others say is kept and told to everybody who asks: it has a bound.
fn cut(text: &str, bytes_max: usize) -> String {
    const CUT: &str = "…";
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes_max - CUT.len());
    [&text[..end], CUT].concat()
}

/// The event of a push, while the acknowledgements of its parts come.
#[derive(Clone, Copy, Debug)]
pub struct PushEvent {
    pub(crate) seen: Pushed,
    bound: Staleness,
}

impl PushEvent {
    pub(crate) fn new(header: &PushHeader, bound: Staleness) -> Self {
        Self {
            seen: Pushed {
                clock: header.clock,
                ..Pushed::default()
            },
            bound,
        }
    }

    /// Notes what became of a part of so many elements.
    pub fn note(&mut self, elements: usize, ack: &PartAck) {
        // A part without elements has nothing that could be stale.
        let staleness = match ack.outcome {
            Outcome::Applied { staleness, .. }
            | Outcome::Accepted { staleness, .. }
            | Outcome::Dropped { staleness, .. }
                if 0 < elements =>
            {
                staleness
            }
            _ => 0,
        };
        let mut is_late = self.bound.is_beyond(staleness);
        let seen = &mut self.seen;
        seen.sequence = ack.sequence;
        seen.elements += elements as u64;
        seen.staleness = seen.staleness.max(staleness);
        let count = match &ack.outcome {
            Outcome::Applied { .. } => &mut seen.applied,
            Outcome::Accepted { .. } => &mut seen.kept,
            Outcome::Dropped { .. } => {
                is_late = true;
                &mut seen.left_out
            }
            Outcome::Duplicate { .. } => &mut seen.duplicates,
            Outcome::Refused(refusal) => {
                seen.reason.get_or_insert(refusal.kind);
                &mut seen.refused
            }
        };
        *count += 1;
        seen.late += u32::from(is_late);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use thalweg_common::ids::Clock;

    use super::*;

    fn joined(place: &str) -> Happened {
        Happened::Joined {
            clock: Clock(0),
            place: kept(place),
            after: None,
        }
    }

    fn write(history: &mut History, second: u64, worker: u32, what: Happened) {
        let now = Time::from_origin(Duration::from_secs(second));
        history.write(now, (Some(WorkerId(worker)), None), what);
    }

    /// The seconds of the last events, since the server started.
    fn seconds(history: &History, last: u32, worker: Option<u32>) -> Vec<u64> {
        let events = history.last(&StatusRequest {
            history: last,
            worker: worker.map(WorkerId),
        });
        events.iter().map(|event| event.at.as_secs()).collect()
    }

    #[test]
    fn the_last_events_are_told_in_their_order_and_pushes_wash_no_join_away() {
        let started = Time::from_origin(Duration::from_secs(10));
        let mut history = History::new(3, started);
        write(&mut history, 11, 0, joined("a"));
        for second in 12..20 {
            let pushed = Happened::Pushed(Pushed::default());
            write(&mut history, second, (second % 2) as u32, pushed);
        }
        write(&mut history, 20, 1, joined("b"));
        assert_eq!(seconds(&history, 100, None), [1, 7, 8, 9, 10]);
        assert_eq!(seconds(&history, 2, None), [9, 10]);
        assert_eq!(seconds(&history, 100, Some(0)), [1, 8]);
        assert_eq!(seconds(&history, 2, Some(1)), [9, 10]);
        assert_eq!(seconds(&history, 4, None), [1, 8, 9, 10]);
        assert!(seconds(&history, 0, None).is_empty());
        for second in 21..30 {
            write(&mut history, second, 0, joined("c"));
        }
        assert_eq!(seconds(&history, 100, None), [7, 8, 9, 17, 18, 19]);
        assert!(history.frequent.capacity() <= 4 && history.rare.capacity() <= 4);
    }

    #[test]
    fn a_history_without_room_keeps_nothing() {
        let mut history = History::new(0, Time::ZERO);
        write(&mut history, 1, 0, joined("a"));
        assert!(seconds(&history, 100, None).is_empty());
    }

    #[test]
    fn a_peers_words_are_cut_between_two_characters() {
        assert_eq!(kept("a host"), "a host");
        let whole = "ä".repeat(TEXT_BYTES_MAX / 2);
        assert_eq!(kept(&whole), whole);
        let (even, odd) = (format!("{whole}ä"), format!("a{whole}"));
        assert_eq!(kept(&even).len(), TEXT_BYTES_MAX - 1);
        assert_eq!(kept(&odd).len(), TEXT_BYTES_MAX);
        assert!(kept(&even).ends_with("ä…") && kept(&odd).starts_with('a'));
    }
}
