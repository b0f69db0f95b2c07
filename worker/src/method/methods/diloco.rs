//! DiLoCo: local steps under an outer optimizer with Nesterov momentum.
//!
//! As local SGD with AdamW in the workers, for long periods; the servers take the mean way of the workers
//! for a gradient and step by Nesterov's method. Communication falls with the period.
//!
//! Source: Douillard et al., *DiLoCo: distributed low-communication training of language models*, 2023.

use thalweg_common::message::Kind;

use super::local_sgd::OWN_STEPS;
use crate::method::entry::{Fixed, MethodEntry, Place, Use};

pub(super) const ENTRY: MethodEntry = MethodEntry {
    name: "diloco",
    about: "long runs of AdamW in every worker, then an outer Nesterov step by the mean of how far they came",
    source: "Douillard et al., 2023",
    recipe: "[optimizer]\nname = \"adamw\"\n[outer]\nname = \"nesterov\"\nlr = 0.7\nmomentum = 0.9\n[method]\ncommunication_period = 50\n[consistency]\nmodel = \"bsp\"\naggregation = \"round\"\n",
    fixed: &[Fixed {
        key: "consistency.aggregation",
        value: "\"round\"",
        why: "an outer step is of all workers; async_diloco is the form without rounds",
    }],
    memory: Use {
        worker: OWN_STEPS,
        servers: "its outer optimizer's state (nesterov: 8 bytes per parameter), and 8 bytes per parameter and worker for a round",
    },
    place: Place::Workers(super::local_steps),
    pushes: Kind::Gradient,
};
