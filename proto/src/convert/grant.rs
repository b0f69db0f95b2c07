//! Grants: what the coordinator answers to a worker that asks for data.

use std::time::Duration;

use thalweg_common::message::{Grant, Granted};

use super::{ConvertError, field};
use crate::v1;
use crate::v1::grant::Grant as WireGrant;

impl From<Granted> for v1::Grant {
    fn from(granted: Granted) -> Self {
        let grant = match granted.grant {
            Grant::Range { epoch, start, end } => {
                WireGrant::Range(v1::GrantedRange { epoch, start, end })
            }
            Grant::ClockOnly => WireGrant::ClockOnly(v1::ClockOnly {}),
            Grant::Wait(wait) => WireGrant::Wait(v1::WaitFor {
                us: field::micros(wait),
            }),
            Grant::Done => WireGrant::Done(v1::JobDone {}),
        };
        Self {
            grant: Some(grant),
            rate_factor: field::rate_factor_out(granted.rate_factor),
        }
    }
}

impl TryFrom<v1::Grant> for Granted {
    type Error = ConvertError;

    fn try_from(grant: v1::Grant) -> Result<Self, ConvertError> {
        let names = "range, clock_only, wait or done";
        let rate_factor = field::rate_factor_in(grant.rate_factor)?;
        let grant = match field::required("grant", grant.grant, names)? {
            WireGrant::Range(range) => {
                field::ordered(range.start, range.end).map_err(|error| error.within("range"))?;
                Grant::Range {
                    epoch: range.epoch,
                    start: range.start,
                    end: range.end,
                }
            }
            WireGrant::ClockOnly(v1::ClockOnly {}) => Grant::ClockOnly,
            WireGrant::Wait(wait) => Grant::Wait(Duration::from_micros(wait.us)),
            WireGrant::Done(v1::JobDone {}) => Grant::Done,
        };
        Ok(Self { grant, rate_factor })
    }
}
