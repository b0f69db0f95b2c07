//! FTRL-AdaptiveRevision: AdaptiveRevision for parameters that stay zero until they have earned more.
//!
//! Source: `McMahan`, Streeter, NIPS 2014, on FTRL-Proximal of `McMahan` et al., KDD 2013; derived here.

use thalweg_common::message::Kind;

use crate::method::entry::{COPY_AND_GRADIENT, Fixed, MethodEntry, Place, Use};

pub(super) const ENTRY: MethodEntry = MethodEntry {
    name: "ftrl_adaptive_revision",
    about: "AdaptiveRevision under FTRL-Proximal, for sparse models",
    source: "McMahan, Streeter, NIPS 2014; McMahan et al., KDD 2013",
    recipe: "[optimizer]\nname = \"ftrl_adaptive_revision\"\n",
    fixed: &[Fixed {
        key: "optimizer.name",
        value: "\"ftrl_adaptive_revision\"",
        why: "the method is this rule on the servers",
    }],
    memory: Use {
        worker: COPY_AND_GRADIENT,
        servers: "its optimizer's state, and 8 bytes per parameter for each version that a worker has read whole and not pushed for, at most 2 per worker; what is read in part is sent along instead: 8 bytes per value on the pull and on the push",
    },
    place: Place::Servers(super::gradients),
    pushes: Kind::Gradient,
};
