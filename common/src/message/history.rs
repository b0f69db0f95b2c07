//! The history of a server: its last events, one by one, for whoever asks what happened and when.
//!
//! The status says how things stand; the history says how it came about. It is bounded, and told only
//! to those who ask for it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::RefusalKind;
use crate::ids::{Clock, Sequence, SessionId, WorkerId};

/// Events that one answer holds at most.
pub const HISTORY_TOLD_MAX: u32 = 1_024;

/// Asks how things stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusRequest {
    /// How many of the last events to tell, at most [`HISTORY_TOLD_MAX`]; 0 for none.
    pub history: u32,
    /// Only events of this worker slot.
    pub worker: Option<WorkerId>,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEvent {
    /// Since the server started.
    pub at: Duration,
    /// The worker slot; `None` of somebody who has none.
    pub worker: Option<WorkerId>,
    /// The session, if there is one.
    pub session: Option<SessionId>,
    /// What happened.
    pub what: Happened,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Happened {
    /// A session took the slot.
    Joined {
        /// Where its clock starts, on the scale of the gate.
        clock: Clock,
        /// Where the worker runs.
        place: String,
        /// The session that held the slot before.
        after: Option<SessionId>,
    },
    /// The session left in order.
    Left {
        /// Why, in words that go on where the worker was named.
        why: String,
    },
    /// The session was lost, or nobody came.
    Lost {
        /// Why, in words that go on where the worker was named.
        why: String,
    },
    /// A session that is over asked for something, and was refused.
    Fenced {
        /// What it asked for.
        asked: Asked,
        /// The session that holds the slot now.
        holder: Option<SessionId>,
        /// Why it is over, if no other session has taken the slot.
        why: String,
    },
    /// A whole request was refused.
    Refused {
        /// What was asked for.
        asked: Asked,
        /// The reason.
        kind: RefusalKind,
        /// The reason in words.
        message: String,
    },
    /// A wait at the gate has ended.
    Waited {
        /// The clock that all had to reach.
        floor: Clock,
        /// How long it was.
        time: Duration,
        /// Who came last, or left: then the gate opened.
        last: WorkerId,
    },
    /// A push was judged, every part of it.
    Pushed(Pushed),
}

impl Happened {
    /// Whether it happens all the time: pushes and waits would wash away the few events that explain them.
    #[must_use]
    pub fn is_frequent(&self) -> bool {
        match self {
            Self::Pushed(_) | Self::Waited { .. } => true,
            Self::Joined { .. }
            | Self::Left { .. }
            | Self::Lost { .. }
            | Self::Fenced { .. }
            | Self::Refused { .. } => false,
        }
    }
}

/// The last `places` events, oldest first, of events in their order: rare ones and frequent ones have
/// half of the places each, and take what the other kind leaves free.
#[must_use]
pub fn last_events<T>(
    mut events: Vec<T>,
    places: usize,
    is_frequent: impl Fn(&T) -> bool,
) -> Vec<T> {
    let frequent = events.iter().filter(|event| is_frequent(event)).count();
    let rare = events.len() - frequent;
    let rare_told = rare.min((places / 2).max(places.saturating_sub(frequent)));
    let frequent_told = frequent.min(places - rare_told);
    let (mut rare_before, mut frequent_before) = (rare - rare_told, frequent - frequent_told);
    events.retain(|event| {
        let before = match is_frequent(event) {
            true => &mut frequent_before,
            false => &mut rare_before,
        };
        let is_told = *before == 0;
        *before = before.saturating_sub(1);
        is_told
    });
    events
}

/// What a session asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Asked {
    /// A push.
    Push,
    /// A pull.
    Pull,
    /// Data.
    Range,
    /// A sign of life.
    Heartbeat,
    /// A session.
    Register,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Push => "a push",
            Self::Pull => "a pull",
            Self::Range => "a question for data",
            Self::Heartbeat => "a sign of life",
            Self::Register => "a registration",
        })
    }
}

/// What became of the parts of one push at one server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// The push's sequence.
    pub sequence: Sequence,
    /// The worker's own clock with it.
    pub clock: Clock,
    /// Elements in its parts.
    pub elements: u64,
    /// The greatest staleness of its parts with elements, in steps.
    pub staleness: u64,
    /// Parts that were applied at once.
    pub applied: u32,
    /// Parts that were kept for the step of their round.
    pub kept: u32,
    /// Parts that came too late and are left out.
    pub left_out: u32,
    /// Parts that had come before.
    pub duplicates: u32,
    /// Parts that were refused.
    pub refused: u32,
    /// Of all these, parts that came too late, left out or not.
    pub late: u32,
    /// Why the first of the refused was.
    pub reason: Option<RefusalKind>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `r`: a rare event, `f`: a frequent one.
    fn told(events: &str, places: usize) -> String {
        let is_frequent = |event: &char| event.eq_ignore_ascii_case(&'f');
        let told = last_events(events.chars().collect(), places, is_frequent);
        told.into_iter().collect()
    }

    #[test]
    fn neither_kind_of_event_washes_the_other_away_and_free_places_are_used() {
        assert_eq!(told("rfRFffffff", 4), "rRff");
        assert_eq!(told("rrrrrrfF", 4), "rrfF");
        assert_eq!(told("rRffffffff", 6), "rRffff");
        assert_eq!(told("rrrrRf", 4), "rrRf");
        assert_eq!(told("rrff", 9), "rrff");
        assert_eq!(told("rrff", 0), "");
        assert_eq!(told("fr", 1), "f");
        assert_eq!(told("rr", 1), "r");
        assert_eq!(told("", 3), "");
    }
}
