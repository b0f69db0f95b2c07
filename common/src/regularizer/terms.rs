//! All that holds the parameters of one group back.

use std::sync::Arc;

use super::constraint::Constraint;
use super::entry::Term;
use super::l2::L2;
use super::penalty::{Penalty, Pull};
use crate::optimizer::{Real, StepContext};

/// The penalties of a group of neighbouring elements, and its constraint.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    penalties: Vec<Arc<dyn Penalty>>,
    bound: Option<Bound>,
}

#[derive(Clone, Debug)]
struct Bound {
    constraint: Arc<dyn Constraint>,
    unit: usize,
}

impl Terms {
    /// No term.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// An L2 term alone; none if λ is 0.
    #[must_use]
    pub fn l2(l2: f64) -> Self {
        let mut terms = Self::none();
        if 0.0 < l2 {
            terms.penalties.push(Arc::new(L2 { l2 }));
        }
        terms
    }

    /// The same with one more term. A constraint is about every `unit` neighbouring elements, and
    /// takes the place of one before.
    #[must_use]
    pub fn with(mut self, term: &Term, unit: usize) -> Self {
        match term {
            Term::Penalty(penalty) => self.penalties.push(penalty.clone()),
            Term::Constraint(constraint) => {
                let constraint = constraint.clone();
                self.bound = Some(Bound { constraint, unit });
            }
        }
        self
    }

    /// Whether every step moves every element, with a gradient or without.
    #[must_use]
    pub fn act_always(&self) -> bool {
        !self.penalties.is_empty()
    }

    /// How many neighbouring elements a constraint is about; `None` without a constraint.
    #[must_use]
    pub fn unit(&self) -> Option<usize> {
        self.bound.as_ref().map(|bound| bound.unit)
    }

    /// What the penalties do in one step; the rate of `context` is the group's own. A step that counts less
    /// has as much less of them.
    #[must_use]
    pub fn pull(&self, context: &StepContext) -> Pull {
        let mut pull = Pull::NONE;
        let context = StepContext {
            lr: context.lr * context.share,
            ..*context
        };
        for penalty in &self.penalties {
            penalty.act(&context, &mut pull);
        }
        for rate in [&mut pull.l2, &mut pull.decay, &mut pull.smooth] {
            *rate *= context.share;
        }
        pull
    }

    /// Projects whole units, one by one.
    pub fn project<F: Real>(&self, units: &mut [F]) {
        if let Some(Bound { constraint, unit }) = &self.bound {
            let units = units.chunks_mut((*unit).max(1));
            units.for_each(|unit| F::project(constraint.as_ref(), unit));
        }
    }

    /// What the penalties add to the objective at these parameters.
    #[must_use]
    pub fn value(&self, x: &[f32]) -> f64 {
        let of = |penalty: &Arc<dyn Penalty>| -> f64 {
            x.iter().map(|x| penalty.value(f64::from(*x))).sum()
        };
        self.penalties.iter().map(of).sum()
    }
}
