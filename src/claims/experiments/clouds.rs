//! The perceptron that several claims train: 32 hidden units on ten classes of three clouds each.

/// Its job.
pub(super) const JOB: &[&str] = &[
    "data.name=clouds",
    "model.name=mlp",
    "model.hidden=[32]",
    "regularizer.l2=1e-4",
    "train.batch_size=16",
    "train.epochs=10000",
    "evaluate.every=0",
    "evaluate.train_rows=1000",
    "limits.range_batches=2",
];
