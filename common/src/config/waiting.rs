//! `[consistency]`: keys that belong to one choice each, and what is missing for it.

use super::error::Problems;
use super::sections::consistency::{AggregationName, ConsistencyFile, ConsistencyModel};
use crate::consistency::{Aggregation, Consistency};

/// Who waits for whom.
pub(super) fn consistency_model(file: ConsistencyFile, problems: &mut Problems) -> Consistency {
    let key = "consistency.lag";
    match (file.model, file.lag) {
        (ConsistencyModel::Asp, None) => Consistency::Asp,
        (ConsistencyModel::Bsp, None) => Consistency::Bsp,
        (ConsistencyModel::Ssp, Some(lag)) if 1 <= lag => Consistency::Ssp { lag },
        (ConsistencyModel::Ssp, Some(_)) => {
            let text = "`consistency.lag` = 0 means that nobody may be ahead: \
                        set `consistency.model` = \"bsp\" and leave out `lag`, or raise it";
            problems.add(key, text);
            Consistency::Bsp
        }
        (ConsistencyModel::Ssp, None) => {
            let text = "`consistency.lag` is missing: `consistency.model` = \"ssp\" needs to know \
                        how many iterations a worker may be ahead of the slowest; set `lag`";
            problems.add(key, text);
            Consistency::Asp
        }
        (ConsistencyModel::Asp | ConsistencyModel::Bsp, Some(lag)) => {
            let text = format!(
                "`consistency.lag` = {lag} cannot go with `consistency.model` = \"{}\": only \
                 \"ssp\" has a lag; set `consistency.model` = \"ssp\" or leave out `lag`",
                if file.model == ConsistencyModel::Asp {
                    "asp"
                } else {
                    "bsp"
                }
            );
            problems.add(key, text);
            Consistency::Asp
        }
    }
}

/// When the optimizer takes a step, with the number that belongs to it and no other.
pub(super) fn aggregation(
    file: ConsistencyFile,
    model: Consistency,
    problems: &mut Problems,
) -> Aggregation {
    let usual = if model == Consistency::Bsp {
        AggregationName::Round
    } else {
        AggregationName::Push
    };
    let name = file.aggregation.unwrap_or(usual);
    let words = match name {
        AggregationName::Push => "push",
        AggregationName::Round => "round",
        AggregationName::Softsync => "softsync",
    };
    let mut only = |key: &str, found: Option<u32>, owner: &str| {
        if let Some(found) = found.filter(|_| words != owner) {
            let path = format!("consistency.{key}");
            let text = format!(
                "`{path}` = {found} cannot go with `consistency.aggregation` = \"{words}\": only \
                 \"{owner}\" has it; leave it out, or set `aggregation` = \"{owner}\""
            );
            problems.add_between(&[&path, "consistency.aggregation"], text);
        }
    };
    // None of them is said to be none.
    only(
        "backup_workers",
        file.backup_workers.filter(|b| 0 < *b),
        "round",
    );
    only("splits", file.splits, "softsync");
    match name {
        AggregationName::Push => Aggregation::Push,
        AggregationName::Round => Aggregation::Round {
            backup_workers: file.backup_workers.unwrap_or(0),
        },
        AggregationName::Softsync => {
            if file.splits.is_none() {
                let text = "`consistency.splits` is missing: `consistency.aggregation` = \"softsync\" \
                            needs to know into how many splits the workers are divided (1 steps about \
                            once per round, the number of workers once per push); set `splits`";
                problems.add("consistency.splits", text);
            }
            Aggregation::Softsync {
                splits: file.splits.unwrap_or(1),
            }
        }
    }
}
