//! Where the public data sets are that tests may use when they are there.

use std::{env, path::PathBuf};

/// The folder `data/public` of `THALWEG_SHARED` (without it, of `../shared` beside the repository);
/// `None`, with a line that says so, when it is absent.
#[expect(clippy::print_stderr, reason = "a skipped test has to be seen")]
pub(crate) fn public_data(test: &str) -> Option<PathBuf> {
    let shared = env::var_os("THALWEG_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let folder = shared.join("data/public");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!(
        "SKIPPED {test}: no folder {} (set THALWEG_SHARED)",
        folder.display()
    );
    None
}
