//! How the values of a push are written: as they are, or in fewer bytes.
//!
//! | format | dtype, codec | bytes of n values | a value errs by at most |
//! |---|---|---|---|
//! | `f32` | `F32`, `Raw` | 4n | 0 |
//! | `bf16` | `Bf16`, `Raw` | 2n, and up to 3 of padding | 2⁻⁸ of itself |
//! | `int8` | `Int8`, `BlockScaled` | n + 4·⌈n/256⌉, and up to 3 of padding | half of its block's scale: 1/254 of the block's largest magnitude |
//!
//! Padding is zeros up to a multiple of four, so that every run of bytes on the wire is one, and chunks
//! may be cut as they are for f32. Both narrow formats round to the nearest, ties to even: the same values
//! are the same bytes on every machine and in every repetition.
//!
//! What comes out goes in again unchanged: `encode(decode(encode(x))) = encode(x)` bit for bit. So a
//! worker that must know what the servers will read rounds its vector first and sends the rounded one.

pub mod bf16;
pub mod int8;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::message::{Codec, Dtype, Payload};

/// Every run of bytes is a multiple of this long.
const ALIGNMENT: u64 = Payload::VALUE_BYTES as u64;

/// How the values of a push are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PushFormat {
    /// As they are, 4 bytes each.
    #[default]
    F32,
    /// Their upper halves, rounded, 2 bytes each.
    Bf16,
    /// Integers from −127 to 127 with a scale for each [`int8::BLOCK`] of them.
    Int8,
}

impl PushFormat {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::Bf16, Self::Int8];

    /// The format of these two words of a part; `None` if they do not go together.
    #[must_use]
    pub fn of(dtype: Dtype, codec: Codec) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|format| (format.dtype(), format.codec()) == (dtype, codec))
    }

    /// The number format of its values.
    #[must_use]
    pub fn dtype(self) -> Dtype {
        match self {
            Self::F32 => Dtype::F32,
            Self::Bf16 => Dtype::Bf16,
            Self::Int8 => Dtype::Int8,
        }
    }

    /// How its values are coded.
    #[must_use]
    pub fn codec(self) -> Codec {
        match self {
            Self::F32 | Self::Bf16 => Codec::Raw,
            Self::Int8 => Codec::BlockScaled,
        }
    }

    /// The length of so many values, in bytes.
    #[must_use]
    pub fn bytes(self, values: u64) -> u64 {
        let bytes = match self {
            Self::F32 => 4 * values,
            Self::Bf16 => 2 * values,
            Self::Int8 => values + 4 * values.div_ceil(int8::BLOCK as u64),
        };
        bytes.next_multiple_of(ALIGNMENT)
    }

    /// Writes values.
    #[must_use]
    pub fn encode(self, values: &[f32]) -> Bytes {
        let mut bytes = Vec::with_capacity(index(self.bytes(values.len() as u64)));
        match self {
            Self::F32 => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Self::Bf16 => bf16::encode(values, &mut bytes),
            Self::Int8 => int8::encode(values, &mut bytes),
        }
        bytes.resize(bytes.len().next_multiple_of(Payload::VALUE_BYTES), 0);
        bytes.into()
    }

    /// Reads so many values: as they came where they are f32, else into a payload of f32.
    ///
    /// # Errors
    /// What was expected and what was found, in one line: another length than [`Self::bytes`], a chunk
    /// that ends inside a value, padding other than 0, a scale that is none.
    pub fn decode(self, payload: &Payload, values: usize) -> Result<Cow<'_, Payload>, String> {
        let (expected, found) = (self.bytes(values as u64), payload.bytes() as u64);
        if found != expected {
            return Err(format!(
                "names {values} elements, {expected} bytes of {self}, but carries {found} bytes"
            ));
        }
        if self == Self::F32 {
            let whole = |segment: &Bytes| segment.len().is_multiple_of(Payload::VALUE_BYTES);
            return match payload.segments().iter().all(whole) {
                true => Ok(Cow::Borrowed(payload)),
                false => Err(
                    "has a chunk that ends inside a value; chunks hold whole f32 values".to_owned(),
                ),
            };
        }
        let bytes = joined(payload);
        let mut out = vec![0.0; values];
        let padding = match self {
            Self::F32 | Self::Bf16 => bf16::decode(&bytes, &mut out),
            Self::Int8 => int8::decode(&bytes, &mut out)?,
        };
        if let Some(byte) = padding.iter().find(|byte| **byte != 0) {
            return Err(format!("has padding of {self} that is not 0; found {byte}"));
        }
        Ok(Cow::Owned(Payload::from_values(&out)))
    }

    /// Replaces values by what [`Self::decode`] makes of them once they were written.
    pub fn round(self, values: &mut [f32]) {
        match self {
            Self::F32 => {}
            Self::Bf16 => bf16::round(values),
            Self::Int8 => int8::round(values),
        }
    }
}

impl fmt::Display for PushFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        })
    }
}

/// All bytes in one: without a copy if there is one segment.
fn joined(payload: &Payload) -> Cow<'_, [u8]> {
    match payload.segments() {
        [one] => Cow::Borrowed(one),
        many => Cow::Owned(many.concat()),
    }
}

fn index(bytes: u64) -> usize {
    usize::try_from(bytes).expect("values in memory take no more bytes than memory")
}

#[cfg(test)]
mod tests;
