//! What files are taken for, and what is said of those that are nearly of some kind.

use std::fs;

use super::sniff;
use crate::data::{Target, load, source::Compression};

/// What `text` is taken for: data set and keys without the path; the keys do load it.
fn sniffed(name: &str, text: &[u8]) -> (Option<&'static str>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    let mut found = sniff(&path).unwrap();
    if let Some(dataset) = found.dataset {
        load(dataset, &found.keys, folder.path()).unwrap();
    }
    found.keys.remove("train");
    (
        found.dataset,
        found.keys.to_string().trim().replace('\n', "; "),
    )
}

#[test]
fn the_wanted_target_says_what_the_labels_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    fs::write(&path, "kind,size,y\na,1.5,0\nb,2.5,1\nc,7,0\n").unwrap();
    let classes = |wanted| {
        let found = super::sniff_for(
            &path,
            super::Known {
                target: Some(wanted),
                ..Default::default()
            },
        )
        .unwrap();
        found.target.map(|target| target.task().classes())
    };
    assert_eq!(
        [classes("kind"), classes("2"), classes("y")],
        [Some(3), Some(0), Some(2)]
    );
    let found = super::sniff_for(
        &path,
        super::Known {
            target: Some("colour"),
            ..Default::default()
        },
    )
    .unwrap();
    assert!(found.dataset.is_none() && found.problem.unwrap().contains("colour"));
}

#[test]
fn a_file_that_is_nearly_of_some_kind_is_told_with_the_place_where_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("near");
    for (text, place) in [
        ("a,b,y\n1,2,0\n3,4,1\n5,1\n", Some("near:4:")),
        ("1 1:2\n0 2:3\n1 x\n", Some("near:3:")),
        ("1 0:2 3:1\n", Some("near:1:3: expected an index from 1 on")),
        (
            "a,a,y\n1,2,0\n3,4,1\n",
            Some("near:1:3: expected a name for each column"),
        ),
        (
            "a:y\n1:0\n2:1\n",
            Some("near:1:1: expected two or more columns"),
        ),
        ("a,b,label\n1,2,0\n3,4,0\n", Some("`label`")),
        ("a,b,label\n1,2,0\n3,4,1\n5,6,\n", Some("near:4:5:")),
        ("", Some("expected at least one row")),
    ] {
        fs::write(&path, text).unwrap();
        let found = sniff(&path).unwrap();
        assert_eq!(found.dataset, None, "{text}");
        let problem = found.problem.as_deref();
        assert_eq!(problem.is_some(), place.is_some(), "{problem:?}");
        assert!(
            place.is_none_or(|place| problem.unwrap().contains(place)),
            "{problem:?}"
        );
    }
}

#[test]
fn files_are_taken_for_what_they_are_and_load_with_the_keys_given() {
    for (name, text, dataset, keys) in [
        ("a", "+1 1:1\n-1 2:1\n", Some("libsvm"), ""),
        ("a", "0 1:1\n1 2:1 # x\n\n", Some("libsvm"), ""),
        ("a", "1 1:1\n2 2:1\n", Some("libsvm"), "classes = 2"),
        (
            "a",
            "3 1:1\n7 2:1\n",
            Some("libsvm"),
            "label_positive = [7]",
        ),
        ("a", "1 1:1\n3 2:1\n2 2:1\n", Some("libsvm"), "classes = 3"),
        (
            "a",
            "0.5 1:1\n3 2:1\n2 2:1\n",
            Some("libsvm"),
            "task = \"real\"",
        ),
        ("a", "x,label\n1,0\n2,1\n", Some("csv"), ""),
        ("a", "x;z\n1;a\n2;b\n", Some("csv"), "target = \"z\""),
        (
            "a.tsv",
            "1\t0.5\t3\n0\t0.25\t3\n",
            Some("csv"),
            "target = \"1\"",
        ),
        ("a", "some words\nand no table\n", None, ""),
        ("a", "\u{7f}ELF\u{1}\u{2}", None, ""),
    ] {
        assert_eq!(
            sniffed(name, text.as_bytes()),
            (dataset, keys.into()),
            "{text:?}"
        );
    }
}

#[test]
fn columns_labels_and_packing_are_told() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "x,word,y\n1,a,no\n2,b,yes\n").unwrap();
    let found = sniff(file.path()).unwrap();
    assert_eq!(
        (found.rows, found.features, found.delimiter),
        (2, 4, Some(','))
    );
    assert_eq!(
        (found.header, found.compression),
        (Some(true), Compression::Plain)
    );
    assert_eq!(found.columns.len(), 2);
    assert_eq!(
        found.target,
        Some(Target::Words(vec!["no".into(), "yes".into()]))
    );
    fs::write(file.path(), [0, 0, 8, 1, 0, 0, 0, 1, 5]).unwrap();
    let found = sniff(file.path()).unwrap();
    let problem = found.problem.unwrap();
    assert!(
        found.dataset.is_none() && problem.contains("--labels FILE"),
        "{problem}"
    );
}

#[test]
fn labels_that_are_alike_in_a_prefix_are_not_held_against_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sorted.csv");
    let zeros = "1.25,some words to fill the file,0\n".repeat(40_000);
    fs::write(&path, format!("x,word,y\n{zeros}2.5,other,1\n")).unwrap();
    let found = sniff(&path).unwrap();
    assert_eq!((found.dataset, found.target), (Some("csv"), None));
    assert!(found.notes[0].contains("`y`"), "{:?}", found.notes);
    assert!(load("csv", &found.keys, folder.path()).is_ok());
}

#[test]
fn labels_of_arrays_are_found_beside_them_and_say_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("a-images-idx3-ubyte");
    let rows = [0, 0, 8, 2, 0, 0, 0, 3, 0, 0, 0, 2, 5, 1, 2, 7, 9, 3];
    fs::write(&images, rows).unwrap();
    let labels = [0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 2];
    fs::write(folder.path().join("a-labels-idx1-ubyte"), labels).unwrap();
    let found = sniff(&images).unwrap();
    assert_eq!((found.dataset, found.problem), (Some("idx"), None));
    assert_eq!((found.rows, found.features), (3, 2));
    let classes = found.target.map(|target| target.task().classes());
    assert_eq!(classes, Some(3));
}
