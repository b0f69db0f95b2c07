//! What a report says of threads that train one model without a server.

use serde::{Deserialize, Serialize};
use thalweg_worker::hogwild::Counts;

use crate::view::units::{grouped, scaled};

/// What threads did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadsReport {
    /// Updates of a coordinate.
    pub updates: u64,
    /// Updates that another thread overwrote; `null` where there is no room to count them, 0 where none can be lost.
    pub lost_updates: Option<u64>,
    /// Merges of a tier of replicas.
    pub merges: u64,
}

impl ThreadsReport {
    /// Of what was counted; `loses` says whether updates may be lost at all.
    pub fn of(counts: &Counts, loses: bool) -> Self {
        Self {
            updates: counts.updates,
            lost_updates: if loses { counts.lost } else { Some(0) },
            merges: counts.merges,
        }
    }

    /// In words.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share to a tenth of a per cent"
    )]
    pub(super) fn line(&self) -> String {
        let updates = scaled(Some(self.updates as f64));
        let lost = match self.lost_updates {
            None => "lost ones cannot be counted with this optimizer".to_owned(),
            Some(0) => "none lost".to_owned(),
            Some(lost) => {
                let share = 100.0 * lost as f64 / self.updates.max(1) as f64;
                format!("{} lost ({share:.2} %)", grouped(lost))
            }
        };
        let merges = match self.merges {
            0 => String::new(),
            merges => format!("; {} merges of replicas", grouped(merges)),
        };
        format!("updates    {updates} of a coordinate, {lost}{merges}")
    }
}
