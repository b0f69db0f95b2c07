//! The display itself: a live one where standard error is a terminal, else plain lines.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::say::say;
use super::{live_text, plain_line};
use crate::report::EvaluationPoint;
use crate::status_page::Said;
use crate::view::units::printable;
use crate::view::{ClusterView, RecentRates};

/// What the user wants to see of a run's progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A live display on a terminal, a plain line every so often elsewhere.
    Auto {
        /// Between plain lines.
        every: Duration,
    },
    /// Plain lines, also on a terminal.
    Plain {
        /// Between lines.
        every: Duration,
    },
    /// No progress; messages are still shown.
    Quiet,
}

impl Default for Mode {
    fn default() -> Self {
        Self::Auto {
            every: Duration::from_secs(2),
        }
    }
}

/// The progress display of one run, on standard error.
pub struct Display {
    surface: Surface,
    rates: RecentRates,
    /// The time since server 0 started, as the last view has it.
    up: Duration,
    /// The last messages, for those who look at the job elsewhere.
    said: VecDeque<Said>,
}

/// Messages that are kept.
const SAID_MAX: usize = 32;

enum Surface {
    Live { bar: ProgressBar, terminal: Term },
    Plain(Lines),
    Quiet(Box<dyn Write + Send>),
}

/// Plain lines are paced by the servers' own time, so that nothing here reads a clock.
struct Lines {
    to: Box<dyn Write + Send>,
    every: Duration,
    /// Of the view behind the last line.
    last: Option<Moment>,
    /// The newest line, if it was not due.
    unsaid: Option<String>,
}

/// What decides whether a line is due.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Moment {
    up: Duration,
    phase: thalweg_common::message::Phase,
}

impl Display {
    /// A display on standard error.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        let terminal = Term::buffered_stderr();
        match mode {
            Mode::Auto { .. } if terminal.is_term() => Self::on(live(terminal)),
            Mode::Auto { every } | Mode::Plain { every } => {
                Self::plain(Box::new(io::stderr()), every)
            }
            Mode::Quiet => Self::on(Surface::Quiet(Box::new(io::stderr()))),
        }
    }

    /// A display that writes a plain line to `to` at most once per `every` of the servers' time,
    /// and whenever the job's phase changes.
    #[must_use]
    pub fn plain(to: Box<dyn Write + Send>, every: Duration) -> Self {
        Self::on(Surface::Plain(Lines {
            to,
            every,
            last: None,
            unsaid: None,
        }))
    }

    fn on(surface: Surface) -> Self {
        Self {
            surface,
            rates: RecentRates::default(),
            up: Duration::ZERO,
            said: VecDeque::with_capacity(SAID_MAX),
        }
    }

    /// Shows how things stand, with the last evaluation if there was one.
    pub fn update(&mut self, view: &ClusterView, evaluation: Option<&EvaluationPoint>) {
        self.rates.observe(view);
        self.up = view.up;
        match &mut self.surface {
            Surface::Live { bar, terminal } => {
                let columns = terminal.size_checked().map(|(_, columns)| columns.into());
                bar.set_message(live_text(view, evaluation, &self.rates, columns));
                bar.tick();
            }
            Surface::Plain(lines) => {
                lines.show(view, plain_line(view, evaluation, &self.rates));
            }
            Surface::Quiet(_) => {}
        }
    }

    /// Whether it shows progress.
    #[must_use]
    pub fn tells(&self) -> bool {
        !matches!(self.surface, Surface::Quiet(_))
    }

    /// Tells something that must not be overlooked, above the live display. It is told in every
    /// mode.
    pub fn message(&mut self, text: &str) {
        if SAID_MAX <= self.said.len() {
            self.said.pop_front();
        }
        self.said.push_back(Said {
            at: self.up,
            text: printable(text),
        });
        match &mut self.surface {
            Surface::Live { bar, .. } => bar.suspend(|| say(&mut io::stderr().lock(), text)),
            Surface::Plain(lines) => say(&mut lines.to, text),
            Surface::Quiet(to) => say(to, text),
        }
    }

    /// The last messages, oldest first, with the time of the view before them.
    pub fn said(&self) -> impl Iterator<Item = &Said> {
        self.said.iter()
    }

    /// Leaves the last state on the screen and ends the display.
    pub fn finish(mut self) {
        match &mut self.surface {
            Surface::Live { bar, .. } => bar.abandon(),
            Surface::Plain(lines) => {
                if let Some(line) = lines.unsaid.take() {
                    say(&mut lines.to, &line);
                }
            }
            Surface::Quiet(_) => {}
        }
    }
}

impl fmt::Debug for Display {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let surface = match self.surface {
            Surface::Live { .. } => "live",
            Surface::Plain(_) => "plain",
            Surface::Quiet(_) => "quiet",
        };
        f.debug_struct("Display")
            .field("surface", &surface)
            .finish_non_exhaustive()
    }
}

impl Lines {
    fn show(&mut self, view: &ClusterView, line: String) {
        let now = Moment {
            up: view.up,
            phase: view.phase,
        };
        let due = self.last.is_none_or(|last| {
            last.phase != now.phase || now.up < last.up || now.up - last.up >= self.every
        });
        if due {
            say(&mut self.to, &line);
            self.last = Some(now);
            self.unsaid = None;
        } else {
            self.unsaid = Some(line);
        }
    }
}

/// The bar draws nothing of its own: its message is the whole text, so that what is shown is a
/// tested function of the view. It only redraws in place.
fn live(terminal: Term) -> Surface {
    let target = ProgressDrawTarget::term(terminal.clone(), 10);
    let style = ProgressStyle::with_template("{msg}").expect("the template is constant");
    let bar = ProgressBar::with_draw_target(None, target).with_style(style);
    Surface::Live { bar, terminal }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use thalweg_common::message::Phase;

    use super::*;
    use crate::view::fixtures::two_servers;

    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<u8>>>);

    impl Write for Heard {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Heard {
        fn lines(&self) -> Vec<String> {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            text.lines().map(str::to_owned).collect()
        }
    }

    fn view(up_seconds: u64) -> ClusterView {
        let mut view = ClusterView::from(&two_servers()[..]);
        view.up = Duration::from_secs(up_seconds);
        view
    }

    #[test]
    fn plain_lines_keep_their_distance_and_the_last_state_is_always_told() {
        let heard = Heard::default();
        let mut display = Display::plain(Box::new(heard.clone()), Duration::from_secs(2));
        for up in [1, 2, 3, 4] {
            display.update(&view(up), None);
        }
        assert_eq!(heard.lines().len(), 2);
        display.message("worker 3 is lost");
        assert_eq!(heard.lines()[2], "worker 3 is lost");
        let said: Vec<_> = display.said().cloned().collect();
        let (at, text) = (Duration::from_secs(4), "worker 3 is lost".to_owned());
        assert_eq!(said, [Said { at, text }]);
        display.finish();
        assert_eq!(heard.lines().len(), 4);
    }

    #[test]
    fn a_change_of_phase_is_told_at_once() {
        let heard = Heard::default();
        let mut display = Display::plain(Box::new(heard.clone()), Duration::from_secs(60));
        display.update(&view(1), None);
        let mut done = view(2);
        done.phase = Phase::Done;
        display.update(&done, None);
        display.finish();
        assert_eq!(heard.lines().len(), 2);
        assert!(heard.lines()[1].starts_with("done "));
    }

    #[test]
    fn a_live_display_takes_every_view_without_a_terminal_too() {
        let mut display = Display::on(live(Term::buffered_stderr()));
        display.update(&ClusterView::of_nobody(), None);
        display.update(&view(1), None);
        assert_eq!(format!("{display:?}"), "Display { surface: \"live\", .. }");
        display.finish();
    }
}
