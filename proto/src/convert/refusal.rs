//! Refusals and their kinds.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg_common::error::{Refusal, RefusalKind};

use super::{ConvertError, field};
use crate::v1;

impl From<RefusalKind> for v1::RefusalKind {
    fn from(kind: RefusalKind) -> Self {
        match kind {
            RefusalKind::Invalid => Self::Invalid,
            RefusalKind::NonFinite => Self::NonFinite,
            RefusalKind::TooLarge => Self::TooLarge,
            RefusalKind::Unsupported => Self::Unsupported,
            RefusalKind::Protocol => Self::Protocol,
            RefusalKind::WrongJob => Self::WrongJob,
            RefusalKind::UnknownShard => Self::UnknownShard,
            RefusalKind::WrongGeneration => Self::WrongGeneration,
            RefusalKind::UnknownSession => Self::UnknownSession,
            RefusalKind::Fenced => Self::Fenced,
            RefusalKind::SlotsTaken => Self::SlotsTaken,
            RefusalKind::TooFar => Self::TooFar,
            RefusalKind::Overloaded => Self::Overloaded,
            RefusalKind::Deadline => Self::Deadline,
            RefusalKind::Stopping => Self::Stopping,
            RefusalKind::JobFailed => Self::JobFailed,
            RefusalKind::Diverged => Self::Diverged,
            RefusalKind::Internal => Self::Internal,
            RefusalKind::Unauthenticated => Self::Unauthenticated,
            RefusalKind::Forbidden => Self::Forbidden,
        }
    }
}

/// Reads the number of a refusal kind.
pub(super) fn kind(number: i32) -> Result<RefusalKind, ConvertError> {
    RefusalKind::ALL
        .into_iter()
        .find(|kind| v1::RefusalKind::from(*kind) as i32 == number)
        .ok_or_else(|| field::unnamed("kind", "the refusal kinds 1 to 20", number))
}

/// Refusals by reason, as they are sent.
pub(super) fn counts_out(counts: &BTreeMap<RefusalKind, u64>) -> Vec<v1::RefusalCount> {
    let count = |(kind, count): (&RefusalKind, &u64)| v1::RefusalCount {
        kind: v1::RefusalKind::from(*kind) as i32,
        count: *count,
    };
    counts.iter().map(count).collect()
}

/// Refusals by reason; of a reason that is named twice, the greater count.
pub(super) fn counts_in(
    counts: Vec<v1::RefusalCount>,
) -> Result<BTreeMap<RefusalKind, u64>, ConvertError> {
    let mut found = BTreeMap::new();
    for (index, entry) in counts.into_iter().enumerate() {
        let kind = kind(entry.kind).map_err(|error| error.at("refusals", index))?;
        let count = found.entry(kind).or_default();
        *count = entry.count.max(*count);
    }
    Ok(found)
}

impl From<&Refusal> for v1::Refusal {
    fn from(refusal: &Refusal) -> Self {
        Self {
            kind: v1::RefusalKind::from(refusal.kind) as i32,
            message: refusal.message.clone(),
            retry_after_ms: refusal.retry_after.map_or(0, retry_millis),
        }
    }
}

impl TryFrom<v1::Refusal> for Refusal {
    type Error = ConvertError;

    fn try_from(refusal: v1::Refusal) -> Result<Self, ConvertError> {
        let (again, told) = (
            refusal.retry_after_ms,
            Self::new(kind(refusal.kind)?, refusal.message),
        );
        Ok(match again {
            0 => told,
            again => told.with_retry_after(Duration::from_millis(again.into())),
        })
    }
}

/// A retry hint in whole milliseconds, rounded up: one that is there never becomes 0, which is none.
pub(crate) fn retry_millis(after: Duration) -> u32 {
    u32::try_from(after.as_nanos().div_ceil(1_000_000).max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_hint_travels_in_whole_milliseconds_and_is_never_lost_to_rounding() {
        let hinted = |micros| {
            let refusal = Refusal::new(RefusalKind::Overloaded, "full");
            let refusal = refusal.with_retry_after(Duration::from_micros(micros));
            Refusal::try_from(v1::Refusal::from(&refusal))
                .unwrap()
                .retry_after
        };
        assert_eq!(hinted(0), Some(Duration::from_millis(1)));
        assert_eq!(hinted(1), Some(Duration::from_millis(1)));
        assert_eq!(hinted(2_001), Some(Duration::from_millis(3)));
        assert_eq!(
            hinted(u64::MAX),
            Some(Duration::from_millis(u32::MAX.into()))
        );
        let plain = Refusal::new(RefusalKind::Overloaded, "full");
        assert_eq!(v1::Refusal::from(&plain).retry_after_ms, 0);
        assert_eq!(Refusal::try_from(v1::Refusal::from(&plain)), Ok(plain));
    }

    #[test]
    fn every_kind_travels_and_no_number_but_theirs_is_taken() {
        for kind in RefusalKind::ALL {
            let refusal = Refusal::new(kind, "expected 1, found 2");
            assert_eq!(Refusal::try_from(v1::Refusal::from(&refusal)), Ok(refusal));
        }
        for number in [0, 21, -1, i32::MAX] {
            let error = kind(number).unwrap_err();
            assert_eq!(error.field, "kind");
        }
    }
}
