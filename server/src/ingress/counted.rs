//! What a server counts of a connection: its own bytes at all sockets, and those of this one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use thalweg_proto::transport::{Counted, Secured, Tally};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tonic::transport::server::Connected;

use crate::observe::metrics::Connected as Open;
use crate::server::{Counters, Server};

/// A connection of one server. Its bytes are counted at the socket, below TLS.
pub(super) type Connection = Secured<Counted<TcpStream, Entry>>;

/// Bytes of one connection at its socket, both ways, since somebody last took them.
#[derive(Clone, Debug, Default)]
pub(super) struct SocketBytes(Arc<AtomicU64>);

impl SocketBytes {
    /// Takes the bytes since the last call.
    pub(super) fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// A connection in the server's books; holds its place among the permitted connections.
#[derive(Debug)]
pub(super) struct Entry {
    server: Arc<Server>,
    bytes: SocketBytes,
    _open: Open,
    _place: OwnedSemaphorePermit,
}

impl Entry {
    pub(super) fn new(server: Arc<Server>, open: Open, place: OwnedSemaphorePermit) -> Self {
        Self {
            server,
            bytes: SocketBytes::default(),
            _open: open,
            _place: place,
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
    type ConnectInfo = SocketBytes;

    fn connect_info(&self) -> SocketBytes {
        self.bytes.clone()
    }
}
