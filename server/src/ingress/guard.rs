//! Who may ask what of this server, judged before anything else is: the caller's role by the one table of
//! calls, and that a session is used by nobody but whom it was opened for.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::ids::SessionId;
use thalweg_common::message::{Reply, Request};
use thalweg_proto::security::{Call, Caller, Digest, Keys};
use thalweg_proto::transport::Peer;
use tonic::Extensions;
use tonic::codegen::http::HeaderMap;

use super::counted::Line;

/// Sessions whose owner is remembered. Each that was ever opened counts until it leaves; past this the
/// oldest are forgotten, which are lost by then.
const OWNERS_MAX: usize = 1 << 20;

/// What a server knows of callers.
#[derive(Debug)]
pub(super) struct Guard {
    keys: Option<Keys>,
    owners: Mutex<BTreeMap<SessionId, Digest>>,
}

impl Guard {
    /// Without keys everybody may do everything.
    pub(super) fn new(keys: Option<Keys>) -> Self {
        Self {
            keys,
            owners: Mutex::default(),
        }
    }

    /// Until when the server's own certificate holds, since 1970, if it has one.
    pub(super) fn certificate_until(&self) -> Option<Duration> {
        self.keys.as_ref()?.holds_until()
    }

    /// Who calls.
    pub(super) fn recognise(&self, extensions: &Extensions, headers: &HeaderMap) -> Caller {
        let Some(keys) = &self.keys else {
            return Caller::Anyone;
        };
        let peer = extensions.get::<Peer<Line>>();
        let certificate = peer.and_then(|peer| peer.certificate.as_deref());
        keys.recognise(certificate, headers)
    }

    /// Judges a request of a caller.
    pub(super) fn judge(&self, caller: &Caller, request: &Request) -> Result<(), Refusal> {
        Call::judge_request(caller, request)?;
        let Caller::Known { who, .. } = caller else {
            return Ok(());
        };
        let mut owners = self.owners.lock();
        for session in sessions(request).into_iter().flatten() {
            if owners.get(&session).is_some_and(|owner| owner != who) {
                return Err(Refusal::new(
                    RefusalKind::Forbidden,
                    format!(
                        "session {session} was opened with another certificate or token; register to get \
                         one of your own"
                    ),
                ));
            }
        }
        if let Request::Leave(leave) = request {
            owners.remove(&leave.session);
        }
        Ok(())
    }

    /// Notes whose a session is that was opened.
    pub(super) fn note(&self, caller: &Caller, reply: &Reply) {
        if let (Caller::Known { who, .. }, Reply::Registered(registered)) = (caller, reply)
            && registered.session != SessionId(0)
        {
            let mut owners = self.owners.lock();
            owners.insert(registered.session, *who);
            if OWNERS_MAX < owners.len() {
                owners.pop_first();
            }
        }
    }
}

/// The sessions that a request speaks for: one, and at a registration the one whose place it takes over.
fn sessions(request: &Request) -> [Option<SessionId>; 2] {
    let one = match request {
        Request::Register(register) => return [register.session, register.after],
        Request::Push(push) => push.header.session,
        Request::Pull(pull) => pull.session,
        Request::NextRange(asked) => asked.session,
        Request::Heartbeat(heartbeat) => heartbeat.session,
        Request::Status(_) => return [None, None],
        Request::Leave(leave) => leave.session,
        Request::Conclude(conclude) => conclude.session,
        Request::Offer(offer) => offer.session,
    };
    [Some(one), None]
}
