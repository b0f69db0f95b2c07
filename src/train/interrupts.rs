//! Ctrl-C and SIGTERM, heard from the beginning of a run to its last process: the first ends it in
//! order, the second at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

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

/// Listens on a thread of its own, for those who look from time to time: true from the first interruption on. The
/// second ends the process, with `code`.
///
/// # Errors
/// If signals cannot be heard.
pub(crate) fn listen_beside(code: u8) -> io::Result<Arc<AtomicBool>> {
    let heard = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&heard);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut interrupts = {
        let _inside = runtime.enter();
        Interrupts::listen()?
    };
    thread::Builder::new()
        .name("interrupts".to_owned())
        .spawn(move || {
            runtime.block_on(interrupts.next());
            told.store(true, Ordering::Relaxed);
            runtime.block_on(interrupts.next());
            std::process::exit(i32::from(code));
        })?;
    Ok(heard)
}
