//! Grants: asking the coordinator for data, and what it answers.

use std::time::Duration;

use thalweg_common::ids::{SessionId, WorkerId};
use thalweg_common::message::{Grant, Granted, NextRange};

use super::{ConvertError, field};
use crate::v1;
use crate::v1::grant::Grant as WireGrant;

impl From<NextRange> for v1::NextRange {
    fn from(asked: NextRange) -> Self {
        Self {
            session: asked.session.0,
            worker: asked.worker.0,
            received: asked.received,
            wanted: asked.wanted,
        }
    }
}

impl From<v1::NextRange> for NextRange {
    fn from(asked: v1::NextRange) -> Self {
        Self {
            session: SessionId(asked.session),
            worker: WorkerId(asked.worker),
            received: asked.received,
            wanted: asked.wanted,
        }
    }
}

impl From<&Granted> for v1::Granted {
    fn from(granted: &Granted) -> Self {
        Self {
            grants: granted.grants.iter().copied().map(Into::into).collect(),
            rate_factor: field::rate_factor_out(granted.rate_factor),
        }
    }
}

impl TryFrom<v1::Granted> for Granted {
    type Error = ConvertError;

    fn try_from(granted: v1::Granted) -> Result<Self, ConvertError> {
        let rate_factor = field::rate_factor_in(granted.rate_factor)?;
        let grants = granted.grants.into_iter().map(Grant::try_from);
        let grants = grants.collect::<Result<Vec<_>, _>>()?;
        if grants.is_empty() {
            return Err(ConvertError::invalid("grants", "at least one", "none"));
        }
        Ok(Self {
            grants,
            rate_factor,
        })
    }
}

impl From<Grant> for v1::Grant {
    fn from(grant: Grant) -> Self {
        let grant = match grant {
            Grant::Range { epoch, start, end } => {
                WireGrant::Range(v1::GrantedRange { epoch, start, end })
            }
            Grant::ClockOnly => WireGrant::ClockOnly(v1::ClockOnly {}),
            Grant::Wait(wait) => WireGrant::Wait(v1::WaitFor {
                us: field::micros(wait),
            }),
            Grant::Done => WireGrant::Done(v1::JobDone {}),
        };
        Self { grant: Some(grant) }
    }
}

impl TryFrom<v1::Grant> for Grant {
    type Error = ConvertError;

    fn try_from(grant: v1::Grant) -> Result<Self, ConvertError> {
        let names = "range, clock_only, wait or done";
        Ok(match field::required("grant", grant.grant, names)? {
            WireGrant::Range(range) => {
                field::ordered(range.start, range.end).map_err(|error| error.within("range"))?;
                Self::Range {
                    epoch: range.epoch,
                    start: range.start,
                    end: range.end,
                }
            }
            WireGrant::ClockOnly(v1::ClockOnly {}) => Self::ClockOnly,
            WireGrant::Wait(wait) => Self::Wait(Duration::from_micros(wait.us)),
            WireGrant::Done(v1::JobDone {}) => Self::Done,
        })
    }
}
