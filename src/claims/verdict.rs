//! What becomes of a claim: the numbers decide, by criteria that were stated before.

use std::fmt;

use serde::Serialize;

/// One thing that a paper says, and whether it is so here.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Finding {
    /// What would have to be so, with its bound.
    pub(super) says: String,
    /// Whether it is.
    pub(super) holds: bool,
    /// The numbers that decide.
    pub(super) found: String,
}

impl Finding {
    pub(super) fn new(says: impl Into<String>, holds: bool, found: impl Into<String>) -> Self {
        Self {
            says: says.into(),
            holds,
            found: found.into(),
        }
    }
}

/// Whether a paper's claim is so here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// All of it.
    Agrees,
    /// Some of it.
    Partly,
    /// Nothing of it.
    Disagrees,
}

impl Verdict {
    pub(super) fn of(findings: &[Finding]) -> Self {
        let holding = findings.iter().filter(|finding| finding.holds).count();
        match holding {
            0 => Self::Disagrees,
            all if all == findings.len() => Self::Agrees,
            _ => Self::Partly,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Agrees => "agrees",
            Self::Partly => "agrees in part",
            Self::Disagrees => "disagrees",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_some_or_none_of_the_findings_make_the_verdict() {
        let of = |holding: &[bool]| {
            let findings = holding.iter().map(|holds| Finding::new("", *holds, ""));
            Verdict::of(&findings.collect::<Vec<_>>())
        };
        assert_eq!(of(&[true, true]), Verdict::Agrees);
        assert_eq!(of(&[true, false]), Verdict::Partly);
        assert_eq!(of(&[false, false]), Verdict::Disagrees);
        assert_eq!(of(&[]), Verdict::Disagrees, "nothing shows nothing");
    }
}
