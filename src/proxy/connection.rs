//! One connection through a proxy: two lanes, and what ends both.

use std::io;
use std::sync::atomic::AtomicU64;

use parking_lot::Mutex;
use thalweg_common::physics::{Link, Way};
use thalweg_common::time::Time;
use tokio::net::TcpStream;

use super::counts::Counts;
use super::lane::{Broken, Lane, Shared};
use super::options::ProxyOptions;
use super::timer::Timer;
use thalweg_proto::transport::Clock;

/// What all connections of a proxy share.
#[derive(Debug)]
pub(super) struct Cable {
    pub(super) options: ProxyOptions,
    pub(super) clock: Clock,
    pub(super) there: Mutex<Link>,
    pub(super) back: Mutex<Link>,
    pub(super) counts: Counts,
}

impl Cable {
    /// Joins `client` with `server` until both have ended, or one breaks, or they are to be reset: then both
    /// are, once they are dropped.
    pub(super) async fn join(
        &self,
        client: &mut TcpStream,
        server: &mut TcpStream,
    ) -> Result<(), Broken> {
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let shared = Shared {
            clock: self.clock,
            faults: &self.options.faults,
            counts: &self.counts,
            window_bytes: self.options.window_bytes,
            opened: self.clock.now(),
            passed: AtomicU64::new(0),
        };
        let lane = |way, link| Lane {
            way,
            link,
            shared: &shared,
        };
        let there = lane(Way::There, &self.there);
        let back = lane(Way::Back, &self.back);
        let ended = {
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            let lanes = async {
                let (_, _) = tokio::try_join!(
                    there.carry(from_client, to_server),
                    back.carry(from_server, to_client)
                )?;
                Ok(())
            };
            tokio::select! {
                ended = lanes => ended,
                broken = self.reset(&shared) => Err(broken),
            }
        };
        if ended.is_err() {
            reset(client);
            reset(server);
        }
        ended
    }

    /// Ends when the connection is to be reset.
    async fn reset(&self, shared: &Shared<'_>) -> Broken {
        let Some(at) = shared.faults.reset_at(shared.opened) else {
            return std::future::pending().await;
        };
        match self.wait(at).await {
            Ok(()) => Broken::Reset,
            Err(error) => Broken::End(error),
        }
    }

    async fn wait(&self, at: Time) -> io::Result<()> {
        Timer::new()?.until(self.clock, at).await
    }
}

/// Lets a connection end in a reset once it is dropped, so that nobody takes what came for all there is.
pub(super) fn reset(stream: &TcpStream) {
    // One that is gone already needs none.
    stream.set_zero_linger().ok();
}
