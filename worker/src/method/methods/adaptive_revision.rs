//! AdaptiveRevision: delay-tolerant AdaGrad, which takes the steps that a gradient could not see again at the
//! rate that they should have had.
//!
//! The servers tell with every read, or remember, the sum of the gradients that were applied before it,
//! and get it back with the gradient: see the rule `adaptive_revision`.
//!
//! Source: `McMahan`, Streeter, *Delay-tolerant algorithms for asynchronous distributed online
//! learning*, NIPS 2014.

use thalweg_common::message::Kind;

use crate::method::entry::{COPY_AND_GRADIENT, Fixed, MethodEntry, Place, Use};

pub(super) const ENTRY: MethodEntry = MethodEntry {
    name: "adaptive_revision",
    about: "delay-tolerant AdaGrad: revises the steps that a late gradient could not see",
    source: "McMahan, Streeter, NIPS 2014",
    recipe: "[optimizer]\nname = \"adaptive_revision\"\n",
    fixed: &[Fixed {
        key: "optimizer.name",
        value: "\"adaptive_revision\"",
        why: "the method is this rule on the servers",
    }],
    memory: Use {
        worker: COPY_AND_GRADIENT,
        servers: "its optimizer's state, and 8 bytes per parameter for each version that a worker has read whole and not pushed for, at most 2 per worker; what is read in part is sent along instead: 8 bytes per value on the pull and on the push",
    },
    place: Place::Servers(super::gradients),
    pushes: Kind::Gradient,
};
