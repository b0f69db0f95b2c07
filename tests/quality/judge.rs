//! The judge: final parameters in, numbers and missed limits out. It does not know how they were
//! trained, so that honest runs and cheats are judged alike.

use rayon::ThreadPoolBuilder;
use thalweg_worker::data::Loaded;
use thalweg_worker::evaluate::{Scores, evaluate};
use thalweg_worker::model::Model;

/// What parameters are worth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Score {
    /// F = mean log-loss on train + λ/2·‖x‖² over the regularised tensors.
    pub(crate) objective: f64,
    /// Mean log-loss on test.
    pub(crate) log_loss: f64,
    /// Area under the ROC curve on test.
    pub(crate) auc: f64,
}

/// Evaluates parameters `x` with the λ `l2` of the line that they are judged by.
pub(crate) fn score(model: &dyn Model, data: &Loaded, l2: f64, x: &[f32]) -> Score {
    let pool = ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a thread can start");
    let judge = |data| -> Scores {
        let evaluation = evaluate(model, data, u64::MAX, x, &pool);
        evaluation.expect("the model fits the data").scores
    };
    let test = judge(
        data.test
            .as_deref()
            .expect("the jobs that are judged have a test set"),
    );
    Score {
        objective: judge(data.train.as_ref())
            .loss
            .expect("every model has a loss")
            + l2 / 2.0 * regularised_square(model, x),
        log_loss: test.log_loss.expect("two classes have a log-loss"),
        auc: test.auc.expect("both classes occur"),
    }
}

/// ‖x‖² over the tensors that the regularizer acts on.
fn regularised_square(model: &dyn Model, x: &[f32]) -> f64 {
    let mut sum = 0.0;
    for (span, tensor) in model.layout().spans() {
        if tensor.group.regularized {
            let place = |flat| usize::try_from(flat).expect("the parameters are in memory");
            let values = &x[place(span.start)..place(span.end)];
            sum += values
                .iter()
                .map(|value| f64::from(*value).powi(2))
                .sum::<f64>();
        }
    }
    sum
}

/// How far above the optimum an objective may lie.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Allowed {
    /// F/F* − 1, as a share.
    Share(f64),
    /// F − F*.
    Difference(f64),
}

impl Allowed {
    /// The largest objective that is allowed.
    pub(crate) fn most(self, optimum: f64) -> f64 {
        match self {
            Self::Share(share) => optimum * (1.0 + share),
            Self::Difference(difference) => optimum + difference,
        }
    }
}
