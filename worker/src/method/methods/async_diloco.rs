//! Asynchronous DiLoCo: local steps whose way each worker pushes when it is there, under delayed Nesterov.
//!
//! An outer Nesterov step at every arrival overshoots, since its momentum grows with each; delayed Nesterov
//! moves the momentum only with every `[outer] period`-th arrival, usually as many as there are workers.
//!
//! Source: Liu et al., *Asynchronous local-SGD training for language modeling*, 2024.

use thalweg_common::message::Kind;

use super::local_sgd::OWN_STEPS;
use crate::method::entry::{Fixed, MethodEntry, Place, Use};

pub(super) const ENTRY: MethodEntry = MethodEntry {
    name: "async_diloco",
    about: "local AdamW runs that arrive one by one, under delayed Nesterov on the servers",
    source: "Liu et al., 2024",
    recipe: "[optimizer]\nname = \"adamw\"\n[outer]\nname = \"delayed_nesterov\"\nlr = 0.7\nmomentum = 0.9\n[method]\ncommunication_period = 50\n",
    fixed: &[Fixed {
        key: "consistency.aggregation",
        value: "\"push\"",
        why: "every arrival is a step; diloco is the form with rounds",
    }],
    memory: Use {
        worker: OWN_STEPS,
        servers: "its outer optimizer's state (delayed_nesterov: 12 bytes per parameter)",
    },
    place: Place::Workers(super::local_steps),
    pushes: Kind::Gradient,
};
