//! Pages one after the other: in place on a terminal, below each other elsewhere.

use std::fmt::Write as _;
use std::io::{self, Write};

/// What stands between two pages that are not on a terminal.
const BETWEEN: &str = "---";

const HOME: &str = "\u{1b}[H";
const CLEAR: &str = "\u{1b}[2J";
const CLEAR_LINE: &str = "\u{1b}[K";
const CLEAR_BELOW: &str = "\u{1b}[J";

/// Where the pages go.
#[derive(Debug)]
pub(super) enum Screen {
    /// A terminal: every page takes the place of the one before.
    Terminal { is_first: bool },
    /// A file or a pipe.
    Lines { is_first: bool },
}

impl Screen {
    /// The one that suits standard output.
    pub(super) fn of_stdout() -> Self {
        match console::Term::stdout().is_term() {
            true => Self::Terminal { is_first: true },
            false => Self::Lines { is_first: true },
        }
    }

    /// Shows a page. An error says that nobody reads any more.
    pub(super) fn show(&mut self, page: &str) -> io::Result<()> {
        match self {
            Self::Terminal { is_first } => {
                let rows = console::Term::stdout().size_checked();
                let rows = rows.map(|(rows, _)| usize::from(rows));
                let clear = if *is_first { CLEAR } else { "" };
                *is_first = false;
                tell(&format!("{clear}{}", frame(page, rows)))
            }
            Self::Lines { is_first } => {
                let between = if *is_first {
                    String::new()
                } else {
                    format!("{BETWEEN}\n")
                };
                *is_first = false;
                tell(&format!("{between}{}\n", page.trim_end_matches('\n')))
            }
        }
    }
}

/// One write a page, so that nobody sees half of it.
pub(super) fn tell(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// A page over the one before: line over line, so that nothing flickers. Where it is too long, its middle is
/// left out: the last lines say who waits.
fn frame(page: &str, rows: Option<usize>) -> String {
    let lines: Vec<&str> = page.lines().collect();
    let mut text = HOME.to_owned();
    let mut add = |line: &str| {
        writeln!(text, "{line}{CLEAR_LINE}").expect("a string takes every write");
    };
    // The cursor stands below the last line.
    let room = rows
        .map_or(lines.len(), |rows| rows.saturating_sub(1))
        .max(2);
    if lines.len() <= room {
        lines.iter().for_each(|line| add(line));
    } else {
        let troubles = lines
            .iter()
            .rev()
            .take_while(|line| !line.is_empty())
            .count();
        let below = troubles.min(room / 2);
        let above = room - below - 1;
        lines[..above].iter().for_each(|line| add(line));
        add(&format!("… {} lines more …", lines.len() - above - below));
        lines[lines.len() - below..]
            .iter()
            .for_each(|line| add(line));
    }
    text + CLEAR_BELOW
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(page: &str, rows: usize) -> Vec<String> {
        let frame = frame(page, Some(rows));
        let lines = frame
            .strip_prefix(HOME)
            .unwrap()
            .strip_suffix(CLEAR_BELOW)
            .unwrap();
        let plain = |line: &str| line.strip_suffix(CLEAR_LINE).unwrap().to_owned();
        lines.lines().map(plain).collect()
    }

    #[test]
    fn a_page_that_fits_is_written_over_the_one_before() {
        assert_eq!(shown("a\nb\n", 3), ["a", "b"]);
    }

    #[test]
    fn of_a_page_that_is_too_long_the_middle_is_left_out_and_the_end_is_kept() {
        let page = "head\n\n1\n2\n3\n4\n\nwaits\n";
        assert_eq!(
            shown(page, 6),
            ["head", "", "1", "… 4 lines more …", "waits"]
        );
        let many = "head\n\nw1\nw2\nw3\nw4\nw5\n";
        assert_eq!(shown(many, 5), ["head", "… 4 lines more …", "w4", "w5"]);
        assert_eq!(shown(many, 0).len(), 2, "a terminal of no rows");
    }
}
