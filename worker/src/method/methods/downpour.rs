//! Downpour: workers push gradients and pull parameters when it suits them, and nobody waits.
//!
//! `n_push` gradients are summed before they are pushed, and `n_pull` iterations share what was pulled;
//! the sum, not each gradient, is what the servers' optimizer sees. Any optimizer goes with it: AdaGrad on the
//! servers is the paper's own choice.
//!
//! Source: Dean et al., *Large scale distributed deep networks*, NIPS 2012.

use thalweg_common::message::Kind;

use crate::method::entry::{COPY_AND_GRADIENT, MethodEntry, OPTIMIZER_ALONE, Place, Use};

pub(super) const ENTRY: MethodEntry = MethodEntry {
    name: "downpour",
    about: "push the sum of n_push gradients, pull every n_pull iterations, wait for nobody; any optimizer",
    source: "Dean et al., NIPS 2012",
    recipe: "",
    fixed: &[],
    memory: Use {
        worker: COPY_AND_GRADIENT,
        servers: OPTIMIZER_ALONE,
    },
    place: Place::Servers(super::gradients),
    pushes: Kind::Gradient,
};
