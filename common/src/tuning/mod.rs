//! Hyper-parameters over time: schedules on any number of an optimizer but the rate.
//!
//! The rate reaches a step by its context; every other hyper-parameter is part of the rule, so where
//! one moves, the store is given a rule with the values of now. Like the rate they are a pure
//! function of progress, which every shard knows by itself.

mod place;
mod error;
mod judge;

use toml::Table;

use self::place::Place;
use crate::optimizer::{ErasedRule, OptimizerEntry, RetuneError};
use crate::registry::SettingError;
use crate::schedule::{Lengths, Moment, Schedule, Unit};

pub use self::error::{Misfit, TuningError, When};
pub use self::judge::same;

/// An optimizer's hyper-parameters, some of which have a schedule.
#[derive(Debug)]
pub struct Tuning {
    entry: &'static OptimizerEntry,
    /// Every hyper-parameter, at the beginning.
    base: Table,
    moving: Vec<Moving>,
}

/// A hyper-parameter with a schedule.
#[derive(Debug)]
struct Moving {
    place: Place,
    base: f64,
    schedule: Box<dyn Schedule>,
    unit: Unit,
}

impl Tuning {
    /// The hyper-parameters that a job's `options` of `entry` mean, all of them at rest.
    ///
    /// # Errors
    /// [`SettingError`] for options that the entry refuses.
    pub fn new(entry: &'static OptimizerEntry, options: &Table) -> Result<Self, SettingError> {
        Ok(Self {
            entry,
            base: entry.complete(options)?,
            moving: Vec::new(),
        })
    }

    /// Lets the hyper-parameter called `name` move by `schedule`, from the value that it has.
    ///
    /// # Errors
    /// [`Misfit`] if there is no such number, or it cannot change while there is state.
    pub fn add(
        &mut self,
        name: &str,
        schedule: Box<dyn Schedule>,
        unit: Unit,
    ) -> Result<(), Misfit> {
        let place = Place::find(self.entry, &self.base, name)?;
        let base = place.get(&self.base);
        if self.shapes_the_start(&place, base) {
            return Err(Misfit::ShapesTheStart);
        }
        self.moving.push(Moving {
            place,
            base,
            schedule,
            unit,
        });
        Ok(())
    }

    /// The names of the hyper-parameters that move.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.moving.iter().map(|moving| moving.place.name())
    }

    /// Whether nothing moves.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.moving.is_empty()
    }

    /// What moves, after `progress` committed examples, in the order of [`Tuning::names`].
    pub fn values(&self, progress: u64, lengths: &Lengths) -> impl Iterator<Item = f64> {
        self.moving.iter().map(move |moving| {
            let moment = Moment::new(progress, moving.unit, lengths);
            moving.schedule.value(moving.base, &moment)
        })
    }

    /// The rule with these [values](Tuning::values).
    ///
    /// # Errors
    /// [`SettingError`] if one of them is out of its range.
    pub fn rule(&self, values: &[f64]) -> Result<ErasedRule, SettingError> {
        let mut table = self.base.clone();
        for (moving, value) in self.moving.iter().zip(values) {
            moving.place.set(&mut table, *value);
        }
        self.entry.rule(table)
    }

    /// Whether slots begin at a value that this hyper-parameter decides. Found by trying, so that no
    /// optimizer has to say it.
    fn shapes_the_start(&self, place: &Place, base: f64) -> bool {
        let rule_at = |value: f64| {
            let mut table = self.base.clone();
            place.set(&mut table, value);
            self.entry.rule(table)
        };
        let Ok(before) = rule_at(base) else {
            return false;
        };
        // At least one of them is in the range of any hyper-parameter that may differ at all.
        let others = [0.5 * base, 2.0 * base, base + 0.5, base - 0.5];
        let mut rules = others
            .iter()
            .filter(|other| other.to_bits() != base.to_bits())
            .filter_map(|other| rule_at(*other).ok());
        rules.any(|rule| rule.may_follow(&before) == Err(RetuneError::Beginning))
    }
}
