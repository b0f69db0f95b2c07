//! What cannot be used is named in one line, with its place.

use std::fs;

use super::{Data, keys, write};
use crate::data::load;

fn numbers() -> (&'static str, Data) {
    ("optional int32 n", Data::Ints(vec![Some(1), Some(2), None]))
}

fn label() -> (&'static str, Data) {
    (
        "optional binary label (STRING)",
        Data::Texts(vec![Some("a"), Some("b"), Some("b")]),
    )
}

/// The error of a job that trains on `a.parquet` with these columns, read with these keys.
fn refusal(columns: &[(&str, Data)], more: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("a.parquet"), columns, 2);
    let text = format!("train = 'a.parquet'\n{more}");
    let error = load("parquet", &keys(&text), folder.path())
        .unwrap_err()
        .to_string();
    assert!(!error.contains('\n'), "{error}");
    error
}

#[test]
fn columns_and_values_that_are_no_data_are_named() {
    let three = || Data::Ints(vec![Some(3); 3]);
    for (column, more, words) in [
        (
            ("optional int32 day (DATE)", three()),
            "",
            "expected numbers, booleans or text in the column `day`, found the type Date; list it in `ignore`",
        ),
        (
            (
                "optional binary word (STRING)",
                Data::Texts(vec![Some("x"); 3]),
            ),
            "categorical = []",
            "expected numbers in the column `word`, found text; list it in `categorical` or `ignore`",
        ),
        (
            ("required double x", Data::Doubles(vec![1.0, 2.0, 1e300])),
            "",
            "a.parquet: row 3 (row group 2), column `x`: expected a finite 32-bit value, found \"1e300\"",
        ),
        (
            ("required double x", Data::Doubles(vec![1.0, 2.0, 3.0])),
            "target = 'z'",
            "expected a column `z`, which `target` names, found the columns n, label, x",
        ),
        (
            ("optional int32 y", Data::Ints(vec![Some(0), None, Some(1)])),
            "target = 'y'",
            "a.parquet: row 2 (row group 1), column `y`: expected a label in the column `y`, found a missing",
        ),
        (
            (
                "optional int32 y",
                Data::Ints(vec![Some(0), Some(7), Some(1)]),
            ),
            "target = 'y'\nclasses = 3",
            "a.parquet: row 2 (row group 1), column `y`: expected labels 0 to 2",
        ),
        (
            ("required double x", Data::Doubles(vec![1.0, 2.0, 3.0])),
            "task = 'real'",
            "expected numbers in the column `label`, found text; list its words as `labels`",
        ),
        (
            ("optional int32 n", three()),
            "",
            "expected a name for each column, found `n` twice",
        ),
    ] {
        let error = refusal(&[numbers(), label(), column], more);
        assert!(error.contains(words), "{error}");
    }
    let nested = "optional group tags (LIST) { repeated group list { optional int32 element; } }";
    let error = nested_refusal(nested);
    assert!(
        error.contains("column `tags`, found a nested type (list, map or struct)"),
        "{error}"
    );
}

/// The error of a file with a group in its schema, and no rows.
fn nested_refusal(group: &str) -> String {
    use parquet::{file::writer::SerializedFileWriter, schema::parser::parse_message_type};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let schema = format!("message t {{ required int32 label; {group} }}");
    let schema = parse_message_type(&schema).unwrap().into();
    let file = fs::File::create(&path).unwrap();
    let writer = SerializedFileWriter::new(file, schema, Default::default()).unwrap();
    writer.close().unwrap();
    let error = load("parquet", &keys("train = 'a.parquet'"), folder.path());
    error.unwrap_err().to_string()
}

#[test]
fn files_of_one_job_have_the_same_columns_and_types() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    write(&file("1.parquet"), &[numbers(), label()], 2);
    let text = (
        "optional binary n (STRING)",
        Data::Texts(vec![Some("1"); 3]),
    );
    write(&file("text.parquet"), &[text, label()], 2);
    write(&file("less.parquet"), &[label()], 2);
    write(
        &file("empty.parquet"),
        &[
            ("optional int32 n", Data::Ints(Vec::new())),
            label_of_none(),
        ],
        2,
    );
    fs::write(file("b.csv"), "n,label\n1,a\n").unwrap();
    for (second, words) in [
        (
            "text",
            "text.parquet: expected numbers in the column `n` as in ",
        ),
        (
            "less",
            "less.parquet: expected a column `n`, found label; mend",
        ),
        ("empty", "empty.parquet: expected at least one row"),
    ] {
        let text = format!("train = ['1.parquet', '{second}.parquet']");
        let error = load("parquet", &keys(&text), folder.path())
            .unwrap_err()
            .to_string();
        assert!(error.contains(words) && !error.contains('\n'), "{error}");
    }
    let error = load("parquet", &keys("train = 'b.csv'"), folder.path()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("b.csv: expected a Parquet file, which begins with \"PAR1\"")
    );
}

fn label_of_none() -> (&'static str, Data) {
    ("optional binary label (STRING)", Data::Texts(Vec::new()))
}
