//! What became of the claims: the form of `claims.json`, documented in `docs/DELAY.md`.

use serde::Serialize;

use super::claim::{Claim, Found};
use super::verdict::{Finding, Verdict};

/// Rises when a key changes its meaning or goes away.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// All claims that were looked at.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Claims {
    pub(super) schema_version: u32,
    pub(super) version: &'static str,
    /// Whether so little was run that verdicts mean nothing.
    pub(super) quick: bool,
    pub(super) claims: Vec<Checked>,
    /// Whether the user ended it before all that were asked for were through.
    pub(super) interrupted: bool,
    pub(super) seconds: f64,
}

/// One of them.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Checked {
    pub(super) name: &'static str,
    pub(super) paper: &'static str,
    pub(super) says: &'static str,
    pub(super) here: &'static str,
    pub(super) verdict: Verdict,
    pub(super) findings: Vec<Finding>,
    pub(super) heads: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// Of the plot.
    pub(super) curves: Vec<Curve>,
    pub(super) seconds: f64,
}

/// A line of the plot.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Curve {
    pub(super) name: String,
    /// Pairs; `null` where a run came to nothing.
    pub(super) points: Vec<(f64, f64)>,
}

impl Checked {
    pub(super) fn new(claim: &Claim, found: Found, seconds: f64) -> Self {
        let lines = found.chart.lines.into_iter();
        let curve = |line: crate::report::page::Line| Curve {
            name: line.name,
            points: line.points,
        };
        Self {
            name: claim.name,
            paper: claim.paper,
            says: claim.says,
            here: claim.here,
            verdict: Verdict::of(&found.findings),
            findings: found.findings,
            heads: found.heads,
            rows: found.rows,
            curves: lines.map(curve).collect(),
            seconds,
        }
    }
}
