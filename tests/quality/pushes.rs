//! Dense and sparse pushes of one regularised job come to the same parameters, bit for bit: what a sparse push
//! leaves out of the regularizer's work is made up for, exactly.

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
fn dense_and_sparse_pushes_of_a_regularised_job_agree_bit_for_bit() {
    let bench = Bench::of_text(JOB);
    for optimizer in [
        ["optimizer.name=adagrad", "optimizer.lr=0.2"],
        ["optimizer.name=sgd", "optimizer.lr=0.2"],
        ["optimizer.name=momentum", "optimizer.lr=0.02"],
        ["optimizer.name=adam", "optimizer.lr=0.02"],
    ] {
        for workers in ["cluster.workers=1", "cluster.workers=4"] {
            let sets = [&optimizer[..], &[workers]].concat();
            let (dense, dense_bits) = trained(&bench, &sets, "train.pull=whole");
            let (sparse, sparse_bits) = trained(&bench, &sets, "train.pull=sparse");
            say(&format!("pushes     {sets:?}: F dense {dense:.7}, sparse {sparse:.7}"));
            assert!((dense / sparse - 1.0).abs() < 0.005, "{sets:?}: {dense}, {sparse}");
            assert_eq!(dense_bits, sparse_bits, "{sets:?}");
        }
    }
}
