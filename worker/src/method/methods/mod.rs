//! The methods, one file each, and the list of them all.

mod synchronous;
mod downpour;
mod mdownpour;
mod adownpour;
mod mvadownpour;
mod async_adagrad;
mod adaptive_revision;
mod ftrl_adaptive_revision;
mod staleness_aware;
mod n_softsync;
mod dc_asgd_constant;
mod dc_asgd_adaptive;
mod gap_aware;
mod easgd;
mod eamsgd;
mod local_sgd;
mod diloco;
mod async_diloco;
mod hogwild;
mod tiered_replicas;

use super::{
    ElasticAveraging, Fixed, Gradients, LocalPlan, LocalSteps, MethodEntry, MethodSettings,
    TrainingMethod,
};

/// Every training method there is, in order of growing complexity.
pub static METHODS: &[MethodEntry] = &[
    synchronous::ENTRY,
    downpour::ENTRY,
    mdownpour::ENTRY,
    adownpour::ENTRY,
    mvadownpour::ENTRY,
    async_adagrad::ENTRY,
    adaptive_revision::ENTRY,
    ftrl_adaptive_revision::ENTRY,
    staleness_aware::ENTRY,
    n_softsync::ENTRY,
    dc_asgd_constant::ENTRY,
    dc_asgd_adaptive::ENTRY,
    gap_aware::ENTRY,
    easgd::ENTRY,
    eamsgd::ENTRY,
    local_sgd::ENTRY,
    diloco::ENTRY,
    async_diloco::ENTRY,
    hogwild::ENTRY,
    tiered_replicas::ENTRY,
];

/// What threads on one model cannot do without.
const ON_THREADS: &[Fixed] = &[
    Fixed {
        key: "cluster.servers",
        value: "1",
        why: "it does not go over a network: threads of one process share the model, and no server is started",
    },
    Fixed {
        key: "train.batch_size",
        value: "1",
        why: "a thread steps after every row",
    },
    Fixed {
        key: "consistency.model",
        value: "\"asp\"",
        why: "threads never wait for each other within an epoch, and all do at its end",
    },
    Fixed {
        key: "consistency.aggregation",
        value: "\"push\"",
        why: "every row is a step of its own",
    },
];

/// Workers that push gradients.
fn gradients(settings: &MethodSettings) -> Box<dyn TrainingMethod> {
    Box::new(Gradients::new(settings))
}

/// Workers that are tied to a centre.
fn elastic_averaging(settings: &MethodSettings) -> Box<dyn TrainingMethod> {
    Box::new(ElasticAveraging::new(settings, local(settings)))
}

/// Workers that push how far they came.
fn local_steps(settings: &MethodSettings) -> Box<dyn TrainingMethod> {
    Box::new(LocalSteps::new(settings, local(settings)))
}

fn local(settings: &MethodSettings) -> LocalPlan {
    let plan = settings.local.clone();
    plan.expect("who plans a worker with parameters of its own plans its steps")
}
