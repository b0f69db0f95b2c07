//! Staleness-aware asynchronous SGD: a gradient that has missed τ steps counts 1/τ.
//!
//! The factor is on the gradient, before the optimizer, so that momentum keeps what it was given. With
//! plain SGD it is the paper's rate α₀/τ; staleness 0, which the paper leaves open, counts as 1.
//!
//! Source: Zhang, Gupta, Lian, Liu, *Staleness-aware async-SGD for distributed deep learning*, IJCAI
//! 2016.

use thalweg_common::message::Kind;

use crate::method::entry::{COPY_AND_GRADIENT, Fixed, MethodEntry, OPTIMIZER_ALONE, Place, Use};

pub(super) const ENTRY: MethodEntry = MethodEntry {
    name: "staleness_aware",
    about: "a gradient that has missed τ steps counts 1/τ; any optimizer",
    source: "Zhang, Gupta, Lian, Liu, IJCAI 2016",
    recipe: "[optimizer]\nname = \"sgd\"\n[method]\nlocal_lr = 0.0\n[consistency]\nstaleness_rate = \"inverse\"\n",
    fixed: &[
        Fixed {
            key: "consistency.staleness_rate",
            value: "\"inverse\"",
            why: "the method is this factor",
        },
        Fixed {
            key: "consistency.aggregation",
            value: "\"push\"",
            why: "each push is weighed by its own staleness; n_softsync does it for several at once",
        },
    ],
    memory: Use {
        worker: COPY_AND_GRADIENT,
        servers: OPTIMIZER_ALONE,
    },
    place: Place::Servers(super::gradients),
    pushes: Kind::Gradient,
};
