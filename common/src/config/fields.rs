//! The keys of a section, asked of the section's own type.
//!
//! The type that serde reads is the only list of keys there is: the same names serve reading, the
//! refusal of unknown keys and "did you mean".

use serde::de::value::Error;
use serde::de::{Deserializer, Error as _, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

/// The names that `T` reads, in the order of its declaration.
pub(super) fn of<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut fields: &'static [&'static str] = &[];
    // The probe ends every reading with an error: only the names that it is shown matter.
    drop(T::deserialize(Probe(&mut fields)));
    fields
}

/// A source of data that only listens to which fields are wanted.
struct Probe<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("not a struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom("the names are known"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use toml::Table;

    use super::*;

    #[derive(Deserialize)]
    #[serde(default)]
    #[derive(Default)]
    struct Boat {
        length: f64,
        sails: u32,
        #[serde(skip_deserializing, flatten)]
        rest: Table,
    }

    #[test]
    fn a_struct_names_the_keys_that_it_reads_and_no_others() {
        assert_eq!(of::<Boat>(), ["length", "sails"]);
        assert!(of::<u32>().is_empty());
    }
}
