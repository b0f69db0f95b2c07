//! The links of a simulation: when does a message arrive, and what has passed over all of them?

use std::time::Duration;

use thalweg_common::ids::ServerId;
use thalweg_common::message::{Reply, Request};
use thalweg_common::physics::{Link, LinkPhysics, Stream};
use thalweg_common::time::Time;

use super::history::Usage;
use super::recording::Recording;
use super::size;
use super::timings::Replayed;

/// Both directions of every link between a worker and a server.
#[derive(Debug)]
pub(super) struct Post {
    servers: usize,
    links: Vec<(Link, Link)>,
    /// What messages are on the way for beside that, there and back; empty: nothing was recorded.
    recorded: Vec<(Replayed, Replayed)>,
    usage: Usage,
}

impl Post {
    /// Links that were never used.
    pub(super) fn new(physics: LinkPhysics, (workers, servers): (u32, u32), seed: u64) -> Self {
        let pairs =
            (0..workers).flat_map(|worker| (0..servers).map(move |server| (worker, server)));
        let links = pairs.map(|(worker, server)| {
            (
                Link::new(physics, seed, Stream::ToServer { worker, server }),
                Link::new(physics, seed, Stream::ToWorker { worker, server }),
            )
        });
        Self {
            servers: servers as usize,
            links: links.collect(),
            recorded: Vec::new(),
            usage: Usage::default(),
        }
    }

    /// The same with the latencies of a recording.
    pub(super) fn replay(&mut self, recording: &Recording, serve: Duration, seed: u64) {
        let ways = recording.ways(serve);
        let both = |link: usize| {
            let there = ways.of((link / self.servers, link % self.servers), seed);
            (there.clone(), there)
        };
        self.recorded = (0..self.links.len()).map(both).collect();
    }

    /// When a request arrives that is sent now.
    pub(super) fn ask(
        &mut self,
        now: Time,
        (worker, server): (usize, ServerId),
        request: &Request,
    ) -> Time {
        let bytes = size::of_request(request);
        self.usage.to_servers_bytes += bytes;
        match request {
            Request::Push(_) => self.usage.pushed_bytes += bytes,
            Request::Pull(_) => self.usage.pulled_bytes += bytes,
            _ => {}
        }
        let link = self.link(worker, server);
        let further = self.recorded.get_mut(link).map(|ways| ways.0.next());
        self.links[link]
            .0
            .send_with(now, bytes, further.unwrap_or_default())
    }

    /// When a reply arrives that is sent now.
    pub(super) fn reply(
        &mut self,
        now: Time,
        (worker, server): (usize, ServerId),
        reply: &Reply,
    ) -> Time {
        let bytes = size::of_reply(reply);
        self.usage.to_workers_bytes += bytes;
        match reply {
            Reply::Pushed(_) => self.usage.pushed_bytes += bytes,
            Reply::Pulled(_) => self.usage.pulled_bytes += bytes,
            _ => {}
        }
        let link = self.link(worker, server);
        let further = self.recorded.get_mut(link).map(|ways| ways.1.next());
        self.links[link]
            .1
            .send_with(now, bytes, further.unwrap_or_default())
    }

    /// What has passed so far.
    pub(super) fn usage(&self) -> Usage {
        let links = || self.links.iter().flat_map(|(there, back)| [there, back]);
        Usage {
            busiest_link: links().map(Link::busy).max().unwrap_or(Duration::ZERO),
            retransmissions: links().map(Link::retransmissions).sum(),
            ..self.usage
        }
    }

    fn link(&self, worker: usize, server: ServerId) -> usize {
        worker * self.servers + server.0 as usize
    }
}
