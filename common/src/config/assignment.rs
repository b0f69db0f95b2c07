//! One `key=value` of the command line, laid over a job's text.

use toml::{Table, Value};

use super::words;

/// A value and the path of the key that it is for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Assignment {
    /// The parts between the dots; at least one, none empty.
    pub(super) path: Vec<String>,
    value: Value,
}

impl Assignment {
    /// Reads `train.batch_size=32`. What stands after the first `=` is read as TOML; if it is
    /// none, it is a text, so that `name=run-1` and `train.compute=20ms` need no quotes.
    pub(super) fn parse(assignment: &str) -> Result<Self, String> {
        let example = "expected KEY=VALUE, such as train.batch_size=32";
        let (key, value) = assignment
            .split_once('=')
            .ok_or(format!("{example}, found no `=`"))?;
        let path: Vec<String> = key.split('.').map(|part| unquoted(part.trim())).collect();
        if path.iter().any(String::is_empty) {
            return Err(format!("{example}, found an empty key"));
        }
        Ok(Self {
            path,
            value: read_value(value),
        })
    }

    /// What the key is set to.
    pub(super) fn value(&self) -> &Value {
        &self.value
    }

    /// Puts the value into `table`, with the sections that lead to it.
    pub(super) fn apply(self, table: &mut Table) -> Result<(), String> {
        let (last, sections) = self
            .path
            .split_last()
            .expect("a path has at least one part");
        let mut place = table;
        for section in sections {
            let inner = place
                .entry(section)
                .or_insert_with(|| Value::Table(Table::new()));
            place = match inner {
                Value::Table(inner) => inner,
                other => {
                    let found = words::found(other);
                    return Err(format!(
                        "expected `{section}` to be a section, found {found}"
                    ));
                }
            };
        }
        place.insert(last.clone(), self.value);
        Ok(())
    }
}

/// A key as a job file would have it: `"betas[0]"` is `betas[0]`.
fn unquoted(part: &str) -> String {
    let inner = ['"', '\'']
        .iter()
        .find_map(|quote| part.strip_prefix(*quote)?.strip_suffix(*quote));
    inner.unwrap_or(part).to_owned()
}

fn read_value(text: &str) -> Value {
    let alone = format!("value = {text}").parse::<Table>().ok();
    let single = alone
        .filter(|table| table.len() == 1)
        .and_then(|mut t| t.remove("value"));
    single.unwrap_or_else(|| Value::String(text.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        Assignment::parse(&format!("key={text}")).unwrap().value
    }

    #[test]
    fn values_are_toml_or_else_texts() {
        assert_eq!(value("32"), Value::Integer(32));
        assert_eq!(value("1e-3"), Value::Float(0.001));
        assert_eq!(value("true"), Value::Boolean(true));
        assert_eq!(value("[1, 2]"), Value::Array(vec![1.into(), 2.into()]));
        assert_eq!(value("\"32\""), Value::String("32".to_owned()));
        assert_eq!(value("20ms"), Value::String("20ms".to_owned()));
        assert_eq!(value(" a/b = c "), Value::String("a/b = c".to_owned()));
        assert_eq!(
            value("1\nother = 2"),
            Value::String("1\nother = 2".to_owned())
        );
        assert_eq!(value(""), Value::String(String::new()));
    }

    #[test]
    fn a_key_may_stand_in_quotes() {
        for key in ["\"betas[0]\"", "'betas[0]'", "betas[0]"] {
            let path = Assignment::parse(&format!("schedules.{key}.to=1"))
                .unwrap()
                .path;
            assert_eq!(path, ["schedules", "betas[0]", "to"]);
        }
        assert!(Assignment::parse("schedules.\"\".to=1").is_err());
    }

    #[test]
    fn sections_that_lead_to_the_key_are_made() {
        let mut table = Table::new();
        Assignment::parse("a.b.c=1")
            .unwrap()
            .apply(&mut table)
            .unwrap();
        Assignment::parse("a.d=2")
            .unwrap()
            .apply(&mut table)
            .unwrap();
        assert_eq!(table, "[a]\nb = { c = 1 }\nd = 2".parse().unwrap());
    }

    #[test]
    fn what_is_no_assignment_is_refused_with_an_example() {
        let example = "expected KEY=VALUE, such as train.batch_size=32";
        assert_eq!(
            Assignment::parse("train"),
            Err(format!("{example}, found no `=`"))
        );
        for bad in ["=3", "train.=3", ".x=3", " =3"] {
            assert_eq!(
                Assignment::parse(bad),
                Err(format!("{example}, found an empty key"))
            );
        }
    }

    #[test]
    fn a_path_through_a_plain_value_is_refused() {
        let mut table: Table = "seed = 3".parse().unwrap();
        let refused = Assignment::parse("seed.x=1").unwrap().apply(&mut table);
        assert_eq!(
            refused,
            Err("expected `seed` to be a section, found 3".to_owned())
        );
    }
}
