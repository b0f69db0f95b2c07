//! How text is laid out for its reader: with colour or without, and how wide.

use std::fmt::Write as _;

/// Whether text carries terminal colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// Characters only: a file, a pipe, a terminal that asked for none.
    #[default]
    Off,
    /// With ANSI colours.
    On,
}

/// How text is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// With colour or without.
    pub colour: Colour,
    /// Columns of the terminal; lines are cut there. `None`: lines are as long as they are.
    pub columns: Option<usize>,
}

/// What a word means to the reader; never said by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing to notice.
    Plain,
    /// A heading.
    Head,
    /// As it should be.
    Good,
    /// Worth a look.
    Notable,
    /// Wrong.
    Bad,
}

impl Look {
    /// The look that suits standard output: a terminal's width and wish for colour, else plain.
    #[must_use]
    pub fn of_stdout() -> Self {
        let terminal = console::Term::stdout();
        let columns = terminal.size_checked().map(|(_, columns)| columns.into());
        let coloured = terminal.is_term() && console::colors_enabled();
        Self {
            colour: if coloured { Colour::On } else { Colour::Off },
            columns: columns.filter(|_| terminal.is_term()),
        }
    }

    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Head => "1",
            Tone::Good => "32",
            Tone::Notable => "33",
            Tone::Bad => "31",
        };
        match self.colour {
            Colour::Off => text.to_owned(),
            Colour::On => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }

    /// Adds `line`, cut at the width, to `text`.
    pub(crate) fn line(self, text: &mut String, line: &str) {
        writeln!(text, "{}", self.cut(line.trim_end())).expect("a string takes every write");
    }

    pub(crate) fn cut(self, line: &str) -> String {
        match self.columns {
            Some(columns) => console::truncate_str(line, columns, "…").into_owned(),
            None => line.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_added_only_where_it_is_wanted_and_never_counts_as_width() {
        assert_eq!(Look::default().paint(Tone::Bad, "lost"), "lost");
        let look = Look {
            colour: Colour::On,
            columns: Some(4),
        };
        let red = look.paint(Tone::Bad, "lost");
        assert_eq!(red, "\u{1b}[31mlost\u{1b}[0m");
        assert_eq!(look.cut(&red), red);
        assert_eq!(look.cut("longer"), "lon…");
    }
}
