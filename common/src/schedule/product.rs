//! Schedules at once, each acting on what the one before it makes.
//!
//! ```text
//! η(t) = ηₖ(… η₂(η₁(η₀, t), t) …, t)
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | t | time | units |
//! | ηᵢ(y, t) | `factors` | schedules that begin at y: tables with `name` and their settings |
//!
//! Source: `torch.optim.lr_scheduler.ChainedScheduler`. Schedules that multiply commute, so for
//! those it is their product. One with a bottom (`eta_min`) keeps it only as the
//! last.

use serde::Deserialize;

use super::{Moment, Nested, Schedule, ScheduleEntry, make};
use crate::registry::{Check, SettingError, require};

/// Settings of a product.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    factors: Vec<Nested>,
}

pub(super) const ENTRY: ScheduleEntry = ScheduleEntry {
    name: "product",
    formula: "factors[k](… factors[0](lr, t) …, t), all at once",
    source: "torch.optim.lr_scheduler.ChainedScheduler",
    differences: &[
        "torch's ChainedScheduler chains recursions, here the factors are functions of time",
    ],
    defaults: "factors = [{ name = \"linear_warmup\" }, { name = \"inverse_sqrt\" }]\n",
    make: make::<Product>,
};

impl Check for Product {
    fn check(&self) -> Result<(), SettingError> {
        let some = !self.factors.is_empty();
        require(
            "number of factors",
            0.0,
            some,
            "at least 1",
            "the rate is the product of their values",
        )
    }
}

impl Schedule for Product {
    fn value(&self, base: f64, moment: &Moment) -> f64 {
        let factors = self.factors.iter();
        factors.fold(base, |value, Nested(factor)| factor.value(value, moment))
    }
}
