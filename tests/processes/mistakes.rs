//! What a user gets wrong: one clear line, an exit code that is not zero, nothing half-written.

use std::process::Stdio;

use crate::support::{Bench, stderr};

/// A mistake: arguments, and words that the complaint must have.
type Mistake<'a> = (&'a [&'a str], &'a [&'a str]);

/// What a user may get wrong, and what the complaint must say.
const MISTAKES: &[Mistake<'_>] = &[
    (
        &["train", "typo.toml"],
        &["typo.toml:2", "learning_rate", "did you mean `lr`"],
    ),
    (
        &["train", "--set", "optimizer.name=adagrat"],
        &["adagrat", "adagrad"],
    ),
    (
        &["train", "--set", "train.batch_size=0"],
        &["train.batch_size", "at least 1"],
    ),
    (
        &[
            "train",
            "--set",
            "method.n_push=2",
            "--set",
            "consistency.model=bsp",
        ],
        &["n_push", "bsp"],
    ),
    (&["train", "--set", "consistency.lag=2"], &["lag", "asp"]),
    (
        &[
            "train",
            "--set",
            "data.name=libsvm",
            "--set",
            "data.train=good.svm",
        ],
        &["its name is `good`", "`optimizer.lr` is missing"],
    ),
    (
        &["train", "huge.toml"],
        &[
            "need at least 1.03 TB",
            "available",
            "fewer features",
            "memory_bytes_max",
        ],
    ),
    (&["train", "nowhere.toml"], &["nowhere.toml", "flights"]),
    (&["train", "wide.toml"], &["good.svm", "3", "2"]),
    (
        &[
            "train",
            "--set",
            "data.name=libsvm",
            "--set",
            "data.train=bad.svm",
            "--set",
            "optimizer.lr=0.1",
        ],
        &["bad.svm", "2", "x"],
    ),
    (
        &[
            "train",
            "--set",
            "data.name=libsvm",
            "--set",
            "data.train=zero.svm",
            "--set",
            "optimizer.lr=0.1",
        ],
        &["zero.svm", "0", "1"],
    ),
    (
        &[
            "train",
            "--set",
            "data.name=libsvm",
            "--set",
            "data.train=none.svm",
            "--set",
            "optimizer.lr=0.1",
        ],
        &["none.svm"],
    ),
    (
        &[
            "train",
            "--set",
            "data.name=libsvm",
            "--set",
            "data.train=good.svm",
            "--set",
            "optimizer.lr=0.1",
        ],
        &["3", "4", "workers"],
    ),
    (
        &["server", "--listen", "0.0.0.0:0"],
        &["insecure_listen", "127.0.0.1"],
    ),
    (
        &["server", "--listen", "nowhere"],
        &["nowhere", "HOST:PORT"],
    ),
    (
        &["train", "--servers", "0"],
        &["--servers", "0 is not in 1"],
    ),
    (
        &["train", "--workers", "0"],
        &["--workers", "0 is not in 1"],
    ),
    (
        &["train", "--on-worker-loss", "go"],
        &["--on-worker-loss", "continue, stop"],
    ),
    (&["server", "--index", "7"], &["7"]),
    (
        &["worker", "--join", "127.0.0.1:1", "--patience", "0.2"],
        &["127.0.0.1:1"],
    ),
    (&["status", "127.0.0.1:1"], &["127.0.0.1:1"]),
    (
        &["train", "--join", "127.0.0.1:1", "--patience", "0.2"],
        &["127.0.0.1:1"],
    ),
    (
        &[
            "train",
            "steady",
            "--join",
            "127.0.0.1:1",
            "--set",
            "optimizer.lr=1",
            "--servers",
            "3",
        ],
        &["--join", "JOB, --set, --servers", "from the servers"],
    ),
];

#[test]
fn every_mistake_is_named_and_nothing_is_written() {
    let bench = Bench::new();
    let write = |name: &str, text: &str| std::fs::write(bench.path(name), text).unwrap();
    write("typo.toml", "[optimizer]\nlearning_rate = 0.1\n");
    write("bad.svm", "+1 1:1 3:2\n-1 4:x\n");
    write("zero.svm", "+1 0:1\n");
    write("good.svm", "+1 1:1\n-1 2:1\n+1 3:1\n");
    write(
        "wide.toml",
        "[data]\nname = \"libsvm\"\ntrain = \"good.svm\"\nfeatures = 2\n[optimizer]\nlr = 0.1\n",
    );
    // A terabyte of parameters and slots.
    write("classes.svm", "0 1:1\n1 2:1\n2 3:1\n3 1:1\n");
    write(
        "huge.toml",
        "[data]\nname = \"libsvm\"\ntrain = \"classes.svm\"\nfeatures = 4294967296\nclasses = 15\n\
         [model]\nname = \"softmax_regression\"\n[optimizer]\nname = \"adam\"\nlr = 0.1\n",
    );
    for (arguments, words) in MISTAKES {
        let output = bench.run(arguments);
        let complaint = stderr(&output);
        assert!(!output.status.success(), "{arguments:?}");
        for word in *words {
            assert!(
                complaint.contains(word),
                "{arguments:?}: no `{word}` in: {complaint}"
            );
        }
        assert!(!complaint.contains("panicked"), "{complaint}");
        assert!(
            !bench.path("runs").exists_as_any(),
            "{arguments:?} left a run folder"
        );
    }
}

#[test]
fn a_run_never_writes_over_another() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("run")).unwrap();
    std::fs::write(bench.path("run/precious.txt"), "x").unwrap();
    let output = bench.train(&[], &[]).output().unwrap();
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains("precious.txt"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_reader_who_has_left_is_no_mistake() {
    let bench = Bench::new();
    for arguments in [&["list"][..], &["check", "steady"]] {
        let mut command = bench.command(arguments);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command.stdout(writer).stderr(Stdio::piped()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{arguments:?}");
        assert_eq!(stderr(&output), "", "{arguments:?}");
    }
}

trait ExistsAsAny {
    fn exists_as_any(&self) -> bool;
}

impl ExistsAsAny for std::path::PathBuf {
    fn exists_as_any(&self) -> bool {
        self.symlink_metadata().is_ok()
    }
}
