//! The links of a whole cluster: a proxy per worker and server, all on one thread of their own, so that
//! nothing else that this process does holds a delivery up.

use std::io;
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use thalweg_common::physics::LinkPhysics;
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::counts::Carried;
use super::options::{Faults, ProxyOptions, WINDOW_BYTES};
use super::serve::Proxy;

/// Proxies between every worker and every server.
#[derive(Debug)]
pub struct ProxyThread {
    /// Where worker `w` finds server `s`: `addresses[w][s]`.
    addresses: Vec<Vec<String>>,
    stop: watch::Sender<()>,
    thread: Option<JoinHandle<Carried>>,
}

impl ProxyThread {
    /// Starts proxies on free ports of loopback: one for each of `workers` workers and each of `servers`
    /// (HOST:PORT). Every direction of every link has draws of its own.
    ///
    /// # Errors
    /// If a port, a runtime or a thread cannot be had.
    pub fn start(
        physics: LinkPhysics,
        seed: u64,
        workers: u32,
        servers: &[String],
    ) -> io::Result<Self> {
        let mut links = Vec::new();
        let mut addresses = Vec::new();
        for worker in 0..workers {
            let mut of_worker = Vec::new();
            for (server, to) in (0_u32..).zip(servers) {
                let listener = TcpListener::bind("127.0.0.1:0")?;
                listener.set_nonblocking(true)?;
                of_worker.push(listener.local_addr()?.to_string());
                let options = ProxyOptions {
                    to: to.clone(),
                    physics,
                    seed,
                    link: (worker, server),
                    window_bytes: WINDOW_BYTES,
                    faults: Faults::default(),
                };
                links.push((listener, options));
            }
            addresses.push(of_worker);
        }
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = watch::channel(());
        let thread = thread::Builder::new()
            .name("links".to_owned())
            .spawn(move || runtime.block_on(serve(links, &stopped)))?;
        Ok(Self {
            addresses,
            stop,
            thread: Some(thread),
        })
    }

    /// Where a worker finds the servers, server 0 first.
    #[must_use]
    pub fn addresses(&self, worker: u32) -> &[String] {
        usize::try_from(worker)
            .ok()
            .and_then(|worker| self.addresses.get(worker))
            .map_or(&[], Vec::as_slice)
    }

    /// Ends all connections and says what went through all links together.
    ///
    /// # Panics
    /// If the thread did.
    pub fn end(mut self) -> Carried {
        self.join().expect("the thread is joined once")
    }

    fn join(&mut self) -> Option<Carried> {
        let thread = self.thread.take()?;
        // Who has ended already hears nothing.
        self.stop.send(()).ok();
        match thread.join() {
            Ok(carried) => Some(carried),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for ProxyThread {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.join();
        }
    }
}

async fn serve(links: Vec<(TcpListener, ProxyOptions)>, stopped: &watch::Receiver<()>) -> Carried {
    let mut proxies = JoinSet::new();
    for (listener, options) in links {
        let mut stopped = stopped.clone();
        proxies.spawn(async move {
            // A listener that the runtime does not take serves nobody, and its worker says so.
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let stop = async move { drop(stopped.changed().await) };
            Ok::<_, io::Error>(Proxy::new(listener, options).serve(stop).await)
        });
    }
    let mut all = Carried::default();
    while let Some(ended) = proxies.join_next().await {
        match ended.expect("a proxy runs to its end") {
            Ok(carried) => all = all + carried,
            Err(error) => tracing::warn!("a link cannot be served: {error}"),
        }
    }
    all
}
