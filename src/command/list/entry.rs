//! What there is to say of one thing that a job may name, as text and as JSON.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Map, Value};
use toml::Table;

/// One entry of a registry, or one shipped job.
#[derive(Debug, Default, Serialize)]
pub(super) struct Line {
    pub(super) name: &'static str,
    /// The formula of what has one, else what it is.
    pub(super) about: &'static str,
    /// What it keeps for each parameter; only optimizers keep anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<State>,
    /// What a training method stands on, and what it keeps; only methods have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) method: Option<MethodLine>,
    /// The settings with their defaults, as TOML.
    #[serde(serialize_with = "as_table")]
    pub(super) keys: &'static str,
    /// The settings that surveys have otherwise, as TOML.
    #[serde(serialize_with = "as_table", skip_serializing_if = "str::is_empty")]
    pub(super) surveys: &'static str,
    /// Where it comes from; empty where that is all ours.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) source: &'static str,
    /// What is otherwise than there, or in the library that users would compare with.
    pub(super) differences: &'static [&'static str],
}

/// What there is to say of a training method beside its name.
#[derive(Debug, Serialize)]
pub(super) struct MethodLine {
    /// What it sets in a job that does not say otherwise, as TOML.
    #[serde(serialize_with = "as_table")]
    pub(super) sets: &'static str,
    /// What it cannot do without.
    pub(super) needs: Vec<String>,
    /// The keys of `[method]` that it follows.
    pub(super) follows: Vec<&'static str>,
    /// What each worker keeps for it.
    pub(super) worker_memory: &'static str,
    /// What the servers keep for it, all together.
    pub(super) servers_memory: &'static str,
}

/// What a server keeps of a parameter.
#[derive(Debug, Serialize)]
pub(super) struct State {
    /// Under the defaults.
    #[serde(flatten)]
    pub(super) keeps: Keeps,
    /// Where settings make it more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fullest: Option<Fullest>,
    pub(super) needs_whole_tensors: bool,
}

/// Slots, and memory for one parameter at most, its value included.
#[derive(Debug, Serialize)]
pub(super) struct Keeps {
    pub(super) slots: Vec<String>,
    pub(super) bytes_per_parameter: usize,
}

/// What is kept under the settings that make it the most.
#[derive(Debug, Serialize)]
pub(super) struct Fullest {
    #[serde(serialize_with = "as_table")]
    pub(super) settings: &'static str,
    #[serde(flatten)]
    pub(super) keeps: Keeps,
}

impl Keeps {
    fn words(&self) -> String {
        let slots = if self.slots.is_empty() {
            "none".to_owned()
        } else {
            self.slots.join(", ")
        };
        format!(
            "{slots}; with the parameter {} bytes",
            self.bytes_per_parameter
        )
    }
}

impl State {
    /// In words.
    pub(super) fn words(&self) -> String {
        let mut words = self.keeps.words();
        if self.needs_whole_tensors {
            words += " at most, needs whole tensors";
        }
        if let Some(Fullest {
            settings: keys,
            keeps,
        }) = &self.fullest
        {
            let _ = write!(
                words,
                "; with {}: {}",
                settings(keys).join(", "),
                keeps.words()
            );
        }
        words
    }
}

impl Line {
    /// A few lines: what it is, and what a job may set.
    pub(super) fn short(&self, width: usize) -> String {
        let mut text = format!("  {:width$}  {}\n", self.name, self.about);
        let mut add = |what: &str, said: &str| {
            if !said.is_empty() {
                let _ = writeln!(text, "  {:width$}  {what}: {said}", "");
            }
        };
        if let Some(state) = &self.state {
            add("state", &state.words());
        }
        if let Some(method) = &self.method {
            add("sets", &paths(method.sets).join(", "));
            add("needs", &method.needs.join("; "));
            add("follows, of [method]", &method.follows.join(", "));
            add("each worker keeps", method.worker_memory);
            add("the servers keep", method.servers_memory);
        }
        add("keys", &settings(self.keys).join(", "));
        add("in surveys", &settings(self.surveys).join(", "));
        add("from", self.source);
        text
    }

    /// Everything.
    pub(super) fn full(&self) -> String {
        let mut text = format!("{}\n  {}\n", self.name, self.about);
        let mut add = |what: &str, said: &[String]| {
            for (row, line) in said.iter().enumerate() {
                let what = if row == 0 { what } else { "" };
                let _ = writeln!(text, "  {what:11}  {line}");
            }
        };
        if let Some(state) = &self.state {
            add("state", &[state.words()]);
        }
        if let Some(method) = &self.method {
            add("sets", &paths(method.sets));
            add("needs", &method.needs);
            add(
                "of [method]",
                &[format!("follows {}", method.follows.join(", "))],
            );
            add("worker", &[format!("keeps {}", method.worker_memory)]);
            add("servers", &[format!("keep {}", method.servers_memory)]);
        }
        add("keys", &settings(self.keys));
        add("in surveys", &settings(self.surveys));
        if !self.source.is_empty() {
            add("from", &[self.source.to_owned()]);
        }
        let numbered = (1..).zip(self.differences);
        let differences: Vec<String> = numbered
            .map(|(number, difference)| format!("{number}. {difference}"))
            .collect();
        add("differences", &differences);
        text
    }
}

/// The lines of TOML that say something.
pub(super) fn settings(toml: &str) -> Vec<String> {
    let lines = toml.lines().map(str::trim);
    let said = lines.filter(|line| !line.is_empty());
    said.map(str::to_owned).collect()
}

/// The lines of TOML with sections, each under its section's name.
pub(super) fn paths(toml: &str) -> Vec<String> {
    let mut section = String::new();
    let mut paths = Vec::new();
    for line in settings(toml) {
        match line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            Some(name) => name.clone_into(&mut section),
            None => paths.push(format!("{section}.{line}")),
        }
    }
    paths
}

/// TOML as an object; what is no TOML, such as the words of a key without a default, as lines.
fn as_table<S: serde::Serializer>(toml: &str, to: S) -> Result<S::Ok, S::Error> {
    let parsed = toml.parse::<Table>().ok();
    let object = parsed.and_then(|table| serde_json::to_value(table).ok());
    let lines = || Value::Array(settings(toml).into_iter().map(Value::String).collect());
    let empty = toml.trim().is_empty().then(|| Value::Object(Map::new()));
    empty.or(object).unwrap_or_else(lines).serialize(to)
}
