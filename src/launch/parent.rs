//! Ending with the launcher: a child whose launcher is killed must not live on.

use std::io::Read;
use std::thread;

use tokio::sync::oneshot;

/// Resolves when standard input ends, which is when the launcher that holds its other end does.
///
/// # Panics
/// If the system cannot start a thread.
pub fn exit_with_parent() -> oneshot::Receiver<()> {
    let (gone, watch) = oneshot::channel();
    thread::Builder::new()
        .name("parent-watch".to_owned())
        .spawn(move || {
            let mut byte = [0];
            while std::io::stdin().read(&mut byte).is_ok_and(|read| read > 0) {}
            // Whoever waits may have ended on its own.
            gone.send(()).ok();
        })
        .expect("the system can start a thread");
    watch
}
