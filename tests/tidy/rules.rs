//! Rules that look at one file's text.

use crate::Slip;
use crate::tree::File;

/// From here on the test prints the file's name: it may be two ideas.
pub(crate) const LINES_TO_ASK_ABOUT: usize = 400;

/// No file may be longer.
const LINES_MAX: usize = 600;

/// Where protobuf and gRPC types may be named: path prefixes. Everything else speaks in the domain
/// types of `common`, so that the wire can change without it.
const ROOMS_OF_THE_WIRE: &[&str] = &[
    "proto/",
    "server/src/ingress",
    "worker/src/transport",
    // Measures the wire itself beside raw TCP and a bare echo.
    "src/command/bench",
    "benches/",
    // Starts servers and workers and asks them for their status.
    "src/launch",
    // Makes every call with every credential, and feeds the decoders with bytes.
    "tests/processes/security/calls.rs",
    "tests/fuzz",
];

/// Crates whose names give the wire away.
const WIRE_CRATES: &[&str] = &[
    "prost",
    "prost_types",
    "tonic",
    "tonic_prost",
    "tonic_health",
    "tonic_reflection",
];

const SHARED_BEGIN: &str = "# --- shared part: begin ---";
const SHARED_END: &str = "# --- shared part: end ---";

/// A file says in its first line what it is and why it exists.
pub(crate) fn opens_with_its_purpose(file: &File) -> Vec<Slip> {
    match file.text.lines().next() {
        Some(first) if first.starts_with("//! ") && first.len() > 8 => Vec::new(),
        _ => vec![Slip::new(
            &file.path,
            1,
            "open the file with `//! What it is and why`",
        )],
    }
}

/// A file that has grown past `LINES_MAX` holds more than one idea.
pub(crate) fn stays_one_idea(file: &File) -> Vec<Slip> {
    let lines = file.text.lines().count();
    if lines <= LINES_MAX {
        return Vec::new();
    }
    vec![Slip::new(
        &file.path,
        0,
        format!("{lines} lines; split it: at most {LINES_MAX}"),
    )]
}

/// No marker of unfinished work is left. The markers are put together here, so that this file
/// does not contain them.
pub(crate) fn is_finished(file: &File) -> Vec<Slip> {
    let mut marks = vec![
        ["FIX", "ME"].concat(),
        ["X", "XX"].concat(),
        ["HA", "CK"].concat(),
    ];
    if file.is_rust() {
        marks.extend([["to", "do!"].concat(), ["unimple", "mented!"].concat()]);
    }
    find_each(file, &marks, "finish it, or leave it out")
}

/// Every test runs, and asserts what it expects instead of that something panics.
pub(crate) fn tests_prove_something(file: &File) -> Vec<Slip> {
    let marks = [["#[ig", "nore"].concat(), ["#[should", "_panic"].concat()];
    find_each(
        file,
        &marks,
        "a test runs always and states the exact result it expects",
    )
}

/// Only `ROOMS_OF_THE_WIRE` name protobuf or gRPC types.
pub(crate) fn names_no_wire(file: &File) -> Vec<Slip> {
    if ROOMS_OF_THE_WIRE
        .iter()
        .any(|room| file.path.starts_with(room))
    {
        return Vec::new();
    }
    let mut slips = Vec::new();
    for (number, line) in numbered(&file.text) {
        let code = line.split("//").next().unwrap_or_default();
        for name in WIRE_CRATES {
            if names_crate(code, name) {
                let what = format!("`{name}` is named outside the rooms of the wire; use a type");
                slips.push(Slip::new(
                    &file.path,
                    number,
                    what + " of `common`, or move the code",
                ));
            }
        }
    }
    slips
}

/// No line ends in blanks, and the last one ends.
pub(crate) fn ends_its_lines(file: &File) -> Vec<Slip> {
    let mut slips = Vec::new();
    for (number, line) in numbered(&file.text) {
        if line.ends_with([' ', '\t', '\r']) {
            slips.push(Slip::new(&file.path, number, "the line ends in blanks"));
        }
    }
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        slips.push(Slip::new(&file.path, 0, "the last line does not end"));
    }
    slips
}

/// `copy` repeats the shared part of `root` word for word: clippy reads the nearest file only.
pub(crate) fn repeats_shared_part(root: &File, copy: &File) -> Vec<Slip> {
    let lost = format!("expected a part between `{SHARED_BEGIN}` and `{SHARED_END}`");
    match (shared_part(&root.text), shared_part(&copy.text)) {
        (None, _) => vec![Slip::new(&root.path, 0, lost)],
        (_, None) => vec![Slip::new(&copy.path, 0, lost)],
        (Some(expected), Some(found)) if expected != found => {
            let differing = expected
                .lines()
                .zip(found.lines())
                .take_while(|(a, b)| a == b)
                .count();
            let what = format!(
                "line {differing} of the shared part differs from {}",
                root.path
            );
            vec![Slip::new(&copy.path, 0, what)]
        }
        _ => Vec::new(),
    }
}

fn shared_part(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(SHARED_BEGIN)?;
    let (part, _) = rest.split_once(SHARED_END)?;
    Some(part)
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split('\n')
        .enumerate()
        .map(|(index, line)| (index + 1, line))
}

fn find_each(file: &File, marks: &[String], advice: &str) -> Vec<Slip> {
    let mut slips = Vec::new();
    for (number, line) in numbered(&file.text) {
        for mark in marks.iter().filter(|mark| line.contains(mark.as_str())) {
            slips.push(Slip::new(
                &file.path,
                number,
                format!("found `{mark}`: {advice}"),
            ));
        }
    }
    slips
}

/// Whether `code` uses the crate: `name::`, `use name;` or `use name as`.
fn names_crate(code: &str, name: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(name).any(|(at, _)| {
        let before = &code[..at];
        let after = &code[at + name.len()..];
        let whole = !before.ends_with(part_of_word) && !after.starts_with(part_of_word);
        let imported = before.trim_end().ends_with("use");
        whole && (after.starts_with("::") || imported)
    })
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

    fn lines(slips: &[Slip]) -> Vec<usize> {
        slips.iter().map(|slip| slip.line).collect()
    }

    #[test]
    fn a_file_without_a_header_is_caught() {
        assert_eq!(
            lines(&opens_with_its_purpose(&file("a.rs", "use std::fmt;\n"))),
            [1]
        );
        assert_eq!(
            lines(&opens_with_its_purpose(&file("a.rs", "//!\n//! Late.\n"))),
            [1]
        );
        assert_eq!(lines(&opens_with_its_purpose(&file("a.rs", ""))), [1]);
        assert!(opens_with_its_purpose(&file("a.rs", "//! Ids: newtypes.\n")).is_empty());
    }

    #[test]
    fn the_first_line_too_many_is_caught() {
        assert!(stays_one_idea(&file("a.rs", &"x\n".repeat(600))).is_empty());
        assert_eq!(stays_one_idea(&file("a.rs", &"x\n".repeat(601))).len(), 1);
    }

    #[test]
    fn every_marker_of_unfinished_work_is_caught() {
        for mark in [
            ["// FIX", "ME"],
            ["// X", "XX"],
            ["// HA", "CK"],
            ["unimple", "mented!()"],
        ] {
            let text = format!("//! A file.\n{}\n", mark.concat());
            assert_eq!(lines(&is_finished(&file("a.rs", &text))), [2], "{mark:?}");
        }
        let unfinished = ["to", "do!()\n"].concat();
        assert_eq!(lines(&is_finished(&file("a.rs", &unfinished))), [1]);
        assert!(is_finished(&file("a.md", &unfinished)).is_empty());
    }

    #[test]
    fn a_test_that_does_not_run_is_caught() {
        let skipped = ["#[test]\n#[ig", "nore = \"slow\"]\nfn x() {}\n"].concat();
        assert_eq!(lines(&tests_prove_something(&file("a.rs", &skipped))), [2]);
        let panics = ["#[should", "_panic]\n"].concat();
        assert_eq!(lines(&tests_prove_something(&file("a.rs", &panics))), [1]);
    }

    #[test]
    fn the_wire_named_outside_its_rooms_is_caught() {
        let text = "//! A file.\nuse tonic::Status;\nfn f(_: &prost_types::Any) {}\nuse prost;\n";
        assert_eq!(
            lines(&names_no_wire(&file("server/src/shard/a.rs", text))),
            [2, 3, 4]
        );
        for room in [
            "proto/src/a.rs",
            "server/src/ingress/a.rs",
            "worker/src/transport.rs",
        ] {
            assert!(names_no_wire(&file(room, text)).is_empty(), "{room}");
        }
    }

    #[test]
    fn the_wire_named_in_words_is_fine() {
        let text =
            "//! See tonic::Status.\nlet tonic = 1; // prost::Message\nlet x = atonic::y();\n";
        assert!(names_no_wire(&file("server/src/shard/a.rs", text)).is_empty());
    }

    #[test]
    fn blanks_at_the_end_of_a_line_are_caught() {
        let text = "one\ntwo \nthree\t\nfour\r\nfive";
        assert_eq!(lines(&ends_its_lines(&file("a.md", text))), [2, 3, 4, 0]);
        assert!(ends_its_lines(&file("a.md", "one\n\ntwo\n")).is_empty());
    }

    #[test]
    fn a_shared_part_that_differs_or_is_missing_is_caught() {
        let with = |body: &str| format!("# top\n{SHARED_BEGIN}\n{body}\n{SHARED_END}\nmore = 1\n");
        let root = file("clippy.toml", &with("a = 1\nb = 2"));
        assert!(
            repeats_shared_part(&root, &file("c/clippy.toml", &with("a = 1\nb = 2"))).is_empty()
        );
        let differs = repeats_shared_part(&root, &file("c/clippy.toml", &with("a = 1\nb = 3")));
        assert_eq!(
            differs[0].what,
            "line 2 of the shared part differs from clippy.toml"
        );
        let missing = repeats_shared_part(&root, &file("c/clippy.toml", "a = 1\n"));
        assert_eq!(
            (missing.len(), missing[0].path.as_str()),
            (1, "c/clippy.toml")
        );
    }
}
