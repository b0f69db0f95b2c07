//! Being told to stop: Ctrl-C, SIGTERM, or the end of the launcher.

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

use crate::launch::exit_with_parent;

/// Waits until the process is told to stop and says by what.
pub(super) async fn told_to_stop(with_parent: bool) -> Result<String> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let parent = async {
        if with_parent {
            exit_with_parent().await.ok();
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        _ = interrupt.recv() => Ok("interrupted by Ctrl-C".to_owned()),
        _ = terminate.recv() => Ok("told to stop by SIGTERM".to_owned()),
        () = parent => Ok("the launcher ended".to_owned()),
    }
}
