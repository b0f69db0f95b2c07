//! The house rules that a machine can check, held as tests of the whole repository.
//!
//! Clippy and rustfmt check code; what they cannot see is checked here: which room may name the
//! wire, which crate may depend on what, how long a file may grow, whether a link in the docs
//! leads anywhere. Each rule is a pure function over file texts (`rules.rs`, `dependencies.rs`,
//! `links.rs`) with a test that plants a violation and sees it caught; this file runs the rules
//! over the files that are really there (`tree.rs`).

mod tree;
mod rules;
mod links;
mod dependencies;
mod registries;

use std::fmt;

use crate::tree::{File, Tree};

/// One violation: where it is and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Slip {
    /// Path from the root of the repository.
    path: String,
    /// Line number from 1; 0 when the whole file is meant.
    line: usize,
    /// What was found and what is expected instead.
    what: String,
}

impl Slip {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Slip {
        Slip {
            path: path.to_owned(),
            line,
            what: what.into(),
        }
    }
}

impl fmt::Display for Slip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Runs a rule over every file that `select` picks and fails with all slips at once.
fn hold(rule: impl Fn(&File) -> Vec<Slip>, select: impl Fn(&File) -> bool) {
    let tree = Tree::of_this_repository();
    report(tree.files.iter().filter(|file| select(file)).flat_map(rule));
}

/// Fails with one line per slip, if there is one.
fn report(slips: impl IntoIterator<Item = Slip>) {
    let lines: Vec<String> = slips.into_iter().map(|slip| slip.to_string()).collect();
    assert!(
        lines.is_empty(),
        "{} slip(s):\n{}",
        lines.len(),
        lines.join("\n")
    );
}

#[test]
fn every_rust_file_opens_with_what_it_is() {
    hold(rules::opens_with_its_purpose, File::is_rust);
}

#[test]
fn no_rust_file_outgrows_one_idea() {
    for file in &Tree::of_this_repository().files {
        if file.is_rust() && file.text.lines().count() > rules::LINES_TO_ASK_ABOUT {
            println!(
                "is this two ideas? {} ({} lines)",
                file.path,
                file.text.lines().count()
            );
        }
    }
    hold(rules::stays_one_idea, File::is_rust);
}

#[test]
fn no_file_holds_unfinished_work() {
    hold(rules::is_finished, |_| true);
}

#[test]
fn every_test_runs_and_says_what_it_proves() {
    hold(rules::tests_prove_something, File::is_rust);
}

#[test]
fn only_the_rooms_of_the_wire_name_the_wire() {
    hold(rules::names_no_wire, File::is_rust);
}

#[test]
fn no_line_ends_in_blanks() {
    hold(rules::ends_its_lines, |_| true);
}

#[test]
fn every_relative_link_in_the_docs_leads_to_a_file() {
    let tree = Tree::of_this_repository();
    let slips = tree.files.iter().filter(|file| file.is_markdown());
    report(slips.flat_map(|file| links::lead_somewhere(file, |path| tree.has(path))));
}

#[test]
fn dependencies_point_one_way_and_common_stays_pure() {
    let tree = Tree::of_this_repository();
    let mut slips = Vec::new();
    for name in ["common", "proto", "server", "worker"] {
        slips.extend(dependencies::point_one_way(
            tree.file(&format!("{name}/Cargo.toml")),
        ));
    }
    slips.extend(dependencies::are_pure(tree.file("common/Cargo.toml")));
    report(slips);
}

#[test]
fn every_dependency_has_its_reason_in_the_decisions() {
    let tree = Tree::of_this_repository();
    let record = tree.file("docs/decisions/0001-dependencies.md");
    report(dependencies::have_reasons(tree.file("Cargo.toml"), record));
}

#[test]
fn the_shared_parts_of_the_clippy_settings_are_equal() {
    let tree = Tree::of_this_repository();
    let root = tree.file("clippy.toml");
    let copies = [
        tree.file("common/clippy.toml"),
        tree.file("server/clippy.toml"),
    ];
    report(
        copies
            .iter()
            .flat_map(|copy| rules::repeats_shared_part(root, copy)),
    );
}

#[test]
fn every_data_set_model_and_method_is_documented_with_its_keys() {
    let tree = Tree::of_this_repository();
    report(registries::are_documented(tree.file("docs/JOB.md")));
}
