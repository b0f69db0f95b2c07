//! Low rank: entries of a random matrix of low rank, as ratings of items by users.
//!
//! ```text
//! rating of item i by user u = p_u · q_i / √rank + noise · N(0, 1),   p, q ~ N(0, 1)
//! ```
//!
//! Rows are pairs of a user and an item, each drawn uniformly, in two one-hot columns: what
//! `matrix_factorization` trains on.
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `seed` | 1 | of factors and rows |
//! | `rows`, `test_rows` | 20,000, 4,000 | how many entries |
//! | `users`, `items` | 200, 200 | how many |
//! | `rank` | 5 | of the matrix |
//! | `noise` | 0.1 | standard deviation of what no factor explains |

use std::{path::Path, sync::Arc};

use serde::Deserialize;

use super::{
    DataError, DatasetEntry, Field, InMemory, Loaded, Rows, Task,
    draws::Draws,
    registry::{read_keys, within},
};

pub(super) const ENTRY: DatasetEntry = DatasetEntry {
    name: NAME,
    about: "seeded entries of a random matrix of low rank, as ratings of items by users; real labels",
    keys: "seed = 1\nrows = 20_000\ntest_rows = 4_000\nusers = 200\nitems = 200\nrank = 5\nnoise = 0.1",
    exclusive: &[],
    check: |keys| checked(keys).map(drop),
    load,
    reopen: None,
};

const NAME: &str = "low_rank";

/// Streams of one data seed.
mod index {
    pub(super) const FACTORS: u64 = 0;
    pub(super) const ROWS: u64 = 1;
    pub(super) const TEST_ROWS: u64 = 2;
}

const ROWS_MAX: u64 = 1 << 27;

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    seed: u64,
    rows: u64,
    test_rows: u64,
    users: u32,
    items: u32,
    rank: u32,
    noise: f64,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            seed: 1,
            rows: 20_000,
            test_rows: 4_000,
            users: 200,
            items: 200,
            rank: 5,
            noise: 0.1,
        }
    }
}

fn checked(keys: &toml::Table) -> Result<Keys, DataError> {
    let keys: Keys = read_keys(NAME, keys)?;
    within(NAME, "rows", keys.rows, 1, ROWS_MAX)?;
    within(NAME, "test_rows", keys.test_rows, 0, ROWS_MAX)?;
    within(NAME, "users", keys.users, 1, 1 << 20)?;
    within(NAME, "items", keys.items, 1, 1 << 20)?;
    within(NAME, "rank", keys.rank, 1, 64)?;
    within(NAME, "noise", keys.noise, 0.0, 1_000.0)?;
    Ok(keys)
}

fn load(keys: &toml::Table, _folder: &Path) -> Result<Loaded, DataError> {
    let keys = checked(keys)?;
    let mut draws = Draws::new(keys.seed, index::FACTORS);
    let factors: Vec<Vec<f64>> = (0..keys.users + keys.items)
        .map(|_| (0..keys.rank).map(|_| draws.near_normal(1.0)).collect())
        .collect();
    let part = |rows: u64, stream: u64| -> Arc<InMemory> {
        Arc::new(entries(&keys, &factors, (rows, stream)))
    };
    Ok(Loaded {
        train: part(keys.rows, index::ROWS),
        test: (0 < keys.test_rows).then(|| part(keys.test_rows, index::TEST_ROWS) as Arc<_>),
        notes: Vec::new(),
        encoding: None,
    })
}

/// So many rows of a stream.
fn entries(keys: &Keys, factors: &[Vec<f64>], (count, stream): (u64, u64)) -> InMemory {
    let mut draws = Draws::new(keys.seed, stream);
    let mut rows = Rows::new();
    for number in 0..count {
        let user = draws.below(keys.users);
        let item = keys.users + draws.below(keys.items);
        let pairs = factors[user as usize].iter().zip(&factors[item as usize]);
        let product: f64 = pairs.map(|(p, q)| p * q).sum();
        let rating = product / f64::from(keys.rank).sqrt() + draws.near_normal(keys.noise);
        #[expect(clippy::cast_possible_truncation, reason = "labels are singles")]
        rows.push_ones(number, rating as f32, &[user, item]);
    }
    let (users, all) = (u64::from(keys.users), u64::from(keys.users + keys.items));
    let column = |name: &str, features| Field {
        name: name.to_owned(),
        features,
    };
    InMemory::from_rows(&rows, all, Task::Real)
        .with_fields(vec![column("user", 0..users), column("item", users..all)])
}

#[cfg(test)]
mod tests {
    use super::{checked, load};
    use crate::data::{Dataset, Loaded, Rows};
    use std::path::Path;

    fn loaded(keys: &str) -> Loaded {
        load(&keys.parse().unwrap(), Path::new(".")).unwrap()
    }

    fn rows(data: &dyn Dataset) -> Rows {
        let mut rows = Rows::new();
        data.fill(&(0..data.rows()).collect::<Vec<_>>(), &mut rows);
        rows
    }

    #[test]
    fn a_row_is_a_user_and_an_item_and_the_columns_say_so() {
        let data = loaded("users = 30\nitems = 40\nrows = 500");
        let columns = data
            .train
            .fields()
            .iter()
            .map(|field| field.features.clone());
        assert!(columns.eq([0..30, 30..70]));
        let rows = rows(&*data.train);
        for row in 0..rows.len() {
            let ([user, item], values) = rows.row(row) else {
                panic!("two features");
            };
            assert!(*user < 30 && (30..70).contains(item) && values == [1.0, 1.0]);
        }
    }

    /// Without noise one cell of the matrix has one rating; of rank one, ratings of two users have one ratio.
    #[test]
    fn ratings_are_those_of_a_matrix_of_the_rank() {
        let data = loaded("users = 2\nitems = 3\nrank = 1\nnoise = 0\nrows = 200");
        let rows = rows(&*data.train);
        let mut cells = [[f32::NAN; 3]; 2];
        for row in 0..rows.len() {
            let (features, _) = rows.row(row);
            let cell = &mut cells[features[0] as usize][features[1] as usize - 2];
            assert!(cell.is_nan() || cell.total_cmp(&rows.labels()[row]).is_eq());
            *cell = rows.labels()[row];
        }
        let ratio = |item: usize| cells[0][item] / cells[1][item];
        assert!((ratio(0) / ratio(1) - 1.0).abs() < 1e-4, "{cells:?}");
        assert!((ratio(0) / ratio(2) - 1.0).abs() < 1e-4, "{cells:?}");
    }

    #[test]
    fn training_and_test_rows_differ_and_the_seed_decides_both() {
        let (one, same, other) = (loaded("test_rows = 20000"), loaded(""), loaded("seed = 2"));
        assert_eq!(one.train.content_hash(), same.train.content_hash());
        assert_ne!(one.train.content_hash(), other.train.content_hash());
        assert_ne!(one.train.content_hash(), one.test.unwrap().content_hash());
    }

    #[test]
    fn impossible_values_are_refused_with_their_bounds() {
        for (keys, expected) in [
            ("rank = 0", "expected `rank` from 1 to 64, found 0"),
            ("noise = nan", "expected `noise` from 0 to 1000, found NaN"),
            ("users = 0", "expected `users` from 1"),
        ] {
            let error = checked(&keys.parse().unwrap()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
