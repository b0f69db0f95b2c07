//! Who may ask what of this server, judged before anything else is: the caller's role by the one table of
//! calls, and that a session is used by nobody but whom it was opened for.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::ids::SessionId;
use thalweg_common::message::{Reply, Request};
use thalweg_proto::security::{Call, Caller, Digest, Keys};
use thalweg_proto::transport::Peer;
use tonic::Extensions;
use tonic::metadata::MetadataMap;

use super::counted::SocketBytes;

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

    /// Who calls.
    pub(super) fn recognise(&self, extensions: &Extensions, metadata: &MetadataMap) -> Caller {
        let Some(keys) = &self.keys else {
            return Caller::Anyone;
        };
        let peer = extensions.get::<Peer<SocketBytes>>();
        let certificate = peer.and_then(|peer| peer.certificate.as_deref());
        keys.recognise(certificate, metadata.as_ref())
    }

    /// Judges a request of a caller.
    pub(super) fn judge(&self, caller: &Caller, request: &Request) -> Result<(), Refusal> {
        Call::judge_request(caller, request)?;
        let (Caller::Known { who, .. }, Some(session)) = (caller, session(request)) else {
            return Ok(());
        };
        let mut owners = self.owners.lock();
        if owners.get(&session).is_some_and(|owner| owner != who) {
            return Err(Refusal::new(
                RefusalKind::Forbidden,
                format!(
                    "session {session} was opened with another certificate or token; register to get one \
                     of your own"
                ),
            ));
        }
        if matches!(request, Request::Leave(_)) {
            owners.remove(&session);
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

/// The session that a request speaks for.
fn session(request: &Request) -> Option<SessionId> {
    match request {
        Request::Register(register) => register.session,
        Request::Push(push) => Some(push.header.session),
        Request::Pull(pull) => Some(pull.session),
        Request::NextRange(asked) => Some(asked.session),
        Request::Heartbeat(heartbeat) => Some(heartbeat.session),
        Request::Status(_) => None,
        Request::Leave(leave) => Some(leave.session),
        Request::Conclude(conclude) => Some(conclude.session),
        Request::Offer(offer) => Some(offer.session),
    }
}
