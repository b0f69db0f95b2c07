//! A claim: what a paper says, and the experiment that looks whether it is so here.

use anyhow::Result;

use super::lab::Extent;
use super::verdict::Finding;
use crate::report::page::{Chart, Line};

/// A claim of a paper.
#[derive(Debug)]
pub(super) struct Claim {
    /// By which it is asked for; its plot has this name, too.
    pub(super) name: &'static str,
    /// Who says it, where.
    pub(super) paper: &'static str,
    /// What they say, with their numbers and their problem.
    pub(super) says: &'static str,
    /// What is trained here, and how.
    pub(super) here: &'static str,
    /// The experiment.
    pub(super) run: fn(Extent) -> Result<Found>,
}

/// What an experiment found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Of the table.
    pub(super) heads: Vec<String>,
    /// A cell for each head.
    pub(super) rows: Vec<Vec<String>>,
    /// What there is to see.
    pub(super) chart: Chart,
    /// What decides.
    pub(super) findings: Vec<Finding>,
}

impl Found {
    /// The heads of a table.
    pub(super) fn heads(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }
}

/// A line of a chart: a point for each row.
pub(super) fn line<R>(name: &str, rows: &[R], point: impl Fn(&R) -> (f64, f64)) -> Line {
    Line {
        name: name.to_owned(),
        points: rows.iter().map(point).collect(),
    }
}

/// Something of each row, in words.
pub(super) fn each<R>(rows: &[R], words: impl Fn(&R) -> String) -> String {
    rows.iter().map(words).collect::<Vec<_>>().join(", ")
}
