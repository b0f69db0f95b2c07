//! Parquet against CSV on the same tables, and what is refused. Files are written by the `parquet` crate.

mod damage;
mod refusals;
mod written;

use std::{fs, path::Path, sync::Arc};

use self::written::{Data, write};
use crate::data::{
    ColumnKind, Dataset, Encoding, Files, LabelsIn, Loaded, Reopening, Rows, Target, load, reopen,
    sniff::sniff,
};

fn keys(text: &str) -> toml::Table {
    text.parse().unwrap()
}

/// Rows of a table with numbers, nulls, booleans and words.
const ROWS: usize = 1_000;

fn city(row: usize) -> Option<&'static str> {
    [Some("Ulm"), None, Some("Köln"), Some("Bad Ems")][row * 7 % 11 % 4]
}

fn table() -> Vec<(&'static str, Data)> {
    let rows = 0..ROWS;
    let dose = |row: usize| (!row.is_multiple_of(5)).then_some(i32::try_from(row).unwrap() - 400);
    vec![
        (
            "optional int32 dose",
            Data::Ints(rows.clone().map(dose).collect()),
        ),
        (
            "required boolean smokes",
            Data::Booleans(rows.clone().map(|row| row % 3 == 0).collect()),
        ),
        (
            "optional binary city (STRING)",
            Data::Texts(rows.clone().map(city).collect()),
        ),
        (
            "required double weight",
            Data::Doubles(
                rows.clone()
                    .map(|row| f64::from(u8::try_from(row % 97).unwrap()) / 8.0)
                    .collect(),
            ),
        ),
        (
            "required binary label (STRING)",
            Data::Texts(
                rows.map(|row| Some(if row % 2 == 0 { "no" } else { "yes" }))
                    .collect(),
            ),
        ),
    ]
}

/// The same as text.
fn csv() -> String {
    let mut text = "dose,smokes,city,weight,label\n".to_owned();
    let shown = |column: &Data, row: usize| match column {
        Data::Ints(values) => values[row]
            .map(|value| value.to_string())
            .unwrap_or_default(),
        Data::Booleans(values) => u8::from(values[row]).to_string(),
        Data::Texts(values) => values[row].unwrap_or_default().to_owned(),
        Data::Doubles(values) => values[row].to_string(),
    };
    let table = table();
    for row in 0..ROWS {
        let fields: Vec<String> = table.iter().map(|(_, column)| shown(column, row)).collect();
        text += &(fields.join(",") + "\n");
    }
    text
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("a.parquet"), &table(), 300);
    fs::write(folder.path().join("a.csv"), csv()).unwrap();
    folder
}

fn loaded(name: &str, folder: &Path, text: &str) -> Loaded {
    load(name, &keys(text), folder).unwrap()
}

fn same(parquet: &Loaded, csv: &Loaded) {
    assert_eq!(parquet.train.content_hash(), csv.train.content_hash());
    assert_eq!(parquet.train.fields(), csv.train.fields());
    let test = |loaded: &Loaded| loaded.test.as_ref().map(|test| test.content_hash());
    assert_eq!(test(parquet), test(csv));
    let alike = |loaded: &Loaded| Encoding {
        dataset: String::new(),
        ..loaded.encoding.clone().unwrap()
    };
    assert_eq!(alike(parquet), alike(csv));
    // Text may look like numbers at first, types do not.
    let is_of_both = |note: &&String| !note.contains(" has numbers, but ");
    let notes = |loaded: &Loaded| {
        let notes = loaded.notes.iter().filter(is_of_both).cloned();
        notes.collect::<Vec<_>>()
    };
    assert_eq!(notes(parquet), notes(csv));
}

#[test]
fn a_table_is_the_same_rows_as_csv_and_as_parquet() {
    let folder = folder();
    for more in [
        "",
        "scale = 'standard'\nholdout = 0.2",
        "scale = 'minmax'\nignore = ['city', 2]",
        "encoding = 'hash'\nhash_bits = 5",
        "categorical = ['city', 'dose']",
        "labels = ['yes', 'no']",
        "target = 'smokes'\nlabel_positive = [1]",
        "target = 'weight'\ntask = 'real'",
    ] {
        let parquet = loaded(
            "parquet",
            folder.path(),
            &format!("train = 'a.parquet'\n{more}"),
        );
        let csv = loaded("csv", folder.path(), &format!("train = 'a.csv'\n{more}"));
        same(&parquet, &csv);
    }
}

#[test]
fn a_cache_and_several_files_hold_the_same_rows() {
    let folder = folder();
    let path = folder.path();
    let whole = loaded("parquet", path, "train = ['a.parquet', 'a.parquet']");
    write(&path.join("part-1.parquet"), &table(), 1_000);
    write(&path.join("part-2.parquet"), &table(), 64);
    let parts = "train = 'part-*.parquet'";
    let other = loaded("parquet", path, parts);
    assert_eq!(other.train.content_hash(), whole.train.content_hash());
    let cached = loaded(
        "parquet",
        path,
        &format!("{parts}\ncache = 'c'\nscale = 'standard'"),
    );
    let scaled = loaded("parquet", path, &format!("{parts}\nscale = 'standard'"));
    assert_eq!(cached.train.content_hash(), scaled.train.content_hash());
    assert_eq!(cached.encoding, scaled.encoding);
}

#[test]
fn row_groups_of_many_pieces_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let rows = 200_000_i32;
    let number = |row: i32| (row % 7 != 3).then_some(row);
    let text = |row: i32| Some(["a", "b", "c"][usize::try_from(row % 3).unwrap()]);
    let columns = [
        (
            "optional int32 n",
            Data::Ints((0..rows).map(number).collect()),
        ),
        (
            "required binary y (STRING)",
            Data::Texts((0..rows).map(text).collect()),
        ),
    ];
    write(&folder.path().join("a.parquet"), &columns, 200_000);
    let loaded = loaded("parquet", folder.path(), "train = 'a.parquet'");
    let (mut rows, wanted) = (Rows::new(), [1, 65_535, 65_536, 131_077, 199_999]);
    loaded.train.fill(&wanted, &mut rows);
    assert_eq!(rows.labels(), [1.0, 0.0, 1.0, 1.0, 1.0]);
    let values: Vec<f32> = (0..5).map(|row| rows.row(row).1[0]).collect();
    assert_eq!(values, [1.0, 65_535.0, 65_536.0, 131_077.0, 199_999.0]);
}

#[test]
fn other_files_are_read_as_the_training_files_were() {
    let folder = folder();
    let trained = loaded("parquet", folder.path(), "train = 'a.parquet'");
    let mut columns = table();
    columns.pop();
    columns[2].1 = Data::Texts((0..ROWS).map(|_| Some("Rom")).collect());
    write(&folder.path().join("new.parquet"), &columns, 1_000);
    let files = Files::new(vec!["new.parquet".into()]);
    let encoding = trained.encoding.unwrap();
    let read = |labels| {
        reopen(&Reopening {
            name: "parquet",
            keys: &keys("train = 'a.parquet'"),
            encoding: &encoding,
            files: &files,
            folder: folder.path(),
            labels,
        })
    };
    let again = read(LabelsIn::Optional).unwrap();
    assert_eq!((again.rows.rows(), again.labelled), (1_000, 0));
    assert!(again.notes[0].starts_with("1000 values in 1000 rows are categories"));
    let error = read(LabelsIn::Needed).unwrap_err().to_string();
    assert!(
        error.contains("new.parquet: expected a column `label`"),
        "{error}"
    );
}

#[test]
fn a_file_says_what_it_is_and_which_columns_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let mut columns = table();
    columns.push(("optional int32 day (DATE)", Data::Ints(vec![Some(3); ROWS])));
    write(&path, &columns, 500);
    let found = sniff(&path).unwrap();
    assert_eq!((found.dataset, found.rows), (Some("parquet"), 1_000));
    assert_eq!(
        found.target,
        Some(Target::Words(vec!["no".into(), "yes".into()]))
    );
    assert_eq!(found.columns.len(), 4);
    assert!(matches!(found.columns[2].1, ColumnKind::Index(_)));
    assert!(
        found.notes[0].starts_with("column `day` is left out"),
        "{:?}",
        found.notes
    );
    let loaded = load("parquet", &found.keys, Path::new(".")).unwrap();
    let train: &Arc<dyn Dataset> = &loaded.train;
    assert_eq!(train.rows(), 1_000);
}
