//! Who waits for whom, since when, and why, in sentences.

use std::time::Duration;

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
        .map(|(row, wait)| sentence(row, wait, servers))
        .collect()
}

fn sentence(row: &WorkerView, wait: &WaitView, servers: usize) -> String {
    let mut text = format!("worker {} waits", row.worker);
    if !wait.on.is_empty() {
        let word = if wait.on.len() == 1 {
            "worker"
        } else {
            "workers"
        };
        text += &format!(" for {word} {}", listed(&wait.on));
    }
    // A gate that only some servers hold shut says that a part is still on its way to them.
    if wait.at.len() < servers {
        let word = if wait.at.len() == 1 {
            "server"
        } else {
            "servers"
        };
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

    #[test]
    fn a_sentence_says_who_waits_for_whom_since_when_and_why() {
        let mut statuses = two_servers();
        let one = ClusterView::from(&statuses[..1]);
        assert_eq!(
            who_waits(&one),
            [
                "worker 2 waits for worker 0 since 1.4 s: all must reach clock 18: \
                 worker 0 is at clock 17 (in an iteration for 3.2 s)"
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
