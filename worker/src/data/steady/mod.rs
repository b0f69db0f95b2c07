//! Steady: an endless-looking stream of sparse rows whose rule is known, computed row by row.
//!
//! It serves whatever has to go on for minutes or to be judged exactly: latency, kills, dashboards,
//! a hundred million features. Nothing is stored: a row is a pure function of (seed, row number), a
//! true weight one of (seed, feature), so memory grows with neither.
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `seed` | 1 | of rows, labels and true weights |
//! | `rows`, `test_rows` | 100,000,000, 10,000 | how many; no row is in both |
//! | `features` | 100,000 | how many, up to 2³² |
//! | `nonzeros` | 30 | distinct features per row, all of value 1 |
//! | `exponent` | 1.1 | of the Zipf law by which features are drawn; 0 is uniform |
//! | `weight_std` | 0.5 | standard deviation of the true weights |
//! | `label_noise` | 0.0 | share of labels that are turned round |

mod stream;
mod truth;

use std::{path::Path, sync::Arc};

use serde::Deserialize;

pub use self::stream::Steady;
use super::{
    DataError, DatasetEntry, Loaded,
    registry::{read_keys, within},
};

pub(super) const ENTRY: DatasetEntry = DatasetEntry {
    name: NAME,
    about: "a seeded stream of Zipf-distributed sparse rows with a known truth, of any length",
    keys: "seed = 1\nrows = 100_000_000\ntest_rows = 10_000\nfeatures = 100_000\nnonzeros = 30\n\
           exponent = 1.1\nweight_std = 0.5\nlabel_noise = 0.0",
    exclusive: &[],
    check: |keys| checked(keys).map(drop),
    load,
    reopen: None,
};

const NAME: &str = "steady";

/// What a stream is made of; every field is a key of the job's `[data]` table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SteadyKeys {
    /// Of rows, labels and true weights.
    pub seed: u64,
    /// Rows to train on, from 1 to 2⁶².
    pub rows: u64,
    /// Rows that judge, up to 2⁶²; 0 for none.
    pub test_rows: u64,
    /// From 1 to 2³².
    pub features: u64,
    /// Distinct features per row, from 1 to half of `features`.
    pub nonzeros: u32,
    /// Of the Zipf law, from 0 to 4.
    pub exponent: f64,
    /// Standard deviation of the true weights, from 0 to 10.
    pub weight_std: f64,
    /// Share of labels that are turned round, from 0 to 0.5.
    pub label_noise: f64,
}

impl Default for SteadyKeys {
    fn default() -> Self {
        Self {
            seed: 1,
            rows: 100_000_000,
            test_rows: 10_000,
            features: 100_000,
            nonzeros: 30,
            exponent: 1.1,
            weight_std: 0.5,
            label_noise: 0.0,
        }
    }
}

const ROWS_MAX: u64 = 1 << 62;
const NONZEROS_MAX: u64 = 1 << 16;

impl SteadyKeys {
    fn check(&self) -> Result<(), DataError> {
        let nonzeros_max = (self.features / 2).min(NONZEROS_MAX);
        within(NAME, "rows", self.rows, 1, ROWS_MAX)?;
        within(NAME, "test_rows", self.test_rows, 0, ROWS_MAX)?;
        within(NAME, "features", self.features, 2, 1 << 32)?;
        within(NAME, "nonzeros", u64::from(self.nonzeros), 1, nonzeros_max)?;
        within(NAME, "exponent", self.exponent, 0.0, 4.0)?;
        within(NAME, "weight_std", self.weight_std, 0.0, 10.0)?;
        within(NAME, "label_noise", self.label_noise, 0.0, 0.5)
    }
}

fn checked(keys: &toml::Table) -> Result<SteadyKeys, DataError> {
    let keys: SteadyKeys = read_keys(NAME, keys)?;
    keys.check().map(|()| keys)
}

fn load(keys: &toml::Table, _folder: &Path) -> Result<Loaded, DataError> {
    let keys = checked(keys)?;
    let test = (0 < keys.test_rows).then(|| Arc::new(Steady::test(&keys)) as Arc<_>);
    Ok(Loaded {
        train: Arc::new(Steady::train(&keys)),
        test,
        notes: Vec::new(),
        encoding: None,
    })
}

#[cfg(test)]
mod tests {
    use super::checked;

    #[test]
    fn impossible_values_are_refused_with_their_bounds() {
        for (keys, expected) in [
            ("rows = 0", "expected `rows` from 1"),
            (
                "features = 10\nnonzeros = 6",
                "expected `nonzeros` from 1 to 5, found 6",
            ),
            (
                "exponent = nan",
                "expected `exponent` from 0 to 4, found NaN",
            ),
            ("label_noise = 0.6", "from 0 to 0.5, found 0.6"),
            ("features = 5000000000", "found 5000000000"),
        ] {
            let error = checked(&keys.parse().unwrap()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
