//! Grants: what the coordinator answers to a worker that asks for data.

use std::time::Duration;

use thalweg_common::message::Grant;

use super::{ConvertError, field};
use crate::v1;
use crate::v1::grant::Grant as WireGrant;

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
