//! What is named where a file is asked for: a path of this machine, standard input, or an address.

use std::path::{Path, PathBuf};

use super::STANDARD_INPUT;

/// What addresses may begin with, before `://`.
pub(super) const SCHEMES: [&str; 5] = ["s3", "gs", "az", "http", "https"];

/// An address in its parts: `scheme://place/path?query`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address<'a> {
    pub(super) scheme: &'a str,
    /// Bucket, container or host; of a host perhaps behind `user:password@`.
    pub(super) place: &'a str,
    /// Without the slash before it.
    pub(super) path: &'a str,
    /// Of web servers only; with its question mark, or empty.
    #[cfg_attr(
        not(any(test, feature = "object-store")),
        expect(dead_code, reason = "only a request needs it")
    )]
    pub(super) query: &'a str,
}

impl<'a> Address<'a> {
    /// `None` for a path of this machine.
    pub(super) fn of(name: &'a str) -> Option<Self> {
        let (scheme, rest) = name.split_once("://")?;
        let is_web = scheme.starts_with("http");
        let query = rest.find(['?', '#']).filter(|_| is_web);
        let (rest, query) = rest.split_at(query.unwrap_or(rest.len()));
        let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
        Some(Self {
            scheme,
            place,
            path,
            query,
        })
    }

    /// Whether a web server is asked, which has files, but no list of them.
    pub(super) fn is_web(&self) -> bool {
        self.scheme.starts_with("http")
    }

    /// Whether several files may be meant. In an address of a web server `?` begins a query.
    pub(super) fn is_pattern(&self) -> bool {
        self.path.contains(['*', '?', '['])
    }

    /// Without what may be a secret: passwords, and the signatures that stand in queries.
    pub(super) fn shown(&self) -> String {
        let place = match self.place.rsplit_once('@') {
            Some((_, host)) if self.is_web() => host,
            Some(_) | None => self.place,
        };
        format!("{}://{place}/{}", self.scheme, self.path)
    }
}

/// The address that a path is; `None` for one of this machine.
pub(super) fn address(path: &Path) -> Option<Address<'_>> {
    path.to_str().and_then(Address::of)
}

/// Whether it is the path of a file, and not standard input or an address.
pub(in crate::data) fn is_file(path: &Path) -> bool {
    path.as_os_str() != STANDARD_INPUT && address(path).is_none()
}

/// The path as messages show it.
pub(in crate::data) fn shown(path: &Path) -> PathBuf {
    if path.as_os_str() == STANDARD_INPUT {
        return "standard input".into();
    }
    let shown = address(path).map(|address| address.shown().into());
    shown.unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Address, is_file, shown};

    #[test]
    fn addresses_come_apart_and_are_shown_without_secrets() {
        let parts = |name| {
            let address = Address::of(name).unwrap();
            (address.scheme, address.place, address.path, address.query)
        };
        assert_eq!(parts("s3://b/a?b/c.csv"), ("s3", "b", "a?b/c.csv", ""));
        assert_eq!(
            parts("http://h:80/a.csv?x=1"),
            ("http", "h:80", "a.csv", "?x=1")
        );
        assert_eq!(parts("https://h"), ("https", "h", "", ""));
        assert!(Address::of("data/a.csv").is_none());
        for (name, words) in [
            (
                "https://me:word@host/a/b.csv?Signature=x",
                "https://host/a/b.csv",
            ),
            ("az://data@account/a.csv", "az://data@account/a.csv"),
            ("-", "standard input"),
            ("a.csv", "a.csv"),
        ] {
            assert_eq!(shown(Path::new(name)), Path::new(words));
        }
        assert!(is_file(Path::new("a")) && !is_file(Path::new("-")));
    }
}
