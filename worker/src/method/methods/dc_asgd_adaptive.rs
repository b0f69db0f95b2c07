//! DC-ASGD-a: delay compensation whose weight follows the size of the gradients.
//!
//! As DC-ASGD-c, with λ₀/√(mean square of g) for λ: see the rule `dc_asgd_adaptive`, whose guard keeps the
//! correction from overshooting while that mean is cold.
//!
//! Source: Zheng et al., *Asynchronous stochastic gradient descent with delay compensation*, ICML 2017.

use thalweg_common::message::Kind;

use crate::method::entry::{COPY_AND_GRADIENT, Fixed, MethodEntry, Place, Use};

pub(super) const ENTRY: MethodEntry = MethodEntry {
    name: "dc_asgd_adaptive",
    about: "asynchronous SGD that corrects late gradients, the more the smaller gradients are",
    source: "Zheng et al., ICML 2017 (DC-ASGD-a)",
    recipe: "[optimizer]\nname = \"dc_asgd_adaptive\"\n[method]\nlocal_lr = 0.0\n",
    fixed: &[Fixed {
        key: "optimizer.name",
        value: "\"dc_asgd_adaptive\"",
        why: "the method is this rule on the servers",
    }],
    memory: Use {
        worker: COPY_AND_GRADIENT,
        servers: "its optimizer's state, and 4 bytes per parameter for each version that a worker has read whole and not pushed for, at most 2 per worker; what is read in part is sent along instead: 4 bytes per value on the pull and on the push",
    },
    place: Place::Servers(super::gradients),
    pushes: Kind::Gradient,
};
