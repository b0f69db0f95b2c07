//! IDX and npy files as they come: shapes, types, scales, and how each mistake reads.

use std::{fs, io::Write};

use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;
use thalweg_worker::data::{
    DataError, Dataset, Files, LabelsIn, Loaded, Reopening, Rows, Task, load, reopen,
};

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.path().join(name), bytes).expect("a writable folder");
    }

    fn load(&self, name: &str, keys: &str) -> Result<Loaded, DataError> {
        load(name, &keys.parse().expect("TOML"), self.0.path())
    }

    fn refused(&self, name: &str, keys: &str) -> String {
        let error = self
            .load(name, keys)
            .expect_err("the files are wrong")
            .to_string();
        assert!(!error.contains('\n'), "{error}");
        error.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn all(data: &dyn Dataset) -> Rows {
    let mut rows = Rows::new();
    data.fill(&(0..data.rows()).collect::<Vec<_>>(), &mut rows);
    rows
}

fn idx(kind: u8, shape: &[u32], body: &[u8]) -> Vec<u8> {
    let dimensions = u8::try_from(shape.len()).expect("few dimensions");
    let lengths = shape.iter().flat_map(|length| length.to_be_bytes());
    let head = [0, 0, kind, dimensions].into_iter().chain(lengths);
    head.chain(body.iter().copied()).collect()
}

fn npy(descr: &str, shape: &str, body: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let length = u16::try_from(header.len()).expect("a short header");
    [
        &b"\x93NUMPY\x01\x00"[..],
        &length.to_le_bytes(),
        header.as_bytes(),
        body,
    ]
    .concat()
}

#[test]
fn images_and_labels_become_rows_from_0_to_1() {
    let folder = Folder::new();
    let images = idx(8, &[3, 1, 2], &[0, 255, 51, 0, 0, 0]);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&images).unwrap();
    folder.write("images", &gzip.finish().unwrap());
    folder.write("labels", &idx(8, &[3], &[2, 0, 1]));
    let keys = "train_images = 'images'\ntrain_labels = 'labels'\n";
    let both = format!("{keys}test_images = 'images'\ntest_labels = 'labels'");
    let loaded = folder.load("idx", &both).unwrap();
    let rows = all(&*loaded.train);
    assert_eq!(
        (loaded.train.features(), loaded.train.task()),
        (2, Task::Classes(3))
    );
    assert_eq!(rows.labels(), [2.0, 0.0, 1.0]);
    assert_eq!(
        (rows.features(), rows.values()),
        (&[1, 0][..], &[1.0, 0.2][..])
    );
    assert_eq!(rows.offsets(), [0, 1, 2, 2], "zeros are absent");
    assert_eq!(all(&*loaded.test.unwrap()), rows);
    let table = keys.parse().unwrap();
    let again = |files: &[&str], labels| {
        reopen(&Reopening {
            name: "idx",
            keys: &table,
            encoding: loaded.encoding.as_ref().unwrap(),
            files: &Files::new(files.iter().map(|file| (*file).into()).collect()),
            folder: folder.0.path(),
            labels,
        })
    };
    let bare = again(&["images"], LabelsIn::Optional).unwrap();
    assert_eq!(
        (bare.labelled, all(&*bare.rows).values().to_vec()),
        (0, vec![1.0, 0.2])
    );
    let judged = again(&["images", "labels"], LabelsIn::Needed).unwrap();
    assert_eq!((judged.labelled, all(&*judged.rows)), (3, rows));
    let error = again(&["images"], LabelsIn::Needed)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("expected two files, the rows and their labels, found 1"),
        "{error}"
    );
}

#[test]
fn every_type_of_both_byte_orders_is_the_same_rows() {
    let folder = Folder::new();
    folder.write(
        "y",
        &npy(
            "<i8",
            "2,",
            &[[1_i64, 2].map(i64::to_le_bytes).concat()].concat(),
        ),
    );
    let numbers = [1_u8, 2, 3, 4];
    let wide = |of: fn(u8) -> Vec<u8>| numbers.iter().flat_map(|n| of(*n)).collect::<Vec<u8>>();
    for (descr, body) in [
        ("|u1", numbers.to_vec()),
        ("|i1", numbers.to_vec()),
        ("<i2", wide(|n| i16::from(n).to_le_bytes().to_vec())),
        (">u2", wide(|n| u16::from(n).to_be_bytes().to_vec())),
        ("<u4", wide(|n| u32::from(n).to_le_bytes().to_vec())),
        (">i4", wide(|n| i32::from(n).to_be_bytes().to_vec())),
        ("<u8", wide(|n| u64::from(n).to_le_bytes().to_vec())),
        (">i8", wide(|n| i64::from(n).to_be_bytes().to_vec())),
        ("<f4", wide(|n| f32::from(n).to_le_bytes().to_vec())),
        (">f4", wide(|n| f32::from(n).to_be_bytes().to_vec())),
        ("<f8", wide(|n| f64::from(n).to_le_bytes().to_vec())),
        (">f8", wide(|n| f64::from(n).to_be_bytes().to_vec())),
    ] {
        folder.write("x", &npy(descr, "2, 2", &body));
        let loaded = folder.load("npy", "train = 'x'\nlabels = 'y'").unwrap();
        let rows = all(&*loaded.train);
        assert_eq!(rows.values(), [1.0, 2.0, 3.0, 4.0], "{descr}");
        assert_eq!(
            (rows.labels(), loaded.train.task()),
            (&[-1.0, 1.0][..], Task::Binary)
        );
    }
    let real = folder
        .load("npy", "train = 'x'\nlabels = 'y'\ntask = 'real'")
        .unwrap();
    assert_eq!(
        (real.train.task(), all(&*real.train).labels().to_vec()),
        (Task::Real, vec![1.0, 2.0])
    );
    let scaled = folder
        .load("npy", "train = 'x'\nlabels = 'y'\nscale = 'standard'")
        .unwrap();
    assert_eq!(all(&*scaled.train).values(), [-1.0, -1.0, 1.0, 1.0]);
    let several = folder
        .load(
            "npy",
            "train = ['x', 'x']\nlabels = ['y', 'y']\nholdout = 0.5",
        )
        .unwrap();
    assert_eq!((several.train.rows(), several.test.unwrap().rows()), (2, 2));
}

#[test]
fn arrays_that_do_not_fit_are_refused_with_what_was_found() {
    let folder = Folder::new();
    folder.write("y", &npy("|u1", "2,", &[0, 1]));
    folder.write("constant", &npy("|u1", "2,", &[3, 3]));
    folder.write("flat", &npy("|u1", "2,", &[0, 1]));
    folder.write("short", &npy("<f4", "2, 2", &[0; 12]));
    folder.write("words", &npy("<U5", "2, 2", &[0; 80]));
    folder.write(
        "nan",
        &npy(
            "<f4",
            "2, 1",
            &[[1_f32, f32::NAN].map(f32::to_le_bytes).concat()].concat(),
        ),
    );
    folder.write("three", &npy("|u1", "3, 1", &[1, 2, 3]));
    folder.write("x", &npy("|u1", "2, 1", &[1, 2]));
    for (train, labels, words) in [
        ("y.idx", "y", "y.idx: expected a readable file"),
        (
            "flat",
            "y",
            "flat: expected an array of two or more dimensions (rows, then features), found the shape [2]",
        ),
        (
            "short",
            "y",
            "short: expected 16 bytes of values for the shape [2, 2], found 12; copy",
        ),
        (
            "words",
            "y",
            "words: expected numbers (f2 to f8, i1 to i8, u1 to u8, bool), found the type '<U5'",
        ),
        (
            "nan",
            "y",
            "nan: expected finite 32-bit values, found NaN in row 1, value 0",
        ),
        (
            "three",
            "y",
            "y: expected 3 labels, one per row, found the shape [2]",
        ),
        (
            "x",
            "constant",
            "constant: expected two or more different labels, found only 3; name labels that differ",
        ),
    ] {
        let error = folder.refused("npy", &format!("train = '{train}'\nlabels = '{labels}'"));
        assert!(error.starts_with(words), "{error}");
    }
    folder.write("images", &idx(8, &[2, 2], &[0; 3]));
    folder.write("labels", &idx(8, &[2], &[0, 1]));
    let error = folder.refused("idx", "train_images = 'images'\ntrain_labels = 'labels'");
    assert!(
        error.starts_with("images: expected 16 bytes, found 15; copy the file again"),
        "{error}"
    );
    let error = folder.refused("idx", "train_images = 'x'\ntrain_labels = 'labels'");
    assert!(error.starts_with("x: expected an IDX file"), "{error}");
    let error = folder.refused(
        "idx",
        "train_images = 'x'\ntrain_labels = 'y'\ntest_images = 'x'",
    );
    assert!(
        error.contains("expected `test_images` and `test_labels` together"),
        "{error}"
    );
}
