//! What a process tells of itself beside its output: the lines of its log, and the span that they are all in.

use std::cell::RefCell;
use std::env::VarError;
use std::io::IsTerminal;

use anyhow::{Result, bail};
use tokio::runtime::Builder;
use tracing::Span;
use tracing::field::Empty;
use tracing::span::EnteredSpan;
use tracing_subscriber::EnvFilter;

/// How much is told.
const LEVELS: &str = "THALWEG_LOG";

/// How: as text, or a JSON object a line.
const FORMAT: &str = "THALWEG_LOG_FORMAT";

thread_local! {
    /// The span that this thread is in for its life.
    static INSIDE: RefCell<Option<EnteredSpan>> = const { RefCell::new(None) };
}

/// Starts to write events to standard error.
///
/// # Errors
/// If the format is none.
pub(super) fn start() -> Result<()> {
    let levels = EnvFilter::try_from_env(LEVELS).unwrap_or_else(|_| EnvFilter::new("warn"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(levels)
        .with_writer(std::io::stderr);
    match std::env::var(FORMAT).as_deref() {
        Err(VarError::NotPresent) | Ok("" | "text") => {
            lines.with_ansi(std::io::stderr().is_terminal()).init();
        }
        Ok("json") => lines.json().init(),
        Ok(word) => bail!("{FORMAT}: expected `text` or `json`, found `{word}`"),
        Err(VarError::NotUnicode(_)) => bail!("{FORMAT}: expected `text` or `json`, found no text"),
    }
    Ok(())
}

/// The span of a process that has a part in a job. At the level of errors, so that whatever is told says whose it
/// is; a worker records its `index` once it has one.
pub(super) fn process(role: &'static str) -> Span {
    tracing::error_span!("process", role, index = Empty)
}

/// Lets every thread of a runtime be in a span for its life: tasks are polled by any of them.
pub(super) fn within<'a>(span: &Span, runtime: &'a mut Builder) -> &'a mut Builder {
    let span = span.clone();
    runtime
        .on_thread_start(move || INSIDE.set(Some(span.clone().entered())))
        .on_thread_stop(|| drop(INSIDE.take()))
}
