//! Who waits for whom, since when, and why, in sentences; and who is not there to be waited for.

use std::time::Duration;

use thalweg_common::ids::ServerId;
use thalweg_common::message::WorkerState;

use super::units::{printable, span};
use super::{ClusterView, WaitView, WorkerView};

/// One sentence per worker that waits at a gate, in the order of the workers.
#[must_use]
pub fn who_waits(view: &ClusterView) -> Vec<String> {
    who_waits_longer_than(view, Duration::ZERO)
}

/// One sentence per worker that has waited for `least` or longer, in the order of the workers.
#[must_use]
pub fn who_waits_longer_than(view: &ClusterView, least: Duration) -> Vec<String> {
    let servers = view.servers.len();
    view.workers
        .iter()
        .filter_map(|row| Some((row, row.wait.as_ref()?)))
        .filter(|(_, wait)| wait.since >= least)
        .map(|(row, wait)| sentence(row, wait, servers) + &last_words(view, wait))
        .collect()
}

/// What those say of themselves that are waited for, unless there are many.
fn last_words(view: &ClusterView, wait: &WaitView) -> String {
    const NAMED_MAX: usize = 2;
    let of = |worker| view.workers.iter().find(|row| row.worker == worker);
    let holders = wait.on.iter().filter_map(|worker| of(*worker));
    let has_words = |row: &&WorkerView| row.state == WorkerState::Active && !row.doing.is_empty();
    let words = holders.filter(has_words).map(|row| {
        let verb = verb(row, view.servers.len());
        format!("; worker {} {verb}: {}", row.worker, printable(&row.doing))
    });
    match wait.on.len() {
        ..=NAMED_MAX => words.collect(),
        _ => String::new(),
    }
}

/// One sentence per worker that is lost, or that some server has not heard of for long; and, where a server
/// does not answer, what those workers say who speak of a server.
#[must_use]
pub fn who_is_gone(view: &ClusterView) -> Vec<String> {
    let mut sentences = Vec::new();
    for row in &view.workers {
        match row.state {
            WorkerState::Lost => {
                let why = printable(&row.doing);
                sentences.push(format!("worker {} is lost: {why}", row.worker));
            }
            WorkerState::Active if !row.unheard.is_empty() => {
                sentences.push(unheard(row, view.servers.len()));
            }
            WorkerState::Active
                if !view.unreachable.is_empty() && row.doing.contains("server ") =>
            {
                sentences.push(format!(
                    "worker {} says: {}",
                    row.worker,
                    printable(&row.doing)
                ));
            }
            WorkerState::Absent | WorkerState::Active | WorkerState::Left => {}
        }
    }
    let hidden = sentences.len().saturating_sub(GONE_MAX);
    sentences.truncate(GONE_MAX);
    if 0 < hidden {
        sentences.push(format!("{hidden} more workers are lost, or not heard of"));
    }
    sentences
}

/// Workers that are told of one by one.
const GONE_MAX: usize = 16;

fn unheard(row: &WorkerView, servers: usize) -> String {
    let everywhere = row.unheard.len() == servers;
    let place = |there: &[ServerId]| match everywhere {
        true => String::new(),
        false => format!(" at {} {}", plural("server", there.len()), listed(there)),
    };
    let at = |over: bool| -> Vec<ServerId> {
        let there = row
            .unheard
            .iter()
            .filter(|u| u.lease_left.is_none() == over);
        there.map(|unheard| unheard.server).collect()
    };
    let (over, running) = (at(true), at(false));
    let mut parts = Vec::new();
    if !over.is_empty() {
        parts.push(format!("is lost{}", place(&over)));
    }
    if !running.is_empty() {
        let spans = row
            .unheard
            .iter()
            .filter_map(|u| Some((u.silent, u.lease_left?)));
        let silent = spans.clone().map(|(silent, _)| silent).max();
        let left = spans.map(|(_, left)| left).min();
        parts.push(format!(
            "has not been heard of{} for {}, and its lease ends in {}",
            place(&running),
            span(silent.unwrap_or_default()),
            span(left.unwrap_or_default())
        ));
    }
    let mut text = format!("worker {} {}", row.worker, parts.join(", and "));
    if !row.doing.is_empty() {
        text += &format!("; it {}: {}", verb(row, servers), printable(&row.doing));
    }
    text
}

/// Whether the words of a worker are of now: some server still hears it.
fn verb(row: &WorkerView, servers: usize) -> &'static str {
    match row.unheard.len() < servers {
        true => "says",
        false => "said last",
    }
}

fn plural(noun: &str, count: usize) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{noun}{ending}")
}

fn sentence(row: &WorkerView, wait: &WaitView, servers: usize) -> String {
    let mut text = format!("worker {} waits", row.worker);
    if !wait.on.is_empty() {
        let word = plural("worker", wait.on.len());
        text += &format!(" for {word} {}", listed(&wait.on));
    }
    // A gate that only some servers hold shut says that a part is still on its way to them.
    if wait.at.len() < servers {
        let word = plural("server", wait.at.len());
        text += &format!(" at {word} {}", listed(&wait.at));
    }
    text += &format!(" since {}", span(wait.since));
    if !wait.why.is_empty() {
        text += &format!(": {}", printable(&wait.why));
    }
    text
}

fn listed<T: ToString>(items: &[T]) -> String {
    let words: Vec<_> = items.iter().map(ToString::to_string).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fixtures::two_servers;
    use thalweg_common::ids::WorkerId;
    use thalweg_common::message::{Status, WorkerStatus};

    #[test]
    fn a_sentence_says_who_waits_for_whom_since_when_and_why() {
        let mut statuses = two_servers();
        let one = ClusterView::from(&statuses[..1]);
        assert_eq!(
            who_waits(&one),
            [
                "worker 2 waits for worker 0 since 1.4 s: all must reach clock 18: \
                 worker 0 is at clock 17 (in an iteration for 3.2 s); worker 0 says: computing"
            ]
        );
        let wait = statuses[0].workers[2].wait.as_mut().unwrap();
        wait.on = vec![WorkerId(0), WorkerId(1), WorkerId(3)];
        wait.why.clear();
        let two = ClusterView::from(&statuses[..]);
        assert_eq!(
            who_waits(&two),
            ["worker 2 waits for workers 0, 1 and 3 at server 0 since 1.4 s"]
        );
    }

    #[test]
    fn a_worker_that_is_gone_is_named_with_where_and_for_how_long() {
        let mut statuses = two_servers();
        let lost = "worker 3 is lost: gave no sign of life for 10.0 s";
        let said = |statuses: &[Status]| who_is_gone(&ClusterView::from(statuses));
        assert_eq!(said(&statuses), [lost]);
        let silent = |row: &mut WorkerStatus, millis| {
            row.silent = Duration::from_millis(millis);
            row.lease_left = Some(Duration::from_millis(2_000 - millis));
        };
        silent(&mut statuses[1].workers[0], 1_400);
        assert_eq!(
            said(&statuses)[0],
            "worker 0 has not been heard of at server 1 for 1.4 s, and its lease ends in 0.6 s; it says: \
             computing"
        );
        silent(&mut statuses[0].workers[0], 1_500);
        assert_eq!(
            said(&statuses)[0],
            "worker 0 has not been heard of for 1.5 s, and its lease ends in 0.5 s; it said last: computing"
        );
        let waits = who_waits(&ClusterView::from(&statuses[..]));
        assert!(
            waits[0].ends_with("; worker 0 said last: computing"),
            "{waits:?}"
        );
        // Server 1 has lost it, server 0 hears it.
        statuses[0].workers[0].lease_left = None;
        statuses[1].workers[0].state = WorkerState::Lost;
        let words = said(&statuses);
        assert!(
            words[0].starts_with("worker 0 is lost at server 1; it says: "),
            "{words:?}"
        );
        assert_eq!(words[1], lost);
    }

    #[test]
    fn beside_a_server_that_does_not_answer_stands_what_workers_say_of_it() {
        let mut statuses = two_servers();
        let word = "cannot reach server 1 at b:1 for 2.9 s";
        statuses[0].workers[1].doing = word.into();
        let mut view = ClusterView::from(&statuses[..1]);
        assert_eq!(who_is_gone(&view).len(), 1, "only the lost one");
        view.unreachable.push("b:1: connection refused".into());
        assert_eq!(who_is_gone(&view)[0], format!("worker 1 says: {word}"));
    }

    #[test]
    fn of_many_that_are_gone_the_first_are_named() {
        let mut view = ClusterView::from(&two_servers()[..]);
        view.workers = vec![view.workers[3].clone(); 40];
        let words = who_is_gone(&view);
        assert_eq!(words.len(), GONE_MAX + 1);
        assert_eq!(words[GONE_MAX], "24 more workers are lost, or not heard of");
    }

    #[test]
    fn short_waits_can_be_left_out() {
        let view = ClusterView::from(&two_servers()[..]);
        assert_eq!(
            who_waits_longer_than(&view, Duration::from_secs(1)).len(),
            1
        );
        assert_eq!(
            who_waits_longer_than(&view, Duration::from_secs(2)).len(),
            0
        );
    }
}
