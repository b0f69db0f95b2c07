//! The job file as its author meets it: what is refused, in which words, and what is kept.

use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};

use super::{
    ConfigError, Draft, Job, JobConfig, OnWorkerLoss, Overlap, Pause, Registries, Resolved, Seconds,
};
use crate::consistency::{Aggregation, Consistency};

mod refusals;
mod schedules;

/// The smallest job there is.
const LEAST: &str = "[optimizer]\nlr = 0.1\n";

const RESOLVED: Resolved = Resolved {
    rows: 98_000,
    test_rows: 16_000,
    features: 4_270,
    classes: 2,
    fields: Vec::new(),
    hash: 0xab,
};

fn checked(text: &str) -> Result<JobConfig, ConfigError> {
    Draft::parse("job.toml", text)?.check(&Registries::UNCHECKED)
}

fn job(text: &str) -> JobConfig {
    checked(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The least job with these assignments laid over it.
fn with(assignments: &[&str]) -> Result<JobConfig, ConfigError> {
    let mut draft = Draft::parse("job.toml", LEAST)?;
    for assignment in assignments {
        draft.set(assignment)?;
    }
    draft.check(&Registries::UNCHECKED)
}

/// The least job with every default written out.
const EVERY_DEFAULT: &str = r#"name = "job"
seed = 1

[data]
name = "flights"

[model]
name = "logistic_regression"

[gradient]
transforms = []

[optimizer]
name = "adagrad"
lr = 0.1

[schedule]
name = "constant"
unit = "epochs"

[feedback]
name = "none"
every = 1.0

[regularizer]
l2 = 0.0
l1 = 0.0
terms = []

[method]
name = "downpour"
n_push = 1
n_pull = 1
overlap = "full"
prefetch = 2
communication_period = 1
push_format = "f32"
retake = true
solo_phase = 0

[consistency]
model = "asp"
aggregation = "push"
backup_workers = 0
staleness_rate = "constant"
beyond_limit = "reject"

[train]
batch_size = 16
accumulate = 1
epochs = 1.0
pull = "auto"
compute = "0ms"
non_finite = "reject"

[evaluate]
every = 0.1
train_rows = 20000

[stop]
metric = "loss"
min_change = 0.0

[cluster]
servers = 2
workers = 4
on_worker_loss = "continue"
insecure_listen = ""

[limits]
message_bytes_max = 2097152
chunk_bytes = 262144
part_bytes_max = 16777216
inflight_pushes_max = 8
inflight_pulls_max = 4
queue_parts_max = 64
sessions_max = 256
history_events = 256
rejoins_max = 8
memory_bytes_max = 0
lease_seconds = 10.0
iteration_seconds = 3600.0
heartbeat_seconds = 1.0
join_seconds = 60.0
gate_wait_seconds = 5.0
connect_seconds = 10.0
request_seconds = 30.0
retry_total_seconds = 120.0
stop_seconds = 10.0
linger_seconds = 10.0
range_batches = 16

[checkpoint]
every_seconds = 30.0
keep = 3
restarts = 3
"#;

#[test]
fn the_canonical_text_writes_every_default_out() {
    assert_eq!(job(LEAST).to_toml(), EVERY_DEFAULT);
    assert_eq!(job(EVERY_DEFAULT), job(LEAST));
}

#[test]
fn every_key_that_can_be_written_is_read_back() {
    let text = r#"
        name = "all-keys"
        seed = 9223372036854775807
        [data]
        name = "libsvm"
        train = "a.txt"
        nested = { b = 2, a = [1, { d = 1, c = 2 }] }
        [data.resolved]
        rows = 10
        test_rows = 2
        features = 7
        classes = 4
        hash = "ffffffffffffffff"
        [model]
        name = "softmax"
        bias = false
        [gradient]
        transforms = [{ name = "clip", most = 1.0 }, { most = 2.0, name = "clip" }, { name = "x" }]
        [optimizer]
        name = "adam"
        lr = 1e-3
        beta1 = 0.9
        [schedule]
        name = "step"
        every = 3
        [regularizer]
        l2 = 1e-30
        [method]
        n_push = 3
        n_pull = 2
        overlap = "push"
        prefetch = 64
        local_lr = 0
        solo_phase = 0
        [consistency]
        model = "ssp"
        lag = 3
        [train]
        batch_size = 7
        accumulate = 3
        class_weight = { "0" = 2, "1" = 0.5 }
        epochs = 0.25
        seconds = 1.5
        pull = "sparse"
        compute = "1500us"
        non_finite = "zero"
        [evaluate]
        every = 0
        train_rows = 0
        [cluster]
        servers = 3
        workers = 7
        on_worker_loss = "stop"
        insecure_listen = "i-accept-plaintext-on-this-network"
        [limits]
        lease_seconds = 0.5
        heartbeat_seconds = 0.125
    "#;
    let job = job(text);
    assert_eq!(checked(&job.to_toml()), Ok(job.clone()));
    assert_eq!(job.consistency.model, Consistency::Ssp { lag: 3 });
    assert_eq!(
        job.data.resolved.as_ref().map(|resolved| resolved.hash),
        Some(u64::MAX)
    );
    assert_eq!(job.method.overlap, Overlap::Push);
    assert_eq!(job.train.compute, Pause::parse("1500us").unwrap());
    assert_eq!(job.train.seconds, Some(Seconds(1.5)));
    assert!(job.cluster.may_listen_off_loopback());
}

#[test]
fn defaults_that_depend_on_the_consistency_model_follow_it() {
    let bsp = with(&["consistency.model=bsp"]).unwrap();
    assert_eq!(
        bsp.consistency.aggregation,
        Aggregation::Round { backup_workers: 0 }
    );
    assert_eq!(bsp.cluster.on_worker_loss, OnWorkerLoss::Stop);
    let ssp = with(&["consistency.model=ssp", "consistency.lag=3"]).unwrap();
    assert_eq!(ssp.consistency.aggregation, Aggregation::Push);
    assert_eq!(ssp.cluster.on_worker_loss, OnWorkerLoss::Continue);
}

#[test]
fn what_goes_together_is_accepted() {
    for assignments in [
        &["consistency.model=bsp", "consistency.aggregation=push"][..],
        &[
            "consistency.model=bsp",
            "method.overlap=full",
            "cluster.on_worker_loss=continue",
        ],
        &[
            "consistency.model=ssp",
            "consistency.lag=6",
            "method.n_push=4",
            "method.n_pull=4",
        ],
        &["method.solo_phase=1000"],
        &["method.overlap=off", "method.prefetch=64"],
        &["method.prefetch=64", "limits.inflight_pulls_max=64"],
        &[
            "limits.linger_seconds=0",
            "limits.memory_bytes_max=1000000000",
        ],
        &[
            "cluster.workers=1",
            "cluster.servers=1",
            "train.batch_size=1",
        ],
    ] {
        assert!(
            with(assignments).is_ok(),
            "{assignments:?}: {:?}",
            with(assignments)
        );
    }
}

#[test]
fn the_order_in_which_free_keys_are_written_does_not_matter() {
    let one = job("[optimizer]\nlr = 0.1\nb = 1\na = { d = 1, c = [{ y = 1, x = 2 }] }\n");
    let other = job("[optimizer]\na = { c = [{ x = 2, y = 1 }], d = 1 }\nb = 1\nlr = 0.1\n");
    assert_eq!(one.to_toml(), other.to_toml());
    assert_eq!(one.fingerprint(), other.fingerprint());
}

#[test]
fn the_fingerprint_sees_what_a_cluster_must_agree_on_and_nothing_else() {
    let usual = with(&[]).unwrap().fingerprint();
    for own in [
        "limits.connect_seconds=3",
        "limits.memory_bytes_max=7",
        "limits.inflight_pushes_max=2",
        "train.compute=20ms",
        "evaluate.every=0.5",
        "stop.patience=3",
        "checkpoint.every_seconds=5",
        "checkpoint.restarts=0",
        "limits.rejoins_max=2",
        "cluster.insecure_listen=i-accept-plaintext-on-this-network",
    ] {
        assert_eq!(with(&[own]).unwrap().fingerprint(), usual, "{own}");
    }
    for shared in [
        "name=other",
        "seed=2",
        "data.path=x",
        "optimizer.lr=0.2",
        "optimizer.eps=1e-8",
        "train.batch_size=17",
        "cluster.workers=5",
        "limits.chunk_bytes=4096",
        "limits.lease_seconds=11",
    ] {
        assert_ne!(with(&[shared]).unwrap().fingerprint(), usual, "{shared}");
    }
    let resolved = with(&[]).unwrap().with_resolved(RESOLVED).unwrap();
    assert_ne!(resolved.fingerprint(), usual);
}

#[test]
fn a_resolved_job_reads_back_and_is_judged_again() {
    let resolved = job(LEAST).with_resolved(RESOLVED).unwrap();
    assert_eq!(checked(&resolved.to_toml()), Ok(resolved));
    let columns = job(LEAST)
        .with_resolved(Resolved {
            fields: vec![4_000, 270],
            ..RESOLVED
        })
        .unwrap();
    assert!(columns.to_toml().contains("fields = [4000, 270]"));
    assert_eq!(checked(&columns.to_toml()), Ok(columns));
    let few = job(LEAST)
        .with_resolved(Resolved {
            rows: 3,
            ..RESOLVED
        })
        .unwrap_err();
    assert_eq!(
        few.to_string(),
        "`cluster.workers` = 4 cannot go with `data.resolved.rows` = 3: each worker needs a row of \
         its own; start fewer workers"
    );
}

#[test]
fn a_registrys_refusal_stands_at_its_key() {
    let registries = Registries {
        optimizer: |name, options| match options.keys().next() {
            Some(key) => Err(format!("`{name}` has no setting `{key}`\nit has: eps")),
            None => Ok(options.clone()),
        },
        model: |name, _| Err(format!("no model is called `{name}`")),
        ..Registries::UNCHECKED
    };
    let draft = Draft::parse("job.toml", "[optimizer]\nlr = 1\nepz = 2\n").unwrap();
    assert_eq!(
        draft.check(&registries).unwrap_err().to_string(),
        "job.toml:3: [optimizer]: `adagrad` has no setting `epz`, it has: eps\n\
         job.toml: [model]: no model is called `logistic_regression`"
    );
}

#[test]
fn optimizer_and_schedule_are_judged_by_their_registries() {
    let refusal = |text: &str| {
        let draft = Draft::parse("job.toml", text).unwrap();
        draft.check(&Registries::COMMON).unwrap_err().to_string()
    };
    let text = refusal("[optimizer]\nname = \"adam\"\nlr = 0.1\nbetas = [0.9, 1.0]\n");
    assert!(
        text.starts_with("job.toml:4: [optimizer]: `betas[1]` is 1"),
        "{text}"
    );
    let text = refusal("[optimizer]\nname = \"adagrat\"\nlr = 0.1\n");
    assert!(
        text.starts_with("job.toml:2: [optimizer]: no optimizer is called `adagrat`"),
        "{text}"
    );
    assert!(text.contains("did you mean `adagrad`"), "{text}");
    let text = refusal("[optimizer]\nname = \"adam\"\nlr = 0.1\nbeta_1 = 0.9\n");
    assert!(
        text.starts_with("job.toml:4: [optimizer]: `adam` has no setting `beta_1`"),
        "{text}"
    );
    let text = refusal("[optimizer]\nlr = 0.1\n[schedule]\nname = \"stepp\"\n");
    assert!(
        text.starts_with("job.toml:4: [schedule]: no schedule is called `stepp`"),
        "{text}"
    );
    assert!(
        Draft::parse("job.toml", LEAST)
            .unwrap()
            .check(&Registries::COMMON)
            .is_ok()
    );
}

/// An assignment and a look at what it must have changed.
type Change = (String, fn(&Job) -> String, String);

fn change() -> impl Strategy<Value = Change> {
    let batch = (1..=u64::from(u32::MAX)).prop_map(|n| -> Change {
        (
            format!("train.batch_size={n}"),
            |job| job.train.batch_size.to_string(),
            n.to_string(),
        )
    });
    let rate = (1e-30_f64..1e30).prop_map(|x| -> Change {
        (
            format!("optimizer.lr={x:?}"),
            |job| format!("{:?}", job.optimizer.lr),
            format!("{x:?}"),
        )
    });
    let seed = (0..=i64::MAX).prop_map(|n| -> Change {
        (
            format!("seed={n}"),
            |job| job.seed.to_string(),
            n.to_string(),
        )
    });
    let name = "[a-z][a-z0-9._-]{0,63}".prop_filter("a word that TOML reads as no text", |name| {
        format!("x = {name}").parse::<toml::Table>().is_err()
    });
    let name =
        name.prop_map(|name| -> Change { (format!("name={name}"), |job| job.name.clone(), name) });
    let own = any::<String>().prop_map(|text| -> Change {
        let quoted = toml::Value::String(text.clone()).to_string();
        let look: fn(&Job) -> String = |job| {
            job.data
                .options
                .get("own")
                .and_then(|v| v.as_str())
                .unwrap_or_default()
                .to_owned()
        };
        (format!("data.own={quoted}"), look, text)
    });
    let overlap = prop_oneof![Just("off"), Just("push"), Just("full")].prop_map(|word| -> Change {
        let look: fn(&Job) -> String = |job| format!("{:?}", job.method.overlap).to_lowercase();
        (format!("method.overlap={word}"), look, word.to_owned())
    });
    prop_oneof![batch, rate, seed, name, own, overlap]
}

proptest! {
    #[test]
    fn an_assignment_changes_its_key_and_survives_the_canonical_text(
        (assignment, look, expected) in change(),
    ) {
        let job = with(&[&assignment]).unwrap();
        prop_assert_eq!(look(&job), expected);
        prop_assert_eq!(checked(&job.to_toml()), Ok(job));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[a-z\\[\\]=\\.\"'0-9\\n ]{0,60}") {
        drop(checked(&text));
    }

    #[test]
    fn no_assignment_makes_the_reader_panic(assignment in any::<String>()) {
        drop(with(&[&assignment]));
    }
}
