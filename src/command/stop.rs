//! Being told to stop: Ctrl-C, SIGTERM, or the end of the launcher.

use anyhow::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};

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
    let hang_up = async {
        match hang_up() {
            Some(mut hang_up) => drop(hang_up.recv().await),
            None => std::future::pending().await,
        }
    };
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
        () = hang_up => Ok("told to stop by SIGHUP: its terminal is gone".to_owned()),
        () = parent => Ok("the launcher ended".to_owned()),
    }
}

/// The end of the terminal: an orderly end like any other, unless whoever started this process wants it to outlive
/// that (`nohup`), and lets it ignore the signal.
fn hang_up() -> Option<Signal> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    if ignores_hang_up(&status) {
        return None;
    }
    signal(SignalKind::hangup()).ok()
}

/// Whether the first signal, SIGHUP, is among those that are ignored; `status` is `/proc/self/status`.
fn ignores_hang_up(status: &str) -> bool {
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_none_or(|mask| mask & 1 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_to_outlive_its_terminal_is_known_by_what_it_ignores() {
        let status =
            |mask: &str| format!("Name:\tthalweg\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\n");
        assert!(ignores_hang_up(&status("0000000000001001")));
        assert!(!ignores_hang_up(&status("0000000000001000")));
        assert!(ignores_hang_up("nothing is told"));
    }
}
