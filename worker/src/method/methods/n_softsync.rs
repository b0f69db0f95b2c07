//! n-softsync: the servers step once as many gradients have come as a split of the workers has, whosever
//! they are, each weighed by its staleness.
//!
//! `consistency.splits` = n divides λ workers into n splits: a step takes ⌊λ/n⌋ gradients, in the order
//! in which they came. n = 1 steps about once per round, without a barrier; n = λ once per push.
//!
//! Source: Zhang, Gupta, Lian, Liu, *Staleness-aware async-SGD for distributed deep learning*, IJCAI
//! 2016.

use thalweg_common::message::Kind;

use crate::method::entry::{COPY_AND_GRADIENT, Fixed, MethodEntry, Place, Use};

pub(super) const ENTRY: MethodEntry = MethodEntry {
    name: "n_softsync",
    about: "the servers step once ⌊workers/splits⌋ gradients have come, each weighed by its staleness; any optimizer",
    source: "Zhang, Gupta, Lian, Liu, IJCAI 2016",
    recipe: "[optimizer]\nname = \"sgd\"\n[method]\nlocal_lr = 0.0\n[consistency]\naggregation = \"softsync\"\nsplits = 1\nstaleness_rate = \"inverse\"\n",
    fixed: &[Fixed {
        key: "consistency.aggregation",
        value: "\"softsync\"",
        why: "the method is this aggregation",
    }],
    memory: Use {
        worker: COPY_AND_GRADIENT,
        servers: "its optimizer's state, and 8 bytes per parameter and worker for the gradients of a step",
    },
    place: Place::Servers(super::gradients),
    pushes: Kind::Gradient,
};
