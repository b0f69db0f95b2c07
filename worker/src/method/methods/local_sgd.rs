//! Local SGD: every worker takes `communication_period` steps by itself, and their parameters are averaged.
//!
//! Workers push how far they came; the servers step by the mean of it with plain SGD of rate 1, which makes
//! w the mean of the workers' parameters, weighted by their examples. A period of 1 is synchronous SGD.
//! `[optimizer]` is what each worker runs; what it remembers stays with the worker and is not averaged.
//!
//! Source: Stich, *Local SGD converges fast and communicates little*, ICLR 2019; `McMahan` et al., 2017
//! (federated averaging).

use thalweg_common::message::Kind;

use crate::method::entry::{Fixed, MethodEntry, Place, Use};

/// What a worker keeps that takes steps of its own.
pub(super) const OWN_STEPS: &str = "12 bytes per parameter and its optimizer's slots: parameters of its own, a \
                                    gradient, where the period began; 4 more with \
                                    push_format = \"int8\"";

pub(super) const ENTRY: MethodEntry = MethodEntry {
    name: "local_sgd",
    about: "communication_period steps in every worker, then the mean of their parameters; [optimizer] runs in the workers",
    source: "Stich, ICLR 2019; McMahan et al., AISTATS 2017",
    recipe: "[optimizer]\nname = \"sgd\"\n[outer]\nname = \"sgd\"\nlr = 1.0\n[method]\ncommunication_period = 10\n[consistency]\nmodel = \"bsp\"\naggregation = \"round\"\n",
    fixed: &[Fixed {
        key: "consistency.aggregation",
        value: "\"round\"",
        why: "a round is the mean of all workers' parameters; async_diloco is the form without rounds",
    }],
    memory: Use {
        worker: OWN_STEPS,
        servers: "its outer optimizer's state, and 8 bytes per parameter and worker for a round",
    },
    place: Place::Workers(super::local_steps),
    pushes: Kind::Gradient,
};
