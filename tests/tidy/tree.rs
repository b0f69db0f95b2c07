//! The repository as the rules see it: paths from its root and texts, in path order.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Folders that hold what building and running leave behind.
const NOT_OURS: &[&str] = &[".git", "target", "runs"];

/// Endings of the files whose text is ours to keep tidy; data files are none of them.
const TEXT_ENDINGS: &[&str] = &[
    ".rs",
    ".md",
    ".toml",
    ".proto",
    ".sh",
    ".py",
    ".yml",
    ".yaml",
    ".ci/run",
    "Dockerfile",
];

/// A text file of the repository.
#[derive(Debug)]
pub(crate) struct File {
    /// Path from the root of the repository, with `/` between its parts.
    pub(crate) path: String,
    /// The whole text.
    pub(crate) text: String,
}

impl File {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub(crate) fn is_markdown(&self) -> bool {
        self.path.ends_with(".md")
    }
}

/// Every text file with its text, and the path of everything else.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// The text files, in path order.
    pub(crate) files: Vec<File>,
    /// Paths of all files and folders.
    paths: BTreeSet<String>,
}

impl Tree {
    /// Reads the repository that this test was compiled in.
    pub(crate) fn of_this_repository() -> Tree {
        let mut tree = Tree::default();
        tree.read_folder(Path::new(env!("CARGO_MANIFEST_DIR")), "");
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        tree
    }

    /// The file at `path`, which must be there.
    pub(crate) fn file(&self, path: &str) -> &File {
        self.files
            .iter()
            .find(|file| file.path == path)
            .unwrap_or_else(|| panic!("the repository has no {path}, which a house rule reads"))
    }

    /// Whether there is a file or folder at `path`.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) {
        let entries = fs::read_dir(folder).expect("a folder of the repository can be read");
        for entry in entries {
            let entry = entry.expect("an entry of the repository can be read");
            let name = entry
                .file_name()
                .into_string()
                .expect("names here are UTF-8");
            if NOT_OURS.contains(&name.as_str()) {
                continue;
            }
            let path = format!("{prefix}{name}");
            let kind = entry.file_type().expect("the kind of an entry can be read");
            if kind.is_dir() {
                self.read_folder(&entry.path(), &format!("{path}/"));
            } else if TEXT_ENDINGS.iter().any(|ending| path.ends_with(ending)) {
                let text = fs::read_to_string(entry.path())
                    .unwrap_or_else(|e| panic!("{path} is no readable UTF-8 text: {e}"));
                self.files.push(File {
                    path: path.clone(),
                    text,
                });
            }
            self.paths.insert(path);
        }
    }
}
