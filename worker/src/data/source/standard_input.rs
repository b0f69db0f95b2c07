//! Standard input, of which the first bytes can be looked at before it is read.

use std::{
    io::{self, Read},
    sync::Arc,
};

use parking_lot::Mutex;

/// Bytes that are looked at, at most.
const LOOK_BYTES: usize = 1 << 20;

/// Bytes that are asked for at once.
const READ_BYTES: usize = 1 << 16;

/// Lines after which no more are waited for: as many as a stream needs anyhow, whose labels would else seem
/// to be all the same if one kind is rare.
const LOOK_LINES: usize = 1_001;

/// What was looked at and not yet read. There is one standard input in a process.
static LOOKED_AT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Standard input, which locks itself for every read and so can move between threads.
#[derive(Clone, Copy, Debug)]
pub struct StandardInput;

impl StandardInput {
    /// The first bytes that nobody has read, some lines of them; whoever reads next still gets them.
    ///
    /// # Errors
    /// If standard input cannot be read.
    pub fn look(self) -> io::Result<Arc<[u8]>> {
        let mut seen = LOOKED_AT.lock();
        let lines = |seen: &[u8]| memchr::memchr_iter(b'\n', seen).count();
        let mut buffer = vec![0; READ_BYTES];
        while seen.len() < LOOK_BYTES && lines(&seen) < LOOK_LINES {
            let read = io::stdin().lock().read(&mut buffer)?;
            if read == 0 {
                break;
            }
            seen.extend_from_slice(&buffer[..read]);
        }
        Ok(seen[..].into())
    }
}

impl Read for StandardInput {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut seen = LOOKED_AT.lock();
        if seen.is_empty() {
            drop(seen);
            return io::stdin().lock().read(bytes);
        }
        let count = seen.len().min(bytes.len());
        bytes[..count].copy_from_slice(&seen[..count]);
        seen.drain(..count);
        Ok(count)
    }
}
