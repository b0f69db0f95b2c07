//! One schedule after another.
//!
//! ```text
//! η(t) = ηᵢ(t − mᵢ)   with mᵢ the last milestone ≤ t, m₀ = 0
//! ```
//!
//! | symbol | here | meaning, unit |
//! |---|---|---|
//! | t | time | units |
//! | ηᵢ | `phases` | schedules: tables with `name` and their settings; each sees its own time |
//! | mᵢ | `milestones` | when the next phase begins, units, increasing; one fewer than phases |
//!
//! For a phase, `"job"` is the length of the phase.
//!
//! Source: `torch.optim.lr_scheduler.SequentialLR`.

use serde::Deserialize;

use super::{IN_ORDER, Moment, Nested, Schedule, ScheduleEntry, make};
use crate::registry::{Check, SettingError, require};

/// Settings of a sequence.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sequence {
    phases: Vec<Nested>,
    milestones: Vec<f64>,
}

pub(super) const ENTRY: ScheduleEntry = ScheduleEntry {
    name: "sequence",
    formula: "phases[i](t − milestones[i − 1]), one schedule after another",
    source: "torch.optim.lr_scheduler.SequentialLR",
    differences: &[
        "each phase has a time of its own, as in torch's SequentialLR where that is a function of time",
    ],
    defaults: "phases = [{ name = \"linear_warmup\" }, { name = \"cosine\" }]\nmilestones = [1.0]\n",
    make: make::<Sequence>,
};

impl Check for Sequence {
    fn check(&self) -> Result<(), SettingError> {
        #[expect(clippy::cast_precision_loss, reason = "a list of phases is short")]
        let count = self.milestones.len() as f64;
        let fits = self.milestones.len() + 1 == self.phases.len();
        require(
            "number of milestones",
            count,
            fits,
            "one fewer than `phases`",
            "each is where one phase ends and the next begins",
        )?;
        let mut before = 0.0;
        for &milestone in &self.milestones {
            let increases = before < milestone && milestone.is_finite();
            require(
                "milestones",
                milestone,
                increases,
                "increasing, each above 0",
                IN_ORDER,
            )?;
            before = milestone;
        }
        Ok(())
    }
}

impl Schedule for Sequence {
    fn value(&self, base: f64, moment: &Moment) -> f64 {
        let passed = self.milestones.iter().filter(|&&at| moment.reached(at));
        let phase = passed.count();
        let begin = |phase: usize| match phase.checked_sub(1) {
            Some(before) => moment.examples(self.milestones[before]),
            None => 0.0,
        };
        let mut own = moment.since(begin(phase));
        if phase < self.milestones.len() {
            own = own.lasting(begin(phase + 1) - begin(phase));
        }
        self.phases[phase].0.value(base, &own)
    }
}
