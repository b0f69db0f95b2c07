//! Claims on a terminal.

use super::result::{Checked, Claims};
use super::verdict::Verdict;
use crate::view::{Cell, Edge, Look, Table, Tone};

/// Every claim with what was measured, and the verdicts at the end.
pub(super) fn render(claims: &Claims, look: Look) -> String {
    let mut text = String::new();
    for claim in &claims.claims {
        one(claim, look, &mut text);
    }
    let mut table = Table::new([
        ("claim", Edge::Left),
        ("paper", Edge::Left),
        ("verdict", Edge::Left),
        ("findings", Edge::Right),
        ("took", Edge::Right),
    ]);
    for claim in &claims.claims {
        let holding = claim.findings.iter().filter(|finding| finding.holds);
        table.row([
            claim.name.into(),
            claim.paper.into(),
            Cell::toned(claim.verdict.to_string(), tone(claim.verdict)),
            format!("{} of {}", holding.count(), claim.findings.len()).into(),
            format!("{:.1} s", claim.seconds).into(),
        ]);
    }
    table.write(look, &mut text);
    if claims.interrupted {
        look.line(
            &mut text,
            "interrupted: the claims that were through by then are above",
        );
    }
    if claims.quick {
        look.line(
            &mut text,
            "note: --quick runs too little for a verdict; it shows that everything runs",
        );
    }
    text
}

fn one(claim: &Checked, look: Look, text: &mut String) {
    look.line(text, &look.paint(Tone::Head, claim.name));
    look.line(text, &format!("paper      {}: {}", claim.paper, claim.says));
    look.line(text, &format!("here       {}", claim.here));
    let heads = claim.heads.iter().map(|head| (head.as_str(), Edge::Right));
    let mut table = Table::with_heads(heads);
    for row in &claim.rows {
        table.row(row.iter().map(Cell::from));
    }
    table.write(look, text);
    for finding in &claim.findings {
        let word = match finding.holds {
            true => "holds      ",
            false => "does not   ",
        };
        look.line(text, &format!("{word}{}: {}", finding.says, finding.found));
    }
    text.push('\n');
}

fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Agrees => Tone::Good,
        Verdict::Partly => Tone::Plain,
        Verdict::Disagrees => Tone::Bad,
    }
}
