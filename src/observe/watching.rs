//! Watching a cluster: which of its answers make a page, and when there is nothing more to see.
//!
//! Decides only; who asks the servers and looks at the clock is elsewhere.

use std::time::Duration;

use thalweg_common::message::Phase;

use crate::report::StateWord;
use crate::view::ClusterView;
use crate::view::units::{grouped, printable, span};

/// A job that is watched from outside.
#[derive(Debug)]
pub struct Watching {
    patience: Duration,
    /// When a server answered last, since the watch began.
    answered: Duration,
    /// How things stood then.
    last: Option<ClusterView>,
}

/// What one look came to.
#[derive(Debug, PartialEq)]
pub enum Seen {
    /// How things stand, or stood when a server last answered.
    Page(Box<ClusterView>),
    /// The job has ended: the last page, if there is a new one, and how it ended in words.
    Over(Option<Box<ClusterView>>, String),
    /// No server has answered for too long: who, and for how long.
    Lost(String),
}

impl Watching {
    /// A watch that ends when no server has answered for `patience`.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self {
            patience,
            answered: Duration::ZERO,
            last: None,
        }
    }

    /// Takes in what was seen at a time since the watch began. `ended` is how the run ended, by its folder, if
    /// that is known and says so.
    pub fn take(&mut self, at: Duration, view: ClusterView, ended: Option<StateWord>) -> Seen {
        if !view.servers.is_empty() {
            self.answered = at;
            self.last = Some(view.clone());
            return match over(&view) {
                Some(words) => Seen::Over(Some(Box::new(view)), words),
                None => Seen::Page(Box::new(view)),
            };
        }
        let silent = at.saturating_sub(self.answered);
        if let Some(word) = ended {
            let words = format!("the job is over: its run is {}", in_words(word));
            return Seen::Over(None, words);
        }
        match &self.last {
            // Servers end soon after their job, maybe between two looks.
            Some(last) if 0 < last.examples_total && last.examples_total <= last.progress => {
                let words = format!(
                    "the job is over: all of its {} examples were committed, and its servers have ended",
                    grouped(last.examples_total)
                );
                return Seen::Over(None, words);
            }
            _ if self.patience <= silent => {
                return Seen::Lost(format!(
                    "no server has answered for {}: {}; --patience SECONDS waits longer",
                    span(silent),
                    printable(&view.unreachable.join("; "))
                ));
            }
            _ => {}
        }
        Seen::Page(Box::new(self.stale(silent, view)))
    }

    /// How things stood when a server last answered, and who is silent since.
    fn stale(&self, silent: Duration, view: ClusterView) -> ClusterView {
        let Some(last) = &self.last else {
            return view;
        };
        let since = format!(
            "every server, for {}; above is how things stood then, and the watch ends in {}",
            span(silent),
            span(self.patience.saturating_sub(silent))
        );
        ClusterView {
            servers: Vec::new(),
            unreachable: [since].into_iter().chain(view.unreachable).collect(),
            ..last.clone()
        }
    }
}

/// How the job ended, if it has.
fn over(view: &ClusterView) -> Option<String> {
    let cause = |prefix: &str| match view.cause.as_str() {
        "" => String::new(),
        cause => format!("{prefix}{}", printable(cause)),
    };
    match view.phase {
        Phase::Joining | Phase::Training => None,
        Phase::Done => Some(format!(
            "the job is done: {} of {} examples are committed{}",
            grouped(view.progress),
            grouped(view.examples_total),
            cause("; ")
        )),
        Phase::Failed => Some(format!("the job has failed{}", cause(": "))),
    }
}

fn in_words(word: StateWord) -> &'static str {
    match word {
        StateWord::Running => "running",
        StateWord::Done => "done",
        StateWord::Diverged => "done, and its model has diverged",
        StateWord::Failed => "failed",
        StateWord::Interrupted => "interrupted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fixtures::two_servers;

    fn view() -> ClusterView {
        ClusterView::from(&two_servers()[..])
    }

    fn nobody() -> ClusterView {
        ClusterView {
            unreachable: vec!["a:1: connection refused".into()],
            ..ClusterView::of_nobody()
        }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn silence_is_shown_with_the_last_that_was_seen_and_ends_the_watch_at_the_bound() {
        let mut watching = Watching::new(seconds(10));
        let page = Seen::Page(Box::new(nobody()));
        assert_eq!(
            watching.take(seconds(2), nobody(), None),
            page,
            "servers may come"
        );
        let page = Seen::Page(Box::new(view()));
        assert_eq!(watching.take(seconds(3), view(), None), page);
        let Seen::Page(stale) = watching.take(seconds(7), nobody(), None) else {
            panic!("it is too early to end");
        };
        assert_eq!((stale.progress, stale.servers.len()), (42_336, 0));
        assert_eq!(
            stale.unreachable[0],
            "every server, for 4.0 s; above is how things stood then, and the watch ends in 6.0 s"
        );
        assert_eq!(stale.unreachable[1..], nobody().unreachable[..]);
        let page = Seen::Page(Box::new(view()));
        assert_eq!(watching.take(seconds(8), view(), None), page, "it is back");
        assert!(matches!(
            watching.take(seconds(17), nobody(), None),
            Seen::Page(_)
        ));
        let Seen::Lost(words) = watching.take(seconds(18), nobody(), None) else {
            panic!("the patience has ended");
        };
        assert!(words.starts_with("no server has answered for 10.0 s: a:1: connection refused"));
    }

    #[test]
    fn the_watch_ends_with_the_job_and_says_how_it_ended() {
        let mut done = view();
        done.phase = Phase::Done;
        let words = |seen| match seen {
            Seen::Over(_, words) => words,
            other => panic!("{other:?}"),
        };
        let mut watching = Watching::new(seconds(10));
        assert_eq!(
            words(watching.take(seconds(1), done.clone(), None)),
            "the job is done: 42,336 of 98,000 examples are committed"
        );
        done.phase = Phase::Failed;
        done.cause = "server 1 is gone".into();
        assert_eq!(
            words(watching.take(seconds(1), done, None)),
            "the job has failed: server 1 is gone"
        );
    }

    #[test]
    fn servers_that_ended_between_two_looks_are_no_loss_where_the_end_is_known() {
        let mut watching = Watching::new(seconds(10));
        watching.take(seconds(1), view(), None);
        let seen = watching.take(seconds(2), nobody(), Some(StateWord::Interrupted));
        let words = "the job is over: its run is interrupted".to_owned();
        assert_eq!(seen, Seen::Over(None, words));
        let mut whole = view();
        whole.progress = whole.examples_total;
        watching.take(seconds(3), whole, None);
        let Seen::Over(None, words) = watching.take(seconds(4), nobody(), None) else {
            panic!("every example was committed");
        };
        assert!(words.contains("all of its 98,000 examples"), "{words}");
    }
}
