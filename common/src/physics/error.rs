//! A specification that cannot be read.

use thiserror::Error;

/// Why a specification cannot be read: the text, what was expected, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is no {what}: {why}; expected {grammar}")]
pub struct SpecError {
    /// What it was to be: `delay`, `bandwidth`, …
    pub what: &'static str,
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
    /// How it is written.
    pub grammar: &'static str,
}

impl SpecError {
    /// The error of `text`, which was to be a `what`.
    pub(super) fn new(
        (what, grammar): (&'static str, &'static str),
        text: &str,
        why: impl Into<String>,
    ) -> Self {
        Self {
            what,
            text: text.to_owned(),
            why: why.into(),
            grammar,
        }
    }
}
