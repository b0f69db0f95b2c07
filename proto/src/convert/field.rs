//! Judging single fields: what several messages share.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use thalweg_common::ids::{Fingerprint, ShardId};

use super::ConvertError;

/// Reads the 16 bytes of a fingerprint.
pub(super) fn fingerprint(field: &str, bytes: &[u8]) -> Result<Fingerprint, ConvertError> {
    Fingerprint::from_bytes(bytes)
        .ok_or_else(|| ConvertError::invalid(field, "16 bytes", format!("{} bytes", bytes.len())))
}

/// The 16 bytes of a fingerprint.
pub(super) fn fingerprint_bytes(fingerprint: Fingerprint) -> Bytes {
    Bytes::copy_from_slice(&fingerprint.to_bytes())
}

/// A message or oneof that must be there.
pub(super) fn required<T>(field: &str, value: Option<T>, names: &str) -> Result<T, ConvertError> {
    value.ok_or_else(|| ConvertError::invalid(field, names, "nothing"))
}

/// The number of an enum that names none of its values, zero included.
pub(super) fn unnamed(field: &str, names: &str, number: i32) -> ConvertError {
    let found = if number == 0 {
        "0 (unspecified)".to_owned()
    } else {
        number.to_string()
    };
    ConvertError::invalid(field, format!("one of {names}"), found)
}

/// What a learning rate is multiplied by, as it is sent: 1 is left out.
pub(super) fn rate_factor_out(factor: f64) -> Option<f64> {
    (factor < 1.0).then_some(factor)
}

/// What a learning rate is multiplied by: above 0 and at most 1, and 1 if it was left out.
pub(super) fn rate_factor_in(factor: Option<f64>) -> Result<f64, ConvertError> {
    match factor {
        None => Ok(1.0),
        Some(factor) if 0.0 < factor && factor <= 1.0 => Ok(factor),
        Some(other) => Err(ConvertError::invalid(
            "rate_factor",
            "a number above 0 and at most 1",
            other,
        )),
    }
}

/// A duration in whole microseconds, at most `u64::MAX` of them.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Refuses a list in which a shard stands twice.
pub(super) fn distinct_shards(
    shards: impl Iterator<Item = ShardId>,
    list: &str,
) -> Result<(), ConvertError> {
    let mut seen = BTreeSet::new();
    for (index, shard) in shards.enumerate() {
        if !seen.insert(shard) {
            let found = format!("shard {shard} a second time");
            return Err(
                ConvertError::invalid("shard", "at most one part per shard", found).at(list, index),
            );
        }
    }
    Ok(())
}

/// Reads a half-open range whose end is not before its start.
pub(super) fn ordered(start: u64, end: u64) -> Result<(), ConvertError> {
    if end < start {
        let expected = format!("at least start, {start}");
        return Err(ConvertError::invalid("end", expected, end));
    }
    Ok(())
}
