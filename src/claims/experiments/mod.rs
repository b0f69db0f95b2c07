//! The claims: one file each, and one line here.

mod clouds;
mod hogwild;
mod downpour;
mod stale_reads;
mod adaptive_revision;
mod elastic_averaging;
mod staleness_rate;
mod backup_workers;
mod delay_compensation;
mod local_steps;

use super::claim::Claim;

/// Every claim there is, in the order of their papers.
pub(super) static CLAIMS: &[Claim] = &[
    hogwild::CLAIM,
    downpour::CLAIM,
    stale_reads::CLAIM,
    adaptive_revision::CLAIM,
    elastic_averaging::CLAIM,
    staleness_rate::CLAIM,
    backup_workers::CLAIM,
    delay_compensation::CLAIM,
    local_steps::CLAIM,
];
