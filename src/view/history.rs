//! What happened, and when: the histories of all servers as one, each event in plain words.

use std::time::Duration;

use serde::Serialize;
use thalweg_common::ids::{ServerId, SessionId, WorkerId};
use thalweg_common::message::{Happened, HistoryEvent, Pushed, Status, last_events};

use super::render::unreachable;
use super::units::{NOTHING, counted, printable};
use super::{ClusterView, Edge, Look, Table};

/// One event at one server.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventView {
    /// Since the first of the servers started.
    #[serde(rename = "at_seconds", serialize_with = "super::seconds")]
    pub at: Duration,
    /// The server.
    pub server: ServerId,
    /// The worker slot; `None` of somebody who has none.
    pub worker: Option<WorkerId>,
    /// The session, if there is one.
    pub session: Option<SessionId>,
    /// What kind of event it is, in one word.
    pub event: &'static str,
    /// What happened, in words that go on where the worker was named.
    pub text: String,
    /// Of a push, what became of its parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push: Option<Pushed>,
}

impl EventView {
    fn new(event: &HistoryEvent, server: ServerId, offset: Duration) -> Self {
        Self {
            at: event.at.saturating_add(offset),
            server,
            worker: event.worker,
            session: event.session,
            event: word(&event.what),
            text: sentence(event),
            push: match event.what {
                Happened::Pushed(pushed) => Some(pushed),
                _ => None,
            },
        }
    }
}

/// The last events over all servers, oldest first; half of them may be rare ones, however many pushes came
/// after. Servers start at different moments: times are told from the start of the first, as the time that
/// each has been up says.
#[must_use]
pub fn history(statuses: &[Status], last: usize) -> Vec<EventView> {
    let oldest = statuses.iter().map(|status| status.up).max();
    let events = statuses.iter().flat_map(|status| {
        let offset = oldest.unwrap_or_default() - status.up;
        let told = move |event| (event, status.server, offset);
        status.history.iter().map(told)
    });
    let mut events: Vec<(&HistoryEvent, ServerId, Duration)> = events.collect();
    events.sort_by_key(|(event, _, offset)| event.at.saturating_add(*offset));
    let told = last_events(events, last, |(event, ..)| event.what.is_frequent());
    let view = |(event, server, offset)| EventView::new(event, server, offset);
    told.into_iter().map(view).collect()
}

/// The history as lines, for a terminal or a file.
#[must_use]
pub fn render_history(view: &ClusterView, look: Look) -> String {
    let mut text = String::new();
    let events = view.history.as_deref().unwrap_or_default();
    if events.is_empty() {
        let nothing = "nothing is remembered: nothing has happened yet, or the job says [limits] \
                       history_events = 0";
        look.line(&mut text, nothing);
    } else {
        table(events, 1 < view.servers.len()).write(look, &mut text);
    }
    unreachable(view, look, &mut text);
    text
}

fn table(events: &[EventView], names_servers: bool) -> Table {
    let mut table = Table::new([
        ("time", Edge::Right),
        ("server", Edge::Right),
        ("worker", Edge::Right),
        ("what happened", Edge::Left),
    ]);
    for event in events {
        let server = names_servers.then(|| event.server.to_string());
        let worker = event.worker.map(|worker| worker.to_string());
        table.row([
            seconds(event.at).into(),
            server.unwrap_or_default().into(),
            worker.unwrap_or_else(|| NOTHING.to_owned()).into(),
            event.text.as_str().into(),
        ]);
    }
    table
}

fn word(what: &Happened) -> &'static str {
    match what {
        Happened::Joined { .. } => "joined",
        Happened::Left { .. } => "left",
        Happened::Lost { .. } => "lost",
        Happened::Fenced { .. } => "fenced",
        Happened::Refused { .. } => "refused",
        Happened::Waited { .. } => "waited",
        Happened::Pushed(_) => "pushed",
    }
}

fn sentence(event: &HistoryEvent) -> String {
    let own = session(event.session);
    let text = match &event.what {
        Happened::Joined {
            clock,
            place,
            after,
        } => {
            let before = after.map(|before| format!("; session {before} held the slot before"));
            let before = before.unwrap_or_default();
            format!("joined as {own} at clock {clock} from {place}{before}")
        }
        Happened::Left { why } => why.clone(),
        Happened::Lost { why } if event.session.is_none() => format!("lost: {why}"),
        Happened::Lost { why } => format!("lost: {why}; {own} is over"),
        Happened::Fenced {
            asked,
            holder: Some(holder),
            ..
        } => format!("fenced: {asked} of {own}, which is over; session {holder} holds the slot"),
        Happened::Fenced { asked, why, .. } => {
            format!("fenced: {asked} of {own}, which {why}; nobody holds the slot")
        }
        Happened::Refused {
            asked,
            kind,
            message,
        } => format!("refused: {asked} ({kind}): {message}"),
        Happened::Waited { floor, time, last } => format!(
            "waited {} for all to reach clock {floor}; worker {last} was the last",
            seconds(*time)
        ),
        Happened::Pushed(pushed) => push_sentence(pushed),
    };
    printable(&text)
}

fn push_sentence(pushed: &Pushed) -> String {
    let reason = pushed.reason.map(|kind| format!(" ({kind})"));
    let fates = [
        (pushed.applied, "applied on", String::new()),
        (pushed.kept, "kept for the round on", String::new()),
        (pushed.left_out, "too late and left out on", String::new()),
        (pushed.duplicates, "known already on", String::new()),
        (pushed.refused, "refused on", reason.unwrap_or_default()),
    ];
    let fates = fates.into_iter().filter(|(parts, ..)| 0 < *parts);
    let shards = |parts: u32| counted(parts.into(), "shard");
    let fates = fates.map(|(parts, word, reason)| format!("{word} {}{reason}", shards(parts)));
    let mut words: Vec<_> = fates.collect();
    if 0 < pushed.staleness {
        words.push(format!("{} stale", counted(pushed.staleness, "step")));
    }
    let counted_late = pushed.late.saturating_sub(pushed.left_out);
    if 0 < counted_late {
        words.push(format!("beyond the limit on {}", shards(counted_late)));
    }
    format!(
        "push {} of clock {}, {}: {}",
        pushed.sequence,
        pushed.clock,
        counted(pushed.elements, "element"),
        words.join(", ")
    )
}

fn session(session: Option<SessionId>) -> String {
    session.map_or_else(
        || "an unknown session".to_owned(),
        |session| format!("session {session}"),
    )
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fixtures::{two_servers, with_history};

    #[test]
    fn the_histories_of_all_servers_are_one_in_plain_words() {
        let mut view = ClusterView::from(&two_servers()[..]);
        view.history = Some(history(&with_history(), 100));
        let page = render_history(&view, Look::default());
        assert_eq!(page, include_str!("history.snapshot.txt"));
    }

    #[test]
    fn the_last_events_are_the_latest_of_any_server() {
        let all = history(&with_history(), 100);
        assert!(all.is_sorted_by_key(|event| event.at));
        let two = history(&with_history(), 2);
        let kinds: Vec<_> = two.iter().map(|event| event.event).collect();
        assert_eq!(kinds, ["pushed", "left"], "the last of either kind");
        assert_eq!(history(&with_history(), all.len()), all);
        assert_eq!(history(&with_history(), 0), []);
    }

    #[test]
    fn a_cluster_that_remembers_nothing_says_why_and_who_did_not_answer() {
        let mut view = ClusterView::of_nobody();
        view.unreachable.push("a:1: connection refused".into());
        let page = render_history(&view, Look::default());
        assert!(page.contains("history_events = 0"), "{page}");
        assert!(page.contains("no answer: a:1: connection refused\n"));
    }
}
