//! Names: of jobs and folders, of workers in their certificates. One type, so that one place judges what may
//! stand in a path, a label or a line of a log.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use thiserror::Error;

/// Bytes of a name.
const BYTES_MAX: usize = 64;

/// A name: at most 64 of `a-z`, `0-9`, `.`, `_` and `-`, beginning with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("expected {}, found {found:?}", Name::PERMITTED)]
pub struct NameError {
    found: String,
}

impl Name {
    /// What a name is, in words.
    pub const PERMITTED: &'static str =
        "at most 64 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit";

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let holds = text.len() <= BYTES_MAX
            && text.starts_with(small)
            && text.chars().all(|c| small(c) || "._-".contains(c));
        if holds {
            return Ok(Self(text.to_owned()));
        }
        Err(NameError {
            found: text.to_owned(),
        })
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leaves_its_folder_or_its_line() {
        for text in ["a", "7", "flights-2.v_1", &"a".repeat(BYTES_MAX)] {
            assert_eq!(text.parse::<Name>().unwrap().as_str(), text);
        }
        for text in [
            "",
            ".",
            "..",
            ".a",
            "-a",
            "a/b",
            "a\\b",
            "A",
            "a b",
            "a\n",
            "ä",
            "a\0",
            &"a".repeat(BYTES_MAX + 1),
        ] {
            let error = text.parse::<Name>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }
}
