//! DC-ASGD-c: asynchronous SGD with each late gradient corrected to first order, at a constant weight.
//!
//! The servers know what the worker had read, and add `λ·g²·(x − x_read)`: see the rule
//! `dc_asgd_constant`.
//!
//! Source: Zheng et al., *Asynchronous stochastic gradient descent with delay compensation*, ICML 2017.

use thalweg_common::message::Kind;

use crate::method::entry::{COPY_AND_GRADIENT, Fixed, MethodEntry, Place, Use};

pub(super) const ENTRY: MethodEntry = MethodEntry {
    name: "dc_asgd_constant",
    about: "asynchronous SGD that corrects late gradients by λ·g²·(x − x at read)",
    source: "Zheng et al., ICML 2017 (DC-ASGD-c)",
    recipe: "[optimizer]\nname = \"dc_asgd_constant\"\n[method]\nlocal_lr = 0.0\n",
    fixed: &[Fixed {
        key: "optimizer.name",
        value: "\"dc_asgd_constant\"",
        why: "the method is this rule on the servers",
    }],
    memory: Use {
        worker: COPY_AND_GRADIENT,
        servers: "its optimizer's state, and 4 bytes per parameter for each version that a worker has read whole and not pushed for, at most 2 per worker; what is read in part is sent along instead: 4 bytes per value on the pull and on the push",
    },
    place: Place::Servers(super::gradients),
    pushes: Kind::Gradient,
};
