//! Ending with the launcher: a child whose launcher is killed must not live on. Both ends of it: what the child
//! listens to, and what the launcher holds.

use std::io::{self, Read};
use std::process::{Child, Output};
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
            while io::stdin().read(&mut byte).is_ok_and(|read| read > 0) {}
            // Whoever waits may have ended on its own.
            gone.send(()).ok();
        })
        .expect("the system can start a thread");
    watch
}

/// What a child prints until it ends. Its standard input stays open so long: its end says that we are gone.
///
/// # Errors
/// If it cannot be waited for.
pub fn output_of(mut child: Child) -> io::Result<Output> {
    let held = child.stdin.take();
    let output = child.wait_with_output();
    drop(held);
    output
}
