//! Values and types in the words of a job file's author, not of its implementation.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::hints;

/// What is wrong with `value` under the field `key` of `T`; `None` if it can be read.
///
/// `T` reads a table in which every other field may be missing.
pub(super) fn mistake<T: DeserializeOwned>(key: &str, value: &Value) -> Option<String> {
    let refusal = refusal_of::<T>(key, value.clone())?;
    // A field of words refuses another type without naming the words; the empty word makes it.
    let refusal = if refusal.contains("unit variant") {
        refusal_of::<T>(key, Value::String(String::new())).unwrap_or(refusal)
    } else {
        refusal
    };
    if let Some(field) = refusal.strip_prefix("missing field ") {
        return Some(format!(
            "expected {field} in each of its tables, found one without"
        ));
    }
    let expected = refusal
        .rsplit_once("expected ")
        .map_or(refusal.as_str(), |(_, words)| words);
    let found = found(value);
    if refusal.starts_with("unknown variant") {
        let words: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        let meant = value
            .as_str()
            .and_then(|word| hints::closest(word, words.iter().copied()));
        let meant = meant.map_or_else(String::new, |word| format!("; did you mean \"{word}\"?"));
        let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        return Some(format!(
            "expected {}, found {found}{meant}",
            words.join(" or ")
        ));
    }
    Some(format!(
        "expected {}, found {found}",
        type_in_words(expected)
    ))
}

/// A value as an error shows it.
pub(super) fn found(value: &Value) -> String {
    match value {
        Value::String(text) => format!("the text {text:?}"),
        Value::Integer(number) => format!("{number}"),
        Value::Float(number) => format!("{number:?}"),
        Value::Boolean(truth) => format!("{truth}"),
        Value::Datetime(date) => format!("the date {date}"),
        Value::Array(_) => "a list".to_owned(),
        Value::Table(_) => "a table".to_owned(),
    }
}

fn refusal_of<T: DeserializeOwned>(key: &str, value: Value) -> Option<String> {
    let alone = Table::from_iter([(key.to_owned(), value)]);
    T::deserialize(Value::Table(alone))
        .err()
        .map(|error| error.message().to_owned())
}

fn type_in_words(expected: &str) -> String {
    match expected {
        "u8" => format!("a whole number from 0 to {}", u8::MAX),
        "u16" => format!("a whole number from 0 to {}", u16::MAX),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "u64" | "usize" => "a whole number of at least 0".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a string" => "a text in quotes".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Default, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Wind {
        #[default]
        North,
        South,
    }

    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Boat {
        length: f64,
        sails: u32,
        tons: Option<u64>,
        wind: Wind,
        name: String,
    }

    fn said(assignment: &str) -> String {
        let table: Table = assignment.parse().unwrap();
        let (key, value) = table.iter().next().unwrap();
        mistake::<Boat>(key, value).unwrap_or_default()
    }

    #[test]
    fn types_are_named_in_plain_words() {
        assert_eq!(
            said("length = 'x'"),
            "expected a number, found the text \"x\""
        );
        assert_eq!(
            said("sails = -1"),
            "expected a whole number from 0 to 4294967295, found -1"
        );
        assert_eq!(
            said("sails = 2.0"),
            "expected a whole number from 0 to 4294967295, found 2.0"
        );
        assert_eq!(
            said("tons = [1]"),
            "expected a whole number of at least 0, found a list"
        );
        assert_eq!(said("name = true"), "expected a text in quotes, found true");
    }

    #[test]
    fn words_are_listed_and_the_closest_is_offered() {
        let both = "expected \"north\" or \"south\"";
        assert_eq!(
            said("wind = 'soutj'"),
            format!("{both}, found the text \"soutj\"; did you mean \"south\"?")
        );
        assert_eq!(said("wind = 3"), format!("{both}, found 3"));
    }

    #[test]
    fn what_can_be_read_is_no_mistake() {
        for good in [
            "length = 3",
            "sails = 2",
            "tons = 7",
            "wind = 'north'",
            "name = 'x'",
        ] {
            assert_eq!(said(good), "");
        }
    }
}
