//! A proxy at its port.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use thalweg_common::physics::{Link, Stream};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::connection::{Cable, reset};
use super::counts::{Carried, Counts};
use super::lane::Broken;
use super::options::ProxyOptions;
use super::timer::Timer;
use thalweg_proto::transport::Clock;

/// Between two tries to accept, if the system has no descriptor left.
const PAUSE: Duration = Duration::from_millis(20);

/// A proxy of one link. Its time begins when it is made.
#[derive(Debug)]
pub struct Proxy {
    listener: TcpListener,
    cable: Arc<Cable>,
}

impl Proxy {
    /// A proxy that will accept connections at `listener`.
    #[must_use]
    pub fn new(listener: TcpListener, options: ProxyOptions) -> Self {
        let (worker, server) = options.link;
        let link = |stream| Mutex::new(Link::new(options.physics, options.seed, stream));
        let there = link(Stream::ToServer { worker, server });
        let back = link(Stream::ToWorker { worker, server });
        let cable = Cable {
            options,
            clock: Clock::start(),
            there,
            back,
            counts: Counts::default(),
        };
        Self {
            listener,
            cable: Arc::new(cable),
        }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`, then drops every connection and says what went through.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Carried {
        let mut connections = JoinSet::new();
        let accept = async {
            loop {
                match self.listener.accept().await {
                    Ok((client, _)) => {
                        let cable = Arc::clone(&self.cable);
                        connections.spawn(async move { cable.take(client).await });
                    }
                    Err(error) => {
                        tracing::warn!("a connection cannot be accepted: {error}");
                        self.cable.pause().await;
                    }
                }
                while connections.try_join_next().is_some() {}
            }
        };
        tokio::select! {
            () = accept => {}
            () = stop => {}
        }
        connections.shutdown().await;
        self.cable.carried()
    }
}

impl Cable {
    /// Passes a connection on to its end.
    async fn take(&self, mut client: TcpStream) {
        let count = |counter: &AtomicU64| {
            counter.fetch_add(1, Relaxed);
        };
        if self.options.faults.refuses(self.clock.now()) {
            count(&self.counts.refused);
            return reset(&client);
        }
        let mut server = match TcpStream::connect(&self.options.to).await {
            Ok(server) => server,
            Err(error) => {
                tracing::warn!("{} cannot be reached: {error}", self.options.to);
                count(&self.counts.unreachable);
                return reset(&client);
            }
        };
        count(&self.counts.connections);
        // Counted before they are dropped, so that who hears of the end finds it counted.
        match self.join(&mut client, &mut server).await {
            Ok(()) => {}
            Err(Broken::Reset) => count(&self.counts.resets),
            Err(Broken::End(error)) => {
                tracing::debug!("a connection with {} broke: {error}", self.options.to);
                count(&self.counts.broken);
            }
        }
    }

    async fn pause(&self) {
        let Ok(mut timer) = Timer::new() else {
            return tokio::task::yield_now().await;
        };
        // Without a timer it tries again at once.
        timer.until(self.clock, self.clock.now() + PAUSE).await.ok();
    }

    fn carried(&self) -> Carried {
        let again = self.there.lock().retransmissions() + self.back.lock().retransmissions();
        self.counts.read(again)
    }
}
