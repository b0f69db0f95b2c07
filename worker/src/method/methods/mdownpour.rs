//! MDOWNPOUR: Downpour whose servers run Nesterov's method, and whose workers take gradients at the point
//! ahead.
//!
//! ```text
//! v ← δ·v − η·g;  x̃ ← x̃ + v;  workers are sent x̃ + δ·v
//! ```
//!
//! The paper has it for a communication period of 1 only.
//!
//! Source: Zhang, Choromanska, `LeCun`, NIPS 2015, section 5.

use thalweg_common::message::Kind;

use crate::method::entry::{COPY_AND_GRADIENT, Fixed, MethodEntry, OPTIMIZER_ALONE, Place, Use};

pub(super) const ENTRY: MethodEntry = MethodEntry {
    name: "mdownpour",
    about: "Downpour under Nesterov momentum on the servers: workers take gradients at the point ahead",
    source: "Zhang, Choromanska, LeCun, NIPS 2015, section 5",
    recipe: "[optimizer]\nname = \"nag_lookahead\"\n",
    fixed: &[
        Fixed {
            key: "optimizer.name",
            value: "\"nag_lookahead\"",
            why: "the method is this rule on the servers",
        },
        Fixed {
            key: "method.n_push",
            value: "1",
            why: "a push is one gradient at the point ahead",
        },
        Fixed {
            key: "method.n_pull",
            value: "1",
            why: "each gradient is of the point ahead as it is then",
        },
    ],
    memory: Use {
        worker: COPY_AND_GRADIENT,
        servers: OPTIMIZER_ALONE,
    },
    place: Place::Servers(super::gradients),
    pushes: Kind::Gradient,
};
