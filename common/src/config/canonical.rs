//! The one text of a checked job, and its fingerprint.

use toml::{Table, Value};
use xxhash_rust::xxh3::xxh3_128;

use super::job::JobConfig;
use crate::ids::Fingerprint;

/// The keys that are one process's own affair: two processes may hold different values, and neither
/// misunderstands the other. Everything else is what a cluster must agree on.
///
/// | why a process may differ | keys |
/// |---|---|
/// | its patience | connect, request, retry, iteration, join, stop, linger |
/// | its memory and its queues | memory, in flight, queue, sessions, history |
/// | how slow a machine it plays | `train.compute` |
/// | who may reach it | `cluster.insecure_listen` |
/// | what the launcher looks at | `[evaluate]`, `[stop]` |
/// | what it keeps on disk, and how often processes come back | `[checkpoint]`, `limits.rejoins_max` |
const OF_ONE_PROCESS: &[(&str, &str)] = &[
    ("limits", "connect_seconds"),
    ("limits", "request_seconds"),
    ("limits", "retry_total_seconds"),
    ("limits", "iteration_seconds"),
    ("limits", "join_seconds"),
    ("limits", "stop_seconds"),
    ("limits", "linger_seconds"),
    ("limits", "memory_bytes_max"),
    ("limits", "inflight_pushes_max"),
    ("limits", "inflight_pulls_max"),
    ("limits", "queue_parts_max"),
    ("limits", "sessions_max"),
    ("limits", "history_events"),
    ("limits", "rejoins_max"),
    ("train", "compute"),
    ("cluster", "insecure_listen"),
    ("evaluate", "every"),
    ("evaluate", "train_rows"),
];

/// The sections that are one process's own affair as a whole.
const SECTIONS_OF_ONE_PROCESS: &[&str] = &["stop", "checkpoint"];

impl JobConfig {
    /// The job as a job file with every default written out. Reading it gives the same job, and
    /// equal jobs have equal texts.
    ///
    /// # Panics
    /// Never: every value of a checked job is one that TOML can write.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(&**self).expect("a checked job holds only what TOML can write")
    }

    /// The hash of what a cluster must agree on: XXH3, 128 bits, of the [canonical
    /// text](Self::to_toml) without the keys that are one process's own affair (time-outs of its
    /// own requests, its queues and memory, `train.compute`, `cluster.insecure_listen`,
    /// `[evaluate]`, `[stop]`, `[checkpoint]`).
    ///
    /// # Panics
    /// Never, as for [`Self::to_toml`].
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let text = toml::to_string(&self.agreed()).expect("a table is TOML");
        Fingerprint(xxh3_128(text.as_bytes()))
    }

    /// The keys of what a cluster must agree on that this job has otherwise than `other`, each with the
    /// value here and there, such as `optimizer.lr = 0.2 instead of 0.1`. Empty exactly if both have one
    /// [fingerprint](Self::fingerprint).
    ///
    /// # Panics
    /// Never, as for [`Self::to_toml`].
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let (here, there) = (self.agreed(), other.agreed());
        compare("", (&Value::Table(here), &Value::Table(there)), &mut found);
        found
    }

    /// What a cluster must agree on.
    fn agreed(&self) -> Table {
        let mut job =
            Table::try_from(&**self).expect("a checked job holds only what TOML can write");
        for (section, key) in OF_ONE_PROCESS {
            let removed = match job.get_mut(*section) {
                Some(Value::Table(table)) => table.remove(*key),
                _ => None,
            };
            assert!(
                removed.is_some(),
                "{section}.{key} stands in every canonical text"
            );
        }
        for section in SECTIONS_OF_ONE_PROCESS {
            job.remove(*section);
        }
        job
    }
}

/// Adds the keys below `key` whose values differ.
fn compare(key: &str, (here, there): (&Value, &Value), found: &mut Vec<String>) {
    let (Value::Table(one), Value::Table(other)) = (here, there) else {
        if here != there {
            found.push(format!("{key} = {here} instead of {there}"));
        }
        return;
    };
    let below = |name: &String| match key {
        "" => name.clone(),
        key => format!("{key}.{name}"),
    };
    for (name, value) in one {
        match other.get(name) {
            Some(there) => compare(&below(name), (value, there), found),
            None => found.push(format!("{} = {value} instead of nothing", below(name))),
        }
    }
    for name in other.keys().filter(|name| !one.contains_key(*name)) {
        found.push(format!("{} is missing", below(name)));
    }
}
