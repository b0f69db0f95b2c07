//! Being told to stop: Ctrl-C, SIGTERM, or the end of the launcher.

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

use crate::launch::hear_parent;

/// Waits until the process is told to stop and says by what.
pub(super) async fn told_to_stop(with_parent: bool) -> Result<String> {
    told_to_stop_hearing(with_parent, |_| ()).await
}

/// The same; the lines that the launcher sends before go to `hear`.
pub(super) async fn told_to_stop_hearing(
    with_parent: bool,
    hear: impl FnMut(&[u8]) + Send + 'static,
) -> Result<String> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let parent = async {
        if with_parent {
            hear_parent(hear).await.ok();
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
