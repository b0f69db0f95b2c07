//! `thalweg status --watch`: the same page again and again, until the job ends, nobody answers any more, or
//! Ctrl-C.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::time::MissedTickBehavior;

use super::screen::{Screen, tell};
use super::{Arguments, LATEST, PATIENCE, judge_worker, look};
use crate::command::stop::told_to_stop;
use crate::command::{Ending, say_error};
use crate::observe::{Lookout, Seen, Watching, latest_servers};
use crate::report::{RunState, StateWord};
use crate::view::ClusterView;

/// How often the servers are asked at least: they end soon after their job, and how it ended is to be seen.
const POLL: Duration = Duration::from_millis(200);

/// How long a server may take for one answer, at least: what is shown of the others waits for it.
const ANSWER: Duration = Duration::from_secs(1);

pub(super) async fn run(
    arguments: &Arguments,
    every: Duration,
    patience: Duration,
) -> Result<Ending> {
    let credentials = arguments.credentials.load()?;
    let (addresses, _) = look(arguments, &credentials).await?;
    let mut lookout = Lookout::new(&addresses, &credentials);
    let mut watching = Watching::new(patience);
    let mut pages = Pages {
        arguments,
        screen: Screen::of_stdout(),
    };
    let begun = now();
    let mut due = begun;
    let mut ticks = tokio::time::interval(POLL.min(every));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stop = std::pin::pin!(told_to_stop(false));
    loop {
        let next = async {
            ticks.tick().await;
            let for_one = every.clamp(ANSWER, PATIENCE);
            lookout.look(arguments.asked(), for_one).await
        };
        let glance = tokio::select! {
            why = &mut stop => return why.map(|_| Ending::Interrupted),
            glance = next => glance,
        };
        judge_worker(arguments, &glance)?;
        let at = now();
        let ended = match glance.statuses.is_empty() {
            true => how_it_ended(&addresses),
            false => None,
        };
        match watching.take(at - begun, arguments.view(&glance), ended) {
            Seen::Page(view) => {
                if due <= at {
                    due = at + every;
                    if pages.show(&view)?.is_err() {
                        // Nobody reads any more.
                        return Ok(Ending::Done);
                    }
                }
            }
            Seen::Over(view, words) => {
                if let Some(view) = view {
                    pages.show(&view)?.ok();
                }
                pages.end(&words);
                return Ok(Ending::Done);
            }
            Seen::Lost(words) => bail!(words),
        }
    }
}

struct Pages<'a> {
    arguments: &'a Arguments,
    screen: Screen,
}

impl Pages<'_> {
    /// Shows a view; the inner error says that nobody reads any more.
    fn show(&mut self, view: &ClusterView) -> Result<std::io::Result<()>> {
        Ok(match self.arguments.json {
            true => tell(&(serde_json::to_string(view)? + "\n")),
            false => self.screen.show(&self.arguments.page(view)),
        })
    }

    /// Says how the job ended. Programs read it in the last document.
    fn end(&mut self, words: &str) {
        if self.arguments.json {
            say_error(words);
        } else {
            // There may be nobody left to tell.
            tell(&format!("{words}\n")).ok();
        }
    }
}

/// How the run of these servers ended, if it is the last one that was started here and its folder says so.
fn how_it_ended(addresses: &[String]) -> Option<StateWord> {
    let run = Path::new(LATEST);
    let known: BTreeSet<String> = latest_servers(run).into_iter().collect();
    let is_it = addresses.iter().all(|address| known.contains(address));
    let state = RunState::of(run).filter(|_| is_it)?.state;
    (state != StateWord::Running).then_some(state)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the driver reads the clock; what it means is decided without"
)]
fn now() -> Instant {
    Instant::now()
}
