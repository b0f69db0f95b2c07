//! libsvm files as they come: plain, gzip, damaged, and how each error reads.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tempfile::TempDir;
use thalweg_worker::data::{
    DataError, Encoding, Files, LabelsIn, LineProblem, Loaded, Reopened, Reopening, Rows, Task,
    load, reopen,
};

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).expect("a writable folder");
        path
    }

    fn load(&self, keys: &str) -> Result<Loaded, DataError> {
        load("libsvm", &keys.parse().expect("TOML"), self.0.path())
    }

    /// The error of a train file with this text, without the folder.
    fn refused(&self, text: &str, more_keys: &str) -> String {
        self.write("train.svm", text.as_bytes());
        let error = self
            .load(&format!("train = \"train.svm\"\n{more_keys}"))
            .expect_err("the file is wrong");
        error
            .to_string()
            .replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("a writable folder");
    encoder.finish().expect("memory takes all")
}

const TEXT: &[u8] = b"# two rows\n+1 1:0.5 3:2\r\n\n-1 2:1 # the second\n-1";

#[test]
fn plain_gzip_and_joined_gzip_files_are_the_same_data_whatever_their_names() {
    let folder = Folder::new();
    folder.write("plain.gz", TEXT);
    folder.write("zipped.svm", &gzip(TEXT));
    folder.write("joined", &[gzip(&TEXT[..20]), gzip(&TEXT[20..])].concat());
    let hashes = ["plain.gz", "zipped.svm", "joined"].map(|name| {
        let loaded = folder.load(&format!("train = \"{name}\"")).unwrap();
        assert_eq!((loaded.train.rows(), loaded.train.features()), (3, 3));
        loaded.train.content_hash()
    });
    assert_eq!(hashes[0], hashes[1]);
    assert_eq!(hashes[0], hashes[2]);
}

#[test]
fn test_rows_do_not_widen_the_model_and_what_they_have_beyond_it_is_told() {
    let folder = Folder::new();
    folder.write("a", b"1 4:1\n-1 1:1\n");
    folder.write("b", b"-1 9:1\n1 3:2 4:3 5:4 7:5\n-1 1:7\n");
    let loaded = folder.load("train = \"a\"\ntest = \"b\"").unwrap();
    let test = loaded.test.unwrap();
    assert_eq!((loaded.train.features(), test.features()), (4, 4));
    let mut rows = Rows::new();
    test.fill(&[0, 1, 2], &mut rows);
    assert_eq!(rows.labels(), [-1.0, 1.0, -1.0]);
    assert_eq!(rows.row(0), (&[][..], &[][..]));
    assert_eq!(rows.row(1), (&[2, 3][..], &[2.0, 3.0][..]));
    assert_eq!(rows.row(2), (&[0][..], &[7.0][..]));
    let [note] = &loaded.notes[..] else {
        panic!("{:?}", loaded.notes)
    };
    assert!(
        note.contains("values with an index above 4, the largest of the training data")
            && note.contains("ignored: 3, in 2 of the test rows"),
        "{note}"
    );
}

#[test]
fn a_declared_number_of_features_binds_train_and_test() {
    let folder = Folder::new();
    folder.write("a", b"1 4:1\n-1 1:1\n");
    folder.write("b", b"-1 9:1\n");
    let loaded = folder
        .load("train = \"a\"\ntest = \"b\"\nfeatures = 123")
        .unwrap();
    assert_eq!(loaded.train.features(), 123);
    assert_eq!(loaded.notes, [""; 0]);
    let error = folder
        .load("train = \"a\"\ntest = \"b\"\nfeatures = 8")
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("b:1:4: expected an index up to 8, found 9"),
        "{error}"
    );
}

#[test]
fn labels_of_train_and_test_are_read_in_one_way() {
    let folder = Folder::new();
    folder.write("a", b"1 1:1\n2 1:1\n");
    folder.write("b", b"3 1:1\n");
    let loaded = folder
        .load("train = \"a\"\ntest = \"b\"\nclasses = 3")
        .unwrap();
    assert_eq!(loaded.train.task(), Task::Classes(3));
    let mut rows = Rows::new();
    loaded.test.unwrap().fill(&[0], &mut rows);
    assert_eq!(rows.labels(), [2.0]);
    folder.write("c", b"0 1:1\n1 1:1\n");
    folder.write("d", b"-1 1:1\n");
    let error = folder.load("train = \"c\"\ntest = \"d\"").unwrap_err();
    let DataError::Line {
        problem: LineProblem::MixedLabels { first_place, .. },
        path,
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert!(
        first_place.ends_with("c:1") && path.ends_with("d"),
        "{first_place}"
    );
}

#[test]
fn some_labels_can_be_called_positive() {
    let folder = Folder::new();
    folder.write("a", b"0 1:1\n3 1:1\n7 1:1\n");
    let loaded = folder
        .load("train = \"a\"\nlabel_positive = [3, 7]")
        .unwrap();
    let mut rows = Rows::new();
    loaded.train.fill(&[0, 1, 2], &mut rows);
    assert_eq!(rows.labels(), [-1.0, 1.0, 1.0]);
    assert_eq!(loaded.train.task(), Task::Binary);
}

/// Text of the file, more keys, and how the error starts.
const MISFITS: &[(&str, &str, &str)] = &[
    ("+1 1:1\nyes 1:1\n", "", "train.svm:2:1: expected a label"),
    (
        "+1 1:1\n5 1:1\n",
        "",
        "train.svm:2:1: expected labels +1 and -1, or labels 0 and 1, found the label 5; set `classes`",
    ),
    (
        "4 1:1\n",
        "classes = 3",
        "train.svm:1:1: expected labels 0 to 2, or labels 1 to 3, found the label 4; raise",
    ),
    (
        "0 1:1\n3 1:1\n",
        "classes = 3",
        "train.svm:2:1: expected labels 0 to 2 as at train.svm:1, found the label 3; write",
    ),
    (
        "1.5 1:1\n",
        "label_positive = [1]",
        "train.svm:1:1: expected a whole number",
    ),
    (
        "+1 0:1\n",
        "",
        "train.svm:1:4: expected an index from 1 on, found 0; libsvm counts",
    ),
    (
        "+1 1:1 9:1\n",
        "features = 8",
        "train.svm:1:8: expected an index up to 8, found 9; raise",
    ),
    (
        "+1 3:1 2:1\n",
        "",
        "train.svm:1:8: expected an index above 3, found 2; sort",
    ),
    (
        "+1 3:1 3:1\n",
        "",
        "train.svm:1:8: expected strictly increasing indices, found 3 twice",
    ),
    (
        "+1 3;1\n",
        "",
        "train.svm:1:4: expected index:value, found \"3;1\"",
    ),
    (
        "+1 3:nan\n",
        "",
        "train.svm:1:6: expected a finite 32-bit value, found \"nan\"",
    ),
    (
        "2 qid:1 3:1\n",
        "task = \"real\"",
        "train.svm:1:3: expected index:value, found \"qid:1\"; query groups",
    ),
    (
        "+1 4294967297:1\n",
        "",
        "train.svm:1:4: expected an index up to 4294967296, found 4294967297",
    ),
    (
        "+1 1:1\n+1 2:1\n",
        "",
        "data set \"libsvm\": expected two or more different labels in train.svm, found only 1; name rows",
    ),
    (
        "2.5 1:1\n2.5 2:1\n",
        "task = \"real\"\ncache = true",
        "data set \"libsvm\": expected two or more different labels in train.svm, found only 2.5; name rows",
    ),
    (
        "3 1:1\n4 2:1\n",
        "label_positive = [3, 4]",
        "data set \"libsvm\": expected `label_positive` to name some labels of the train file, found only [3, 4]",
    ),
    ("", "", "train.svm: expected at least one row, found none"),
    (
        "# nothing\n\n",
        "",
        "train.svm: expected at least one row, found none",
    ),
];

#[test]
fn every_misfit_names_file_line_column_and_the_way_out() {
    let folder = Folder::new();
    for (text, keys, expected) in MISFITS {
        let error = folder.refused(text, keys);
        assert!(
            error.starts_with(*expected) && !error.contains('\n'),
            "{text:?}: {error}"
        );
    }
}

#[test]
fn bytes_that_are_no_text_and_broken_gzip_are_told_apart() {
    let folder = Folder::new();
    folder.write("elf", b"\x7fELF\x02\x01\x01\x00");
    let error = folder.load("train = \"elf\"").unwrap_err().to_string();
    assert!(
        error.contains("elf:1:1: expected text, found the byte 0x7f"),
        "{error}"
    );
    let text: String = (1..3_000).map(|row| format!("1 {row}:0.{row}\n")).collect();
    let whole = gzip(text.as_bytes());
    folder.write("cut", &whole[..whole.len() / 2]);
    let error = folder.load("train = \"cut\"").unwrap_err();
    let DataError::Packed { lines, .. } = error else {
        panic!("{error}")
    };
    assert!((10..3_000).contains(&lines), "{lines}");
    let mut damaged = whole.clone();
    let last = damaged.len() - 6;
    damaged[last] ^= 1;
    folder.write("damaged", &damaged);
    let error = folder.load("train = \"damaged\"").unwrap_err();
    assert!(matches!(error, DataError::Packed { .. }), "{error}");
}

#[test]
fn files_that_cannot_be_read_name_themselves() {
    let folder = Folder::new();
    let error = folder.load("train = \"none.svm\"").unwrap_err().to_string();
    assert!(
        error.contains("none.svm: expected a readable file"),
        "{error}"
    );
    let error = folder.load("train = \".\"").unwrap_err();
    assert!(matches!(error, DataError::Read { .. }), "{error}");
}

#[test]
fn impossible_keys_are_refused_before_any_file_is_opened() {
    let nowhere = Path::new("/nowhere");
    for (keys, expected) in [
        ("", "missing field `train`"),
        ("train = \"a\"\ntrian = \"b\"", "did you mean `train`?"),
        ("train = \"a\"\nclasses = 1", "expected `classes` from 2"),
        ("train = \"a\"\nfeatures = 0", "expected `features` from 1"),
        (
            "train = \"a\"\nclasses = 3\ntask = \"real\"",
            "expected at most one of",
        ),
        (
            "train = \"a\"\nclasses = 3\nlabel_positive = [1]",
            "expected at most one of",
        ),
        (
            "train = \"a\"\nlabel_positive = []",
            "expected `label_positive` to list labels",
        ),
        (
            "train = \"a\"\nscale = \"standard\"",
            "expected `scale` to be \"none\" or \"maxabs\", found \"standard\", which would move the zeros",
        ),
        (
            "train = \"a\"\ntask = \"ranking\"",
            "unknown variant `ranking`",
        ),
    ] {
        let error = load("libsvm", &keys.parse().unwrap(), nowhere)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(expected) && !error.contains('\n'),
            "{keys:?}: {error}"
        );
    }
}

#[test]
fn rows_have_the_weights_of_the_file_beside_them() {
    let folder = Folder::new();
    folder.write("train.svm", TEXT);
    folder.write("weights", b"2 # the first\n\n0.5\n0\n");
    let keys = "train = 'train.svm'\ntest = 'train.svm'\n";
    let plain = folder.load(keys).unwrap();
    let weighted = folder
        .load(&format!(
            "{keys}train_weights = 'weights'\ntest_weights = 'weights'"
        ))
        .unwrap();
    for data in [&weighted.train, weighted.test.as_ref().unwrap()] {
        let mut rows = Rows::new();
        data.fill(&[2, 0, 1], &mut rows);
        let weights = [0, 1, 2].map(|row| rows.weight(row).to_bits());
        assert_eq!(weights, [0.0_f64, 2.0, 0.5].map(f64::to_bits));
    }
    assert_ne!(
        weighted.train.content_hash(),
        plain.train.content_hash(),
        "who reads other weights trains another model"
    );
    assert!(plain.train.memory_bytes() < weighted.train.memory_bytes());
}

#[test]
fn wrong_weights_are_refused_with_their_line_or_their_number() {
    let folder = Folder::new();
    for (weights, words) in [
        (
            "1\n-2\n1\n",
            "weights:2:1: expected a weight (a finite number of at least 0), found \"-2\"; write one \
             per line",
        ),
        (
            "1\n1\nnan\n",
            "weights:3:1: expected a weight (a finite number of at least 0), found \"nan\"; write one \
             per line",
        ),
        (
            "1\n1\n",
            "weights: expected 3 weights, one for each row, found 2; write one number per line, in \
             the order of the rows",
        ),
    ] {
        folder.write("weights", weights.as_bytes());
        let text = String::from_utf8(TEXT.to_vec()).unwrap();
        assert_eq!(folder.refused(&text, "train_weights = 'weights'"), words);
    }
    let text = folder.refused("+1 1:1\n", "test_weights = 'weights'");
    assert!(
        text.contains("expected `test` with `test_weights`"),
        "{text}"
    );
}

#[test]
fn zstd_and_several_files_are_the_same_data_as_one() {
    let folder = Folder::new();
    folder.write("whole", b"+1 1:1 3:2\n-1 2:1\n+1 1:1\n");
    let packed = compress_to_vec(&b"-1 2:1\n+1 1:1\n"[..], CompressionLevel::Fastest);
    folder.write("part-2.gz", &packed);
    folder.write("part-1", &gzip(b"+1 1:1 3:2\n"));
    let hash = |train: &str| {
        let loaded = folder.load(&format!("train = {train}")).unwrap();
        loaded.train.content_hash()
    };
    let whole = hash("'whole'");
    assert_eq!(hash("['part-1', 'part-2.gz']"), whole);
    assert_eq!(hash("'part-*'"), whole);
    assert_ne!(hash("['part-2.gz', 'part-1']"), whole);
    folder.write("part-3", b"+1 1:x\n");
    let error = folder.load("train = 'part-*'").unwrap_err().to_string();
    assert!(
        error.contains("part-3:1:4: expected index:value"),
        "{error}"
    );
    folder.write("cut", &packed[..packed.len() - 2]);
    let error = folder.load("train = 'cut'").unwrap_err().to_string();
    assert!(
        error.contains("cut: expected a whole zstd stream"),
        "{error}"
    );
}

#[test]
fn a_share_of_the_rows_judges_where_there_are_no_test_rows() {
    let folder = Folder::new();
    let text: String = (0..100).map(|row| format!("{row} 1:1\n")).collect();
    folder.write("a", text.as_bytes());
    let keys = "train = 'a'\ntask = 'real'\nholdout = 0.2";
    let loaded = folder.load(keys).unwrap();
    let test = loaded.test.unwrap();
    assert_eq!((loaded.train.rows(), test.rows()), (80, 20));
    let error = folder.load(&format!("{keys}\ntest = 'a'")).unwrap_err();
    assert!(
        error.to_string().contains("found both; remove one"),
        "{error}"
    );
}

fn reopened(
    folder: &Folder,
    encoding: &Encoding,
    file: &str,
    labels: LabelsIn,
) -> Result<Reopened, DataError> {
    let keys = "train = 'a'\nclasses = 3".parse().expect("TOML");
    reopen(&Reopening {
        name: "libsvm",
        keys: &keys,
        encoding,
        files: &Files::new(vec![file.into()]),
        folder: folder.0.path(),
        labels,
    })
}

#[test]
fn other_files_are_read_as_the_training_files_were_with_labels_or_without() {
    let folder = Folder::new();
    folder.write("a", b"1 1:1\n2 2:1\n3 1:1\n");
    folder.write("judged", b"3 1:1 7:1\n1 2:5\n");
    folder.write("unlabelled", b"1:1 2:1 # none\n2 2:1\n");
    let loaded = folder.load("train = 'a'\nclasses = 3").unwrap();
    let encoding = loaded.encoding.unwrap();
    assert_eq!(encoding.target.class_names(), ["1", "2", "3"]);
    let judged = reopened(&folder, &encoding, "judged", LabelsIn::Needed).unwrap();
    let mut rows = Rows::new();
    judged.rows.fill(&[0, 1], &mut rows);
    assert_eq!(
        (rows.labels(), rows.features()),
        (&[2.0, 0.0][..], &[0, 1][..])
    );
    assert_eq!((judged.labelled, judged.rows.features()), (2, 2));
    assert!(
        judged.notes[0].contains("ignored: 1, in 1 of the rows"),
        "{:?}",
        judged.notes
    );
    let bare = reopened(&folder, &encoding, "unlabelled", LabelsIn::Optional).unwrap();
    bare.rows.fill(&[0, 1], &mut rows);
    assert_eq!((bare.labelled, rows.labels()), (1, &[0.0, 1.0][..]));
    assert_eq!(rows.row(0).0, [0, 1]);
    let error = reopened(&folder, &encoding, "unlabelled", LabelsIn::Needed).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("unlabelled:1:1: expected a label"),
        "{error}"
    );
    folder.write("foreign", b"0 1:1\n");
    let error = reopened(&folder, &encoding, "foreign", LabelsIn::Needed).unwrap_err();
    assert!(
        error.to_string().contains(
            "foreign:1:1: expected a label of the training data (1, 2, 3), found the label 0"
        ),
        "{error}"
    );
}

#[test]
fn a_scale_of_training_rows_holds_for_test_rows_the_cache_and_files_read_later() {
    let folder = Folder::new();
    folder.write("a", b"1 1:-4 3:1\n2 2:5\n3 1:2 3:0.5\n");
    folder.write("b", b"2 1:8 2:1 3:3\n");
    folder.write("wide", b"1 1:1\n1 4:7 6:1\n");
    let keys = "train = 'a'\ntest = 'b'\nclasses = 3\nscale = 'maxabs'";
    let (mut rows, mut hashes) = (Rows::new(), Vec::new());
    for keys in [keys.to_owned(), format!("{keys}\ncache = 'c'")] {
        let loaded = folder.load(&keys).unwrap();
        loaded.train.fill(&[0, 1, 2], &mut rows);
        assert_eq!(rows.values(), [-1.0, 1.0, 1.0, 0.5, 0.5]);
        assert_eq!(rows.features(), [0, 2, 1, 0, 2], "rows stay sparse");
        loaded.test.unwrap().fill(&[0], &mut rows);
        assert_eq!(rows.values(), [2.0, 0.2, 3.0]);
        let encoding = loaded.encoding.unwrap();
        let again = reopened(&folder, &encoding, "b", LabelsIn::Needed).unwrap();
        again.rows.fill(&[0], &mut rows);
        assert_eq!(rows.values(), [2.0, 0.2, 3.0]);
        hashes.push(loaded.train.content_hash());
    }
    assert_eq!(hashes[0], hashes[1]);
    // The same rows as a table, brought to the same scale.
    folder.write("a.csv", b"f,g,h,y\n-4,0,1,1\n0,5,0,2\n2,0,0.5,3\n");
    let keys = "train = 'a.csv'\nclasses = 3\nscale = 'maxabs'"
        .parse()
        .unwrap();
    let table = load("csv", &keys, folder.0.path()).unwrap();
    assert_eq!(table.train.content_hash(), hashes[0]);
    // A declared feature that no training row has is 0; so is what only rows that judge have.
    let keys = "train = 'a'\ntest = 'wide'\nclasses = 3\nfeatures = 6\nscale = 'maxabs'";
    folder
        .load(keys)
        .unwrap()
        .test
        .unwrap()
        .fill(&[0, 1], &mut rows);
    assert_eq!(rows.values(), [0.25, 0.0, 0.0]);
    for cache in ["", "cache = 'd'"] {
        let keys = format!("train = 'a'\nclasses = 3\nholdout = 0.3\nscale = 'maxabs'\n{cache}");
        let loaded = folder.load(&keys).unwrap();
        loaded.train.fill(&[0, 1], &mut rows);
        let greatest = |index| {
            let each = rows.features().iter().zip(rows.values());
            let of_it = each.filter(|(feature, _)| **feature == index);
            of_it.map(|(_, value)| value.abs()).fold(0.0, f32::max)
        };
        assert!(
            [0, 1, 2]
                .map(greatest)
                .iter()
                .all(|value| [0.0, 1.0].contains(value)),
            "{rows:?}"
        );
    }
}

#[test]
fn a_file_of_many_blocks_keeps_its_order_and_tells_its_first_error() {
    let folder = Folder::new();
    let mut text = String::new();
    for row in 0..60_000 {
        let label = if row % 3 == 0 { "+1" } else { "-1" };
        text.push_str(&format!("{label} {}:{} 200000:0.5\n", row + 1, row));
    }
    folder.write("train.svm", text.as_bytes());
    folder.write("packed", &gzip(text.as_bytes()));
    let loaded = folder.load("train = 'train.svm'").unwrap();
    let packed = folder.load("train = 'packed'").unwrap();
    assert_eq!(loaded.train.content_hash(), packed.train.content_hash());
    let mut rows = Rows::new();
    loaded
        .train
        .fill(&(0..60_000).collect::<Vec<_>>(), &mut rows);
    for row in 0_u16..60_000 {
        let (features, values) = rows.row(row.into());
        assert_eq!(features, [row.into(), 199_999]);
        assert_eq!(values, [f32::from(row), 0.5]);
        let label = if row % 3 == 0 { 1.0 } else { -1.0 };
        assert_eq!(
            rows.labels()[usize::from(row)].total_cmp(&label),
            std::cmp::Ordering::Equal
        );
    }
    let mixed = folder.refused(&format!("{text}0 1:1\n-1 x\n"), "");
    assert!(
        mixed.starts_with("train.svm:60001:1: expected labels +1 and -1 as at train.svm:2,"),
        "{mixed}"
    );
    let pair = folder.refused(&format!("{text}-1 x\n0 1:1\n"), "");
    assert!(pair.starts_with("train.svm:60001:4: "), "{pair}");
}
