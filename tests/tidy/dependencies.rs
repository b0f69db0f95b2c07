//! Who may depend on whom: read from the manifests, because a dependency list is what keeps
//! `common` pure and server and worker strangers to each other.

use std::collections::BTreeSet;

use toml::{Table, Value};

use crate::Slip;
use crate::tree::File;

/// The crates that `common` may be built from: none does I/O, reads a clock or entropy, is
/// asynchronous, or knows protobuf. A crate is added here only after looking at what it does.
const PURE: &[&str] = &[
    "bytemuck",
    "bytes",
    "multiversion",
    "rand",
    "rand_chacha",
    "rand_distr",
    "serde",
    "strsim",
    "thiserror",
    "toml",
    "xxhash-rust",
];

/// Which of our crates each of our crates may depend on.
const ONE_WAY: &[(&str, &[&str])] = &[
    ("common/Cargo.toml", &[]),
    ("proto/Cargo.toml", &["thalweg-common"]),
    ("server/Cargo.toml", &["thalweg-common", "thalweg-proto"]),
    ("worker/Cargo.toml", &["thalweg-common", "thalweg-proto"]),
];

/// Our crates depend on each other only along `common ← proto ← {server, worker}`, tests and build
/// scripts included.
pub(crate) fn point_one_way(manifest: &File) -> Vec<Slip> {
    let allowed = ONE_WAY
        .iter()
        .find(|(path, _)| *path == manifest.path)
        .map_or(&[][..], |x| x.1);
    let mut slips = Vec::new();
    for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for name in names(manifest, table) {
            if name.starts_with("thalweg") && !allowed.contains(&name.as_str()) {
                let what = format!("[{table}] names {name}; allowed: {allowed:?}");
                slips.push(Slip::new(&manifest.path, 0, what));
            }
        }
    }
    slips
}

/// The manifest names no crate outside [`PURE`], except to test itself.
pub(crate) fn are_pure(manifest: &File) -> Vec<Slip> {
    let mut slips = Vec::new();
    for name in names(manifest, "dependencies") {
        if !PURE.contains(&name.as_str()) {
            let what = format!("{name} is not known to be pure; leave it out, or look and add it");
            slips.push(Slip::new(&manifest.path, 0, what));
        }
    }
    slips
}

/// Every dependency of the workspace is named, in backquotes, in the record of decisions.
pub(crate) fn have_reasons(manifest: &File, record: &File) -> Vec<Slip> {
    let workspace = table_of(&parse(manifest), "workspace");
    let mut slips = Vec::new();
    for name in table_of(&workspace, "dependencies").keys() {
        if !name.starts_with("thalweg") && !record.text.contains(&format!("`{name}`")) {
            let what = format!("no line says why the workspace depends on `{name}`; add one");
            slips.push(Slip::new(&record.path, 0, what));
        }
    }
    slips
}

/// Names in a dependency table, those for single targets included.
fn names(manifest: &File, table: &str) -> BTreeSet<String> {
    let root = parse(manifest);
    let mut found: BTreeSet<String> = table_of(&root, table).keys().cloned().collect();
    for target in table_of(&root, "target")
        .values()
        .filter_map(Value::as_table)
    {
        found.extend(table_of(target, table).keys().cloned());
    }
    found
}

fn parse(manifest: &File) -> Table {
    manifest
        .text
        .parse()
        .unwrap_or_else(|e| panic!("{} is no TOML: {e}", manifest.path))
}

fn table_of(root: &Table, name: &str) -> Table {
    root.get(name)
        .and_then(Value::as_table)
        .cloned()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    fn whats(slips: &[Slip]) -> Vec<&str> {
        slips.iter().map(|slip| slip.what.as_str()).collect()
    }

    #[test]
    fn a_server_that_knows_the_worker_is_caught_even_in_its_tests() {
        let text = "[dependencies]\nthalweg-proto = {}\n[dev-dependencies]\nthalweg-worker = {}\n";
        let slips = point_one_way(&file("server/Cargo.toml", text));
        assert_eq!(
            whats(&slips),
            ["[dev-dependencies] names thalweg-worker; allowed: \
              [\"thalweg-common\", \"thalweg-proto\"]"]
        );
    }

    #[test]
    fn a_runtime_in_common_is_caught_even_for_one_target() {
        let text = "[dependencies]\nserde = \"1\"\n[target.'cfg(unix)'.dependencies]\ntokio = \"1\"\n\
                    [dev-dependencies]\nproptest = \"1\"\n";
        let slips = are_pure(&file("common/Cargo.toml", text));
        let expected = "tokio is not known to be pure; leave it out, or look and add it";
        assert_eq!(whats(&slips), [expected]);
    }

    #[test]
    fn a_dependency_without_a_reason_is_caught() {
        let manifest =
            "[workspace.dependencies]\nthalweg-common = {}\nbytes = \"1\"\nrand = \"1\"\n";
        let record = file(
            "docs/decisions/0001-dependencies.md",
            "| `bytes` | no copies |\n",
        );
        let slips = have_reasons(&file("Cargo.toml", manifest), &record);
        let expected = "no line says why the workspace depends on `rand`; add one";
        assert_eq!(whats(&slips), [expected]);
    }
}
