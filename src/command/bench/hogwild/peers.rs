//! The peers: scikit-learn and torch, where a Python has them, on the same rows.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use thalweg_worker::hogwild::rows::SparseRows;

use super::recipe::{FEATURES, Parts};

/// What a peer reached.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Found {
    /// The library with its version, and how it was used.
    pub(super) name: String,
    /// Threads or processes.
    pub(super) threads: usize,
    /// Millions of rows per second of training.
    pub(super) rate: f64,
    /// Mean log-loss of the test rows.
    pub(super) loss: f64,
}

/// The peers' names and scripts.
pub(super) const PEERS: [(&str, &str); 2] = [
    ("scikit-learn", include_str!("sklearn_sgd.py")),
    ("torch", include_str!("torch_hogwild.py")),
];

/// Writes the rows where a script finds them: training, validation and test rows end to end.
pub(super) fn write(parts: &Parts, folder: &Path) -> Result<()> {
    let all = [&parts.train, &parts.validation, &parts.test];
    let mut end = 0_i64;
    let mut offsets = vec![0_i64];
    for part in all {
        for row in 0..part.len() {
            end += i64::try_from(part.row(row).len())?;
            offsets.push(end);
        }
    }
    file(folder, "offsets", offsets.iter().map(|o| o.to_le_bytes()))?;
    let rows = || {
        all.into_iter()
            .flat_map(|part| (0..part.len()).map(move |row| (part, row)))
    };
    let features = rows().flat_map(|(part, row)| part.row(row).features());
    file(folder, "features", features.map(u32::to_le_bytes))?;
    let values = rows().flat_map(|(part, row)| part.row(row).values());
    file(folder, "values", values.map(|v| v.to_le_bytes()))?;
    let labels = rows().map(|(part, row): (&SparseRows, usize)| part.label(row));
    file(folder, "labels", labels.map(f32::to_le_bytes))
}

fn file<const BYTES: usize>(
    folder: &Path,
    name: &str,
    numbers: impl Iterator<Item = [u8; BYTES]>,
) -> Result<()> {
    let path = folder.join(name);
    let context = || format!("writing {}", path.display());
    let mut to = BufWriter::new(File::create(&path).with_context(context)?);
    for number in numbers {
        to.write_all(&number).with_context(context)?;
    }
    to.flush().with_context(context)
}

/// Runs one script over the rows of a folder; one line of JSON for each thing that it measured.
///
/// # Errors
/// If there is no such Python, or it lacks the library: with the last line that it said.
pub(super) fn run(
    python: &str,
    script: &str,
    folder: &Path,
    (parts, threads, epochs): (&Parts, usize, u32),
) -> Result<Vec<Found>> {
    let path = folder.join("peer.py");
    std::fs::write(&path, script).with_context(|| format!("writing {}", path.display()))?;
    let counts = [
        parts.train.len(),
        parts.validation.len(),
        FEATURES as usize,
        threads,
        epochs as usize,
    ];
    let output = Command::new(python)
        .arg(&path)
        .arg(folder)
        .args(counts.map(|count| count.to_string()))
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting `{python}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rfind(|line| !line.trim().is_empty());
        bail!("{}", last.unwrap_or("it ended without a word").trim());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .map(|line| serde_json::from_str(line).with_context(|| format!("reading {line:?}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::recipe::RCV1_LIKE;
    use super::{run, write};

    #[test]
    fn rows_are_written_end_to_end_and_a_peer_that_is_missing_is_named() {
        let parts = RCV1_LIKE.make(50, 10, 1);
        let folder = tempfile::tempdir().unwrap();
        write(&parts, folder.path()).unwrap();
        let bytes = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        assert_eq!(bytes("offsets").len(), 8 * 71);
        assert_eq!(bytes("labels").len(), 4 * 70);
        assert_eq!(bytes("features").len(), bytes("values").len());
        let refused = run("no-such-python", "", folder.path(), (&parts, 1, 1)).unwrap_err();
        assert!(refused.to_string().contains("no-such-python"), "{refused}");
        let refused = run("false", "", folder.path(), (&parts, 1, 1)).unwrap_err();
        assert_eq!(refused.to_string(), "it ended without a word");
    }
}
