//! `AsyncAdaGrad`: AdaGrad on the servers, with delays ignored: what AdaptiveRevision is compared with.
//!
//! ```text
//! z ← z + g²;  x ← x − η·g/√z        z begins at 1
//! ```
//!
//! Source: the baseline of `McMahan`, Streeter, NIPS 2014.

use thalweg_common::message::Kind;

use crate::method::entry::{COPY_AND_GRADIENT, Fixed, MethodEntry, OPTIMIZER_ALONE, Place, Use};

pub(super) const ENTRY: MethodEntry = MethodEntry {
    name: "async_adagrad",
    about: "AdaGrad on the servers, delays ignored: the baseline of adaptive_revision",
    source: "the baseline of McMahan, Streeter, NIPS 2014",
    recipe: "[optimizer]\nname = \"adagrad\"\ninitial_accumulator_value = 1.0\neps = 0.0\n",
    fixed: &[Fixed {
        key: "optimizer.name",
        value: "\"adagrad\"",
        why: "the method is AdaGrad on the servers",
    }],
    memory: Use {
        worker: COPY_AND_GRADIENT,
        servers: OPTIMIZER_ALONE,
    },
    place: Place::Servers(super::gradients),
    pushes: Kind::Gradient,
};
