//! Bad jobs, each with the exact words of its refusal.

use super::{LEAST, checked, with};
use crate::config::{Draft, Registries};

/// A job's text and what must be said of it, line by line.
const TEXTS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "job.toml: `optimizer.lr` is missing: no learning rate is right for every rule; set \
             `lr` in [optimizer], for AdaGrad perhaps to 0.1",
        ],
    ),
    (
        "[optimizer\nlr = 1",
        &["job.toml:1: this is no TOML: unclosed table, expected `]`"],
    ),
    (
        "seed = 1\nseed = 2",
        &["job.toml:2: this is no TOML: duplicate key"],
    ),
    (
        "seed = 9223372036854775808",
        &["job.toml:1: this is no TOML: u64 value was too large"],
    ),
    (
        "seed = -1\n[optimizer]\nlr = 1",
        &["job.toml:1: `seed`: expected a whole number of at least 0, found -1"],
    ),
    (
        "seed = 'x'\n\n[optimizer]\nlr = 'fast'\n[train]\nbatch_size = 1.5",
        &[
            "job.toml:1: `seed`: expected a whole number of at least 0, found the text \"x\"",
            "job.toml:4: `optimizer.lr`: expected a number, found the text \"fast\"",
            "job.toml:6: `train.batch_size`: expected a whole number of at least 1, or \"full\" for all rows, \
             found 1.5",
        ],
    ),
    (
        "[optimizer]\nlr = 1\nlearning_rate = 2\nweight_decay = 1",
        &[
            "job.toml:3: unknown key `learning_rate` in [optimizer]; did you mean `lr`?",
            "job.toml:4: unknown key `weight_decay` in [optimizer]; did you mean `l2` in \
             [regularizer]?",
        ],
    ),
    (
        "[optimizer]\nlr = 1\n[trian]\nepochs = 1",
        &["job.toml:3: unknown key `trian` at the top; did you mean `train`?"],
    ),
    (
        "[gradient]\ntransforms = 'clip'\n[optimizer]\nlr = 1",
        &[
            "job.toml:2: `gradient.transforms`: expected a list of tables, each with a name, such as \
             [{ name = \"clip_by_global_norm\", max_norm = 1.0 }], found the text \"clip\"",
        ],
    ),
    (
        "[gradient]\ntransforms = [{ max_norm = 1.0 }]\n[optimizer]\nlr = 1",
        &[
            "job.toml:2: `gradient.transforms`: expected a list of tables, each with a name, such as \
             [{ name = \"clip_by_global_norm\", max_norm = 1.0 }], found a list",
        ],
    ),
    (
        "[train]\nclass_weight = 'balance'\n[optimizer]\nlr = 1",
        &[
            "job.toml:2: `train.class_weight`: expected \"balanced\" or a table of numbers by class, \
             such as { \"1\" = 2.0, \"-1\" = 1.0 }, found the text \"balance\"",
        ],
    ),
    (
        "[train]\nclass_weight = { '1' = -1, '-1' = 0.0 }\nbatch_size = 2\naccumulate = 3\n\
         [optimizer]\nlr = 1",
        &[
            "job.toml:2: `train.class_weight`: expected finite numbers of at least 0, found -1 for \
             class \"1\"",
            "job.toml:4: `train.accumulate` = 3 cannot go with `train.batch_size` = 2: a batch has no \
             more pieces than examples; lower the first or raise the second",
        ],
    ),
    (
        "[data.resolved]\nrows = 9\ntest_rows = 0\nfeatures = 3\nclasses = 2\n\
         hash = '0123456789abcdef'\n[train]\nclass_weight = { '1' = 2, '3' = 1 }\n\
         [optimizer]\nlr = 1",
        &[
            "job.toml:8: `train.class_weight`: the data have no class \"3\"; their classes are \
             \"-1\" and \"1\"",
        ],
    ),
    (
        "[data.resolved]\nrows = 9\ntest_rows = 0\nfeatures = 3\nclasses = 2\n\
         hash = '0123456789abcdef'\n[train]\nclass_weight = { '1' = 0, '-1' = 0 }\n\
         [optimizer]\nlr = 1",
        &["job.toml:8: `train.class_weight`: expected a weight above 0, found 0 for every class"],
    ),
    (
        "[data.resolved]\nrows = 9\ntest_rows = 0\nfeatures = 3\nclasses = 0\n\
         hash = '0123456789abcdef'\n[train]\nclass_weight = 'balanced'\n[optimizer]\nlr = 1",
        &[
            "job.toml:8: `train.class_weight` cannot go with these data: their labels are real \
             numbers and name no class; leave it out",
        ],
    ),
    (
        "[data.resolved]\nrows = 9\ntest_rows = 0\nfeatures = 3\nclasses = 0\nfields = [1, 1]\n\
         hash = '0123456789abcdef'\n[optimizer]\nlr = 1",
        &[
            "job.toml:6: `data.resolved.fields`: expected widths that add up to `features`, found \
             [1, 1]",
        ],
    ),
    (
        "lr = 1",
        &["job.toml:1: unknown key `lr` at the top; did you mean `lr` in [optimizer]?"],
    ),
    (
        "[optimizer]\nlr = 1\n[train]\nbach_size = 3\nzzz = 1\nworkers = 3",
        &[
            "job.toml:4: unknown key `bach_size` in [train]; did you mean `batch_size`?",
            "job.toml:5: unknown key `zzz` in [train]; known there: accumulate, batch_size, \
             class_weight, compute, epochs, examples, non_finite, pull, seconds",
            "job.toml:6: unknown key `workers` in [train]; did you mean `workers` in [cluster]?",
        ],
    ),
    (
        "train = 3\n[optimizer]\nlr = 1",
        &["job.toml:1: `train`: expected a section [train], found 3"],
    ),
    (
        "[optimizer]\nlr = 1\n[method]\noverlap = 'ful'\n[consistency]\nmodel = 3",
        &[
            "job.toml:4: `method.overlap`: expected \"off\" or \"push\" or \"full\", found the \
             text \"ful\"; did you mean \"full\"?",
            "job.toml:6: `consistency.model`: expected \"asp\" or \"ssp\" or \"bsp\", found 3",
        ],
    ),
    (
        "[optimizer]\nlr = 1\n[train]\ncompute = 20\npull = true",
        &[
            "job.toml:4: `train.compute`: expected a whole number with us, ms or s in quotes, \
             such as \"20ms\", found 20",
            "job.toml:5: `train.pull`: expected \"auto\" or \"sparse\" or \"whole\", found true",
        ],
    ),
    (
        "[optimizer]\nlr = 1\n[train]\ncompute = '20 minutes'",
        &[
            "job.toml:4: `train.compute`: expected a whole number with us, ms or s in quotes, \
             such as \"20ms\", found the text \"20 minutes\"",
        ],
    ),
    (
        "[optimizer]\nlr = 1\n[data.resolved]\nrows = 3\nhash = 'xyz'\nwhat = 1",
        &[
            "job.toml:3: `data.resolved.test_rows` is missing: the launcher writes all keys of \
             [data.resolved], or none",
            "job.toml:3: `data.resolved.features` is missing: the launcher writes all keys of \
             [data.resolved], or none",
            "job.toml:3: `data.resolved.classes` is missing: the launcher writes all keys of \
             [data.resolved], or none",
            "job.toml:5: `data.resolved.hash`: expected a text of 16 hexadecimal digits, found \
             the text \"xyz\"",
            "job.toml:6: unknown key `what` in [data.resolved]; known there: classes, features, \
             fields, hash, rows, test_rows",
        ],
    ),
    (
        "[optimizer]\nlr = 1\n[limits]\nmessage_bytes_max = '2 MiB'",
        &[
            "job.toml:4: `limits.message_bytes_max`: expected a whole number of at least 0, found \
             the text \"2 MiB\"",
        ],
    ),
];

/// Assignments over the least job and what must be said of them, line by line.
const ASSIGNMENTS: &[(&[&str], &[&str])] = &[
    (
        &["train"],
        &["--set train: expected KEY=VALUE, such as train.batch_size=32, found no `=`"],
    ),
    (
        &["train.bach_size=3"],
        &[
            "--set train.bach_size=3: unknown key `bach_size` in [train]; did you mean \
             `batch_size`?",
        ],
    ),
    (
        &["seed.x=3"],
        &["--set seed.x=3: `seed`: expected a whole number of at least 0, found a table"],
    ),
    (
        &["regularizer.terms=[{ name = 'max_nrom' }, { name = 'l1_smooth', epz = 1 }]"],
        &[
            "--set regularizer.terms=[{ name = 'max_nrom' }, { name = 'l1_smooth', epz = 1 }]: \
             [regularizer]: no regularizer is called `max_nrom` (did you mean `max_norm`?); there \
             are: l2, decoupled_decay, l1_proximal, l1_truncated, l1_smooth, elastic_net, max_norm, \
             l2_ball, l1_ball, simplex",
            "--set regularizer.terms=[{ name = 'max_nrom' }, { name = 'l1_smooth', epz = 1 }]: \
             [regularizer]: `l1_smooth` has no setting `epz` (did you mean `eps`?); it has: l1, eps",
        ],
    ),
    (
        &["regularizer.terms=[{ name = 'max_norm', radius = 0 }]"],
        &[
            "--set regularizer.terms=[{ name = 'max_norm', radius = 0 }]: [regularizer]: `radius` is \
           0, but must be a finite number above 0: in a ball without extent every parameter would \
           be 0",
        ],
    ),
    (
        &["regularizer.terms=[{ radius = 1 }]"],
        &[
            "--set regularizer.terms=[{ radius = 1 }]: `regularizer.terms`: expected `name` in \
           each of its tables, found one without",
        ],
    ),
    (
        &["optimizer.name=ftrl", "regularizer.l1=0.1"],
        &[
            "--set regularizer.l1=0.1: [regularizer]: `l1_proximal` cannot go with `optimizer.name` = \
           \"ftrl\": it computes the parameter anew from its slots at every gradient, so that what \
           changes it after the step is forgotten; set the optimizer's own `lambda1` and `lambda2`, \
           or choose another optimizer",
        ],
    ),
    (
        &["name=My Job"],
        &[
            "--set name=My Job: `name`: expected at most 64 of a-z, 0-9, `.`, `_` and `-`, \
             beginning with a letter or digit, found \"My Job\"",
        ],
    ),
    (
        &[
            "optimizer.lr=0",
            "train.epochs=-1",
            "train.seconds=nan",
            "regularizer.l2=-1e-3",
        ],
        &[
            "--set optimizer.lr=0: `optimizer.lr`: expected a finite number above 0 (at 0 nothing is learned, and below 0 the loss is climbed), found 0",
            "--set train.epochs=-1: `train.epochs`: expected a finite number above 0 (the passes over the data), found -1",
            "--set train.seconds=nan: `train.seconds`: expected a finite number above 0 (the time after which no more data is dealt out), found NaN",
            "--set regularizer.l2=-1e-3: `regularizer.l2`: expected a finite number of at least 0 (below 0 it would push parameters away from zero), found -0.001",
        ],
    ),
    (
        &[
            "train.batch_size=0",
            "method.n_push=0",
            "cluster.workers=0",
            "cluster.servers=0",
        ],
        &[
            "--set train.batch_size=0: `train.batch_size`: expected a whole number of at least 1, \
             found 0",
            "--set cluster.servers=0: `cluster.servers`: expected a whole number of at least 1, \
             found 0",
            "--set cluster.workers=0: `cluster.workers`: expected a whole number of at least 1, \
             found 0",
            "--set method.n_push=0: `method.n_push`: expected a whole number of iterations from 1 to 1000000, \
             found 0",
        ],
    ),
    (
        &["method.prefetch=0"],
        &[
            "--set method.prefetch=0: `method.prefetch`: expected a whole number from 1 to 64, \
             found 0",
        ],
    ),
    (
        &["method.prefetch=65", "limits.inflight_pulls_max=65"],
        &[
            "--set method.prefetch=65: `method.prefetch`: expected a whole number from 1 to 64, \
             found 65",
        ],
    ),
    (
        &["consistency.lag=2"],
        &[
            "--set consistency.lag=2: `consistency.lag` = 2 cannot go with `consistency.model` = \
             \"asp\": only \"ssp\" has a lag; set `consistency.model` = \"ssp\" or leave out \
             `lag`",
        ],
    ),
    (
        &["consistency.model=bsp", "consistency.lag=2"],
        &[
            "--set consistency.lag=2: `consistency.lag` = 2 cannot go with `consistency.model` = \
             \"bsp\": only \"ssp\" has a lag; set `consistency.model` = \"ssp\" or leave out \
             `lag`",
        ],
    ),
    (
        &["consistency.model=ssp"],
        &[
            "job.toml: `consistency.lag` is missing: `consistency.model` = \"ssp\" needs to know \
             how many iterations a worker may be ahead of the slowest; set `lag`",
        ],
    ),
    (
        &["consistency.model=ssp", "consistency.lag=0"],
        &[
            "--set consistency.lag=0: `consistency.lag` = 0 means that nobody may be ahead: set \
             `consistency.model` = \"bsp\" and leave out `lag`, or raise it",
        ],
    ),
    (
        &[
            "consistency.model=bsp",
            "method.n_push=4",
            "method.n_pull=2",
        ],
        &[
            "--set method.n_push=4: `method.n_push` = 4 cannot go with `consistency.model` = \
             \"bsp\": under bsp every iteration pushes; set `method.n_push` = 1, or \
             `consistency.model` = \"ssp\" with `lag` = 3 or more",
            "--set method.n_pull=2: `method.n_pull` = 2 cannot go with `consistency.model` = \
             \"bsp\": under bsp every iteration pulls; set `method.n_pull` = 1, or \
             `consistency.model` = \"ssp\" with `lag` = 1 or more",
        ],
    ),
    (
        &[
            "consistency.model=ssp",
            "consistency.lag=1",
            "method.n_push=4",
            "method.n_pull=3",
        ],
        &[
            "--set consistency.lag=1: `consistency.lag` = 1 cannot go with `method.n_push` = 4: \
             between its pushes a worker's clock stands still, and a pull looks ahead to the last \
             iteration that uses it; set `lag` = 5 (`n_push` - 1 + `n_pull` - 1) or more, or push \
             and pull more often",
        ],
    ),
    (
        &["consistency.aggregation=round"],
        &[
            "--set consistency.aggregation=round: `consistency.aggregation` = \"round\" cannot go \
             with `consistency.model` = \"asp\": only bsp has rounds; set `consistency.model` = \
             \"bsp\" or `aggregation` = \"push\"",
        ],
    ),
    (
        &["consistency.model=bsp", "method.solo_phase=100"],
        &[
            "--set method.solo_phase=100: `method.solo_phase` = 100 cannot go with \
             `consistency.model` = \"bsp\": worker 0 alone would wait for the others, which wait \
             for it; set `consistency.model` = \"asp\" or `solo_phase` = 0",
        ],
    ),
    (
        &["method.prefetch=8"],
        &[
            "--set method.prefetch=8: `method.prefetch` = 8 cannot go with \
             `limits.inflight_pulls_max` = 4: every pull asked for ahead is in flight; lower the \
             first or raise the second",
        ],
    ),
    (
        &["cluster.workers=256"],
        &[
            "--set cluster.workers=256: `cluster.workers` = 256 cannot go with \
             `limits.sessions_max` = 256: each worker has a session, and the evaluator one more; \
             raise `sessions_max`",
        ],
    ),
    (
        &["limits.chunk_bytes=6"],
        &[
            "--set limits.chunk_bytes=6: `limits.chunk_bytes`: expected a multiple of 4 above 0, \
             found 6",
        ],
    ),
    (
        &["limits.chunk_bytes=2097152"],
        &[
            "--set limits.chunk_bytes=2097152: `limits.chunk_bytes` = 2097152 cannot go with \
             `limits.message_bytes_max` = 2097152: a message holds a chunk and 4096 bytes of \
             frame; lower the first or raise the second",
        ],
    ),
    (
        &["limits.part_bytes_max=4096"],
        &[
            "--set limits.part_bytes_max=4096: `limits.chunk_bytes` = 262144 cannot go with \
             `limits.part_bytes_max` = 4096: a chunk is a piece of a part; lower the first or \
             raise the second",
        ],
    ),
    (
        &["limits.inflight_pushes_max=65"],
        &[
            "--set limits.inflight_pushes_max=65: `limits.inflight_pushes_max`: expected a whole \
             number from 1 to 64, found 65",
        ],
    ),
    (
        &["limits.lease_seconds=1.5"],
        &[
            "--set limits.lease_seconds=1.5: `limits.heartbeat_seconds` = 1 cannot go with \
             `limits.lease_seconds` = 1.5: one late sign of life would end the lease; let the \
             lease be at least twice as long",
        ],
    ),
    (
        &["limits.gate_wait_seconds=30"],
        &[
            "--set limits.gate_wait_seconds=30: `limits.gate_wait_seconds` = 30 cannot go with \
             `limits.request_seconds` = 30: a pull at the gate must be answered before its \
             request ends; lower the first",
        ],
    ),
    (
        &["limits.retry_total_seconds=20"],
        &[
            "--set limits.retry_total_seconds=20: `limits.request_seconds` = 30 cannot go with \
             `limits.retry_total_seconds` = 20: all tries together last at least as long as one; \
             raise the second",
        ],
    ),
    (
        &["limits.linger_seconds=-1", "limits.stop_seconds=0"],
        &[
            "--set limits.stop_seconds=0: `limits.stop_seconds`: expected seconds above 0 and at \
             most 1e9, found 0",
            "--set limits.linger_seconds=-1: `limits.linger_seconds`: expected seconds from 0 to \
             1e9, found -1",
        ],
    ),
    (
        &[
            "optimizer.name=adamw",
            "regularizer.l2=500",
            "optimizer.lr=0.01",
        ],
        &[
            "--set regularizer.l2=500: [regularizer]: `l2` = 500 under `optimizer.name` = \"adamw\" \
             multiplies parameters by 1 − lr·l2 at each step, -4.000 at the greatest rate of the job, \
             0.01; below 0 it would turn them over: lower it to at most 100, or the rate",
        ],
    ),
    (
        &[
            "regularizer.terms=[{ name = 'decoupled_decay', decay = 30 }]",
            "optimizer.lr=0.1",
        ],
        &[
            "--set regularizer.terms=[{ name = 'decoupled_decay', decay = 30 }]: [regularizer]: \
             `decoupled_decay` = 30 under `optimizer.name` = \"adagrad\" multiplies parameters by 1 − \
             lr·decoupled_decay at each step, -2.000 at the greatest rate of the job, 0.1; below 0 it \
             would turn them over: lower it to at most 10, or the rate",
        ],
    ),
    (
        &["stop.patience=3", "evaluate.every=0"],
        &[
            "--set stop.patience=3: `stop.patience` = 3 cannot go with `evaluate.every` = 0: the rule \
             looks at evaluations during the run; raise the second",
        ],
    ),
    (
        &["stop.tolerance=0", "stop.min_change=-1", "stop.patience=0"],
        &[
            "--set stop.tolerance=0: `stop.tolerance`: expected a finite number above 0 (the \
             relative change of the objective), found 0",
            "--set stop.min_change=-1: `stop.min_change`: expected a finite number of at least 0 (by how \
             much a metric must be better to count as better), found -1",
            "--set stop.patience=0: `stop.patience`: expected a whole number of at least 1, found 0",
        ],
    ),
    (
        &["cluster.insecure_listen=yes"],
        &[
            "--set cluster.insecure_listen=yes: `cluster.insecure_listen`: expected nothing, or \
             the exact words \"i-accept-plaintext-on-this-network\", found \"yes\"",
        ],
    ),
];

#[test]
fn every_bad_text_is_refused_in_these_words() {
    for (text, expected) in TEXTS {
        let said = checked(text).map(|_| "accepted").unwrap_err().to_string();
        assert_eq!(
            said.lines().collect::<Vec<_>>(),
            *expected,
            "for the text\n{text}"
        );
    }
}

#[test]
fn every_bad_assignment_is_refused_in_these_words() {
    assert!(checked(LEAST).is_ok());
    for (assignments, expected) in ASSIGNMENTS {
        let said = with(assignments)
            .map(|_| "accepted")
            .unwrap_err()
            .to_string();
        assert_eq!(
            said.lines().collect::<Vec<_>>(),
            *expected,
            "for {assignments:?}"
        );
    }
}

/// Refusals of the registries in this crate.
const OF_REGISTRIES: &[(&[&str], &[&str])] = &[
    (
        &["optimizer.name=adam", "optimizer.amsgrad=true"],
        &[
            "--set optimizer.amsgrad=true: [optimizer]: `adam` has no setting `amsgrad`; it has: betas, \
             eps; torch's `amsgrad` is an optimizer of its own here: name = \"amsgrad\"",
        ],
    ),
    (
        &["optimizer.name=adam", "optimizer.eps=1e-50"],
        &[
            "--set optimizer.eps=1e-50: `optimizer.eps`: expected 0, or between 1.4e-45 and 3.4e38 in size \
             (steps are computed in 32-bit numbers, in which it would be 0 or infinite), found 1e-50",
        ],
    ),
    (
        &["schedule.name=multistep", "schedule.milestones=[]"],
        &[
            "--set schedule.milestones=[]: [schedule]: `milestones` is 0, but must be a list with at \
             least one time: without a milestone the rate would never change; that is `constant`",
        ],
    ),
    (
        &["optimizer.lr=1e300"],
        &[
            "--set optimizer.lr=1e300: `optimizer.lr`: expected 0, or between 1.4e-45 and 3.4e38 in size \
             (steps are computed in 32-bit numbers, in which it would be 0 or infinite), found 1e300",
        ],
    ),
];

#[test]
fn every_bad_setting_of_an_entry_is_refused_in_these_words() {
    for (assignments, expected) in OF_REGISTRIES {
        let mut draft = Draft::parse("job.toml", LEAST).unwrap();
        for assignment in *assignments {
            draft.set(assignment).unwrap();
        }
        let said = draft.check(&Registries::COMMON).map(|_| "accepted");
        let said = said.unwrap_err().to_string();
        assert_eq!(
            said.lines().collect::<Vec<_>>(),
            *expected,
            "for {assignments:?}"
        );
    }
}

#[test]
fn the_resolved_job_has_every_setting_and_a_default_that_is_written_changes_nothing() {
    let job = |sets: &[&str]| {
        let mut draft = Draft::parse("job.toml", LEAST).unwrap();
        sets.iter().for_each(|set| draft.set(set).unwrap());
        draft.check(&Registries::COMMON).unwrap()
    };
    let rmsprop = job(&["optimizer.name=rmsprop"]);
    let text = rmsprop.to_toml();
    for line in ["alpha = 0.99", "centered = false", "momentum = 0.0"] {
        assert!(text.contains(line), "{text}");
    }
    let written = job(&["optimizer.name=rmsprop", "optimizer.alpha=0.99"]);
    assert_eq!(written.fingerprint(), rmsprop.fingerprint());
    let survey = job(&["optimizer.name=rmsprop", "optimizer.defaults=survey"]);
    let same = job(&["optimizer.name=rmsprop", "optimizer.alpha=0.9"]);
    assert_eq!(survey.fingerprint(), same.fingerprint());
    assert_ne!(survey.fingerprint(), rmsprop.fingerprint());
    let inner =
        job(&["schedule={ name = 'sequence', phases = [{ name = 'cosine' }], milestones = [] }"]);
    assert!(inner.to_toml().contains("eta_min"), "{}", inner.to_toml());
    let terms = job(&["regularizer.terms=[{ name = 'max_norm' }]"]);
    assert!(terms.to_toml().contains("radius"), "{}", terms.to_toml());
    assert_eq!(job(&[]).to_toml(), {
        let again = Draft::parse("again.toml", &job(&[]).to_toml()).unwrap();
        again.check(&Registries::COMMON).unwrap().to_toml()
    });
}
