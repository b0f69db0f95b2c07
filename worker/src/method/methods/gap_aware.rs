//! Gap-aware SGD: a late gradient counts less the further its parameter has moved since it was read.
//!
//! See the rule `gap_aware`.
//!
//! Source: Barkai, Hakimi, Schuster, *Gap-aware mitigation of gradient staleness*, ICLR 2020.

use thalweg_common::message::Kind;

use crate::method::entry::{COPY_AND_GRADIENT, Fixed, MethodEntry, Place, Use};

pub(super) const ENTRY: MethodEntry = MethodEntry {
    name: "gap_aware",
    about: "asynchronous SGD that divides a gradient by how far its parameter has moved since it was read",
    source: "Barkai, Hakimi, Schuster, ICLR 2020",
    recipe: "[optimizer]\nname = \"gap_aware\"\n[method]\nlocal_lr = 0.0\n",
    fixed: &[Fixed {
        key: "optimizer.name",
        value: "\"gap_aware\"",
        why: "the method is this rule on the servers",
    }],
    memory: Use {
        worker: COPY_AND_GRADIENT,
        servers: "its optimizer's state, and 4 bytes per parameter for each version that a worker has read whole and not pushed for, at most 2 per worker; what is read in part is sent along instead: 4 bytes per value on the pull and on the push",
    },
    place: Place::Servers(super::gradients),
    pushes: Kind::Gradient,
};
