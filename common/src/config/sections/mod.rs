//! The sections of a job file, one file each, and the table of all of them.

pub(super) mod data;
pub(super) mod named;
pub(super) mod gradient;
pub(super) mod optimizer;
pub(super) mod method;
pub(super) mod consistency;
pub(super) mod train;
pub(super) mod batch_size;
pub(super) mod stop;
pub(super) mod class_weight;
pub(super) mod checkpoint;
pub(super) mod cluster;
pub(super) mod limits;
pub(super) mod quantity;

use self::checkpoint::Checkpoint;
use self::cluster::ClusterFile;
use self::consistency::ConsistencyFile;
use self::data::{Data, Resolved};
use self::gradient::Gradient;
use self::limits::Limits;
use self::method::Method;
use self::named::{Feedback, Model, Schedule};
use self::optimizer::{OptimizerFile, Regularizer};
use self::stop::Stop;
use self::train::{Evaluate, Train};
use super::fields;

/// A section, for errors and hints.
#[derive(Debug)]
pub(super) struct Section {
    /// Its name between brackets; a dot leads into a section inside a section.
    pub(super) name: &'static str,
    /// The keys that it reads itself.
    keys: fn() -> &'static [&'static str],
}

impl Section {
    const fn new(name: &'static str, keys: fn() -> &'static [&'static str]) -> Self {
        Self { name, keys }
    }

    /// The keys that the section reads itself; a section with free keys has others besides.
    pub(super) fn keys(&self) -> Vec<&'static str> {
        (self.keys)().to_vec()
    }

    /// The section called `name`, which must exist.
    pub(super) fn called(name: &str) -> &'static Self {
        SECTIONS
            .iter()
            .find(|section| section.name == name)
            .expect("every section is listed")
    }
}

/// Every section, in the order of a job file.
pub(super) static SECTIONS: &[Section] = &[
    Section::new("data", fields::of::<Data>),
    Section::new("data.resolved", fields::of::<Resolved>),
    Section::new("model", fields::of::<Model>),
    Section::new("gradient", fields::of::<Gradient>),
    Section::new("optimizer", fields::of::<OptimizerFile>),
    Section::new("outer", fields::of::<OptimizerFile>),
    Section::new("schedule", fields::of::<Schedule>),
    Section::new("schedules", || &[]),
    Section::new("feedback", fields::of::<Feedback>),
    Section::new("regularizer", fields::of::<Regularizer>),
    Section::new("method", fields::of::<Method>),
    Section::new("consistency", fields::of::<ConsistencyFile>),
    Section::new("train", fields::of::<Train>),
    Section::new("evaluate", fields::of::<Evaluate>),
    Section::new("stop", fields::of::<Stop>),
    Section::new("cluster", fields::of::<ClusterFile>),
    Section::new("limits", fields::of::<Limits>),
    Section::new("checkpoint", fields::of::<Checkpoint>),
];

/// Every section in the order of a job file, with the keys that it reads itself. A dot in a section's name
/// leads into a section inside a section.
#[must_use]
pub fn keys_of_sections() -> Vec<(&'static str, Vec<&'static str>)> {
    SECTIONS
        .iter()
        .map(|section| (section.name, section.keys()))
        .collect()
}
