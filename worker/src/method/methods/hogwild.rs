//! Hogwild!: threads of one process change one model, and nothing keeps them apart.
//!
//! `cluster.workers` threads take row after row; each reads the coordinates of its row from one shared
//! vector and changes them there, whoever else does the same. `method.updates` says whether an update may
//! be lost, `method.sampling` how rows are drawn. `thalweg_worker::hogwild` has formulas and law.
//!
//! Source: Niu, Recht, Ré, Wright, *Hogwild!: a lock-free approach to parallelizing stochastic gradient
//! descent*, NIPS 2011.

use thalweg_common::config::Updates;
use thalweg_common::message::Kind;

use super::ON_THREADS;
use crate::hogwild::Scheme;
use crate::method::entry::{MethodEntry, NO_SERVERS, Place, Use};

pub(super) const ENTRY: MethodEntry = MethodEntry {
    name: "hogwild",
    about: "threads of one process read and change one shared model without locks; sparse models, one machine",
    source: "Niu, Recht, Ré, Wright, NIPS 2011",
    recipe: "[train]\nbatch_size = 1\ncompute = \"0ms\"\n[cluster]\nservers = 1\n",
    fixed: ON_THREADS,
    memory: Use {
        worker: "nothing of its own: all threads together 4 bytes per parameter (8 with adagrad or lossy updates), and the rows as 6 bytes per non-zero (8 beyond 65,536 features)",
        servers: NO_SERVERS,
    },
    place: Place::Threads(|job| match job.method.updates {
        // A count has room in the word of a coordinate that holds nothing else.
        Some(Updates::Lossy) if job.optimizer.name == "sgd" => Scheme::HogwildCounted,
        Some(Updates::Lossy) => Scheme::HogwildLossy,
        Some(Updates::Exact) | None => Scheme::Hogwild,
    }),
    pushes: Kind::Gradient,
};
