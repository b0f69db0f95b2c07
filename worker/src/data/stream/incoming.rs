//! The lines of standard input as they come.

use std::path::Path;

use crate::data::{
    DataError,
    source::{Lines, STANDARD_INPUT},
};

/// Reads standard input line by line, whatever it is packed with.
#[derive(Debug)]
pub struct Incoming(Lines);

impl Incoming {
    /// Waits for the first bytes, which say how the stream is packed.
    ///
    /// # Errors
    /// [`DataError`] when standard input cannot be read.
    pub fn open() -> Result<Self, DataError> {
        Lines::open(Path::new(STANDARD_INPUT)).map(Self)
    }

    /// Waits for the next line, which comes without its end; `None` when the stream has ended.
    ///
    /// # Errors
    /// [`DataError`] when it breaks off, is damaged or has a line that is too long, with the place.
    pub fn next_line(&mut self) -> Result<Option<&[u8]>, DataError> {
        Ok(self.0.next_line()?.map(|(_, line)| line))
    }
}
