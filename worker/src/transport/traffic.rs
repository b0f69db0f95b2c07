//! Bytes at a worker's sockets, and the acknowledgements that it loses on purpose.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use thalweg_proto::transport::{Counted, Tally};
use tokio::net::TcpStream;

/// Bytes at the sockets of one worker, all servers together, and acknowledgements that were thrown away.
#[derive(Debug, Default)]
pub struct Traffic {
    sent: AtomicU64,
    received: AtomicU64,
    acks_dropped: AtomicU64,
}

impl Traffic {
    /// Bytes written.
    #[must_use]
    pub fn sent_bytes(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Bytes read.
    #[must_use]
    pub fn received_bytes(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Acknowledgements that were thrown away because that was asked for.
    #[must_use]
    pub fn acks_dropped(&self) -> u64 {
        self.acks_dropped.load(Ordering::Relaxed)
    }

    pub(super) fn drops_ack(&self) {
        self.acks_dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// One connection's share in the [`Traffic`] of its worker.
#[derive(Debug)]
pub(super) struct Share(Arc<Traffic>);

impl Tally for Share {
    fn sent(&self, bytes: usize) {
        self.0.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn received(&self, bytes: usize) {
        self.0.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Connects without delaying small messages, and counts.
pub(super) async fn connect(
    address: &str,
    traffic: Arc<Traffic>,
) -> io::Result<Counted<TcpStream, Share>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(Counted::new(stream, Share(traffic)))
}
