//! The status page of a running job, for a browser: what `thalweg status` says in a terminal, with curves, at the
//! place where a server tells its metrics.
//!
//! A server knows its own part. The launcher of a local cluster tells server 0 the rest once a second
//! ([`Told`]), so that the page there shows the whole job. [`Board`] decides what is shown and does no I/O;
//! the page itself is three files that are served as they lie here.

mod board;
mod curve;
mod document;
mod told;

#[cfg(test)]
mod tests;

pub use board::Board;
pub use told::{Said, Told, thinned};

use std::fmt;

use bytes::Bytes;
use parking_lot::Mutex;
use thalweg_common::message::Status;
use thalweg_server::ingress::{StatusPage, StatusPages};

/// The page, its look and what moves it.
const HTML: &str = include_str!("page.html");
/// The look of the report of a run, and what only this page has.
const STYLE: &str = concat!(
    include_str!("../report/page/page.css"),
    include_str!("page.css")
);
const SCRIPT: &str = include_str!("page.js");

/// The pages that a server adds to its metrics.
pub struct LivePages(Mutex<Shown>);

/// The board, and its document if nothing has changed since that was made.
struct Shown {
    board: Board,
    json: Option<Bytes>,
}

impl LivePages {
    /// The pages of server `server` of `servers`, before anything is known.
    #[must_use]
    pub fn new(server: u32, servers: u32) -> Self {
        Self(Mutex::new(Shown {
            board: Board::new(server, servers),
            json: None,
        }))
    }

    /// Takes in a line of the launcher. One that is none of its lines changes nothing.
    pub fn hear(&self, line: &[u8]) {
        match Told::read(line) {
            Ok(told) => {
                let mut shown = self.0.lock();
                shown.board.hear(told);
                shown.json = None;
            }
            Err(error) => tracing::warn!(%error, "a line of the launcher cannot be read"),
        }
    }

    fn json(&self) -> Bytes {
        let mut shown = self.0.lock();
        if let Some(json) = &shown.json {
            return json.clone();
        }
        let json = Bytes::from(shown.board.document().to_json());
        shown.json = Some(json.clone());
        json
    }
}

impl StatusPages for LivePages {
    fn take(&self, status: Status) {
        let mut shown = self.0.lock();
        shown.board.take(status);
        shown.json = None;
    }

    fn page(&self, path: &str) -> Option<StatusPage> {
        let text = Bytes::from_static;
        let (media, body) = match path {
            "/" => ("text/html; charset=utf-8", text(HTML.as_bytes())),
            "/page.css" => ("text/css; charset=utf-8", text(STYLE.as_bytes())),
            "/page.js" => ("text/javascript; charset=utf-8", text(SCRIPT.as_bytes())),
            "/status.json" => ("application/json", self.json()),
            _ => return None,
        };
        Some(StatusPage { media, body })
    }
}

impl fmt::Debug for LivePages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LivePages").finish_non_exhaustive()
    }
}
