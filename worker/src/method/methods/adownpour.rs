//! ADOWNPOUR: Downpour with SGD, judged and saved at the mean of all points that the centre passed.
//!
//! ```text
//! z ← (1 − a)·z + a·x̃;  x̃ ← x̃ − η·g        a = 1/t
//! ```
//!
//! Workers pull x̃, and z is what observers see and what is saved.
//!
//! Source: Zhang, Choromanska, `LeCun`, NIPS 2015, section 5.

use thalweg_common::message::Kind;

use crate::method::entry::{COPY_AND_GRADIENT, Fixed, MethodEntry, OPTIMIZER_ALONE, Place, Use};

/// The servers' rule, whatever the weight of its newest point.
pub(super) const AVERAGE: Fixed = Fixed {
    key: "optimizer.name",
    value: "\"averaged_sgd\"",
    why: "the method is this average on the servers",
};

pub(super) const ENTRY: MethodEntry = MethodEntry {
    name: "adownpour",
    about: "Downpour with SGD, judged and saved at the mean of all points that the centre passed",
    source: "Zhang, Choromanska, LeCun, NIPS 2015, section 5",
    recipe: "[optimizer]\nname = \"averaged_sgd\"\nrate = 0.0\n",
    fixed: &[
        AVERAGE,
        Fixed {
            key: "optimizer.rate",
            value: "0.0",
            why: "it is judged at the mean of all points; mvadownpour has the moving average",
        },
    ],
    memory: Use {
        worker: COPY_AND_GRADIENT,
        servers: OPTIMIZER_ALONE,
    },
    place: Place::Servers(super::gradients),
    pushes: Kind::Gradient,
};
