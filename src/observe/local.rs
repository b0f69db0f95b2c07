//! The servers of the last run that was started here: what to look at when no address is given.

use std::path::Path;

use serde::Deserialize;

/// What of `processes.json` is needed.
#[derive(Debug, Deserialize)]
struct Process {
    address: Option<String>,
}

/// The addresses in the `processes.json` of a run, server 0 first; none if there is no such run, or
/// no such file in it.
#[must_use]
pub fn latest_servers(run: &Path) -> Vec<String> {
    let Ok(text) = std::fs::read(run.join("processes.json")) else {
        return Vec::new();
    };
    let processes: Vec<Process> = serde_json::from_slice(&text).unwrap_or_default();
    processes
        .into_iter()
        .filter_map(|process| process.address)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_of_a_run_are_found_in_its_processes_and_nowhere_else() {
        let run = tempfile::tempdir().unwrap();
        assert!(latest_servers(run.path()).is_empty());
        let text = r#"[
            {"role": "server", "index": 0, "pid": 1, "address": "a:1", "log": "x"},
            {"role": "server", "index": 1, "pid": 2, "address": "b:1", "log": "x"},
            {"role": "worker", "index": 0, "pid": 3, "address": null, "log": "x"}
        ]"#;
        std::fs::write(run.path().join("processes.json"), text).unwrap();
        assert_eq!(latest_servers(run.path()), ["a:1", "b:1"]);
        std::fs::write(run.path().join("processes.json"), "[{").unwrap();
        assert!(latest_servers(run.path()).is_empty());
    }
}
