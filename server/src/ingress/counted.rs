//! What a server counts of a connection: its own bytes at all sockets, and those of this one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use thalweg_proto::transport::{Counted, Secured, Tally};
use tokio::net::TcpStream;
use tonic::transport::server::Connected;

use super::paced::Paced;
use super::places::{Place, Standing};
use super::watched::Watched;
use crate::observe::metrics::Connected as Open;
use crate::server::{Counters, Server};

/// A connection of one server. Its bytes are counted at the socket, below TLS; its frames above it.
pub(super) type Connection = Paced<Secured<Counted<Watched<TcpStream>, Entry>>>;

/// Bytes of one connection at its socket, both ways, since somebody last took them.
#[derive(Clone, Debug, Default)]
pub(super) struct SocketBytes(Arc<AtomicU64>);

impl SocketBytes {
    /// Takes the bytes since the last call.
    pub(super) fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// What calls know of their connection.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// What has gone through it.
    pub(super) bytes: SocketBytes,
    /// What is held of it.
    pub(super) standing: Arc<Standing>,
}

/// A connection in the server's books; holds its place among the permitted connections.
#[derive(Debug)]
pub(super) struct Entry {
    server: Arc<Server>,
    bytes: SocketBytes,
    _open: Open,
    place: Place,
}

impl Entry {
    pub(super) fn new(server: Arc<Server>, open: Open, place: Place) -> Self {
        Self {
            server,
            bytes: SocketBytes::default(),
            _open: open,
            place,
        }
    }
}

impl Tally for Entry {
    fn sent(&self, bytes: usize) {
        Counters::add(&self.server.counters.sent, bytes);
        Counters::add(&self.bytes.0, bytes);
    }

    fn received(&self, bytes: usize) {
        Counters::add(&self.server.counters.received, bytes);
        Counters::add(&self.bytes.0, bytes);
    }
}

impl Connected for Entry {
    type ConnectInfo = Line;

    fn connect_info(&self) -> Line {
        Line {
            bytes: self.bytes.clone(),
            standing: self.place.standing().clone(),
        }
    }
}
