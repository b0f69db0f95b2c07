//! What the bytes of a worker's session were for: pushes or pulls, each with its answers.
//!
//! Observers are not counted: the cost of training is asked for, not that of looking at it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use prost::Message;
use thalweg_common::message::Reply;
use thalweg_proto::transport::framed_bytes;
use thalweg_proto::v1;
use thalweg_proto::v1::client_frame::Body;

use crate::server::{Counters, Server};

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Push,
    Pull,
    Other,
}

/// Counts the frames of one session.
#[derive(Debug)]
pub(super) struct Meter {
    server: Arc<Server>,
    observes: AtomicBool,
    /// Pulls whose coordinates come in chunks.
    chunked_pulls: Mutex<BTreeSet<u64>>,
}

impl Meter {
    pub(super) fn new(server: Arc<Server>) -> Self {
        Self {
            server,
            observes: AtomicBool::new(false),
            chunked_pulls: Mutex::default(),
        }
    }

    /// What a reply is for.
    pub(super) fn reply(&self, reply: &Reply) -> Purpose {
        match reply {
            Reply::Pushed(_) => Purpose::Push,
            Reply::Pulled(_) => Purpose::Pull,
            Reply::Registered(registered) => {
                let slots = self.server.plan().training.workers;
                self.observes
                    .store(registered.worker.0 >= slots, Ordering::Relaxed);
                Purpose::Other
            }
            _ => Purpose::Other,
        }
    }

    /// Counts a frame that goes out.
    pub(super) fn sent(&self, purpose: Purpose, frame: &v1::ServerFrame) {
        self.count(purpose, frame.encoded_len());
    }

    /// Counts a frame that came in.
    pub(super) fn received(&self, frame: &v1::ClientFrame) {
        let purpose = match &frame.body {
            Some(Body::Push(_)) => Purpose::Push,
            Some(Body::Pull(_)) => {
                if frame.more {
                    self.chunked_pulls.lock().insert(frame.request_id);
                }
                Purpose::Pull
            }
            Some(Body::Chunk(_)) => self.purpose_of_chunk(frame),
            _ => Purpose::Other,
        };
        self.count(purpose, frame.encoded_len());
    }

    fn purpose_of_chunk(&self, frame: &v1::ClientFrame) -> Purpose {
        let mut pulls = self.chunked_pulls.lock();
        let pull = if frame.more {
            pulls.contains(&frame.request_id)
        } else {
            pulls.remove(&frame.request_id)
        };
        if pull { Purpose::Pull } else { Purpose::Push }
    }

    fn count(&self, purpose: Purpose, message_bytes: usize) {
        let counters = &self.server.counters;
        let counter: &AtomicU64 = match purpose {
            _ if self.observes.load(Ordering::Relaxed) => return,
            Purpose::Push => &counters.pushed,
            Purpose::Pull => &counters.pulled,
            Purpose::Other => return,
        };
        Counters::add(counter, framed_bytes(message_bytes));
    }
}
