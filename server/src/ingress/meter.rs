//! What the bytes of a worker's session were for: pushes or pulls, each with its answers.
//!
//! The bytes are those of the socket, with everything that the transport adds, shared out by the
//! size of the frames that they carried. Observers are not counted: the cost of training is asked
//! for, not that of looking at it.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use prost::Message;
use thalweg_common::message::Reply;
use thalweg_proto::v1;
use thalweg_proto::v1::client_frame::Body;

use super::counted::SocketBytes;
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
    socket: SocketBytes,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    observes: bool,
    /// Pulls whose coordinates come in chunks.
    chunked_pulls: BTreeSet<u64>,
}

impl Meter {
    /// A meter for the session on the connection of `socket`.
    pub(super) fn new(server: Arc<Server>, socket: SocketBytes) -> Self {
        Self {
            server,
            socket,
            state: Mutex::default(),
        }
    }

    /// What a reply is for.
    pub(super) fn reply(&self, reply: &Reply) -> Purpose {
        match reply {
            Reply::Pushed(_) => Purpose::Push,
            Reply::Pulled(_) => Purpose::Pull,
            Reply::Registered(registered) => {
                let slots = self.server.plan().training.workers;
                self.state.lock().observes = slots <= registered.worker.0;
                Purpose::Other
            }
            _ => Purpose::Other,
        }
    }

    /// Counts a frame that goes out.
    pub(super) fn sent(&self, purpose: Purpose, frame: &v1::ServerFrame) {
        self.count(&self.state.lock(), purpose, frame.encoded_len());
    }

    /// Counts a frame that came in.
    pub(super) fn received(&self, frame: &v1::ClientFrame) {
        let mut state = self.state.lock();
        let purpose = match &frame.body {
            Some(Body::Push(_)) => Purpose::Push,
            Some(Body::Pull(_)) => {
                if frame.more {
                    state.chunked_pulls.insert(frame.request_id);
                }
                Purpose::Pull
            }
            Some(Body::Chunk(_)) => state.purpose_of_chunk(frame),
            _ => Purpose::Other,
        };
        self.count(&state, purpose, frame.encoded_len());
    }

    fn count(&self, state: &State, purpose: Purpose, frame_bytes: usize) {
        let socket_bytes = self.socket.take();
        if state.observes {
            return;
        }
        let counters = &self.server.counters;
        let counter = match purpose {
            Purpose::Push => &counters.push_frames,
            Purpose::Pull => &counters.pull_frames,
            Purpose::Other => &counters.other_frames,
        };
        Counters::add(counter, frame_bytes);
        Counters::add(
            &counters.of_workers,
            usize::try_from(socket_bytes).unwrap_or(usize::MAX),
        );
    }
}

impl State {
    fn purpose_of_chunk(&mut self, frame: &v1::ClientFrame) -> Purpose {
        let pull = if frame.more {
            self.chunked_pulls.contains(&frame.request_id)
        } else {
            self.chunked_pulls.remove(&frame.request_id)
        };
        if pull { Purpose::Pull } else { Purpose::Push }
    }
}

impl Drop for Meter {
    /// What has passed since the last frame belongs to the session, too.
    fn drop(&mut self) {
        self.count(&self.state.lock(), Purpose::Other, 0);
    }
}
