//! Ctrl-C and SIGTERM, heard from the beginning of a run to its last process: the first ends it in
//! order, the second at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The interruptions of one run. One that comes while nobody waits for it is kept.
#[derive(Debug)]
pub(super) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// Listens from now on.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one, and says what it was.
    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "Ctrl-C",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
