//! A cache is the same data as the files that it was made of, or it says why not.

use std::{fs, path::PathBuf, sync::Arc, thread};

use tempfile::TempDir;
use thalweg_common::permutation::Permutation;

use crate::data::{
    DataError, Dataset, Loaded, Rows, Weighted, load,
    weighted::{balanced, class_counts},
};

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn load(&self, name: &str, keys: &str) -> Result<Loaded, DataError> {
        load(name, &keys.parse().unwrap(), self.0.path())
    }

    fn refused(&self, keys: &str) -> String {
        let error = self.load("libsvm", keys).unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
        error.replace(&format!("{}/", self.0.path().display()), "")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> = entries
            .map(|entry| name(entry).into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// Rows of several non-zeros, `step` apart, with labels of two classes of unlike size.
fn svm(rows: u64, step: u64) -> String {
    let row = |row: u64| {
        let label = if row.is_multiple_of(5) { "+1" } else { "-1" };
        let pairs = (0..row % 8).map(|k| format!(" {}:{}.5", 1 + row % 97 + k * step, row % 11));
        format!("{label}{}\n", pairs.collect::<String>())
    };
    (0..rows).map(row).collect()
}

fn csv(rows: u64) -> String {
    let word = ["red", "", "\"dark\nblue\"", "green"];
    let row = |row: u64| {
        let city = word[usize::try_from(row % 4).unwrap()];
        let age = if row.is_multiple_of(9) {
            String::new()
        } else {
            (row % 70).to_string()
        };
        format!(
            "{age},{city},{}.25,{}\n",
            row % 13,
            ["no", "yes"][usize::from(row.is_multiple_of(3))]
        )
    };
    "age,city,n,y\n".to_owned() + &(0..rows).map(row).collect::<String>()
}

/// Holds two data sets to each other in random order, in batches and as a whole.
fn agree(cached: &dyn Dataset, plain: &dyn Dataset) {
    assert_eq!(cached.rows(), plain.rows());
    assert_eq!(
        (cached.features(), cached.task()),
        (plain.features(), plain.task())
    );
    assert_eq!(cached.content_hash(), plain.content_hash());
    assert_eq!(cached.fields(), plain.fields());
    let order = Permutation::new(3, 0, plain.rows());
    let numbers: Vec<u64> = (0..plain.rows()).map(|at| order.row(at)).collect();
    let (mut a, mut b) = (Rows::new(), Rows::new());
    for batch in numbers.chunks(50).take(200) {
        cached.fill(batch, &mut a);
        plain.fill(batch, &mut b);
        assert_eq!(a, b);
    }
    let all: Vec<u64> = (0..plain.rows()).collect();
    cached.fill(&all, &mut a);
    plain.fill(&all, &mut b);
    assert_eq!(a, b);
}

fn agree_with_and_without(folder: &Folder, name: &str, keys: &str) {
    let plain = folder.load(name, keys).unwrap();
    for memory in [0, 64] {
        let keys = format!("{keys}\ncache = 'rows.cache'\ncache_memory_mb = {memory}");
        let cached = folder.load(name, &keys).unwrap();
        agree(&*cached.train, &*plain.train);
        assert_eq!(cached.test.is_some(), plain.test.is_some());
        if let (Some(cached), Some(plain)) = (&cached.test, &plain.test) {
            agree(&**cached, &**plain);
        }
        assert_eq!(cached.encoding, plain.encoding);
        assert_eq!(cached.notes, plain.notes);
    }
    fs::remove_file(folder.path("rows.cache")).unwrap();
}

#[test]
fn a_cache_has_the_rows_and_the_hash_of_the_same_data_in_memory() {
    let folder = Folder::new();
    fs::write(folder.path("a.svm"), svm(9_001, 100)).unwrap();
    fs::write(folder.path("b.svm"), svm(40, 1_000)).unwrap();
    fs::write(folder.path("ones.svm"), "1 2:1 4:1\n0 1:1\n").unwrap();
    fs::write(folder.path("a.csv"), csv(10_000)).unwrap();
    fs::write(
        folder.path("b.csv"),
        "y,n,age,city\nno,1,2,red\nyes,1,2,pink\n",
    )
    .unwrap();
    let weights: String = (0..9_001).map(|row| format!("{}.5\n", row % 3)).collect();
    fs::write(folder.path("weights"), weights).unwrap();
    for (name, keys) in [
        (
            "libsvm",
            "train = 'a.svm'\ntest = 'b.svm'\ntrain_weights = 'weights'",
        ),
        ("libsvm", "train = 'ones.svm'\nfeatures = 7"),
        (
            "libsvm",
            "train = ['a.svm', 'b.svm']\nholdout = 0.2\nlabel_positive = [-1]",
        ),
        ("csv", "train = 'a.csv'\ntest = 'b.csv'\nscale = 'standard'"),
        (
            "csv",
            "train = 'a.csv'\nholdout = 0.1\nscale = 'minmax'\ntarget = 'n'",
        ),
        (
            "csv",
            "train = 'a.csv'\ntarget = 'age'\ntask = 'real'\nmissing = ['NA']\nignore = ['n']",
        ),
        (
            "csv",
            "train = 'a.csv'\nencoding = 'hash'\nhash_bits = 4\nlabels = ['yes', 'no']",
        ),
    ] {
        if keys.contains("NA") {
            let error = folder
                .load(name, &format!("{keys}\ncache = true"))
                .unwrap_err();
            assert!(
                error.to_string().contains("a.csv:2:1: expected a label"),
                "{error}"
            );
            continue;
        }
        agree_with_and_without(&folder, name, keys);
    }
    assert_eq!(folder.names().len(), 6, "{:?}", folder.names());
}

#[test]
fn a_cache_of_other_files_or_keys_is_made_anew_with_a_note() {
    let folder = Folder::new();
    fs::write(folder.path("a.svm"), svm(100, 10)).unwrap();
    let keys = "train = '*.s*'\ncache = true";
    let first = folder.load("libsvm", keys).unwrap();
    assert_eq!(folder.names(), ["a.svm", "a.svm.twcache"]);
    let again = folder.load("libsvm", keys).unwrap();
    assert_eq!((again.train.rows(), again.notes.len()), (100, 0));
    let other = folder
        .load("libsvm", &format!("{keys}\nfeatures = 5000"))
        .unwrap();
    assert!(other.notes[0].contains("a.svm.twcache: the cache was of other keys"));
    fs::write(folder.path("a.svm"), svm(101, 10)).unwrap();
    let changed = folder
        .load("libsvm", &format!("{keys}\nfeatures = 5000"))
        .unwrap();
    assert!(
        changed.notes[0].contains("a.svm, and was made anew"),
        "{:?}",
        changed.notes
    );
    assert_eq!(changed.train.rows(), 101);
    let (mut rows, all) = (Rows::new(), (0..100).collect::<Vec<_>>());
    first.train.fill(&all, &mut rows);
    assert_eq!(rows.len(), 100, "who has the old cache open keeps it");
}

#[test]
fn a_damaged_cache_and_a_file_that_is_none_are_refused_and_left_alone() {
    let folder = Folder::new();
    fs::write(folder.path("a.svm"), svm(9_001, 100)).unwrap();
    let keys = "train = 'a.svm'\ncache = 'c'";
    folder.load("libsvm", keys).unwrap();
    let whole = fs::read(folder.path("c")).unwrap();
    let mut seen = Vec::new();
    for (at, expected) in [
        (25, "found its head damaged; remove the file"),
        (
            1_000,
            "found its block 1 (rows 1 to 4096 of the training rows) damaged; remove the file",
        ),
        (
            whole.len() / 2,
            "damaged; remove the file, and it is made anew",
        ),
        (whole.len() - 40, "found its index damaged"),
        (whole.len() - 1, "found its end damaged"),
    ] {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        fs::write(folder.path("c"), &bytes).unwrap();
        let error = folder.refused(keys);
        assert!(
            error.starts_with("c: expected") && error.contains(expected),
            "{at}: {error}"
        );
        seen.push(error);
    }
    seen.dedup();
    assert_eq!(seen.len(), 5);
    fs::write(folder.path("c"), &whole[..whole.len() / 2]).unwrap();
    assert!(folder.refused(keys).contains("found its end damaged"));
    fs::write(folder.path("c"), "my diary").unwrap();
    assert!(
        folder
            .refused(keys)
            .contains("found another file; remove it, or name another")
    );
    assert_eq!(fs::read(folder.path("c")).unwrap(), b"my diary");
    for (keys, expected) in [
        ("train = '-'\ncache = true", "found standard input"),
        (
            "train = 'a.svm'\ncache_memory_mb = 3",
            "expected `cache` with `cache_memory_mb`",
        ),
        (
            "train = 'a.svm'\ncache = 3",
            "expected true, false or the name of a file",
        ),
        (
            "train = 'a.svm'\ncache = 'none/c'",
            "expected to write a cache here",
        ),
    ] {
        assert!(
            folder.refused(keys).contains(expected),
            "{}",
            folder.refused(keys)
        );
    }
}

#[test]
fn threads_that_begin_at_once_all_get_the_data_and_leave_one_file() {
    let folder = Folder::new();
    fs::write(folder.path("a.csv"), csv(20_000)).unwrap();
    let plain = folder.load("csv", "train = 'a.csv'").unwrap();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let keys = "train = 'a.csv'\ncache = true\ncache_memory_mb = 0";
                let cached = folder.load("csv", keys).unwrap();
                agree(&*cached.train, &*plain.train);
            });
        }
    });
    assert_eq!(folder.names(), ["a.csv", "a.csv.twcache"]);
}

#[test]
fn data_of_four_times_the_bound_are_read_within_it() {
    let folder = Folder::new();
    fs::write(folder.path("a.svm"), svm(150_000, 100)).unwrap();
    let plain = folder.load("libsvm", "train = 'a.svm'").unwrap().train;
    assert!(4 << 20 < plain.memory_bytes(), "{}", plain.memory_bytes());
    let keys = "train = 'a.svm'\ncache = true\ncache_memory_mb = 1";
    let cached = folder.load("libsvm", keys).unwrap().train;
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| agree(&*cached, &*plain));
        }
    });
    // The index has less than 64 bytes for each of 4,096 rows.
    let bytes = cached.memory_bytes();
    assert!((1 << 19..(1 << 20) + 64 * 64).contains(&bytes), "{bytes}");
    let counts = class_counts(&*cached);
    assert_eq!(counts, [120_000, 30_000]);
    let weigh = |data: &Arc<dyn Dataset>| {
        let weighted = Weighted::new(Arc::clone(data), balanced(&counts).unwrap());
        let mut rows = Rows::new();
        weighted.fill(&[149_999, 5, 0], &mut rows);
        rows
    };
    assert_eq!(weigh(&cached), weigh(&plain));
}
