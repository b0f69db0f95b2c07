//! `thalweg list runs`: the run folders below `runs`, with how each run ended, or that it never did.

use std::fs;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::report::{RunState, StateWord};

/// Run folders shown; the last ones.
const RUNS_SHOWN_MAX: usize = 100;

/// The runs below `runs`, the oldest first.
fn found(runs: &Path) -> Vec<(String, RunState)> {
    let mut found: Vec<(String, RunState)> = fs::read_dir(runs)
        .into_iter()
        .flatten()
        .flatten()
        // `latest` is a link to one of the others.
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            Some((name, RunState::of(&entry.path())?))
        })
        .collect();
    found.sort_by(|(a, one), (b, other)| (&one.since, a).cmp(&(&other.since, b)));
    found
}

/// A line per run below `runs`, the oldest first; `None` if there is none.
pub(super) fn list(runs: &Path) -> Option<String> {
    let found = found(runs);
    let hidden = found.len().saturating_sub(RUNS_SHOWN_MAX);
    let width = found.iter().map(|(name, _)| name.len()).max()?;
    let mut text = format!("runs below {}\n", runs.display());
    if 0 < hidden {
        text.push_str(&format!("  {hidden} earlier ones\n"));
    }
    for (name, state) in &found[hidden..] {
        text.push_str(&format!(
            "  {name:width$}  {}\n",
            words(state, is_alive(state.pid))
        ));
    }
    Some(text)
}

/// All runs below `runs` for programs, the oldest first: what `state.json` says, the folder, and whether the
/// process that it names is there.
pub(super) fn for_programs(runs: &Path) -> Vec<Value> {
    let one = |(name, state): (String, RunState)| {
        json!({
            "folder": runs.join(name),
            "state": state.state,
            "job": state.job,
            "pid": state.pid,
            "since": state.since,
            "is_alive": is_alive(state.pid),
        })
    };
    found(runs).into_iter().map(one).collect()
}

fn words(state: &RunState, is_alive: bool) -> String {
    let RunState { pid, since, .. } = state;
    match state.state {
        StateWord::Running if is_alive => format!("running since {since}, process {pid}"),
        StateWord::Running => format!("aborted: began {since}, process {pid} is gone"),
        StateWord::Done => format!("done, began {since}"),
        StateWord::Diverged => format!("diverged, began {since}"),
        StateWord::Failed => format!("failed, began {since}"),
        StateWord::Interrupted => format!("interrupted, began {since}"),
    }
}

/// Whether this machine has a process of that id.
fn is_alive(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().filter(|pid| 0 < *pid) else {
        return false;
    };
    // Another user's process may not be asked, but it is there.
    matches!(kill(Pid::from_raw(pid), None), Ok(()) | Err(Errno::EPERM))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_whose_process_is_gone_is_aborted() {
        let runs = tempfile::tempdir().unwrap();
        assert_eq!(list(runs.path()), None);
        let write = |name: &str, state: &str, pid: u32, since: &str| {
            let folder = runs.path().join(name);
            fs::create_dir(&folder).unwrap();
            let text = format!(r#"{{"state":"{state}","job":"a","pid":{pid},"since":"{since}"}}"#);
            fs::write(folder.join("state.json"), text).unwrap();
        };
        let gone = u32::try_from(i32::MAX).unwrap();
        write("b", "running", gone, "2026-01-02T00:00:00Z");
        write("a", "running", std::process::id(), "2026-01-03T00:00:00Z");
        write("c", "done", gone, "2026-01-01T00:00:00Z");
        fs::create_dir(runs.path().join("no run")).unwrap();
        let text = list(runs.path()).unwrap();
        let lines: Vec<&str> = text.lines().skip(1).map(str::trim).collect();
        assert_eq!(lines[0], "c  done, began 2026-01-01T00:00:00Z");
        assert!(lines[1].starts_with("b  aborted: began 2026-01-02") && lines[1].ends_with("gone"));
        assert!(lines[2].starts_with("a  running since 2026-01-03"));
        assert_eq!(lines.len(), 3);
        let told = for_programs(runs.path());
        assert_eq!((told.len(), &told[0]["state"]), (3, &"done".into()));
        assert_eq!(
            (&told[1]["is_alive"], &told[2]["is_alive"]),
            (&false.into(), &true.into())
        );
    }
}
