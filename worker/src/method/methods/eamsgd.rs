//! EAMSGD: elastic averaging with Nesterov momentum in the workers.
//!
//! ```text
//! v ← δ·v − η·g(x + δ·v);  x ← x + v
//! ```
//!
//! The gradient is taken at the point ahead; `[optimizer] momentum` is δ. Else as EASGD.
//!
//! Source: Zhang, Choromanska, `LeCun`, *Deep learning with elastic averaging SGD*, NIPS 2015,
//! algorithm 2.

use thalweg_common::message::Kind;

use super::easgd::{CENTRE, OUTER_RATE, OUTER_RULE};
use crate::method::entry::{Fixed, MethodEntry, Place, Use};

pub(super) const ENTRY: MethodEntry = MethodEntry {
    name: "eamsgd",
    about: "elastic averaging with Nesterov momentum in the workers, gradients at the point ahead",
    source: "Zhang, Choromanska, LeCun, NIPS 2015, algorithm 2",
    recipe: "[optimizer]\nname = \"nag_lookahead\"\nmomentum = 0.9\n[outer]\nname = \"sgd\"\nlr = 1.0\n[method]\ncommunication_period = 10\n",
    fixed: &[
        Fixed {
            key: "optimizer.name",
            value: "\"nag_lookahead\"",
            why: "the method is this rule in the workers",
        },
        OUTER_RULE,
        OUTER_RATE,
    ],
    memory: Use {
        worker: "16 bytes per parameter (12 with a period of 1) and 4 more for the velocity: parameters of its own, a gradient, a difference, the centre",
        servers: CENTRE,
    },
    place: Place::Workers(super::elastic_averaging),
    pushes: Kind::Delta,
};
