//! A job's text on its way to a job: what is written where.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::assignment::Assignment;
use super::error::{ConfigError, Origin, Problem, Problems};
use super::job::{JobConfig, JobFile, Registries};
use super::read;
use super::sections::Section;
use super::sections::method::Method;

/// A job's text, parsed but not judged, with the place of every value.
#[derive(Clone, Debug)]
pub struct Draft {
    source: String,
    table: Table,
    /// By the key's path, such as `train.batch_size`.
    origins: BTreeMap<String, Origin>,
    /// What an assignment changed beside its own key, a sentence each.
    notes: Vec<String>,
}

/// Sections whose further keys belong to the entry that `name` chooses.
const OF_AN_ENTRY: &[&str] = &[
    "data",
    "model",
    "optimizer",
    "outer",
    "schedule",
    "feedback",
];

impl Draft {
    /// Parses a job file's `text`; `source` is its name in errors.
    ///
    /// # Errors
    /// When `text` is no TOML.
    pub fn parse(source: &str, text: &str) -> Result<Self, ConfigError> {
        let table = text
            .parse::<Table>()
            .map_err(|error| syntax(source, text, &error))?;
        let spanned = DeTable::parse(text).map_err(|error| syntax(source, text, &error))?;
        let mut draft = Self {
            source: source.to_owned(),
            table,
            origins: BTreeMap::new(),
            notes: Vec::new(),
        };
        draft.note_lines(text, "", spanned.get_ref());
        Ok(draft)
    }

    /// Sets one value over what the text says: `train.batch_size=32`. The value is TOML, or else a
    /// text without quotes.
    ///
    /// # Errors
    /// When `assignment` has no key or no `=`, or leads into a value that is no section. Whether
    /// the key exists is judged with all others by [`Self::read`].
    pub fn set(&mut self, assignment: &str) -> Result<(), ConfigError> {
        let refused = |text: String| ConfigError {
            problems: vec![Problem {
                keys: Vec::new(),
                origin: Some(Origin::Flag(assignment.to_owned())),
                text,
            }],
        };
        let parsed = Assignment::parse(assignment).map_err(refused)?;
        let path = parsed.path.join(".");
        if let [section, last] = &parsed.path[..]
            && last == "name"
            && self.table.get(section).and_then(|of| of.get("name")) != Some(parsed.value())
        {
            self.leave_out(&section.clone(), assignment);
        }
        parsed.apply(&mut self.table).map_err(refused)?;
        let below = format!("{path}.");
        self.origins.retain(|key, _| !key.starts_with(&below));
        self.origins
            .insert(path, Origin::Flag(assignment.to_owned()));
        Ok(())
    }

    /// What assignments changed beside their own keys, a sentence each.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Takes the text's keys of the entry that was chosen out of a section in which another one is:
    /// they are the old one's. Keys that were assigned stay.
    fn leave_out(&mut self, section: &str, assignment: &str) {
        let is_of_an_entry = OF_AN_ENTRY.contains(&section);
        let Some(Value::Table(table)) = self.table.get_mut(section).filter(|_| is_of_an_entry)
        else {
            return;
        };
        let of_the_section = Section::called(section).keys();
        let old = table.keys().filter(|key| {
            let origin = self.origins.get(&format!("{section}.{key}"));
            !of_the_section.contains(&key.as_str()) && !matches!(origin, Some(Origin::Flag(_)))
        });
        let old: Vec<String> = old.cloned().collect();
        if old.is_empty() {
            return;
        }
        for key in &old {
            table.remove(key);
            self.origins.remove(&format!("{section}.{key}"));
        }
        let keys: Vec<_> = old.iter().map(|key| format!("`{key}`")).collect();
        self.notes.push(format!(
            "--set {assignment} leaves out {} of {} [{section}], the settings of what it was",
            keys.join(", "),
            self.source
        ));
    }

    /// The value or section at a key's path such as `data.name`, as it is written; `None` if it is
    /// not.
    #[must_use]
    pub fn written_value(&self, path: &str) -> Option<&Value> {
        let mut parts = path.split('.');
        let first = self.table.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.as_table()?.get(part))
    }

    /// Reads keys and types.
    ///
    /// # Errors
    /// Every unknown key and every value of a wrong type, at once.
    pub fn read(&self) -> Result<JobFile, ConfigError> {
        let mut problems = Problems::default();
        let job = read::job(&self.table, &mut problems);
        problems.none_or(job).map_err(|error| self.located(error))
    }

    /// Reads and checks.
    ///
    /// # Errors
    /// Those of [`Self::read`]; if there are none, those of [`JobFile::check`].
    pub fn check(&self, registries: &Registries) -> Result<JobConfig, ConfigError> {
        let mut whole = self.clone();
        let method = self.written_value("method.name").and_then(Value::as_str);
        let usual = Method::default().name;
        let method = method.unwrap_or(&usual);
        let recipe = (registries.recipe)(method);
        whole.lay_under(recipe.clone());
        let checked = whole.read()?.check(registries);
        checked.map_err(|mut error| {
            for problem in &mut error.problems {
                self.name_the_method(problem, method, &recipe);
            }
            self.located(error)
        })
    }

    /// Says of keys that nobody wrote that the method set them.
    fn name_the_method(&self, problem: &mut Problem, method: &str, recipe: &Table) {
        let name = format!("`method.name` = \"{method}\"");
        if problem.text.contains(&name) {
            return;
        }
        let set = problem.keys.iter().filter_map(|key| {
            let (section, last) = key.split_once('.')?;
            let value = recipe.get(section)?.get(last)?;
            self.written_value(key)
                .is_none()
                .then(|| format!("`{key}` = {value}"))
        });
        let set: Vec<String> = set.collect();
        if !set.is_empty() {
            problem.text += &format!(
                " ({name} sets {} where the job does not)",
                set.join(" and ")
            );
        }
    }

    /// Lets the method that an assignment chose replace what the text has otherwise: another entry in a
    /// section that the method stands on. The rate stays.
    pub fn follow_method(&mut self, registries: &Registries) {
        let is_assigned = |origin: Option<&Origin>| matches!(origin, Some(Origin::Flag(_)));
        let assigned = self.origins.get("method.name").cloned();
        let method = self.written_value("method.name").and_then(Value::as_str);
        let (Some(Origin::Flag(assignment)), Some(method)) = (assigned, method) else {
            return;
        };
        for (section, keys) in (registries.recipe)(method) {
            let path = format!("{section}.name");
            let (own, usual) = (self.written_value(&path), keys.get("name"));
            if own.is_some() && usual.is_some() && own != usual {
                if is_assigned(self.origins.get(&path)) {
                    continue;
                }
                self.leave_out(&section, &assignment);
                if let Some(Value::Table(table)) = self.table.get_mut(&section) {
                    table.remove("name");
                }
                self.origins.remove(&path);
            }
            // What the text says of a section without an entry is the method's, too.
            if usual.is_none() {
                for (key, _) in keys.as_table().into_iter().flatten() {
                    let path = format!("{section}.{key}");
                    let is_text = matches!(self.origins.get(&path), Some(Origin::Line { .. }));
                    if is_text && let Some(Value::Table(table)) = self.table.get_mut(&section) {
                        table.remove(key);
                        self.origins.remove(&path);
                    }
                }
            }
        }
    }

    /// Fills in what is not written. A section in which another entry was chosen keeps to its own keys.
    fn lay_under(&mut self, recipe: Table) {
        for (section, keys) in recipe {
            let Value::Table(keys) = keys else {
                continue;
            };
            let own = self.table.entry(section);
            let Value::Table(own) = own.or_insert_with(|| Value::Table(Table::new())) else {
                continue;
            };
            let chosen = (own.get("name"), keys.get("name"));
            if matches!(chosen, (Some(own), Some(usual)) if own != usual) {
                continue;
            }
            for (key, value) in keys {
                own.entry(key).or_insert(value);
            }
        }
    }

    fn note_lines(&mut self, text: &str, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let path = format!("{prefix}{}", key.get_ref());
            let line = line_of(text, key.span().start);
            let origin = Origin::Line {
                source: self.source.clone(),
                line,
            };
            self.origins.insert(path.clone(), origin);
            if let DeValue::Table(inner) = value.get_ref() {
                self.note_lines(text, &format!("{path}."), inner);
            }
        }
    }

    /// The same problems with their places, in the order of the text.
    fn located(&self, mut error: ConfigError) -> ConfigError {
        for problem in &mut error.problems {
            problem.origin = Some(self.origin_of(&problem.keys));
        }
        error.problems.sort_by_key(|problem| match &problem.origin {
            Some(Origin::Line { line, .. }) => *line,
            _ => usize::MAX,
        });
        error
    }

    /// Where the first of `keys` stands that was written at all; if none was, where the section of
    /// the first one stands.
    fn origin_of(&self, keys: &[String]) -> Origin {
        let written = keys.iter().find_map(|key| self.written(key));
        let sections = keys.first().into_iter().flat_map(|key| sections_above(key));
        let origin = written.or_else(|| sections.filter_map(|path| self.origins.get(path)).next());
        origin
            .cloned()
            .unwrap_or_else(|| Origin::Whole(self.source.clone()))
    }

    /// Where `key` was written, or a key below it.
    fn written(&self, key: &str) -> Option<&Origin> {
        let below = format!("{key}.");
        let first_below = || {
            self.origins
                .iter()
                .find(|(path, _)| path.starts_with(&below))
        };
        self.origins
            .get(key)
            .or_else(|| first_below().map(|(_, origin)| origin))
    }
}

/// The sections around `key`, the innermost first.
fn sections_above(key: &str) -> impl Iterator<Item = &str> {
    key.rmatch_indices('.').map(|(at, _)| &key[..at])
}

/// The number, from 1, of the line with the byte at `offset`.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}

fn syntax(source: &str, text: &str, error: &toml::de::Error) -> ConfigError {
    let source = source.to_owned();
    let origin = match error.span() {
        Some(span) => Origin::Line {
            source,
            line: line_of(text, span.start),
        },
        None => Origin::Whole(source),
    };
    let text = format!("this is no TOML: {}", error.message().replace('\n', ", "));
    ConfigError {
        problems: vec![Problem {
            keys: Vec::new(),
            origin: Some(origin),
            text,
        }],
    }
}
