//! MVADOWNPOUR: Downpour with SGD, judged and saved at a moving average of the centre.
//!
//! ```text
//! z ← (1 − a)·z + a·x̃;  x̃ ← x̃ − η·g        a = 0.001
//! ```
//!
//! Workers pull x̃, and z is what observers see and what is saved.
//!
//! Source: Zhang, Choromanska, `LeCun`, NIPS 2015, section 5.

use thalweg_common::message::Kind;

use super::adownpour::AVERAGE;
use crate::method::entry::{COPY_AND_GRADIENT, MethodEntry, OPTIMIZER_ALONE, Place, Use};

pub(super) const ENTRY: MethodEntry = MethodEntry {
    name: "mvadownpour",
    about: "Downpour with SGD, judged and saved at a moving average of the centre",
    source: "Zhang, Choromanska, LeCun, NIPS 2015, section 5",
    recipe: "[optimizer]\nname = \"averaged_sgd\"\nrate = 0.001\n",
    fixed: &[AVERAGE],
    memory: Use {
        worker: COPY_AND_GRADIENT,
        servers: OPTIMIZER_ALONE,
    },
    place: Place::Servers(super::gradients),
    pushes: Kind::Gradient,
};
