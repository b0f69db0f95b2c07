//! EASGD: workers with parameters of their own, each tied by a spring to the servers' centre.
//!
//! Every `communication_period` iterations worker and centre move towards each other by
//! `elastic_rate` of their distance. Asynchronous as it stands; with `consistency.model` = "bsp" and a
//! period of 1 it is the synchronous form. `[optimizer]` is what each worker runs; any rule whose
//! parameters last goes.
//!
//! Source: Zhang, Choromanska, `LeCun`, *Deep learning with elastic averaging SGD*, NIPS 2015,
//! algorithm 1.

use thalweg_common::message::Kind;

use crate::method::entry::{Fixed, MethodEntry, Place, Use};

/// The servers' rule under elastic averaging, whatever the workers run.
pub(super) const OUTER_RULE: Fixed = Fixed {
    key: "outer.name",
    value: "\"sgd\"",
    why: "the servers add differences as they are",
};

/// Their rate.
pub(super) const OUTER_RATE: Fixed = Fixed {
    key: "outer.lr",
    value: "1.0",
    why: "the servers add differences as they are",
};

/// What they keep.
pub(super) const CENTRE: &str =
    "4 bytes per parameter: the centre (8 more per parameter and worker under rounds)";

pub(super) const ENTRY: MethodEntry = MethodEntry {
    name: "easgd",
    about: "workers with parameters of their own, tied by a spring to a centre on the servers; [optimizer] runs in the workers",
    source: "Zhang, Choromanska, LeCun, NIPS 2015, algorithm 1",
    recipe: "[optimizer]\nname = \"sgd\"\n[outer]\nname = \"sgd\"\nlr = 1.0\n[method]\ncommunication_period = 10\n",
    fixed: &[OUTER_RULE, OUTER_RATE],
    memory: Use {
        worker: "16 bytes per parameter (12 with a period of 1) and its optimizer's slots: parameters of its own, a gradient, a difference, the centre",
        servers: CENTRE,
    },
    place: Place::Workers(super::elastic_averaging),
    pushes: Kind::Delta,
};
