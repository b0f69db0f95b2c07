//! `[train] class_weight`: how much the loss of a row counts, by its class.

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::{Table, Value};

/// The word for weights that follow from the data.
const BALANCED: &str = "balanced";

/// How much the loss of a row counts, by its class.
#[derive(Clone, Debug, PartialEq)]
pub enum ClassWeight {
    /// rows / (classes · rows of the class): every class counts as much as any other.
    Balanced,
    /// These weights, by the class as a text; a class that is not listed has weight 1.
    Listed(BTreeMap<String, f64>),
}

impl ClassWeight {
    /// The number of the class that `name` means in data of so many classes: `"-1"` and `"1"` are
    /// classes 0 and 1 of two; of more, a class is its number.
    #[must_use]
    pub fn class(name: &str, classes: u32) -> Option<usize> {
        let names = (0..classes).map(|class| Self::name(class, classes));
        match classes {
            0..=2 => names.into_iter().position(|known| known == name),
            // Not one by one: there may be millions.
            _ => {
                let class: u32 = name.parse().ok().filter(|class| *class < classes)?;
                (class.to_string() == name)
                    .then(|| usize::try_from(class).ok())
                    .flatten()
            }
        }
    }

    /// The name of a class: the inverse of [`Self::class`].
    #[must_use]
    pub fn name(class: u32, classes: u32) -> String {
        match (classes, class) {
            (2, 0) => "-1".to_owned(),
            _ => class.to_string(),
        }
    }
}

impl Serialize for ClassWeight {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Balanced => serializer.serialize_str(BALANCED),
            Self::Listed(weights) => weights.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ClassWeight {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let listed = |table: Table| -> Option<Self> {
            let number = |(class, value): (String, Value)| match value {
                Value::Float(weight) => Some((class, weight)),
                Value::Integer(weight) => Some((class, f64::from(i32::try_from(weight).ok()?))),
                _ => None,
            };
            table
                .into_iter()
                .map(number)
                .collect::<Option<_>>()
                .map(Self::Listed)
        };
        let read = match Value::deserialize(from)? {
            Value::String(word) => (word == BALANCED).then_some(Self::Balanced),
            Value::Table(table) => listed(table),
            _ => None,
        };
        read.ok_or_else(|| {
            D::Error::custom(
                "expected \"balanced\" or a table of numbers by class, such as \
                 { \"1\" = 2.0, \"-1\" = 1.0 }",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::ClassWeight;

    #[test]
    fn classes_are_known_by_their_labels() {
        for classes in [2, 3, 11] {
            for class in 0..classes {
                let name = ClassWeight::name(class, classes);
                let found = ClassWeight::class(&name, classes);
                assert_eq!(found, usize::try_from(class).ok());
            }
        }
        assert_eq!(ClassWeight::name(0, 2), "-1");
        for (name, classes) in [
            ("0", 2),
            ("+1", 2),
            ("3", 3),
            ("02", 3),
            ("-1", 3),
            ("1", 0),
        ] {
            assert_eq!(
                ClassWeight::class(name, classes),
                None,
                "{name} of {classes}"
            );
        }
    }
}
