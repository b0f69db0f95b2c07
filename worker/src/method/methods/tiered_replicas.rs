//! Tiered replicas: every thread changes a copy of the model, and copies are merged, often where many rows
//! meet and seldom elsewhere.
//!
//! Not Hogwild!: threads see one another's updates at merges only. It is what scales where a few features
//! are in most rows, as in text, where threads on one shared vector are slower on two cores than on one.
//! `thalweg_worker::hogwild::tiered` has formulas and tiers.

use thalweg_common::message::Kind;

use super::ON_THREADS;
use crate::hogwild::Scheme;
use crate::method::entry::{MethodEntry, NO_SERVERS, Place, Use};

pub(super) const ENTRY: MethodEntry = MethodEntry {
    name: "tiered_replicas",
    about: "threads of one process with a copy each, merged often for frequent features and seldom for others; sparse models, one machine",
    source: "own; after model replication in Zhang, Ré, DimmWitted, VLDB 2014",
    recipe: "[train]\nbatch_size = 1\ncompute = \"0ms\"\n[cluster]\nservers = 1\n",
    fixed: ON_THREADS,
    memory: Use {
        worker: "8 bytes per parameter in each thread (16 with adagrad); all together 4 (8) more, and the rows twice, as 8 bytes per non-zero",
        servers: NO_SERVERS,
    },
    place: Place::Threads(|_| Scheme::TieredReplicas),
    pushes: Kind::Gradient,
};
