//! From a table to a [`JobFile`]: unknown keys and wrong types, all of them.
//!
//! Every key is first read alone into its section's type, in which all other keys may be missing.
//! So one bad value does not hide the next, and each refusal belongs to one key.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::error::Problems;
use super::job::JobFile;
use super::sections::Section;
use super::sections::data::{Data, Resolved};
use super::sections::named::{Feedback, Model, Schedule, ScheduleFile};
use super::sections::optimizer::OptimizerFile;
use super::{fields, hints, words};

/// The keys above the first section.
#[derive(Deserialize)]
#[serde(default)]
struct Top {
    name: String,
    seed: u64,
}

impl Default for Top {
    fn default() -> Self {
        let JobFile { name, seed, .. } = JobFile::default();
        Self { name, seed }
    }
}

/// Reads a job and notes every unknown key and every wrong type; where one was noted, the default
/// stands.
pub(super) fn job(table: &Table, problems: &mut Problems) -> JobFile {
    let (top, sections) = split::<Top>("", table, problems);
    let mut reader = Reader { sections, problems };
    let job = JobFile {
        name: top.name,
        seed: top.seed,
        data: reader.data(),
        model: reader.free("model", |model: &mut Model| &mut model.options),
        gradient: reader.fixed("gradient"),
        optimizer: reader.free("optimizer", |rule: &mut OptimizerFile| &mut rule.options),
        outer: reader.outer(),
        schedule: reader.free("schedule", |schedule: &mut Schedule| &mut schedule.options),
        schedules: reader.schedules(),
        feedback: reader.free("feedback", |feedback: &mut Feedback| &mut feedback.options),
        regularizer: reader.fixed("regularizer"),
        method: reader.fixed("method"),
        consistency: reader.fixed("consistency"),
        train: reader.fixed("train"),
        evaluate: reader.fixed("evaluate"),
        stop: reader.fixed("stop"),
        cluster: reader.fixed("cluster"),
        limits: reader.fixed("limits"),
        checkpoint: reader.fixed("checkpoint"),
    };
    for key in reader.sections.keys() {
        problems.add(key, hints::unknown_key(key, None));
    }
    job
}

/// What has not been read yet, and what was wrong with the rest.
struct Reader<'a> {
    sections: Table,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    /// Reads a section that refuses keys of others.
    fn fixed<T: DeserializeOwned>(&mut self, name: &str) -> T {
        let table = self.take(name);
        fixed(name, &table, self.problems)
    }

    /// Reads a section whose further keys are a registry's; they go to its `options`.
    fn free<T: DeserializeOwned>(&mut self, name: &str, options: fn(&mut T) -> &mut Table) -> T {
        let table = self.take(name);
        free(name, &table, options, self.problems)
    }

    /// Reads `[outer]`, which most methods have no use for.
    fn outer(&mut self) -> Option<OptimizerFile> {
        let is_there = self.sections.contains_key("outer");
        is_there.then(|| self.free("outer", |rule: &mut OptimizerFile| &mut rule.options))
    }

    fn data(&mut self) -> Data {
        let mut table = self.take("data");
        let resolved = table.remove("resolved").map(|value| {
            let keys = as_table("data.resolved", value, self.problems);
            // Data without columns have no `fields`.
            for missing in fields::of::<Resolved>()
                .iter()
                .filter(|key| **key != "fields" && !keys.contains_key(**key))
            {
                let key = format!("data.resolved.{missing}");
                let why = "the launcher writes all keys of [data.resolved], or none";
                self.problems
                    .add(&key, format!("`{key}` is missing: {why}"));
            }
            fixed("data.resolved", &keys, self.problems)
        });
        let data = free(
            "data",
            &table,
            |data: &mut Data| &mut data.options,
            self.problems,
        );
        Data { resolved, ..data }
    }

    /// Reads `[schedules]`, whose keys are the optimizer's and whose values are tables.
    fn schedules(&mut self) -> BTreeMap<String, ScheduleFile> {
        let mut read = BTreeMap::new();
        for (hyper, value) in self.take("schedules") {
            let path = format!("schedules.{hyper}");
            let example = "a table with the `name` of a schedule, such as \
                           { name = \"ramp\", to = 0.9 }";
            let Value::Table(table) = value else {
                let found = words::found(&value);
                let text = format!("`{path}`: expected {example}, found {found}");
                self.problems.add(&path, text);
                continue;
            };
            if !table.contains_key("name") {
                let text = format!("`{path}`: expected {example}, found one without `name`");
                self.problems.add(&path, text);
            }
            let (schedule, options) = split::<ScheduleFile>(&path, &table, self.problems);
            read.insert(
                hyper,
                ScheduleFile {
                    options,
                    ..schedule
                },
            );
        }
        read
    }

    /// Takes out a section's table; a section that is missing is empty.
    fn take(&mut self, name: &str) -> Table {
        let value = self
            .sections
            .remove(name)
            .unwrap_or_else(|| Value::Table(Table::new()));
        as_table(name, value, self.problems)
    }
}

fn as_table(name: &str, value: Value, problems: &mut Problems) -> Table {
    match value {
        Value::Table(table) => table,
        other => {
            let found = words::found(&other);
            problems.add(
                name,
                format!("`{name}`: expected a section [{name}], found {found}"),
            );
            Table::new()
        }
    }
}

fn fixed<T: DeserializeOwned>(name: &str, table: &Table, problems: &mut Problems) -> T {
    let (value, rest) = split(name, table, problems);
    for key in rest.keys() {
        let hint = hints::unknown_key(key, Some(Section::called(name)));
        problems.add(&format!("{name}.{key}"), hint);
    }
    value
}

fn free<T: DeserializeOwned>(
    name: &str,
    table: &Table,
    options: fn(&mut T) -> &mut Table,
    problems: &mut Problems,
) -> T {
    let section = Section::called(name);
    let (mut value, mut rest) = split(name, table, problems);
    rest.retain(|key, _| {
        let belongs_elsewhere = hints::belongs_elsewhere(key, section);
        if belongs_elsewhere {
            problems.add(
                &format!("{name}.{key}"),
                hints::unknown_key(key, Some(section)),
            );
        }
        !belongs_elsewhere
    });
    *options(&mut value) = rest;
    value
}

/// Reads the keys that `T` has, and returns the others. `T` reads a table in which any of its keys
/// may be missing.
fn split<T: DeserializeOwned>(name: &str, table: &Table, problems: &mut Problems) -> (T, Table) {
    let known = fields::of::<T>();
    let mut good = Table::new();
    let mut rest = Table::new();
    for (key, value) in table {
        if !known.contains(&key.as_str()) {
            rest.insert(key.clone(), value.clone());
        } else if let Some(mistake) = words::mistake::<T>(key, value) {
            let path = if name.is_empty() {
                key.clone()
            } else {
                format!("{name}.{key}")
            };
            problems.add(&path, format!("`{path}`: {mistake}"));
        } else {
            good.insert(key.clone(), value.clone());
        }
    }
    let value = T::deserialize(Value::Table(good)).expect("each of these keys was read alone");
    (value, rest)
}
