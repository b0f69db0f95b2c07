//! A folder of golden files and what its files came to.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::numbers::Findings;
use super::{ELSEWHERE, NO_GOLDEN_FILES, PARTS_ELSEWHERE, check};

/// What one file came to.
struct Verdict {
    file: String,
    format: String,
    /// The algorithms that it has numbers of.
    algorithms: Vec<String>,
    /// `None` of a format that belongs to later work.
    findings: Option<Findings>,
}

/// The files of a folder, in the order of their names.
pub(super) struct Folder {
    name: String,
    verdicts: Vec<Verdict>,
    /// What kept the folder from being read.
    unreadable: Vec<String>,
}

impl Folder {
    /// Checks every file of the folder.
    pub(super) fn judge(path: &Path) -> Self {
        let mut folder = Self {
            name: path.display().to_string(),
            verdicts: Vec::new(),
            unreadable: Vec::new(),
        };
        let listed = fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut paths: Vec<_> = match listed {
            Ok(entries) => entries.into_iter().map(|entry| entry.path()).collect(),
            Err(error) => {
                folder.unreadable.push(format!("{}: {error}", folder.name));
                return folder;
            }
        };
        paths.retain(|path| path.extension().is_some_and(|end| end == "json"));
        paths.sort();
        let verdicts = paths.iter().map(|path| verdict(path));
        folder.verdicts = verdicts
            .filter(|verdict| !NO_GOLDEN_FILES.contains(&verdict.file.as_str()))
            .collect();
        if folder.checked().next().is_none() {
            folder
                .unreadable
                .push(format!("no golden file in {}", folder.name));
        }
        folder
    }

    /// Every failure, behind its file's name.
    pub(super) fn failures(&self) -> Vec<String> {
        let of_files = self.checked().flat_map(|(verdict, findings)| {
            let named = |failure| format!("{}: {failure}", verdict.file);
            findings.failures.iter().map(named)
        });
        self.unreadable.iter().cloned().chain(of_files).collect()
    }

    /// The algorithms that the folder has numbers of.
    pub(super) fn algorithms(&self) -> Vec<String> {
        let lists = self.verdicts.iter().map(|verdict| &verdict.algorithms);
        lists.flatten().cloned().collect()
    }

    /// How much was checked, of each format and in all, and what was not.
    pub(super) fn summary(&self) -> Vec<String> {
        let mut formats: Vec<&str> = self.verdicts.iter().map(|v| v.format.as_str()).collect();
        formats.sort_unstable();
        formats.dedup();
        let mut lines: Vec<String> = Vec::new();
        for format in formats {
            let verdicts = self.verdicts.iter().filter(|v| v.format == format);
            let findings: Vec<_> = verdicts.clone().map(|v| &v.findings).collect();
            if let Some(why) = ELSEWHERE.iter().find(|(other, _)| *other == format) {
                let count = findings.len();
                lines.push(format!(
                    "{format}: {count} files belong to later work: {}",
                    why.1
                ));
                continue;
            }
            let right = findings.iter().filter(|f| is_right(f)).count();
            let comparisons: usize = findings
                .iter()
                .flat_map(|f| f.iter())
                .map(|f| f.count)
                .sum();
            lines.push(format!(
                "{format}: checked {right} of {} files, {comparisons} comparisons",
                findings.len(),
            ));
            for (_, parts, why) in PARTS_ELSEWHERE.iter().filter(|part| part.0 == format) {
                lines.push(format!("{format}: not here: {parts}: {why}"));
            }
        }
        let right = self
            .checked()
            .filter(|(v, _)| is_right(&v.findings))
            .count();
        let all = self.checked().count();
        lines.push(format!("checked {right} of {all} files in {}", self.name));
        lines
    }

    fn checked(&self) -> impl Iterator<Item = (&Verdict, &Findings)> {
        let verdicts = self.verdicts.iter();
        verdicts.filter_map(|verdict| Some((verdict, verdict.findings.as_ref()?)))
    }
}

fn is_right(findings: &Option<Findings>) -> bool {
    findings.as_ref().is_some_and(|f| f.failures.is_empty())
}

fn verdict(path: &Path) -> Verdict {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let read = fs::read_to_string(path).map_err(|error| error.to_string());
    let parsed = read.and_then(|text| {
        serde_json::from_str::<Value>(&text).map_err(|error| format!("it is no JSON: {error}"))
    });
    let file = parsed.as_ref().unwrap_or(&Value::Null);
    let word = |from: &Value, key: &str| Some(from.get(key)?.as_str()?.to_owned());
    let runs = file.get("runs").and_then(Value::as_array);
    let with_algorithm = runs.map_or_else(|| vec![file], |runs| runs.iter().collect());
    Verdict {
        file: name.into_owned(),
        format: word(file, "format").unwrap_or_else(|| "no format".to_owned()),
        algorithms: with_algorithm
            .into_iter()
            .filter_map(|run| word(run, "algorithm"))
            .collect(),
        findings: match parsed {
            Ok(ref file) => check(file),
            Err(error) => Some(Findings::unreadable(error)),
        },
    }
}
