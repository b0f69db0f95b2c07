//! Dense and sparse pushes of one regularised job come to the same objective.

use std::time::Duration;

use crate::bench::{Bench, run, say};
use crate::judge::score;

const JOB: &str = "
[data]
name = \"steady\"
rows = 6000
test_rows = 1000
features = 2000
nonzeros = 10
[optimizer]
name = \"adagrad\"
lr = 0.2
[regularizer]
l2 = 1e-3
[train]
batch_size = 8
epochs = 2
";

const L2: f64 = 1e-3;

/// A job's objective and the bits of its parameters, with whole or with sparse pulls and pushes.
fn trained(bench: &Bench, sets: &[&str], pull: &str) -> (f64, Vec<u32>) {
    let job = bench.job(&[sets, &[pull]].concat());
    let x = run(&job, Duration::from_millis(2)).parameters;
    let score = score(job.blueprint.model.as_ref(), &bench.data, L2, &x);
    (score.objective, x.iter().map(|x| x.to_bits()).collect())
}

#[test]
fn dense_and_sparse_pushes_of_a_regularised_job_agree() {
    let bench = Bench::of_text(JOB);
    for optimizer in ["adagrad", "sgd", "momentum", "adam"] {
        for (workers, lr) in [("cluster.workers=1", 0.2), ("cluster.workers=4", 0.2)] {
            let lr = if optimizer == "adam" { lr / 10.0 } else { lr };
            let (name, lr) = (
                format!("optimizer.name={optimizer}"),
                format!("optimizer.lr={lr}"),
            );
            let sets = [workers, name.as_str(), lr.as_str()];
            let (dense, dense_bits) = trained(&bench, &sets, "train.pull=whole");
            let (sparse, sparse_bits) = trained(&bench, &sets, "train.pull=sparse");
            let same = dense_bits == sparse_bits;
            say(&format!(
                "{sets:?}: dense {dense:.7}, sparse {sparse:.7}, same bits: {same}"
            ));
            assert!(
                (dense / sparse - 1.0).abs() < 0.005,
                "{sets:?}: {dense}, {sparse}"
            );
        }
    }
}
