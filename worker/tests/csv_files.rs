//! CSV files as they come: what columns become, what labels mean, and how each mistake reads.

use std::fs;

use tempfile::TempDir;
use thalweg_worker::data::{
    ColumnKind, DataError, Dataset, Files, LabelsIn, Loaded, Reopening, Rows, Target, Task, load,
    reopen,
};

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).expect("a writable folder");
    }

    fn load(&self, keys: &str) -> Result<Loaded, DataError> {
        load("csv", &keys.parse().expect("TOML"), self.0.path())
    }

    /// The error of a train file with this text, without the folder.
    fn refused(&self, text: &str, more_keys: &str) -> String {
        self.write("train.csv", text);
        let error = self
            .load(&format!("train = \"train.csv\"\n{more_keys}"))
            .expect_err("the file is wrong");
        error
            .to_string()
            .replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn all(data: &dyn Dataset) -> Rows {
    let mut rows = Rows::new();
    data.fill(&(0..data.rows()).collect::<Vec<_>>(), &mut rows);
    rows
}

const PEOPLE: &str = "age,city,y\n10,Rome,no\n,\"Köln, am Rhein\",yes\n20,Rome,no\n30,?,yes\n";

#[test]
fn numbers_categories_and_missing_values_become_features() {
    let folder = Folder::new();
    folder.write("train", PEOPLE);
    folder.write("test", "y,city,age\nyes,Oslo,40\nno,Rome,NA\n");
    let loaded = folder.load("train = 'train'\ntest = 'test'").unwrap();
    // age, then "not seen", missing, Köln, Rome.
    let rows = all(&*loaded.train);
    assert_eq!(
        (loaded.train.features(), loaded.train.task()),
        (5, Task::Binary)
    );
    assert_eq!(rows.labels(), [-1.0, 1.0, -1.0, 1.0]);
    assert_eq!(rows.row(0), (&[0, 4][..], &[10.0, 1.0][..]));
    assert_eq!(
        rows.row(1),
        (&[0, 3][..], &[20.0, 1.0][..]),
        "the mean of 10, 20 and 30"
    );
    assert_eq!(rows.row(3), (&[0, 2][..], &[30.0, 1.0][..]));
    let test = all(&*loaded.test.unwrap());
    assert_eq!(test.labels(), [1.0, -1.0]);
    assert_eq!(
        test.row(0),
        (&[0, 1][..], &[40.0, 1.0][..]),
        "a city that training never saw"
    );
    assert_eq!(test.row(1), (&[0, 4][..], &[20.0, 1.0][..]));
    let fields: Vec<_> = loaded
        .train
        .fields()
        .iter()
        .map(|f| (&f.name[..], f.features.clone()))
        .collect();
    assert_eq!(fields, [("age", 0..1), ("city", 1..5)]);
    let notes = loaded.notes.join("\n");
    for words in [
        "of the target `y`, yes is +1 and no is -1",
        "missing numbers of the training file are the mean of their column: `age` 1",
        "1 values in 1 rows are categories that the training rows do not have",
    ] {
        assert!(notes.contains(words), "{notes}");
    }
}

#[test]
fn scales_and_categories_come_from_the_rows_that_are_trained_on() {
    let folder = Folder::new();
    let text: String = (0..100)
        .map(|row| format!("{row},only{row},{}\n", row % 2))
        .collect();
    folder.write("train", &format!("x,word,label\n{text}"));
    let loaded = folder
        .load("train = 'train'\nholdout = 0.25\nscale = 'standard'")
        .unwrap();
    let (train, test) = (all(&*loaded.train), all(&*loaded.test.unwrap()));
    assert_eq!((train.len(), test.len()), (75, 25));
    let mean = |rows: &Rows| -> f64 {
        let first = (0..rows.len()).map(|row| f64::from(rows.row(row).1[0]));
        first.sum::<f64>() / 75.0
    };
    assert!(mean(&train).abs() < 1e-6, "{}", mean(&train));
    assert_eq!(loaded.train.features(), 1 + 1 + 75);
    assert!(
        (0..25).all(|row| test.row(row).0 == [0, 1]),
        "categories of rows that judge are not seen"
    );
}

#[test]
fn targets_say_what_they_are_and_keys_overrule_them() {
    let folder = Folder::new();
    let task = |values: &[&str], keys: &str| {
        let text: String = values.iter().map(|value| format!("1,{value}\n")).collect();
        folder.write("train", &format!("x,label\n{text}"));
        let loaded = folder.load(&format!("train = 'train'\n{keys}")).unwrap();
        (loaded.train.task(), all(&*loaded.train).labels().to_vec())
    };
    assert_eq!(
        task(&["2", "1", "3"], ""),
        (Task::Classes(3), vec![1.0, 0.0, 2.0])
    );
    assert_eq!(
        task(&["c", "a", "b"], ""),
        (Task::Classes(3), vec![2.0, 0.0, 1.0])
    );
    assert_eq!(
        task(&["0.5", "2", "7"], ""),
        (Task::Real, vec![0.5, 2.0, 7.0])
    );
    assert_eq!(
        task(&["5", "4.5", "5"], ""),
        (Task::Binary, vec![1.0, -1.0, 1.0])
    );
    assert_eq!(task(&["1", "a"], ""), (Task::Binary, vec![-1.0, 1.0]));
    assert_eq!(
        task(&["0", "1"], "task = 'real'"),
        (Task::Real, vec![0.0, 1.0])
    );
    assert_eq!(
        task(&["1", "2"], "classes = 4"),
        (Task::Classes(4), vec![0.0, 1.0])
    );
    assert_eq!(
        task(&["b", "a"], "labels = ['b', 'a']"),
        (Task::Binary, vec![-1.0, 1.0])
    );
}

#[test]
fn a_column_in_which_a_word_comes_late_is_read_again_as_categories() {
    let folder = Folder::new();
    folder.write("train", "x,label\n1.0,0\n1,1\nhigh,1\n");
    let loaded = folder.load("train = 'train'").unwrap();
    let ColumnKind::Index(names) = &loaded.encoding.as_ref().unwrap().columns[0].kind else {
        panic!("{:?}", loaded.encoding)
    };
    let names: Vec<_> = names.iter().flatten().collect();
    assert_eq!(names, ["1", "1.0", "high"], "numbers keep their spelling");
    assert!(
        loaded
            .notes
            .iter()
            .any(|note| note.contains("but \"high\" at") && note.contains("train:4")),
        "{:?}",
        loaded.notes
    );
    let hashed = folder
        .load("train = 'train'\nencoding = 'hash'\nhash_bits = 5")
        .unwrap();
    assert_eq!(hashed.train.features(), 32);
    assert!(
        all(&*hashed.train)
            .features()
            .iter()
            .all(|feature| *feature < 32)
    );
    let error = folder
        .load("train = 'train'\ncategorical = []")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("train:4:1: expected a number in the column `x`, found \"high\""),
        "{error}"
    );
}

#[test]
fn other_files_are_read_as_the_training_file_was_also_without_the_target() {
    let folder = Folder::new();
    folder.write("train", PEOPLE);
    folder.write("unlabelled", "city,age\nRome,7\nBonn,8\n");
    let keys = "train = 'train'".parse().expect("TOML");
    let loaded = load("csv", &keys, folder.0.path()).unwrap();
    let text = serde_json::to_string(&loaded.encoding.unwrap()).unwrap();
    let encoding = serde_json::from_str(&text).unwrap();
    let files = Files::new(vec!["unlabelled".into()]);
    let again = |labels| {
        reopen(&Reopening {
            name: "csv",
            keys: &keys,
            encoding: &encoding,
            files: &files,
            folder: folder.0.path(),
            labels,
        })
    };
    let bare = again(LabelsIn::Optional).unwrap();
    assert_eq!((bare.labelled, bare.rows.features()), (0, 5));
    assert_eq!(all(&*bare.rows).row(1), (&[0, 1][..], &[8.0, 1.0][..]));
    assert!(
        bare.notes[0].contains("1 values in 1 rows"),
        "{:?}",
        bare.notes
    );
    assert_eq!(
        encoding.target,
        Target::Words(vec!["no".into(), "yes".into()])
    );
    let error = again(LabelsIn::Needed).unwrap_err().to_string();
    assert!(
        error.contains("unlabelled: expected a column `y`, found city, age"),
        "{error}"
    );
}

/// Text of the file, more keys, and how the error starts.
const MISFITS: &[(&str, &str, &str)] = &[
    (
        "a;b;y\n1;2;0\n",
        "delimiter = ','",
        "train.csv:1:1: expected two or more columns, found one with the delimiter ','; set `delimiter`",
    ),
    (
        "a,y\n1,0\n1,2,3\n",
        "",
        "train.csv:3:5: expected 2 fields as in the first record, found 3",
    ),
    (
        "a,b,y\n1,2,0\n1,1\n",
        "",
        "train.csv:3:3: expected 3 fields as in the first record, found 2",
    ),
    (
        "a,b\n1,2\n",
        "",
        "data set \"csv\": train.csv: expected `target` to name a column (none is called label, target, y, class), found the columns a, b; set `target`",
    ),
    (
        "a,b\n1,2\n",
        "target = 'z'",
        "data set \"csv\": train.csv: expected a column `z`, which `target` names, found the columns a, b",
    ),
    (
        "1,2\n1,2\n",
        "",
        "data set \"csv\": train.csv: expected `target` to name a column",
    ),
    (
        "a,y\n1,5\n2,5\n",
        "",
        "data set \"csv\": expected two or more different values in the target column `y` of train.csv, found only 5; name",
    ),
    (
        "a,y\n1,no\n2,no\n",
        "",
        "data set \"csv\": expected two or more different values in the target column `y` of train.csv, found only \"no\"",
    ),
    (
        "a,y\n1,1\n2,1\n",
        "task = 'binary'",
        "data set \"csv\": expected two or more different values in the target column `y` of train.csv, found only 1; name",
    ),
    (
        "a,y\n1,0\n2,\n",
        "",
        "train.csv:3:3: expected a label in the column `y`, found a missing value",
    ),
    (
        "a,y\n1,no\n2,NA\n3,yes\n",
        "",
        "train.csv:3:3: expected a label in the column `y`",
    ),
    (
        "a,y\n1,0\n2,7\n",
        "classes = 3",
        "train.csv:3:3: expected labels 0 to 2, or labels 1 to 3, found the label 7",
    ),
    (
        "a,y\n1,0\n2,x\n",
        "task = 'binary'",
        "train.csv:3:3: expected a label (a finite number), found \"x\"",
    ),
    (
        "a,y\n1,b\n2,c\n",
        "labels = ['a', 'b']",
        "train.csv:3:3: expected a label of the training data (a, b), found the label c",
    ),
    (
        "a,y\n1,0\ninf,1\n",
        "",
        "train.csv:3:1: expected a finite 32-bit value, found \"inf\"",
    ),
    (
        "a,y\n\"1,0\n2,1\n",
        "",
        "train.csv:2:1: expected a closing quote",
    ),
    (
        "a,a,y\n1,1,1\n",
        "",
        "train.csv:1:3: expected a name for each column, found `a` twice",
    ),
    (
        "a,y\n",
        "",
        "train.csv: expected at least one row, found none",
    ),
    ("", "", "train.csv: expected at least one row, found none"),
    (
        "a,y\n1,1\n2,0\n",
        "ignore = ['b']",
        "train.csv: expected a column `b`, found a, y",
    ),
    (
        "a,y\n1,1\n2,0\n",
        "ignore = ['a']",
        "data set \"csv\": expected columns that become 1 to",
    ),
];

#[test]
fn every_misfit_names_its_place_and_the_way_out() {
    let folder = Folder::new();
    for (text, keys, expected) in MISFITS {
        let error = folder.refused(text, keys);
        assert!(
            error.starts_with(*expected) && !error.contains('\n'),
            "{text:?}: {error}"
        );
    }
    fs::write(folder.0.path().join("latin"), b"a,y\nK\xf6ln,1\n").unwrap();
    let error = folder.load("train = 'latin'").unwrap_err().to_string();
    assert!(
        error.contains("latin:2:1: expected UTF-8 text, found the byte 0xf6"),
        "{error}"
    );
}

#[test]
fn a_number_can_stand_for_a_missing_one() {
    let folder = Folder::new();
    folder.write("train", "x,y\n4,0\n-999,1\n8,0\n");
    let loaded = folder.load("train = 'train'\nmissing = ['-999']").unwrap();
    assert_eq!(all(&*loaded.train).values(), [4.0, 6.0, 8.0]);
}

#[test]
fn a_file_without_a_header_has_its_columns_by_number() {
    let folder = Folder::new();
    folder.write("train.tsv", "1\t0.5\t3\n0\t0.25\t4\n");
    let loaded = folder
        .load("train = 'train.tsv'\ntarget = 1\nignore = [3]")
        .unwrap();
    let rows = all(&*loaded.train);
    assert_eq!(
        (rows.labels(), rows.values()),
        (&[1.0, -1.0][..], &[0.5, 0.25][..])
    );
    assert_eq!(loaded.train.fields()[0].name, "2");
}

/// Many blocks of records, of which some span lines.
fn long_text(last: &str) -> String {
    let mut text = String::from("n,note,late,y\n");
    for row in 0..60_000 {
        let note = ["plain", "\"two\nlines\"", "\"a \"\"word\"\"\"", "5\" disk"][row % 4];
        text.push_str(&format!("{row},{note},{},{}\n", row % 7, row % 3));
    }
    text + last
}

#[test]
fn a_file_of_many_blocks_reads_as_one_line_after_the_other_would() {
    let folder = Folder::new();
    folder.write("train.csv", &long_text(""));
    let loaded = folder.load("train = 'train.csv'").unwrap();
    let rows = all(&*loaded.train);
    assert_eq!(rows.len(), 60_000);
    let mut expected = Vec::new();
    for row in 0_u16..60_000 {
        // n, then "not seen" and the four notes in the order of their bytes, then late.
        let note = [4, 5, 3, 2][usize::from(row % 4)];
        let (n, late) = (f32::from(row), f32::from(row % 7));
        expected.extend((0.0 < n).then_some((0, n)));
        expected.push((note, 1.0));
        expected.extend((0.0 < late).then_some((6, late)));
    }
    let found = rows
        .features()
        .iter()
        .copied()
        .zip(rows.values().iter().copied());
    assert!(found.eq(expected));
    let label = |row: u16| f32::from(row % 3);
    assert!(rows.labels().iter().copied().eq((0..60_000).map(label)));
}

#[test]
fn what_comes_in_the_last_block_is_told_with_its_place() {
    let folder = Folder::new();
    // 60,000 records, of which every fourth has two lines, behind a header.
    folder.write("train.csv", &long_text("1,plain,never,2\n"));
    let loaded = folder.load("train = 'train.csv'").unwrap();
    let turned = loaded.notes.iter().find(|note| note.contains("`late`"));
    assert!(
        turned
            .is_some_and(|note| note.contains("\"never\" at") && note.contains("train.csv:75002:")),
        "{:?}",
        loaded.notes
    );
    for (last, keys, place) in [
        ("1,plain,3\n", "", "train.csv:75002:9: expected 4 fields"),
        (
            "1,plain,x,2\n",
            "categorical = ['note']",
            "train.csv:75002:9: expected a number",
        ),
        (
            "1,plain,1,9\n",
            "classes = 3",
            "train.csv:75002:11: expected labels 0 to 2",
        ),
        (
            "1,plain,1,3\n",
            "classes = 3",
            "train.csv:75002:11: expected labels 0 to 2 as at",
        ),
        (
            "1,\"open,1,3\n",
            "",
            "train.csv:75002:3: expected a closing quote",
        ),
    ] {
        let error = folder.refused(&long_text(last), keys);
        assert!(error.starts_with(place), "{error}");
    }
}
