//! Tiered replicas: every thread updates a copy of the model and adds its deltas to the shared one, often
//! for coordinates that many rows have and seldom for the others.
//!
//! This is not Hogwild!: threads do not see one another's updates until they are merged. It is what
//! scales where a few coordinates are in most rows, as in text: there a shared model is slower on two
//! cores than on one, because the lines of the hot coordinates travel between the cores with each
//! update ([docs/HOGWILD.md](https://github.com/thalweg/thalweg/blob/main/docs/HOGWILD.md)).
//!
//! ```text
//! thread:  x ← x − γ g                                    on its replica
//! merge of a coordinate:  X ← X + (x − x₀);  x, x₀ ← X     x₀: the replica after the last merge
//! ```
//!
//! | symbol | meaning |
//! |---|---|
//! | X | the shared model: relaxed atomics, changed under the lock of the tier |
//! | x, x₀ | the replica of a thread, and what it was after the last merge: plain memory |
//!
//! Deltas are added, not averaged: each stands for rows that nobody else has seen. Whether that is right
//! is the rule's to say ([`super::rule::HotMerge`]). For AdaGrad the sums of squares are added, too, and a
//! delta, which was made at the rate of one's own squares, is brought to the rate of all:
//!
//! ```text
//! G' ← G_shared + (G − G₀);  X ← X + (x − x₀)·√(G / G')
//! ```
//!
//! A merge that finds the tier busy is skipped; the deltas wait for the next one. After an epoch all of
//! them are merged, and every replica begins the next one with the sum.

pub mod plan;
mod merge;
mod run;

pub(super) use self::run::Tiered;
pub use self::{
    merge::{BLOCK, Merge},
    plan::{Plan, Tier},
};
