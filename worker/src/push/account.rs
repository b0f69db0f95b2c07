//! What has gone into the next push: examples, losses, data ranges and the versions read.

use std::collections::BTreeMap;

use thalweg_common::ids::{ShardId, Version};
use thalweg_common::message::DataRange;

use crate::pull::{AtRead, Seen};

/// The account of everything since the last push.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Examples.
    pub(crate) weight: u64,
    /// The sum of their losses.
    pub(crate) loss_sum: f64,
    /// Where they lie in the data; neighbours are one range.
    pub(crate) ranges: Vec<DataRange>,
    /// The least version of each shard that a gradient was computed at.
    pub(crate) versions: BTreeMap<ShardId, Version>,
    /// What servers want to be told with the gradient, as the last read of each shard said it.
    pub(crate) at_read: BTreeMap<ShardId, AtRead>,
}

impl Account {
    /// Adds a batch, computed at what was `seen`.
    pub(crate) fn add<'a>(
        &mut self,
        range: DataRange,
        loss_sum: f64,
        seen: impl Iterator<Item = &'a Seen>,
    ) {
        self.weight += range.examples();
        self.loss_sum += loss_sum;
        match self.ranges.last_mut() {
            Some(last) if last.epoch == range.epoch && last.end == range.start => {
                last.end = range.end;
                last.checksum = last.checksum.wrapping_add(range.checksum);
            }
            _ => self.ranges.push(range),
        }
        for Seen {
            shard,
            version,
            at_read,
            ..
        } in seen
        {
            if let Some(at_read) = at_read {
                self.at_read.insert(*shard, at_read.clone());
            }
            // The earliest read counts: staleness is never understated.
            let least = self.versions.entry(*shard).or_insert(*version);
            *least = (*least).min(*version);
        }
    }
}

#[cfg(test)]
mod tests {
    use thalweg_common::ids::Sequence;

    use super::*;

    #[test]
    fn neighbouring_ranges_become_one_and_the_earliest_version_counts() {
        let mut account = Account::default();
        let range = |epoch, start, end| DataRange {
            epoch,
            start,
            end,
            checksum: u64::MAX,
        };
        let seen = |version| Seen {
            shard: ShardId(3),
            elements: 0..9,
            version: Version(version),
            applied: Sequence(0),
            at_read: None,
        };
        account.add(range(0, 10, 14), 1.0, [seen(7)].iter());
        account.add(range(0, 14, 17), 2.0, [seen(9)].iter());
        account.add(range(1, 17, 18), 3.0, [].iter());
        assert_eq!(account.weight, 8);
        assert_eq!(account.loss_sum.to_bits(), 6_f64.to_bits());
        let merged = DataRange {
            checksum: u64::MAX - 1,
            ..range(0, 10, 17)
        };
        assert_eq!(account.ranges, [merged, range(1, 17, 18)]);
        assert_eq!(account.versions[&ShardId(3)], Version(7));
    }
}
