//! The one place where the program speaks: what a command was asked for goes to standard output,
//! everything else to standard error.
//!
//! The printing macros panic when the reader has gone (`thalweg status | head -1`); these functions
//! take that as the wish to hear no more.

use std::io::{self, Write};

/// Writes `text` and a line's end to standard output; a text that has one already is set apart by an
/// empty line. Nobody listening is no error.
pub fn say_out(text: &str) {
    tell(&mut io::stdout().lock(), &format!("{text}\n"));
}

/// Writes `text` and a line's end to standard error. Nobody listening is no error.
pub fn say_err(text: &str) {
    say(&mut io::stderr().lock(), text);
}

pub(super) fn say(to: &mut dyn Write, text: &str) {
    // One write per line, so that lines of several processes do not mix.
    tell(to, &format!("{}\n", text.trim_end_matches('\n')));
}

fn tell(to: &mut dyn Write, text: &str) {
    // There is nobody left to tell.
    drop(to.write_all(text.as_bytes()).and_then(|()| to.flush()));
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn a_text_ends_in_one_line_end_and_a_reader_who_left_is_no_error() {
        let mut heard = Vec::new();
        say(&mut heard, "a\nb\n");
        say(&mut heard, "c");
        assert_eq!(heard, b"a\nb\nc\n");
        say(&mut Gone, "unheard");
    }
}
