//! Schedules: the learning rate, or any other hyper-parameter, as a pure function of the job's
//! progress.
//!
//! Progress is counted in committed examples, which every shard knows from the parts it applied, so
//! a schedule means the same with one worker or fifty. Settings speak of time in epochs or in steps
//! ([`Unit`]): one epoch is as many examples as the training set has rows, one step as many as a
//! batch has. What depends on how the training goes is no schedule: it is decided by feedback.
//!
//! A new schedule is one file and one line of [`SCHEDULES`].

use std::fmt::Debug;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Table;

use crate::registry::{Check, Entry, SettingError, find};

mod moment;

pub mod constant;
pub mod step;
pub mod multistep;
pub mod exponential;
pub mod inverse_time;
pub mod inverse_sqrt;
pub mod polynomial;
pub mod linear_warmup;
pub mod ramp;
pub mod cosine;
pub mod cosine_periodic;
pub mod cosine_warm_restarts;
pub mod one_cycle;
pub mod noam;
pub mod sequence;
pub mod product;

pub use moment::{Lengths, Moment, Span, Unit, examples};

/// Every schedule there is, the composing ones last.
pub static SCHEDULES: &[ScheduleEntry] = &[
    constant::ENTRY,
    step::ENTRY,
    multistep::ENTRY,
    exponential::ENTRY,
    inverse_time::ENTRY,
    inverse_sqrt::ENTRY,
    polynomial::ENTRY,
    linear_warmup::ENTRY,
    ramp::ENTRY,
    cosine::ENTRY,
    cosine_periodic::ENTRY,
    cosine_warm_restarts::ENTRY,
    one_cycle::ENTRY,
    noam::ENTRY,
    sequence::ENTRY,
    product::ENTRY,
];

/// The schedule called `name`.
///
/// # Errors
/// [`SettingError::UnknownName`].
pub fn schedule(name: &str) -> Result<&'static ScheduleEntry, SettingError> {
    find("schedule", SCHEDULES, name)
}

/// Every setting of the schedule called `name`, and of those inside it: what the table has, and the
/// defaults of the rest.
///
/// # Errors
/// [`SettingError`] for an unknown name or key, a wrong type or a value out of range.
pub fn complete(name: &str, table: &Table) -> Result<Table, SettingError> {
    let mut whole = schedule(name)?.complete(table)?;
    let lists = whole
        .iter_mut()
        .filter_map(|(_, value)| value.as_array_mut());
    for inner in lists.flatten().filter_map(toml::Value::as_table_mut) {
        let Some(toml::Value::String(name)) = inner.remove("name") else {
            continue;
        };
        *inner = complete(&name, inner)?;
        inner.insert("name".to_owned(), name.into());
    }
    Ok(whole)
}

/// Why a factor of the rate must be above zero.
const GAMMA: &str = "the rate is multiplied by it; at 0 nothing would be left";

/// Why a rate must not be below zero.
const DESCENDS: &str = "a rate below 0 would climb the loss";

/// Why times of a list must increase.
const IN_ORDER: &str =
    "each is the time of one change, from the beginning on, and the next comes later";

/// A hyper-parameter over time.
pub trait Schedule: Debug + Send + Sync {
    /// The value at `moment` of what begins at `base`: a learning rate, a momentum.
    fn value(&self, base: f64, moment: &Moment) -> f64;
}

/// A line of [`SCHEDULES`]. In its formula `lr` is the value at the beginning, and `t` the time in the
/// job's unit.
pub type ScheduleEntry = Entry<dyn Schedule>;

fn make<S: Schedule + DeserializeOwned + Check + 'static>(
    entry: &ScheduleEntry,
    table: &Table,
) -> Result<Box<dyn Schedule>, SettingError> {
    Ok(Box::new(entry.settings::<S>(table)?))
}

/// A schedule inside another: a table with `name` and that schedule's settings.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Table")]
struct Nested(Box<dyn Schedule>);

impl TryFrom<Table> for Nested {
    type Error = String;

    fn try_from(mut table: Table) -> Result<Self, String> {
        let name = match table.remove("name") {
            Some(toml::Value::String(name)) => name,
            Some(other) => return Err(format!("expected the `name` of a schedule, found {other}")),
            None => return Err("a schedule in a list needs a `name`".to_owned()),
        };
        let build = |entry: &ScheduleEntry| entry.build(&table);
        schedule(&name)
            .and_then(build)
            .map(Self)
            .map_err(|error| error.to_string())
    }
}
