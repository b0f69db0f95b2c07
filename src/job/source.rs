//! Where a job's text comes from: a file, or one of the jobs that are shipped.

use std::fs;
use std::io;
use std::path::Path;

use thalweg_common::config::{ConfigError, Draft};
use thiserror::Error;

use super::REGISTRIES;

/// The longest name that is made from a file's; a job may have one of 64.
const NAME_CHARACTERS_MAX: usize = 40;

/// A job that comes with the binary.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// The name by which it is asked for.
    pub name: &'static str,
    /// One line for `thalweg list`.
    pub about: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// The shipped jobs; the first is the default.
pub static SHIPPED: &[Shipped] = &[
    Shipped {
        name: "flights",
        about: "late arrivals of flights: sparse logistic regression by Downpour and AdaGrad",
        text: include_str!("../../jobs/flights.toml"),
    },
    Shipped {
        name: "steady",
        about: "a seeded Zipf stream with a ground truth, minutes long, 20 ms of compute a batch",
        text: include_str!("../../jobs/steady.toml"),
    },
];

/// Why there is no text.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The file cannot be read.
    #[error(
        "cannot read the job `{name}`: {source}; give the path of a job file, or one of the shipped \
         jobs: {shipped}",
        shipped = shipped_names()
    )]
    Read {
        /// What was asked for.
        name: String,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// The text or an assignment is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// The draft of a job: a shipped one by name, else a file; `None` is the default job.
///
/// # Errors
/// [`SourceError`] if there is no such job or file, or its text is no TOML.
pub fn draft(job: Option<&str>) -> Result<Draft, SourceError> {
    let name = job.unwrap_or(SHIPPED[0].name);
    if let Some(shipped) = SHIPPED.iter().find(|shipped| shipped.name == name) {
        return Ok(Draft::parse(&format!("shipped job {name}"), shipped.text)?);
    }
    let text = fs::read_to_string(Path::new(name)).map_err(|source| SourceError::Read {
        name: name.to_owned(),
        source,
    })?;
    Ok(Draft::parse(name, &text)?)
}

/// The draft of a job with `key=value` assignments over it, and what the user is to be told of where
/// it started and of what the assignments left out.
///
/// Where no job is named and the assignments bring data of their own, the rest of the default job,
/// its schedule and its regularizer, would be somebody else's: such a job starts from the defaults
/// of every key, and is named after its data.
///
/// # Errors
/// [`SourceError`] if there is no such job or file, its text is no TOML, or an assignment is none.
pub fn draft_with(
    job: Option<&str>,
    assignments: &[String],
) -> Result<(Draft, Vec<String>), SourceError> {
    let shipped = draft(job)?;
    let changed = assigned(shipped.clone(), assignments)?;
    if job.is_some() || changed.written_value("data") == shipped.written_value("data") {
        let notes = changed.notes().to_vec();
        return Ok((changed, notes));
    }
    let own = assigned(Draft::parse("the command line", "")?, assignments)?;
    let mut note = format!(
        "no job is named and [data] is set: the job starts from the defaults of all keys, not from \
         the shipped job `{}`",
        SHIPPED[0].name
    );
    if own.written_value("name").is_some() {
        return Ok((own, vec![note]));
    }
    let name = name_of_data(&own);
    note += &format!("; its name is `{name}`");
    Ok((assigned(own, [format!("name=\"{name}\"")])?, vec![note]))
}

fn assigned(
    mut draft: Draft,
    assignments: impl IntoIterator<Item: AsRef<str>>,
) -> Result<Draft, ConfigError> {
    for assignment in assignments {
        draft.set(assignment.as_ref())?;
    }
    draft.follow_method(&REGISTRIES);
    Ok(draft)
}

/// A job name made from that of the training file, or else of the data set.
fn name_of_data(draft: &Draft) -> String {
    let text = |key| draft.written_value(key).and_then(|value| value.as_str());
    let file = text("data.train").and_then(|path| Path::new(path).file_name()?.to_str());
    let stem = file.map(|file| {
        let plain = file.strip_suffix(".gz").unwrap_or(file);
        plain.rsplit_once('.').map_or(plain, |(stem, _)| stem)
    });
    let small = |c: char| {
        if c.is_ascii_alphanumeric() || "._-".contains(c) {
            c
        } else {
            '-'
        }
    };
    let name: String = stem
        .or(text("data.name"))
        .unwrap_or_default()
        .to_ascii_lowercase()
        .chars()
        .map(small)
        .skip_while(|c| !c.is_ascii_alphanumeric())
        .take(NAME_CHARACTERS_MAX)
        .collect();
    if name.is_empty() {
        "job".to_owned()
    } else {
        name
    }
}

fn shipped_names() -> String {
    SHIPPED
        .iter()
        .map(|shipped| shipped.name)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use thalweg_common::config::JobConfig;

    use super::*;

    #[test]
    fn every_shipped_job_is_right() {
        for shipped in SHIPPED {
            draft(Some(shipped.name))
                .unwrap()
                .check(&REGISTRIES)
                .unwrap();
        }
    }

    #[test]
    fn a_missing_job_names_the_shipped_ones() {
        let error = draft(Some("no/such/job.toml")).unwrap_err().to_string();
        assert!(
            error.contains("no/such/job.toml") && error.contains("flights"),
            "{error}"
        );
    }
    fn with(job: Option<&str>, sets: &[&str]) -> (JobConfig, Vec<String>) {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let (draft, notes) = draft_with(job, &sets).unwrap();
        (draft.check(&REGISTRIES).unwrap(), notes)
    }

    #[test]
    fn data_of_ones_own_start_from_the_defaults_and_name_the_job() {
        let sets = [
            "data.name=libsvm",
            "data.train=sets/A9a (new).svm.gz",
            "optimizer.lr=0.2",
        ];
        let (job, note) = with(None, &sets);
        let plain = Draft::parse("", "[optimizer]\nlr = 0.2\n").unwrap();
        let plain = plain.check(&REGISTRIES).unwrap();
        assert_eq!(job.name, "a9a--new-");
        assert_eq!(job.schedule, plain.schedule);
        assert_eq!(job.regularizer, plain.regularizer);
        assert_eq!(job.train, plain.train);
        let note = &note[0];
        assert!(
            note.contains("not from the shipped job `flights`; its name is `a9a--new-`"),
            "{note}"
        );
        let (job, _) = with(None, &[&sets[..], &["name=mine"]].concat());
        assert_eq!(job.name, "mine");
    }

    #[test]
    fn another_name_leaves_the_settings_of_the_old_one_behind_and_says_so() {
        let (job, notes) = with(None, &["schedule.name=cosine", "optimizer.name=adam"]);
        assert_eq!(job.schedule.name, "cosine");
        assert_eq!(
            notes,
            [
                "--set schedule.name=cosine leaves out `milestones`, `gamma` of shipped job flights \
                 [schedule], the settings of what it was"
            ]
        );
        let sets = ["schedule.gamma=0.5", "schedule.name=exponential"];
        let (job, _) = with(None, &sets);
        assert_eq!(job.schedule.options["gamma"].as_float(), Some(0.5));
        let (_, notes) = with(None, &["schedule.name=multistep"]);
        assert_eq!(notes, [""; 0]);
    }

    #[test]
    fn a_job_that_is_named_or_keeps_its_data_keeps_the_rest() {
        let (job, note) = with(None, &["data.name=flights", "train.epochs=1"]);
        assert_eq!((job.name.as_str(), note), ("flights", vec![]));
        assert_eq!(job.schedule.name, "multistep");
        let (job, note) = with(Some("steady"), &["data.rows=1000"]);
        assert_eq!((job.name.as_str(), note), ("steady", vec![]));
        let (job, _) = with(None, &["data.name=steady", "optimizer.lr=0.1"]);
        assert_eq!(job.name, "steady");
    }
}
