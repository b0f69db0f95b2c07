//! The use of the data: rows and their checksum per epoch, so that "every row exactly once" can be
//! checked from the outside.

use std::collections::BTreeMap;

use thalweg_common::message::{DataRange, EpochStatus};

/// Epochs kept; older ones are dropped from the record.
const EPOCHS_MAX: usize = 1_024;

/// Rows and checksums of the last epochs.
#[derive(Clone, Debug, Default)]
pub struct Epochs(BTreeMap<u64, (u64, u64)>);

impl Epochs {
    /// Counts committed ranges.
    pub fn record(&mut self, ranges: &[DataRange]) {
        for range in ranges {
            let (rows, checksum) = self.0.entry(range.epoch).or_default();
            *rows += range.examples();
            *checksum = checksum.wrapping_add(range.checksum);
        }
        while self.0.len() > EPOCHS_MAX {
            self.0.pop_first();
        }
    }

    /// The record as it is kept: epoch, rows and checksum.
    pub(super) fn save(&self) -> Vec<(u64, u64, u64)> {
        let kept = self.0.iter();
        kept.map(|(epoch, (rows, checksum))| (*epoch, *rows, *checksum))
            .collect()
    }

    /// The record that was kept.
    pub(super) fn restored(kept: &[(u64, u64, u64)]) -> Self {
        let entry = |(epoch, rows, checksum): &(u64, u64, u64)| (*epoch, (*rows, *checksum));
        Self(kept.iter().map(entry).collect())
    }

    /// The record, oldest epoch first.
    pub fn iter(&self) -> impl Iterator<Item = EpochStatus> {
        self.0.iter().map(|(epoch, (rows, checksum))| EpochStatus {
            epoch: *epoch,
            rows: *rows,
            checksum: *checksum,
        })
    }
}
