//! A regularizer as the registry knows it: its name, its words, and how to build it.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use toml::Table;

use super::constraint::Constraint;
use super::penalty::Penalty;
use crate::registry::{Check, Named, SettingError, settings};

/// Where in a step a regularizer acts: what decides which optimizers it goes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acts {
    /// As the optimizer has it: every one knows an L2 term.
    AsTheRuleHasIt,
    /// On the gradient, before the rule.
    OnTheGradient,
    /// On the parameter, before the rule.
    BeforeTheRule,
    /// On the parameter, after the rule, element by element.
    AfterTheRule,
    /// On whole rows or tensors, after all else.
    AsAConstraint,
}

/// Whether parameters become exactly zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zeros {
    /// Many do, for good; it is what one takes the regularizer for.
    Exact,
    /// They become small at most.
    None,
}

/// A regularizer with its settings.
#[derive(Clone, Debug)]
pub enum Term {
    /// Acts on each element by itself.
    Penalty(Arc<dyn Penalty>),
    /// Acts on rows or tensors.
    Constraint(Arc<dyn Constraint>),
}

/// A line of [`REGULARIZERS`](super::REGULARIZERS).
#[derive(Clone, Copy, Debug)]
pub struct RegularizerEntry {
    /// The name that a job file writes.
    pub name: &'static str,
    /// The formula in one line, with the names of the settings; `lr` is the rate of the step.
    pub formula: &'static str,
    /// Where the formula comes from.
    pub source: &'static str,
    /// What is otherwise than in the source, or than a reader would expect.
    pub differences: &'static [&'static str],
    /// Every setting with its default, as TOML.
    pub defaults: &'static str,
    /// Where in a step it acts.
    pub acts: Acts,
    /// Whether parameters become exactly zero.
    pub zeros: Zeros,
    pub(super) build: Build,
}

/// Reads the settings of an entry.
pub(super) type Build = fn(&RegularizerEntry, &Table) -> Result<Term, SettingError>;

/// Builds the penalty whose settings are `P`.
pub(super) fn penalty<P: Penalty + DeserializeOwned + Check + 'static>(
    entry: &RegularizerEntry,
    table: &Table,
) -> Result<Term, SettingError> {
    let settings: P = settings(entry.name, entry.defaults, table)?;
    Ok(Term::Penalty(Arc::new(settings)))
}

/// Builds the constraint whose settings are `C`.
pub(super) fn constraint<C: Constraint + DeserializeOwned + Check + 'static>(
    entry: &RegularizerEntry,
    table: &Table,
) -> Result<Term, SettingError> {
    let settings: C = settings(entry.name, entry.defaults, table)?;
    Ok(Term::Constraint(Arc::new(settings)))
}

impl RegularizerEntry {
    /// Builds the regularizer; what the table does not have is the default.
    ///
    /// # Errors
    /// [`SettingError`] for an unknown key, a wrong type or a value out of range.
    pub fn build(&self, table: &Table) -> Result<Term, SettingError> {
        (self.build)(self, table)
    }
}

impl Named for RegularizerEntry {
    fn name(&self) -> &'static str {
        self.name
    }
}
