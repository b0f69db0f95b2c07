//! Ctrl-C and SIGTERM, heard from the beginning of a run to its last process: the first ends it in
//! order, the second at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::launch::exit_with_parent;
use crate::progress::say_err;

/// The interruptions of one run. One that comes while nobody waits for it is kept.
#[derive(Debug)]
pub(super) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    /// Until the process that started this one has ended.
    parent: Option<oneshot::Receiver<()>>,
}

impl Interrupts {
    /// Listens from now on, `with_parent` for the end of whoever started this process, too.
    pub(super) fn listen(with_parent: bool) -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            parent: with_parent.then(exit_with_parent),
        })
    }

    /// Waits for the next one, and says what it was.
    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "Ctrl-C",
            _ = self.terminate.recv() => "SIGTERM",
            () = gone(&mut self.parent) => "the end of the process that started this one",
        }
    }
}

/// Resolves once, when the parent is gone.
async fn gone(parent: &mut Option<oneshot::Receiver<()>>) {
    match parent {
        Some(receiver) => {
            // A watch that broke off is an end as well.
            receiver.await.ok();
            *parent = None;
        }
        None => std::future::pending().await,
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
        Interrupts::listen(false)?
    };
    thread::Builder::new()
        .name("interrupts".to_owned())
        .spawn(move || {
            let by = runtime.block_on(interrupts.next());
            say_err(&format!(
                "{by}: ending what is under way; once more ends at once"
            ));
            told.store(true, Ordering::Relaxed);
            runtime.block_on(interrupts.next());
            std::process::exit(i32::from(code));
        })?;
    Ok(heard)
}
