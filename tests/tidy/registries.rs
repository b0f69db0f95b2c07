//! docs/JOB.md against the registries of data sets, models, transforms and methods: every entry has its row, in
//! the order of the registry, with every key, and no row has more.
//!
//! The registries of `common` are held to the same page by `common/tests/documented.rs`.

use std::collections::BTreeSet;

use thalweg_worker::data::{self, DATASETS};
use thalweg_worker::method::METHODS;
use thalweg_worker::model::{self, MODELS};
use thalweg_worker::transform::{TRANSFORMS, transform};

use crate::Slip;
use crate::tree::File;

/// Judges the keys of an entry: an error that names an unknown field says that there is none such.
type Check = fn(&str, &toml::Table) -> Result<(), String>;

/// An entry as the page must have it: its name, and its keys as TOML.
type Entry = (&'static str, &'static str);

/// All that is wrong with the page.
pub(crate) fn are_documented(page: &File) -> Vec<Slip> {
    let mut slips = Vec::new();
    let models: Vec<Entry> = MODELS.iter().map(|e| (e.name, e.keys)).collect();
    slips.extend(agree(page, "models", &models, |name, keys| {
        model::check(name, keys).map_err(|error| error.to_string())
    }));
    let datasets: Vec<Entry> = DATASETS.iter().map(|e| (e.name, e.keys)).collect();
    slips.extend(agree(page, "datasets", &datasets, |name, keys| {
        data::check(name, keys).map_err(|error| error.to_string())
    }));
    let transforms: Vec<Entry> = TRANSFORMS.iter().map(|e| (e.name, e.defaults)).collect();
    slips.extend(agree(page, "transforms", &transforms, |name, keys| {
        let entry = transform(name).map_err(|error| error.to_string())?;
        entry
            .build(keys)
            .map(drop)
            .map_err(|error| error.to_string())
    }));
    // The keys of methods are those of [method], which `common` holds to the page.
    let methods: Vec<Entry> = METHODS.iter().map(|e| (e.name, "")).collect();
    slips.extend(agree(page, "methods", &methods, |_, _| Ok(())));
    slips
}

/// Compares the table behind `<!-- entries: KIND -->` with a registry.
fn agree(page: &File, kind: &str, entries: &[Entry], check: Check) -> Vec<Slip> {
    let rows = rows(&page.text, kind);
    let found: Vec<&str> = rows
        .iter()
        .map(|(_, cells)| {
            cells
                .first()
                .map_or("", |cell| cell.trim_matches(['`', ' ']))
        })
        .collect();
    let names: Vec<&str> = entries.iter().map(|(name, _)| *name).collect();
    if found != names {
        let what = format!("the {kind} are {names:?}, in this order; the table has {found:?}");
        return vec![Slip::new(&page.path, 0, what)];
    }
    let mut slips = Vec::new();
    for ((name, keys), (line, cells)) in entries.iter().zip(&rows) {
        let documented = keys_in(cells.get(1).copied().unwrap_or_default());
        let known: toml::Table = keys.parse().expect("the keys of an entry are TOML");
        for key in known.keys().filter(|key| !documented.contains(*key)) {
            slips.push(Slip::new(
                &page.path,
                *line,
                format!("the row of `{name}` lacks its key `{key}`"),
            ));
        }
        for key in documented {
            let mut table = toml::Table::new();
            table.insert(key.clone(), toml::Value::Boolean(true));
            let refusal = check(name, &table).err().unwrap_or_default();
            if refusal.contains("unknown field") || refusal.contains("has no setting") {
                slips.push(Slip::new(
                    &page.path,
                    *line,
                    format!("`{name}` has no key `{key}`"),
                ));
            }
        }
    }
    slips
}

/// The rows of the table behind the marker of `kind`, without its head: line numbers and cells.
fn rows<'a>(text: &'a str, kind: &str) -> Vec<(usize, Vec<&'a str>)> {
    let marker = format!("<!-- entries: {kind} -->");
    text.lines()
        .enumerate()
        .skip_while(|(_, line)| *line != marker)
        .skip_while(|(_, line)| !line.starts_with('|'))
        .take_while(|(_, line)| line.starts_with('|'))
        .skip(2)
        .map(|(index, line)| {
            let cells = line.trim_matches('|').split('|').map(str::trim).collect();
            (index + 1, cells)
        })
        .collect()
}

/// The keys between backquotes, without their values: `` `bias = true` `` is the key `bias`.
fn keys_in(cell: &str) -> BTreeSet<String> {
    let quoted = cell.split('`').skip(1).step_by(2);
    quoted
        .filter_map(|words| words.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRIES: &[Entry] = &[("one", "a = 1\nb = 2"), ("two", "")];

    fn slips(rows: &str) -> Vec<String> {
        let page = File {
            path: "docs/JOB.md".into(),
            text: format!(
                "<!-- entries: things -->\n\n| name | keys | what |\n|---|---|---|\n{rows}\n"
            ),
        };
        let check: Check =
            |_, keys| match keys.keys().find(|key| !["a", "b"].contains(&key.as_str())) {
                Some(key) => Err(format!("unknown field `{key}`")),
                None => Ok(()),
            };
        let found = agree(&page, "things", ENTRIES, check);
        found.iter().map(Slip::to_string).collect()
    }

    #[test]
    fn a_page_that_agrees_has_no_slips() {
        assert_eq!(
            slips("| `one` | `a`, `b = 2` | x |\n| `two` | | y |"),
            [""; 0]
        );
    }

    #[test]
    fn missing_rows_missing_keys_and_keys_too_many_are_caught() {
        assert_eq!(slips("| `one` | `a`, `b = 2` | x |").len(), 1);
        assert_eq!(
            slips("| `one` | `a`, `c` | x |\n| `two` | | y |"),
            [
                "docs/JOB.md:5: the row of `one` lacks its key `b`",
                "docs/JOB.md:5: `one` has no key `c`"
            ]
        );
    }
}
