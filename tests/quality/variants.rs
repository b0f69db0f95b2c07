//! The forms of Downpour and of consistency learn the rule behind the steady stream.

use std::time::Duration;

use crate::bench::{Bench, run, say};
use crate::judge::score;

const JOB: &str = "
[data]
name = \"steady\"
rows = 30000
test_rows = 5000
features = 300
nonzeros = 10
[optimizer]
name = \"adagrad\"
lr = 0.2
[schedule]
name = \"multistep\"
milestones = [0.5, 0.75]
gamma = 0.5
[train]
batch_size = 16
epochs = 1
";

/// Changes to the job, and how many nats above the score of the true probabilities it may end.
/// Plain SGD learns the rare features of a Zipf law more slowly than AdaGrad, with local steps or
/// without.
const FORMS: [(&[&str], f64); 10] = [
    (&[], 0.008),
    (&["method.overlap=off"], 0.008),
    (&["method.overlap=push"], 0.008),
    (&["method.n_push=4", "method.n_pull=4"], 0.015),
    (
        &["method.n_push=2", "method.n_pull=3", "method.local_lr=0.05"],
        0.008,
    ),
    (&["method.solo_phase=3000"], 0.008),
    (
        &[
            "consistency.model=ssp",
            "consistency.lag=3",
            "method.n_push=2",
        ],
        0.008,
    ),
    (&["consistency.model=bsp", "optimizer.lr=0.4"], 0.008),
    (&["optimizer.name=sgd", "optimizer.lr=0.1"], 0.04),
    (
        &["optimizer.name=sgd", "optimizer.lr=0.1", "method.n_pull=4"],
        0.04,
    ),
];

#[test]
fn every_form_of_downpour_learns_the_rule_of_the_stream() {
    let bench = Bench::of_text(JOB);
    let ideal = bench
        .data
        .test
        .as_ref()
        .and_then(|test| test.ideal())
        .expect("it is known");
    for (sets, allowed) in FORMS {
        let job = bench.job(sets);
        let x = run(&job, Duration::from_millis(5)).parameters;
        let score = score(job.blueprint.model.as_ref(), &bench.data, 0.0, &x);
        let above = score.log_loss - ideal.log_loss;
        say(&format!(
            "steady     {sets:?}: test log-loss {:.5}, {above:+.5} from ideal, allowed {allowed}",
            score.log_loss
        ));
        assert!(above < allowed, "{sets:?}: {above}");
    }
}
