//! What every registry shares: finding an entry by name, and reading its settings.
//!
//! A registry is a plain static table of entries. Each entry states its defaults as TOML text, once:
//! the text is what a list of entries shows, and what a job's own settings are laid over. So a key
//! that the text does not have is unknown, and the error can say which key was meant.

use serde::de::DeserializeOwned;
use thiserror::Error;
use toml::Table;

/// An entry of a registry.
pub trait Named {
    /// The name that a job file writes.
    fn name(&self) -> &'static str;
}

/// A line of a registry whose entries are made from their settings: a `T` is what they make.
#[derive(Debug)]
pub struct Entry<T: ?Sized + 'static> {
    /// The name that a job file writes.
    pub name: &'static str,
    /// What it does, in one line with the names of the settings.
    pub formula: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// What is otherwise than there, or in the library that users would compare with.
    pub differences: &'static [&'static str],
    /// Every setting with its default, as TOML.
    pub defaults: &'static str,
    /// Makes it from [`Entry::settings`].
    pub make: fn(&Self, &Table) -> Result<Box<T>, SettingError>,
}

impl<T: ?Sized> Entry<T> {
    /// Makes what the settings mean; what the table does not have is the default.
    ///
    /// # Errors
    /// [`SettingError`] for an unknown key, a wrong type or a value out of range.
    pub fn build(&self, table: &Table) -> Result<Box<T>, SettingError> {
        (self.make)(self, table)
    }

    /// Every setting: those of the table, and the defaults of the others.
    ///
    /// # Errors
    /// As [`Entry::build`].
    pub fn complete(&self, table: &Table) -> Result<Table, SettingError> {
        self.build(table)?;
        laid_over(self.name, self.defaults, table)
    }

    /// Reads the settings of this entry.
    ///
    /// # Errors
    /// As [`Entry::build`].
    pub fn settings<S: DeserializeOwned + Check>(&self, table: &Table) -> Result<S, SettingError> {
        settings(self.name, self.defaults, table)
    }
}

impl<T: ?Sized> Named for Entry<T> {
    fn name(&self) -> &'static str {
        self.name
    }
}

/// Settings that can judge themselves.
pub trait Check {
    /// Refuses values outside their permitted range.
    ///
    /// # Errors
    /// [`SettingError::OutOfRange`] for the first such value.
    fn check(&self) -> Result<(), SettingError>;
}

/// Why settings were refused.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SettingError {
    /// No entry has this name.
    #[error("no {kind} is called `{name}`{}; there are: {known}", did_you_mean(.suggestion))]
    UnknownName {
        /// What was looked for, such as "optimizer".
        kind: &'static str,
        /// The name that was found.
        name: String,
        /// The known name that is most like it.
        suggestion: Option<String>,
        /// All names, separated by commas.
        known: String,
    },
    /// The entry has no such setting.
    #[error("`{entry}` has no setting `{key}`{}; {}", did_you_mean(.suggestion), known_keys(.known))]
    UnknownKey {
        /// The entry's name.
        entry: &'static str,
        /// The key that was found.
        key: String,
        /// The known key that is most like it.
        suggestion: Option<String>,
        /// All keys, separated by commas.
        known: String,
    },
    /// The value has the wrong type.
    #[error("`{entry}`: {message}")]
    WrongType {
        /// The entry's name.
        entry: &'static str,
        /// What was expected and what was found.
        message: String,
    },
    /// The value is not permitted.
    #[error("`{key}` is {}, but must be {permitted}: {why}", short(*.value))]
    OutOfRange {
        /// The setting.
        key: &'static str,
        /// The value that was found.
        value: f64,
        /// The permitted range in words.
        permitted: &'static str,
        /// What the setting is, or what would come of another value.
        why: &'static str,
    },
}

/// A number as people write it: with an exponent where it would have many zeros.
fn short(value: f64) -> String {
    let size = value.abs();
    if value.is_finite() && size != 0.0 && !(1e-6..1e16).contains(&size) {
        format!("{value:e}")
    } else {
        value.to_string()
    }
}

/// A number of a table of settings, written with a point or without one; `None` where there is none.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "settings are read as f64 wherever they are used"
)]
pub fn number(settings: &Table, key: &str) -> Option<f64> {
    let value = settings.get(key)?;
    let whole = || value.as_integer().map(|whole| whole as f64);
    value.as_float().or_else(whole)
}

/// Finds the entry called `name` in a registry of `kind` (a word for the error, such as
/// "optimizer").
///
/// # Errors
/// [`SettingError::UnknownName`] with the most similar name and all names.
pub fn find<'a, E: Named>(
    kind: &'static str,
    entries: &'a [E],
    name: &str,
) -> Result<&'a E, SettingError> {
    entries
        .iter()
        .find(|entry| entry.name() == name)
        .ok_or_else(|| SettingError::UnknownName {
            kind,
            name: name.to_owned(),
            suggestion: most_similar(name, entries.iter().map(Named::name)),
            known: list(entries.iter().map(Named::name)),
        })
}

/// Reads the settings of `entry`: the job's own (`given`) over the entry's `defaults`, checked.
///
/// # Errors
/// [`SettingError`] for an unknown key, a wrong type or a value out of range.
///
/// # Panics
/// If `defaults` is not TOML; a test over each registry reads them all.
pub fn settings<T: DeserializeOwned + Check>(
    entry: &'static str,
    defaults: &str,
    given: &Table,
) -> Result<T, SettingError> {
    judged(entry, laid_over(entry, defaults, given)?)
}

/// Every setting of `entry`: the job's own (`given`) over the entry's `defaults`, not judged.
///
/// # Errors
/// [`SettingError::UnknownKey`].
///
/// # Panics
/// As [`settings`].
pub fn laid_over(
    entry: &'static str,
    defaults: &str,
    given: &Table,
) -> Result<Table, SettingError> {
    let mut table: Table = defaults.parse().expect("an entry's defaults are TOML");
    for (key, value) in given {
        if !table.contains_key(key) {
            return Err(SettingError::UnknownKey {
                entry,
                key: key.clone(),
                suggestion: most_similar(key, table.keys().map(String::as_str)),
                known: list(table.keys().map(String::as_str)),
            });
        }
        table.insert(key.clone(), value.clone());
    }
    Ok(table)
}

/// Judges settings of `entry` of which none is missing.
///
/// # Errors
/// [`SettingError`] for a wrong type or a value out of range.
pub fn judged<T: DeserializeOwned + Check>(
    entry: &'static str,
    complete: Table,
) -> Result<T, SettingError> {
    let settings: T =
        complete
            .try_into()
            .map_err(|error: toml::de::Error| SettingError::WrongType {
                entry,
                message: error.to_string().trim_end().to_owned(),
            })?;
    settings.check()?;
    Ok(settings)
}

/// Reads settings of `entry` whose keys a type alone knows (it denies unknown ones), because not every
/// key has a default.
///
/// # Errors
/// [`SettingError`] for an unknown key or a wrong type.
pub fn read<T: DeserializeOwned>(entry: &'static str, given: &Table) -> Result<T, SettingError> {
    given.clone().try_into().map_err(|error: toml::de::Error| {
        let words: Vec<&str> = error.message().split('`').collect();
        // serde says: unknown field `key`, expected one of `known`, `known`, ...
        if let ["unknown field ", key, rest @ ..] = words.as_slice() {
            let known = || rest.iter().skip(1).step_by(2).copied();
            return SettingError::UnknownKey {
                entry,
                key: (*key).to_owned(),
                suggestion: most_similar(key, known()),
                known: list(known()),
            };
        }
        let message = error.to_string().trim().replace('\n', ", ");
        SettingError::WrongType { entry, message }
    })
}

/// Requires a finite value above zero.
///
/// # Errors
/// [`SettingError::OutOfRange`].
pub fn positive(key: &'static str, value: f64, why: &'static str) -> Result<(), SettingError> {
    require(
        key,
        value,
        0.0 < value && value.is_finite(),
        "a finite number above 0",
        why,
    )
}

/// Whether a finite number is still one as an f32, and a number that is not zero still is not. What is
/// not finite is for others to judge.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "that is the question")]
pub fn is_kept_by_f32(value: f64) -> bool {
    let narrow = value as f32;
    !value.is_finite() || (narrow.is_finite() && (narrow == 0.0) == (value == 0.0))
}

/// Requires a finite value of at least zero.
///
/// # Errors
/// [`SettingError::OutOfRange`].
pub fn not_negative(key: &'static str, value: f64, why: &'static str) -> Result<(), SettingError> {
    require(
        key,
        value,
        0.0 <= value && value.is_finite(),
        "a finite number of at least 0",
        why,
    )
}

/// Requires a value in [0, 1): a memory such as β or a momentum.
///
/// # Errors
/// [`SettingError::OutOfRange`].
pub fn in_unit_interval(
    key: &'static str,
    value: f64,
    why: &'static str,
) -> Result<(), SettingError> {
    require(
        key,
        value,
        (0.0..1.0).contains(&value),
        "at least 0 and below 1",
        why,
    )
}

/// Requires a value in [0, 1]: a share.
///
/// # Errors
/// [`SettingError::OutOfRange`].
pub fn fraction(key: &'static str, value: f64, why: &'static str) -> Result<(), SettingError> {
    require(key, value, (0.0..=1.0).contains(&value), "from 0 to 1", why)
}

/// Requires that `permitted` holds; `words` and `why` are the range and its reason for the error.
///
/// # Errors
/// [`SettingError::OutOfRange`].
pub fn require(
    key: &'static str,
    value: f64,
    permitted: bool,
    words: &'static str,
    why: &'static str,
) -> Result<(), SettingError> {
    if permitted {
        Ok(())
    } else {
        Err(SettingError::OutOfRange {
            key,
            value,
            permitted: words,
            why,
        })
    }
}

/// The candidate most like `word`, if one is like it enough to have been meant.
pub fn most_similar<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    const LIKE_ENOUGH: f64 = 0.7;
    // Of a long name one may remember a part: `plateau` of `reduce_on_plateau`.
    const PART_LEAST: usize = 4;
    let likeness = |candidate: &str| {
        let is_part = PART_LEAST <= word.len() && candidate.contains(word);
        let least = if is_part { LIKE_ENOUGH + 0.01 } else { 0.0 };
        strsim::jaro_winkler(word, candidate).max(least)
    };
    candidates
        .map(|candidate| (likeness(candidate), candidate))
        .filter(|(likeness, _)| LIKE_ENOUGH < *likeness)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

fn did_you_mean(suggestion: &Option<String>) -> String {
    suggestion
        .as_ref()
        .map_or_else(String::new, |word| format!(" (did you mean `{word}`?)"))
}

fn known_keys(known: &str) -> String {
    if known.is_empty() {
        "it has none".to_owned()
    } else {
        format!("it has: {known}")
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Ball {
        radius: f64,
        mass: f64,
    }

    impl Check for Ball {
        fn check(&self) -> Result<(), SettingError> {
            positive("radius", self.radius, "a point does not roll")?;
            not_negative("mass", self.mass, "nothing weighs less than nothing")
        }
    }

    fn ball(given: &str) -> Result<Ball, SettingError> {
        settings("ball", "radius = 1.0\nmass = 2.0", &given.parse().unwrap())
    }

    #[test]
    fn what_is_not_given_is_the_default() {
        let ball = ball("mass = 3").unwrap();
        assert_eq!((ball.radius, ball.mass), (1.0, 3.0));
    }

    #[test]
    fn an_unknown_key_names_the_key_that_was_meant() {
        let text = ball("radios = 1.0").unwrap_err().to_string();
        assert_eq!(
            text,
            "`ball` has no setting `radios` (did you mean `radius`?); it has: radius, mass"
        );
    }

    #[test]
    fn a_value_out_of_range_is_named_with_its_range_and_the_reason() {
        let text = ball("radius = -1.5").unwrap_err().to_string();
        assert_eq!(
            text,
            "`radius` is -1.5, but must be a finite number above 0: a point does not roll"
        );
        assert!(ball("mass = nan").is_err());
        assert!(ball("mass = inf").is_err());
    }

    #[test]
    fn keys_that_only_a_type_knows_are_suggested_too() {
        let refused = |given: &str| {
            let given = given.parse().unwrap();
            read::<Ball>("ball", &given).unwrap_err().to_string()
        };
        assert_eq!(
            refused("radios = 1.0"),
            "`ball` has no setting `radios` (did you mean `radius`?); it has: radius, mass"
        );
        let text = refused("radius = 1.0\nmass = 'big'");
        assert!(text.contains("mass") && !text.contains('\n'), "{text}");
    }

    #[test]
    fn a_wrong_type_names_the_key() {
        let text = ball("radius = 'big'").unwrap_err().to_string();
        assert!(text.contains("radius") && text.contains("string"), "{text}");
    }

    #[test]
    fn a_name_is_suggested_for_one_like_it_and_for_a_part_of_it() {
        let known = ["none", "reduce_on_plateau", "reduce_on_small_change"];
        let similar = |word| most_similar(word, known.into_iter());
        assert_eq!(similar("plateau").as_deref(), Some("reduce_on_plateau"));
        assert_eq!(
            similar("reduce_on_platau").as_deref(),
            Some("reduce_on_plateau")
        );
        assert_eq!(similar("xyz"), None);
    }
}
