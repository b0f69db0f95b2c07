//! What a process tells of itself beside its output: the lines of its log, and the span that they are all in.

use std::cell::RefCell;
use std::env::VarError;
use std::io::IsTerminal;

use anyhow::{Result, bail};
use tokio::runtime::Builder;
use tracing::Span;
use tracing::field::Empty;
use tracing::level_filters::LevelFilter;
use tracing::span::EnteredSpan;
use tracing_subscriber::EnvFilter;

/// How much is told.
const LEVELS: &str = "THALWEG_LOG";

/// If nothing is said.
const USUAL: &str = "warn";

const EXPECTED: &str =
    "`off`, `error`, `warn`, `info`, `debug` or `trace`, or PART=LEVEL, separated by commas";

/// How: as text, or a JSON object a line.
const FORMAT: &str = "THALWEG_LOG_FORMAT";

thread_local! {
    /// The span that this thread is in for its life.
    static INSIDE: RefCell<Option<EnteredSpan>> = const { RefCell::new(None) };
}

/// Starts to write events to standard error.
///
/// # Errors
/// If the levels or the format are none.
pub(super) fn start() -> Result<()> {
    let levels = match std::env::var(LEVELS).as_deref() {
        Err(VarError::NotPresent) | Ok("") => EnvFilter::new(USUAL),
        Ok(text) => levels(text)?,
        Err(VarError::NotUnicode(_)) => bail!("{LEVELS}: expected {EXPECTED}, found no text"),
    };
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

/// Levels in the words of [`EnvFilter`], which would take a word that it does not know for a part of the program of which
/// everything is to be told, and of the others nothing.
fn levels(text: &str) -> Result<EnvFilter> {
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    let is_known = |word: &str| match word.rsplit_once('=') {
        Some((part, level)) => !part.is_empty() && is_level(level),
        None => is_level(word),
    };
    let words: Vec<&str> = text.split(',').map(str::trim).collect();
    if let Some(word) = words.iter().find(|word| !is_known(word)) {
        bail!("{LEVELS}: expected {EXPECTED}, found `{word}`");
    }
    match EnvFilter::try_new(words.join(",")) {
        Ok(levels) => Ok(levels),
        Err(error) => bail!("{LEVELS}: expected {EXPECTED}, found `{text}` ({error})"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_known_words_and_parts_may_have_their_own() {
        for text in ["off", "INFO", "warn,thalweg_server=debug", "warn, h2=error"] {
            assert!(levels(text).is_ok(), "{text}");
        }
        for (text, bad) in [
            ("wran", "wran"),
            ("warn,thalweg_server=dbug", "thalweg_server=dbug"),
            ("warn,thalweg_server", "thalweg_server"),
            ("warn,,info", ""),
            ("=info", "=info"),
        ] {
            let error = levels(text).unwrap_err().to_string();
            assert!(error.ends_with(&format!("found `{bad}`")), "{error}");
            assert!(
                error.starts_with("THALWEG_LOG: expected `off`, `error`"),
                "{error}"
            );
        }
    }
}
