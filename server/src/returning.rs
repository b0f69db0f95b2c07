//! A server as plain data, shard by shard, and a server that goes on from such data.
//!
//! Each shard is whole and at one version; different shards may be at different ones. The ledger is taken
//! under the lock of the shard that it belongs to, so that what it says was committed was applied there.

use thalweg_common::ids::ShardId;
use thalweg_common::time::Time;

use crate::saved::{SavedDesk, SavedShard};
use crate::server::Server;
use crate::shard::LoadError;

impl Server {
    /// A shard as it is now, and of the first also what the desk is to keep. `None` if it is not here.
    #[must_use]
    pub fn save(&self, now: Time, shard: ShardId) -> Option<(SavedShard, Option<SavedDesk>)> {
        let is_first = self.shards.keys().next() == Some(&shard);
        let mut held = self.shards.get(&shard)?.lock();
        let desk = is_first.then(|| self.desk.lock().save(now));
        Some((held.save(), desk))
    }

    /// What the desk is to keep, of a server without shards.
    #[must_use]
    pub fn save_desk(&self, now: Time) -> SavedDesk {
        self.desk.lock().save(now)
    }

    /// Goes on from what the desk kept, before anybody is served. Sessions are numbered from
    /// `sessions_after` on, which is more than any earlier one had.
    ///
    /// # Errors
    /// What cannot be, in words; the server is of no use then.
    pub fn restore_desk(
        &self,
        now: Time,
        saved: &SavedDesk,
        sessions_after: u64,
    ) -> Result<(), String> {
        self.desk.lock().restore(now, saved, sessions_after)?;
        self.follow();
        Ok(())
    }

    /// Goes on from a saved shard, before anybody is served.
    ///
    /// # Errors
    /// [`LoadError`] if it is not one of this server's under this job's optimizer.
    pub fn restore_shard(&self, saved: &SavedShard) -> Result<(), LoadError> {
        match self.shards.get(&saved.shard) {
            Some(shard) => shard.lock().load(saved),
            None => Ok(()),
        }
    }
}
