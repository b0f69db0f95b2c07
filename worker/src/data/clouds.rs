//! Clouds: points around random centres, several to a class, so that no plane tells two classes apart.
//!
//! A small problem for models with hidden layers, the same on every machine.
//!
//! ```text
//! centre ~ spread · N(0, 1)    for each of classes · clouds, the k-th of class k mod classes
//! row    ~ centre + N(0, 1)    of a centre that is drawn for each row
//! ```
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `seed` | 1 | of centres and rows |
//! | `rows`, `test_rows` | 4,000, 2,000 | how many |
//! | `features` | 20 | numbers of a row |
//! | `classes` | 10 | how many |
//! | `clouds` | 3 | centres of a class |
//! | `spread` | 1.3 | of the centres, standard deviation |

use std::{path::Path, sync::Arc};

use serde::Deserialize;

use super::{
    DataError, DatasetEntry, InMemory, Loaded, Rows, Task,
    draws::Draws,
    registry::{read_keys, within},
};

pub(super) const ENTRY: DatasetEntry = DatasetEntry {
    name: NAME,
    about: "seeded points around random centres, several to a class: a small problem for hidden layers",
    keys: "seed = 1\nrows = 4_000\ntest_rows = 2_000\nfeatures = 20\nclasses = 10\nclouds = 3\nspread = 1.3",
    exclusive: &[],
    check: |keys| checked(keys).map(drop),
    load,
    reopen: None,
};

const NAME: &str = "clouds";

/// Streams of one data seed.
mod index {
    pub(super) const CENTRES: u64 = 0;
    pub(super) const ROWS: u64 = 1;
    pub(super) const TEST_ROWS: u64 = 2;
}

/// Numbers in all rows together, beyond which they should be a file.
const NUMBERS_MAX: u64 = 1 << 28;

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    seed: u64,
    rows: u64,
    test_rows: u64,
    features: u32,
    classes: u32,
    clouds: u32,
    spread: f64,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            seed: 1,
            rows: 4_000,
            test_rows: 2_000,
            features: 20,
            classes: 10,
            clouds: 3,
            spread: 1.3,
        }
    }
}

fn checked(keys: &toml::Table) -> Result<Keys, DataError> {
    let keys: Keys = read_keys(NAME, keys)?;
    within(NAME, "features", keys.features, 1, 1 << 16)?;
    let rows_max = NUMBERS_MAX / u64::from(keys.features);
    within(NAME, "rows", keys.rows, 1, rows_max)?;
    within(NAME, "test_rows", keys.test_rows, 0, rows_max)?;
    within(NAME, "classes", keys.classes, 2, 1_000)?;
    within(NAME, "clouds", keys.clouds, 1, 1_000)?;
    within(NAME, "spread", keys.spread, 0.0, 1_000.0)?;
    Ok(keys)
}

fn load(keys: &toml::Table, _folder: &Path) -> Result<Loaded, DataError> {
    let keys = checked(keys)?;
    let mut draws = Draws::new(keys.seed, index::CENTRES);
    let centres: Vec<Vec<f64>> = (0..keys.classes * keys.clouds)
        .map(|_| {
            let number = |_| draws.near_normal(keys.spread);
            (0..keys.features).map(number).collect()
        })
        .collect();
    let part = |rows: u64, stream: u64| -> Arc<InMemory> {
        Arc::new(points(&keys, &centres, (rows, stream)))
    };
    Ok(Loaded {
        train: part(keys.rows, index::ROWS),
        test: (0 < keys.test_rows).then(|| part(keys.test_rows, index::TEST_ROWS) as Arc<_>),
        notes: Vec::new(),
        encoding: None,
    })
}

/// So many rows of a stream.
fn points(keys: &Keys, centres: &[Vec<f64>], (count, stream): (u64, u64)) -> InMemory {
    let task = Task::of_classes(keys.classes).expect("two classes or more");
    let mut draws = Draws::new(keys.seed, stream);
    let features: Vec<u32> = (0..keys.features).collect();
    let mut rows = Rows::new();
    let mut values = Vec::new();
    for number in 0..count {
        let cloud = draws.below(keys.classes * keys.clouds);
        let centre = &centres[cloud as usize];
        #[expect(clippy::cast_possible_truncation, reason = "features are singles")]
        let near = centre.iter().map(|x| (x + draws.near_normal(1.0)) as f32);
        values.clear();
        values.extend(near);
        rows.push(
            number,
            label(task, cloud % keys.classes),
            &features,
            &values,
        );
    }
    InMemory::from_rows(&rows, u64::from(keys.features), task)
}

fn label(task: Task, class: u32) -> f32 {
    match task {
        Task::Binary if class == 0 => -1.0,
        #[expect(clippy::cast_precision_loss, reason = "at most 1,000 classes")]
        Task::Binary | Task::Classes(_) | Task::Real => class as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::{checked, load};
    use crate::data::{Rows, Task};
    use std::path::Path;

    fn rows(keys: &str) -> (Rows, Task) {
        let loaded = load(&keys.parse().unwrap(), Path::new(".")).unwrap();
        let mut rows = Rows::new();
        let numbers: Vec<u64> = (0..loaded.train.rows()).collect();
        loaded.train.fill(&numbers, &mut rows);
        (rows, loaded.train.task())
    }

    #[test]
    fn every_class_has_its_share_of_the_rows_and_two_are_plus_and_minus_one() {
        let (many, task) = rows("");
        assert_eq!(task, Task::Classes(10));
        for class in 0..10_u8 {
            let own = |label: &&f32| task.class(**label) == usize::from(class);
            let count = many.labels().iter().filter(own).count();
            assert!((300..500).contains(&count), "{class}: {count}");
        }
        let (two, task) = rows("classes = 2\nrows = 100");
        assert_eq!(task, Task::Binary);
        assert!(two.labels().contains(&1.0) && two.labels().contains(&-1.0));
        assert!(two.labels().iter().all(|label| [-1.0, 1.0].contains(label)));
    }

    /// Around 0 with variance spread² + 1, by five standard errors of 30 centres.
    #[test]
    fn points_lie_as_far_out_as_the_spread_says() {
        let (rows, _) = rows("spread = 2.0\nfeatures = 200");
        let count = rows.values().len();
        let squares = rows.values().iter().map(|x| f64::from(*x).powi(2));
        #[expect(clippy::cast_precision_loss, reason = "a mean")]
        let variance = squares.sum::<f64>() / count as f64;
        assert!((variance - 5.0).abs() < 0.5, "{variance}");
    }

    #[test]
    fn training_and_test_rows_differ_and_the_seed_decides_both() {
        let of = |keys: &str| load(&keys.parse().unwrap(), Path::new(".")).unwrap();
        let (one, same, other) = (of("test_rows = 4000"), of(""), of("seed = 2"));
        assert_eq!(one.train.content_hash(), same.train.content_hash());
        assert_ne!(one.train.content_hash(), other.train.content_hash());
        assert_ne!(one.train.content_hash(), one.test.unwrap().content_hash());
    }

    #[test]
    fn impossible_values_are_refused_with_their_bounds() {
        for (keys, expected) in [
            ("rows = 0", "expected `rows` from 1"),
            ("classes = 1", "expected `classes` from 2 to 1000, found 1"),
            (
                "spread = nan",
                "expected `spread` from 0 to 1000, found NaN",
            ),
            (
                "features = 65536\nrows = 4097",
                "from 1 to 4096, found 4097",
            ),
        ] {
            let error = checked(&keys.parse().unwrap()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
