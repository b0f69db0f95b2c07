//! Prometheus metrics of one server, made when they are asked for.
//!
//! The status is the one account of what happens here; beside it stand the few numbers that only the
//! driver has ([`Load`]). Rendering is a pure function of both. Which families there are says the
//! [catalogue], and docs/METRICS.md lists the same.

mod catalogue;
mod books;
mod collect;
mod load;
mod sheet;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use thalweg_common::message::Status;
use thalweg_common::time::Time;

pub(crate) use books::Books;
pub(crate) use collect::word;
pub(crate) use load::{Connected, Load, LoadNumbers, Request, Window};

use crate::server::Server;

/// Workers up to which each has series of its own. Of more, only what is told of the server as a whole,
/// since a scrape would take megabytes, every second.
pub(crate) const WORKERS_MAX: usize = 256;

/// Shards of one server up to which each has series of its own.
pub(crate) const SHARDS_MAX: usize = 256;

/// What every name begins with.
const PREFIX: &str = "thalweg";

/// The media type of [`Snapshot::render`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All that one scrape shows.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// How things stand.
    pub(crate) status: Status,
    /// What of it this process did.
    pub(crate) done: Books,
    /// Observer sessions that are open.
    pub(crate) observers: u64,
    /// What all workers waited at the gate, together.
    pub(crate) gate_waited: Duration,
    /// Silence after which a session is lost.
    pub(crate) lease: Duration,
    /// Until when the server's certificate holds, since 1970, if it has one.
    pub(crate) certificate_until: Option<Duration>,
    /// What the driver counts.
    pub(crate) load: LoadNumbers,
}

impl Snapshot {
    /// The metrics as `OpenMetrics` text.
    ///
    /// # Errors
    /// None in practice: writing to a string does not fail.
    pub(crate) fn render(self) -> Result<String, fmt::Error> {
        let server = self.status.server.to_string();
        let labels = [(Cow::Borrowed("server"), Cow::Owned(server))];
        let mut registry = Registry::with_prefix_and_labels(PREFIX, labels.into_iter());
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl Server {
    /// What a scrape shows at this moment, of a server that had these books when it began.
    pub(crate) fn snapshot(&self, now: Time, before: &Books, load: LoadNumbers) -> Snapshot {
        let status = self.status(now);
        let done = before.risen_to(&status);
        let desk = self.desk.lock();
        Snapshot {
            status,
            done,
            observers: desk.observers() as u64,
            gate_waited: desk.waits.total(),
            lease: self.plan.bounds.lease,
            certificate_until: None,
            load,
        }
    }
}
