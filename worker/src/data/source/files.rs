//! Which files a key of the `[data]` table names: one path, a list, or a pattern.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use glob::{MatchOptions, Pattern, glob_with};
use serde::{
    Deserialize, Deserializer,
    de::{self, SeqAccess, Visitor},
};

use super::{
    STANDARD_INPUT,
    address::{Address, SCHEMES},
    remote,
};
use crate::data::{DataError, cache::SUFFIX as CACHE_SUFFIX};

/// One path or address, several, or a pattern such as `part-*.svm.gz`, whose files come sorted by name;
/// `-` is standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files(Vec<String>);

impl Files {
    /// Names these paths or patterns.
    #[must_use]
    pub fn new(paths: Vec<String>) -> Self {
        Self(paths)
    }

    /// The first of the files; relative paths start at `folder`. Standard input is named `-`.
    ///
    /// # Errors
    /// [`DataError::Pattern`] when a pattern is none, or no file matches it.
    pub fn first(&self, folder: &Path) -> Result<Option<PathBuf>, DataError> {
        Ok(self.resolve(folder)?.into_iter().next())
    }

    /// Each of the paths and patterns by itself.
    pub(in crate::data) fn each(&self) -> Vec<Self> {
        let one = |path: &String| Self(vec![path.clone()]);
        self.0.iter().map(one).collect()
    }

    /// Refuses what can be refused without looking at any file; `key` is that of the data set.
    pub(in crate::data) fn check(&self, dataset: &'static str, key: &str) -> Result<(), DataError> {
        let refuse = |problem: String| Err(DataError::Options { dataset, problem });
        if self.0.is_empty() {
            return refuse(format!(
                "expected `{key}` to name a file, found an empty list"
            ));
        }
        for name in &self.0 {
            if let Some(address) = Address::of(name) {
                check_address(&address, key).or_else(refuse)?;
            }
        }
        if 1 < self.0.len() && self.reads_standard_input() {
            return refuse(format!(
                "expected standard input (\"-\") alone in `{key}`, found it beside other files; write \
                 them into one pipe"
            ));
        }
        Ok(())
    }

    /// Whether `-` is among them.
    pub(in crate::data) fn reads_standard_input(&self) -> bool {
        self.0.iter().any(|path| path == STANDARD_INPUT)
    }

    /// The paths, in order; relative ones start at `folder`.
    pub(in crate::data) fn resolve(&self, folder: &Path) -> Result<Vec<PathBuf>, DataError> {
        let mut paths = Vec::new();
        for name in &self.0 {
            if name == STANDARD_INPUT {
                paths.push(name.into());
                continue;
            }
            if let Some(address) = Address::of(name) {
                match address.is_pattern() {
                    true => paths.extend(remote::list(Path::new(name))?),
                    false => paths.push(name.into()),
                }
                continue;
            }
            let path = folder.join(name);
            // A file may have a bracket in its name: what exists is no pattern.
            if !name.contains(['*', '?', '[']) || matches!(path.try_exists(), Ok(true)) {
                paths.push(path);
                continue;
            }
            paths.extend(matching(folder, name, &path)?);
        }
        Ok(paths)
    }
}

/// Refuses an address that this program cannot read, whatever lies there.
fn check_address(address: &Address<'_>, key: &str) -> Result<(), String> {
    let shown = address.shown();
    if !SCHEMES.contains(&address.scheme) {
        return Err(format!(
            "expected `{key}` to be a path of this machine or an address that begins with one of {}, found \
             {shown}; mend it, or copy the data to a folder first",
            SCHEMES.map(|scheme| format!("{scheme}://")).join(", ")
        ));
    }
    if !cfg!(feature = "object-store") {
        return Err(format!(
            "expected `{key}` to be a path of this machine, found the address {shown}; copy the data to a \
             folder first, or build the program with `cargo install --path . --features {}`",
            remote::FEATURE
        ));
    }
    if address.place.is_empty() || address.path.is_empty() {
        return Err(format!(
            "expected `{key}` to name a bucket or host and a file in it, found the address {shown}; mend it"
        ));
    }
    if address.is_web() && address.is_pattern() {
        return Err(format!(
            "expected `{key}` to name each file of a web server, which has no list of them, found the pattern \
             {shown}; write a list of addresses"
        ));
    }
    Ok(())
}

/// The files that a pattern names, sorted.
fn matching(folder: &Path, name: &str, shown: &Path) -> Result<Vec<PathBuf>, DataError> {
    let whole = if Path::new(name).is_absolute() {
        name.to_owned()
    } else {
        let folder = Pattern::escape(&folder.to_string_lossy());
        format!("{folder}/{name}")
    };
    let options = MatchOptions {
        require_literal_separator: true,
        require_literal_leading_dot: true,
        ..MatchOptions::new()
    };
    let pattern_error = |problem: String| DataError::Pattern {
        path: shown.to_owned(),
        problem,
    };
    let found = glob_with(&whole, options).map_err(|error| pattern_error(error.to_string()))?;
    let mut paths = Vec::new();
    for path in found {
        let path = path.map_err(|error| pattern_error(error.to_string()))?;
        // A cache that lies beside the files that it was made of is none of them.
        let is_cache = path.to_string_lossy().ends_with(CACHE_SUFFIX);
        if path.is_file() && !is_cache {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(pattern_error("no file matches it".into()));
    }
    paths.sort();
    Ok(paths)
}

impl<'de> Deserialize<'de> for Files {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FilesVisitor)
    }
}

/// Takes a string for a list of one, with an error that says what is permitted.
struct FilesVisitor;

impl<'de> Visitor<'de> for FilesVisitor {
    type Value = Files;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path, a pattern such as \"part-*.gz\", or a list of them")
    }

    fn visit_str<E: de::Error>(self, path: &str) -> Result<Files, E> {
        Ok(Files(vec![path.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Files, A::Error> {
        let mut paths = Vec::new();
        while let Some(path) = list.next_element()? {
            paths.push(path);
        }
        Ok(Files(paths))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde::Deserialize;

    use super::Files;

    #[derive(Debug, Deserialize)]
    struct Keys {
        train: Files,
    }

    fn files(text: &str) -> Files {
        let keys: Keys = toml::from_str(&format!("train = {text}")).unwrap();
        keys.train
    }

    #[test]
    fn a_path_a_list_and_a_pattern_name_files_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["part-2.svm", "part-10.svm", "other.svm", "a[1].svm"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let names = |text: &str| -> Vec<String> {
            let paths = files(text).resolve(folder.path()).unwrap();
            let name = |path: &std::path::PathBuf| path.file_name().unwrap().to_owned();
            paths
                .iter()
                .map(|p| name(p).into_string().unwrap())
                .collect()
        };
        assert_eq!(names("'other.svm'"), ["other.svm"]);
        assert_eq!(names("['b', 'a']"), ["b", "a"]);
        assert_eq!(names("'part-*.svm'"), ["part-10.svm", "part-2.svm"]);
        assert_eq!(
            names("'a[1].svm'"),
            ["a[1].svm"],
            "what exists is no pattern"
        );
        assert_eq!(names("'-'"), ["-"]);
        let error = files("'none-*'")
            .resolve(folder.path())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("none-*: ") && error.contains("no file matches"),
            "{error}"
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_its_key() {
        for (text, words) in [
            (
                "'ftp://a.b/c.csv'",
                "begins with one of s3://, gs://, az://",
            ),
            #[cfg(not(feature = "object-store"))]
            (
                "'s3://bucket/a'",
                "expected `train` to be a path of this machine, found the address s3://bucket/a; copy the data \
                 to a folder first, or build the program with `cargo install --path . --features object-store`",
            ),
            #[cfg(feature = "object-store")]
            ("'https://a.b/*.csv'", "expected `train` to name each file"),
            #[cfg(feature = "object-store")]
            ("'s3://bucket'", "found the address s3://bucket/; mend it"),
            ("[]", "expected `train` to name a file"),
            ("['-', 'a']", "expected standard input (\"-\") alone"),
        ] {
            let error = files(text)
                .check("libsvm", "train")
                .unwrap_err()
                .to_string();
            assert!(error.contains(words) && !error.contains('\n'), "{error}");
        }
        let error = toml::from_str::<Keys>("train = 3").unwrap_err().to_string();
        assert!(error.contains("a path, a pattern such as"), "{error}");
    }
}
