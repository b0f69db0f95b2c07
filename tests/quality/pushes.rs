//! Dense and sparse pushes of one regularised job come to the same parameters, bit for bit: what a
//! sparse push leaves out of the regularizer's work is made up for, exactly.

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

/// What a run comes to.
struct Trained {
    objective: f64,
    bits: Vec<u32>,
}

/// Runs a job with whole or with sparse pulls. What a replica holds is what its gradient covers, so
/// that whole pulls make dense pushes.
fn trained(bench: &Bench, sets: &[&str], pull: &str) -> Trained {
    let job = bench.job(&[sets, &[pull]].concat());
    let x = run(&job, Duration::from_millis(2)).parameters;
    Trained {
        objective: score(job.blueprint.model.as_ref(), &bench.data, L2, &x).objective,
        bits: x.iter().map(|x| x.to_bits()).collect(),
    }
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
            let dense = trained(&bench, &sets, "train.pull=whole");
            let sparse = trained(&bench, &sets, "train.pull=sparse");
            let (whole, part) = (dense.objective, sparse.objective);
            say(&format!(
                "pushes     {sets:?}: F dense {whole:.7}, sparse {part:.7}"
            ));
            assert!(
                (whole / part - 1.0).abs() < 0.005,
                "{sets:?}: {whole}, {part}"
            );
            assert_eq!(dense.bits, sparse.bits, "{sets:?}");
        }
    }
}
