//! How often the sessions of a worker slot sent a request again: a count that never falls, in whatever order
//! signs of life come, and whoever takes the slot.

/// Requests that the sessions of a slot sent again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Retries {
    /// Of the sessions that are over.
    before: u64,
    /// The most that the present session has said.
    present: u64,
}

impl Retries {
    /// All of them.
    pub(crate) fn total(self) -> u64 {
        self.before.saturating_add(self.present)
    }

    /// The same, when another session takes the slot: it begins at 0.
    pub(super) fn with_new_session(self) -> Self {
        Self {
            before: self.total(),
            present: 0,
        }
    }

    /// Takes what the present session says of itself.
    pub(super) fn hear(&mut self, said: u64) {
        self.present = self.present.max(said);
    }
}
