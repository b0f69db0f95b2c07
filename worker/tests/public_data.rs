//! The public data sets, counted, when they are there.

mod support;

use std::path::Path;

use thalweg_worker::data::{Dataset, Loaded, Rows, Task, load};

use crate::support::public_data;

fn libsvm(folder: &Path, keys: &str) -> Loaded {
    load("libsvm", &keys.parse().expect("TOML"), folder).expect("a whole data set")
}

fn all(data: &dyn Dataset) -> Rows {
    let mut rows = Rows::new();
    data.fill(&(0..data.rows()).collect::<Vec<_>>(), &mut rows);
    rows
}

fn positive(data: &dyn Dataset) -> usize {
    all(data)
        .labels()
        .iter()
        .filter(|label| 0.0 < **label)
        .count()
}

/// Label and features of every row, sorted: the multiset of rows.
fn multiset(data: &dyn Dataset) -> Vec<(u32, Vec<u32>)> {
    let rows = all(data);
    assert!(
        rows.values()
            .iter()
            .all(|value| value.to_bits() == 1_f32.to_bits())
    );
    let label = |row: usize| rows.labels()[row].to_bits();
    let mut set: Vec<_> = (0..rows.len())
        .map(|row| (label(row), rows.row(row).0.to_vec()))
        .collect();
    set.sort_unstable();
    set
}

#[test]
fn the_embedded_flights_are_the_published_rows() {
    let Some(folder) = public_data("the_embedded_flights_are_the_published_rows") else {
        return;
    };
    let keys = "train = \"nycflights-embed/nyc98k.train.svm.gz\"\n\
                test = \"nycflights-embed/nyc16k.test.svm.gz\"\nfeatures = 4270";
    let published = libsvm(&folder, keys);
    let embedded = load("flights", &toml::Table::new(), &folder).unwrap();
    assert!(multiset(&*published.train) == multiset(&*embedded.train));
    assert!(multiset(&*published.test.unwrap()) == multiset(&*embedded.test.unwrap()));
}

#[test]
fn published_sets_have_their_published_shapes() {
    let Some(folder) = public_data("published_sets_have_their_published_shapes") else {
        return;
    };
    for (train, test, rows, features, positives) in [
        (
            "a9a/a9a.train.svm.gz",
            "a9a/a9a.test.svm.gz",
            (32_561, 16_281),
            123,
            (7_841, 3_846),
        ),
        (
            "agaricus/agaricus.train.svm.gz",
            "agaricus/agaricus.test.svm.gz",
            (6_513, 1_611),
            126,
            (3_140, 776),
        ),
        (
            "rcv1-small/rcv1_small.train.svm.gz",
            "rcv1-small/rcv1_small.test.svm.gz",
            (1_000, 500),
            47_236,
            (459, 245),
        ),
        (
            "frappe/frappe57k.train.svm.gz",
            "frappe/frappe28k.test.svm.gz",
            (57_722, 28_860),
            5_382,
            (19_063, 9_536),
        ),
    ] {
        let declared = if train.starts_with("rcv1") {
            "features = 47236"
        } else {
            ""
        };
        let keys = format!("train = \"{train}\"\ntest = \"{test}\"\n{declared}");
        let loaded = libsvm(&folder, &keys);
        let test = loaded.test.unwrap();
        assert_eq!((loaded.train.rows(), test.rows()), rows, "{train}");
        assert_eq!(loaded.train.features(), features, "{train}");
        assert_eq!(
            (positive(&*loaded.train), positive(&*test)),
            positives,
            "{train}"
        );
    }
}

#[test]
fn newsgroups_are_twenty_classes_or_two() {
    let Some(folder) = public_data("newsgroups_are_twenty_classes_or_two") else {
        return;
    };
    let files = "train = \"20news/20news.train.svm.gz\"\ntest = \"20news/20news.test.svm.gz\"\n";
    let classes = libsvm(&folder, &format!("{files}classes = 20"));
    assert_eq!(
        (classes.train.rows(), classes.train.task()),
        (11_314, Task::Classes(20))
    );
    assert_eq!(classes.train.features(), 42_208);
    assert_eq!(all(&*classes.train).features().len(), 983_656);
    let list = "label_positive = [1, 2, 3, 4, 5, 11, 12, 13, 14]";
    let two = libsvm(&folder, &format!("{files}{list}"));
    let of_classes = all(&*classes.train)
        .labels()
        .iter()
        .filter(|label| (1.0..=5.0).contains(*label) || (11.0..=14.0).contains(*label))
        .count();
    assert_eq!(positive(&*two.train), of_classes);
}

#[test]
fn csv_and_tsv_files_have_their_published_shapes() {
    let Some(folder) = public_data("csv_and_tsv_files_have_their_published_shapes") else {
        return;
    };
    let csv = |keys: &str| load("csv", &keys.parse().expect("TOML"), &folder).expect("a whole set");
    for (name, rows, features, task) in [
        ("digits", (1_438, 359), 64, Task::Classes(10)),
        ("iris", (120, 30), 4, Task::Classes(3)),
        ("wine", (143, 35), 13, Task::Classes(3)),
        ("breast_cancer", (456, 113), 30, Task::Binary),
        ("diabetes", (354, 88), 10, Task::Real),
        ("housing", (16_512, 4_128), 9, Task::Real),
    ] {
        let loaded = csv(&format!(
            "train = 'classics/{name}.train.csv.gz'\ntest = 'classics/{name}.test.csv.gz'\nscale = 'standard'"
        ));
        let test = loaded.test.unwrap();
        assert_eq!((loaded.train.rows(), test.rows()), rows, "{name}");
        assert_eq!(
            (loaded.train.features(), loaded.train.task()),
            (features, task),
            "{name}"
        );
    }
    let adult =
        csv("train = 'classics/adult.data.csv.gz'\ntarget = 'income-per-year'\nholdout = 0.2");
    assert_eq!(
        (adult.train.rows(), adult.train.task()),
        (26_049, Task::Binary)
    );
    let kinds = |count: usize| {
        adult
            .train
            .fields()
            .iter()
            .filter(|f| (f.features.end - f.features.start == 1) == (count == 1))
            .count()
    };
    assert_eq!((kinds(1), kinds(2)), (6, 8), "numbers and categories");
    let higgs = csv(
        "train = 'higgs-lgb/higgs.train.tsv.gz'\ntest = 'higgs-lgb/higgs.test.tsv.gz'\ntarget = 1",
    );
    assert_eq!((higgs.train.rows(), higgs.train.features()), (7_000, 28));
}

#[test]
fn fashion_images_are_ten_classes_of_784_pixels() {
    let Some(folder) = public_data("fashion_images_are_ten_classes_of_784_pixels") else {
        return;
    };
    let file = |name: &str| format!("'fashion-mnist-10k/{name}-ubyte.gz'");
    let keys = format!(
        "train_images = {}\ntrain_labels = {}\ntest_images = {}\ntest_labels = {}",
        file("train-images-idx3"),
        file("train-labels-idx1"),
        file("t10k-images-idx3"),
        file("t10k-labels-idx1")
    );
    let loaded = load("idx", &keys.parse().expect("TOML"), &folder).expect("a whole set");
    assert_eq!(
        (loaded.train.rows(), loaded.test.unwrap().rows()),
        (10_000, 2_000)
    );
    assert_eq!(
        (loaded.train.features(), loaded.train.task()),
        (784, Task::Classes(10))
    );
    let largest = all(&*loaded.train)
        .values()
        .iter()
        .copied()
        .fold(0.0, f32::max);
    assert_eq!(largest.to_bits(), 1_f32.to_bits());
}
