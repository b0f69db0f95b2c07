//! Synchronous SGD: every step is one gradient of every worker, all at the same parameters.
//!
//! The baseline of all the others. A round is the mean of the workers' gradients, weighted by their
//! examples and summed in worker order, so that W workers take the very steps of one that accumulates
//! the same W batches. Every round waits for the slowest worker; `consistency.backup_workers` = b
//! leaves out the slowest b, whose gradients are never averaged into the next round.
//!
//! Source: Chen et al., *Revisiting distributed synchronous SGD*, 2016.

use thalweg_common::message::Kind;

use crate::method::entry::{COPY_AND_GRADIENT, Fixed, MethodEntry, Place, Use};

pub(super) const ENTRY: MethodEntry = MethodEntry {
    name: "synchronous",
    about: "every step is the mean of one gradient of every worker; backup_workers = b goes on without the slowest b",
    source: "Chen et al., Revisiting distributed synchronous SGD, 2016",
    recipe: "[consistency]\nmodel = \"bsp\"\naggregation = \"round\"\n",
    fixed: &[
        Fixed {
            key: "consistency.model",
            value: "\"bsp\"",
            why: "a step of all workers needs them all at the same parameters",
        },
        Fixed {
            key: "consistency.aggregation",
            value: "\"round\"",
            why: "a step is the mean of all workers' gradients",
        },
    ],
    memory: Use {
        worker: COPY_AND_GRADIENT,
        servers: "its optimizer's state, and 8 bytes per parameter and worker for the gradients of a round",
    },
    place: Place::Servers(super::gradients),
    pushes: Kind::Gradient,
};
