//! Why a hyper-parameter cannot have its schedule.

use std::fmt::{self, Display, Formatter};

use thiserror::Error;

use crate::registry::SettingError;
use crate::schedule::Lengths;

/// What is wrong with the schedule of one hyper-parameter.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("[schedules] {name}: {why}")]
pub struct TuningError {
    /// The hyper-parameter, as the job has it.
    pub name: String,
    /// The reason, and how to mend it.
    pub why: Misfit,
}

/// Why a schedule does not fit.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum Misfit {
    /// The optimizer or the schedule is wrong in itself.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// It is the learning rate.
    #[error("the learning rate has a section of its own; write its schedule in [schedule]")]
    Rate,
    /// It is no hyper-parameter of the optimizer.
    #[error(
        "what [regularizer] holds is no hyper-parameter of the optimizer, and does not change during a job"
    )]
    Regularizer,
    /// There is no such hyper-parameter.
    #[error("`{optimizer}` has no such number{}; {}", suggested(.suggestion), known_names(.known))]
    Unknown {
        /// The optimizer.
        optimizer: &'static str,
        /// The number whose name is most like it.
        suggestion: Option<String>,
        /// All numbers, separated by commas.
        known: String,
    },
    /// It is a list, or a place behind the list's end.
    #[error(
        "expected one number of the list `{key}`, {}; how many numbers it has cannot change",
        places(.key, *.numbers)
    )]
    List {
        /// The list.
        key: String,
        /// How many numbers it has.
        numbers: usize,
    },
    /// It is a place in what is no list.
    #[error("`{key}` is one number and no list; write `{key}`")]
    NoList {
        /// The number.
        key: String,
    },
    /// It is a flag or a word.
    #[error("it is {found}, which chooses a formula; only numbers change during a job")]
    NoNumber {
        /// The value.
        found: String,
    },
    /// Slots begin at a value that it decides.
    #[error(
        "slots begin at a value that it decides, so that it cannot change once the job runs; set it in \
         [optimizer]"
    )]
    ShapesTheStart,
    /// A value out of range.
    #[error("{when} it would be {value}, but must be {permitted}")]
    OutOfRange {
        /// When.
        when: When,
        /// The value.
        value: f64,
        /// The range in words.
        permitted: &'static str,
    },
    /// A value that needs other slots than there are.
    #[error(
        "{when} it would be {value}, which needs the slots {}, while {base} in [optimizer] needs {}; a job \
         has the same slots from beginning to end",
        quoted(.found),
        quoted(.expected)
    )]
    OtherSlots {
        /// When.
        when: When,
        /// The value.
        value: f64,
        /// The value at the beginning.
        base: f64,
        /// The slots at the beginning.
        expected: Vec<String>,
        /// The slots that the value needs.
        found: Vec<String>,
    },
}

/// A time of a job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct When {
    /// Committed examples.
    pub progress: u64,
    /// The same in epochs.
    pub epochs: f64,
}

impl When {
    #[expect(clippy::cast_precision_loss, reason = "a number to read")]
    pub(super) fn at(progress: u64, lengths: &Lengths) -> Self {
        Self {
            progress,
            epochs: progress as f64 / lengths.epoch.max(1) as f64,
        }
    }
}

impl Display for When {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { progress, epochs } = self;
        write!(f, "after {progress} examples ({epochs:.3} epochs)")
    }
}

fn suggested(suggestion: &Option<String>) -> String {
    suggestion
        .as_ref()
        .map_or_else(String::new, |word| format!(" (did you mean `{word}`?)"))
}

fn known_names(known: &str) -> String {
    if known.is_empty() {
        "it has none but the learning rate, whose section is [schedule]".to_owned()
    } else {
        format!("it has: {known}")
    }
}

fn quoted(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

fn places(key: &str, numbers: usize) -> String {
    match numbers {
        0 | 1 => format!("`\"{key}[0]\"`"),
        _ => format!("`\"{key}[0]\"` to `\"{key}[{}]\"`", numbers - 1),
    }
}
