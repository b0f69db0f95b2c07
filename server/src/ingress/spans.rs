//! The spans of what is asked here: a session stream, and a unary call. Whatever is told in them says whose it is.
//!
//! A stream is opened before anybody is named on it, and a link that comes back opens one without registering. So its
//! span learns whom it is of from the first request that names a session and may be made.

use std::future::Future;

use thalweg_common::ids::{SessionId, WorkerId};
use thalweg_common::message::{Reply, Request};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

/// Whom a session stream is of.
#[derive(Debug)]
pub(super) struct Subject {
    span: Span,
    /// Worker slots: observers share the number after them.
    workers: u32,
    is_known: bool,
}

impl Subject {
    /// Of a stream on which nobody is named yet, to a server with so many worker slots.
    pub(super) fn new(workers: u32) -> Self {
        let span = tracing::info_span!("session", session = Empty, worker = Empty, role = Empty);
        Self {
            span,
            workers,
            is_known: false,
        }
    }

    /// The span.
    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Takes the first request that names a session; no other costs more than a look.
    pub(super) fn hear(&mut self, request: &Request) {
        if self.is_known || self.span.is_disabled() {
            return;
        }
        let Some((session, worker)) = speaker(request) else {
            return;
        };
        let role = match worker.0 < self.workers {
            true => "worker",
            false => "observer",
        };
        self.is_known = true;
        self.span.record("session", session.0);
        self.span.record("worker", worker.0);
        self.span.record("role", role);
        tracing::info!(parent: &self.span, "a session speaks on a stream");
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        if self.is_known {
            tracing::info!(parent: &self.span, "the stream of a session has ended");
        }
    }
}

/// Who asks, where the request says it.
fn speaker(request: &Request) -> Option<(SessionId, WorkerId)> {
    match request {
        Request::Push(push) => Some((push.header.session, push.header.worker)),
        Request::Pull(pull) => Some((pull.session, pull.worker)),
        Request::NextRange(asked) => Some((asked.session, asked.worker)),
        Request::Heartbeat(heartbeat) => Some((heartbeat.session, heartbeat.worker)),
        Request::Leave(leave) => Some((leave.session, leave.worker)),
        Request::Conclude(conclude) => Some((conclude.session, conclude.worker)),
        Request::Offer(offer) => Some((offer.session, offer.worker)),
        // At server 0 it asks for a session, and may get none.
        Request::Register(_) | Request::Status(_) => None,
    }
}

/// Serves a unary call in a span of its own.
pub(super) async fn in_call(method: &'static str, served: impl Future<Output = Reply>) -> Reply {
    let told = async {
        let reply = served.await;
        if let Reply::Refused(refusal) = &reply {
            tracing::debug!(reason = %refusal.kind, "a call is refused");
        }
        reply
    };
    told.instrument(tracing::debug_span!("call", method)).await
}
