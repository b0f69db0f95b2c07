//! A shard as plain data, and back: what follows has the same bits as if it had never stopped.
//!
//! Taken and given under the shard's lock, between two parts. What elements owe their optimizer is settled
//! before, so that columns, version and progress are all there is.

use bytes::Bytes;
use thalweg_common::ids::{Version, WorkerId};
use thalweg_common::message::{Address, Payload};
use thalweg_common::optimizer::RestoreError;
use thiserror::Error;

use super::Shard;
use super::round::Pending;
use crate::saved::{Column, SavedPart, SavedShard};

/// Why a shard does not take a saved state.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum LoadError {
    /// Its columns are of another optimizer.
    #[error("it has no column `{expected}`")]
    Missing {
        /// The name that this optimizer has.
        expected: String,
    },
    /// Its columns are too few, too many or of other lengths.
    #[error(transparent)]
    Columns(#[from] RestoreError),
    /// A part that waited for its round is not one of this shard's.
    #[error("a part of worker {worker} that waited for its round has {found}")]
    Pending {
        /// Whose.
        worker: u32,
        /// What is wrong with it.
        found: String,
    },
}

/// The name of the parameters among the columns.
const PARAMETERS: &str = "param";

impl Shard {
    /// The shard as it is now.
    pub fn save(&mut self) -> SavedShard {
        let names = self.column_names();
        let columns = self.store.columns();
        let column = |(name, values): (String, &[f32])| Column {
            name,
            values: values.to_vec(),
        };
        SavedShard {
            shard: self.id,
            version: self.version,
            progress: self.progress,
            columns: names.into_iter().zip(columns).map(column).collect(),
            pending: self.round.all_pending().map(saved_part).collect(),
        }
    }

    /// Takes a saved state. Parts that waited for their round take their step now: whoever else was to
    /// take part in it begins anew.
    ///
    /// # Errors
    /// [`LoadError`] if it is not one of this shard under this optimizer; nothing is changed then.
    pub fn load(&mut self, saved: &SavedShard) -> Result<(), LoadError> {
        let names = self.column_names();
        let mut columns = Vec::with_capacity(names.len());
        for expected in &names {
            let column = saved.columns.iter().find(|column| column.name == *expected);
            columns.push(column.ok_or_else(|| LoadError::Missing {
                expected: expected.clone(),
            })?);
        }
        if columns.len() != saved.columns.len() {
            let (expected, found) = (columns.len(), saved.columns.len());
            return Err(RestoreError::Columns { expected, found }.into());
        }
        let parts: Vec<_> = saved
            .pending
            .iter()
            .map(|part| self.pending(part))
            .collect();
        let parts = parts.into_iter().collect::<Result<Vec<_>, _>>()?;
        let columns: Vec<&[f32]> = columns.iter().map(|column| &column.values[..]).collect();
        self.store.restore(&columns)?;
        (self.version, self.progress) = (saved.version, saved.progress);
        self.advance(0);
        for part in parts {
            self.round.accept(part);
        }
        while let Some(parts) = self.round.take_what_is_there() {
            self.step_round(&parts);
        }
        Ok(())
    }

    /// Steps that the shard has taken.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    fn column_names(&self) -> Vec<String> {
        let slots = self.store.slot_names();
        let slots = slots.into_iter().map(|slot| format!("slot.{slot}"));
        std::iter::once(PARAMETERS.to_owned())
            .chain(slots)
            .collect()
    }

    fn pending(&self, part: &SavedPart) -> Result<Pending, LoadError> {
        let elements = self.store.len();
        let end = match &part.address {
            Address::Range(range) => range.end as usize,
            Address::Coordinates(list) => list.as_slice().last().map_or(0, |at| *at as usize + 1),
            Address::Rows { .. } => usize::MAX,
        };
        let (named, values) = (part.address.len(), part.values.len());
        let flaw = |found| LoadError::Pending {
            worker: part.worker,
            found,
        };
        if elements < end {
            return Err(flaw(format!("an element {end} of {elements}")));
        }
        if named != values {
            return Err(flaw(format!("{values} values for {named} elements")));
        }
        let bytes: Vec<u8> = part.values.iter().flat_map(|x| x.to_le_bytes()).collect();
        Ok(Pending {
            worker: WorkerId(part.worker),
            weight: part.weight,
            rate_factor: part.rate_factor,
            scale: part.scale,
            staleness: part.staleness,
            address: part.address.clone(),
            payload: Payload::from_bytes(Bytes::from(bytes)),
        })
    }
}

fn saved_part(part: &Pending) -> SavedPart {
    SavedPart {
        worker: part.worker.0,
        weight: part.weight,
        rate_factor: part.rate_factor,
        scale: part.scale,
        staleness: part.staleness,
        address: part.address.clone(),
        values: part.payload.iter().collect(),
    }
}
