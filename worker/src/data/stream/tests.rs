//! A stream becomes a head and segments, and reads like the file that it would be.

use std::path::Path;

use tempfile::TempDir;
use toml::Table;

use super::{Spool, StreamError, clear};
use crate::data::{Dataset, Loaded, Rows, check, load};

const ROWS: usize = 10_000;

/// Rows with a column of words, which a stream must read as its head says.
fn lines() -> Vec<String> {
    let row = |number: usize| format!("{}.5,c{},{}", number % 37, number % 5, number % 2);
    let names = "x,colour,y".to_owned();
    [names].into_iter().chain((0..ROWS).map(row)).collect()
}

fn keys(folder: &Path) -> Table {
    let text = format!(
        "of = 'csv'\nwindow = 100\nscale = 'standard'\nfolder = '{}'",
        folder.display()
    );
    text.parse().unwrap()
}

/// The spool and the data set after the head; what follows of the lines is not pushed.
fn begun(folder: &Path, lines: &[String]) -> (Spool, Loaded, usize) {
    let mut spool = Spool::new(&keys(folder), folder).unwrap();
    let mut pushed = 0;
    while !spool.is_full() && pushed < lines.len() {
        spool.push(lines[pushed].as_bytes());
        pushed += 1;
    }
    spool.write_head().unwrap();
    let loaded = load("stream", &keys(folder), Path::new(".")).unwrap();
    let encoding = loaded.encoding.clone().unwrap();
    spool.learnt(loaded.train.as_ref(), encoding).unwrap();
    (spool, loaded, pushed)
}

fn rows(data: &dyn Dataset, numbers: &[u64]) -> Rows {
    let mut rows = Rows::new();
    data.fill(numbers, &mut rows);
    rows
}

#[test]
fn every_row_reads_as_in_a_file_whose_head_was_learnt_from() {
    let folder = TempDir::new().unwrap();
    let lines = lines();
    let (mut spool, streamed, pushed) = begun(folder.path(), &lines);
    assert_eq!((streamed.train.rows(), spool.rows()), (100, 100));
    for line in &lines[pushed..] {
        spool.push(line.as_bytes());
        if spool.is_full() {
            spool.write_segment().unwrap();
        }
    }
    assert_eq!(spool.write_segment().unwrap(), ROWS as u64);
    let file = folder.path().join("all.csv");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let all = crate::data::reopen(&crate::data::Reopening {
        name: "csv",
        keys: &"train = 'head'\nscale = 'standard'".parse().unwrap(),
        encoding: &streamed.encoding.unwrap(),
        files: &crate::data::Files::new(vec![file.to_string_lossy().into_owned()]),
        folder: Path::new("."),
        labels: crate::data::LabelsIn::Needed,
    });
    let all = all.unwrap().rows;
    for numbers in [
        [0, 1, 99],
        [98, 99, 100],
        [4_195, 4_196, 4_197],
        [9_999, 5, 8_291],
    ] {
        assert_eq!(rows(&*streamed.train, &numbers), rows(&*all, &numbers));
    }
    assert!(streamed.train.is_streamed());
}

#[test]
fn segments_are_removed_when_all_their_rows_are_used_and_not_before() {
    let folder = TempDir::new().unwrap();
    let lines = lines();
    let (mut spool, streamed, pushed) = begun(folder.path(), &lines);
    for part in lines[pushed..pushed + 90].chunks(30) {
        part.iter().for_each(|line| spool.push(line.as_bytes()));
        spool.write_segment().unwrap();
    }
    assert_eq!(spool.rows(), 190);
    let segments = || {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        entries.count() - 1
    };
    for (used, left) in [(0, 3), (129, 3), (130, 2), (189, 1)] {
        spool.forget(used).unwrap();
        assert_eq!(segments(), left, "{used}");
    }
    assert_eq!(rows(&*streamed.train, &[160, 189]).len(), 2);
    clear(folder.path()).unwrap();
    assert_eq!(segments(), 0);
}

#[test]
fn a_line_that_is_no_row_is_told_by_its_place_in_the_stream_after_the_rows_before_it_are_kept() {
    let folder = TempDir::new().unwrap();
    let lines = lines();
    let (mut spool, _, pushed) = begun(folder.path(), &lines);
    assert_eq!(pushed, 101);
    lines[101..104]
        .iter()
        .for_each(|line| spool.push(line.as_bytes()));
    spool.write_segment().unwrap();
    for line in ["1,c1,0", "", "1,c2"] {
        spool.push(line.as_bytes());
    }
    let error = spool.write_segment().unwrap_err().to_string();
    assert!(error.starts_with("standard input:107:"), "{error}");
    assert_eq!(spool.rows(), 104);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[test]
fn a_stream_that_ends_in_its_head_and_keys_that_say_nothing_of_streams_are_refused() {
    let folder = TempDir::new().unwrap();
    let mut spool = Spool::new(&keys(folder.path()), folder.path()).unwrap();
    spool.push(b"x,colour,y");
    let error = spool.write_head().unwrap_err();
    assert!(matches!(error, StreamError::Short { lines: 1, .. }));
    for (keys, words) in [
        ("of = 'npy'", "found \"npy\""),
        ("of = 'csv'\ntrain = 'a.csv'", "found \"a.csv\""),
        ("of = 'csv'\nwindow = 0", "found 0"),
        ("of = 'csv'\nahead_rows = 10", "found 10"),
        ("of = 'csv'\nholdout = 0.1", "expected no `holdout`"),
        ("of = 'csv'\ncolour = 1", "colour"),
        ("window = 10", "of"),
    ] {
        let error = check("stream", &keys.parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    let error = load("stream", &"of = 'csv'".parse().unwrap(), folder.path()).unwrap_err();
    assert!(error.to_string().contains("`thalweg train`"), "{error}");
}
