//! Registering: one session with every server of a job, of a worker or of an observer.
//!
//! ```text
//! find_job: Register without data ─▶ the job's text, which server each address is
//! (a worker loads the data that the job names)
//! join, observe: Register at server 0 ─▶ session ─▶ the same session at all others
//! ```

use std::time::Duration;

use thalweg_common::ids::{ServerId, SessionId, WorkerId};
use thalweg_common::message::{
    DataSummary, Leave, LeaveReason, PROTOCOL_VERSIONS, Register, Request, SessionRole,
};
use thalweg_proto::codec::FrameLimits;

use super::client::Client;
use super::contact::{Contact, ask, register};
use super::join_error::JoinError;
use crate::worker::Place;

/// Between two signs of life to servers that wait for others to know the session, too.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// What a worker says of itself when it joins.
#[derive(Clone, Debug)]
pub struct Member {
    /// The wanted slot; `None` takes the first free one.
    pub worker: Option<WorkerId>,
    /// What it found in its data.
    pub data: DataSummary,
    /// Where it runs, for people.
    pub place: String,
    /// The session that it had in this slot and that is over: it comes back unless another one has taken
    /// the slot since.
    pub after: Option<SessionId>,
    /// Whether any other free slot does as well, where another one has taken that slot.
    pub or_any: bool,
}

/// A session that is open at every server of a job.
#[derive(Debug)]
pub struct Enlisted {
    /// The session.
    pub session: SessionId,
    /// The worker slot; observers share one past the last slot.
    pub worker: WorkerId,
    /// A stream with each server, by [`ServerId`].
    pub clients: Vec<Client>,
}

/// Opens a worker's session with every server of a job, unless `stop` says not to before all have taken it.
///
/// # Errors
/// [`JoinError`] if a server turns the worker away or cannot be reached within `patience`;
/// [`JoinError::Stopped`] if it was stopped: the servers that had taken it are told.
pub async fn join(
    contact: &Contact,
    limits: FrameLimits,
    member: Member,
    patience: Duration,
    stop: impl Future<Output = ()>,
) -> Result<Place, JoinError> {
    let mut stop = std::pin::pin!(stop);
    let first = Register {
        protocol: PROTOCOL_VERSIONS,
        role: SessionRole::Worker,
        fingerprint: Some(contact.fingerprint),
        worker: member.worker,
        session: None,
        data: Some(member.data),
        place: member.place,
        lives: vec![],
        clock: None,
        after: member.after,
    };
    let any = Register {
        worker: None,
        after: None,
        ..first.clone()
    };
    let within = (limits, patience);
    let enlisted = match enlist(contact, within, first, stop.as_mut()).await {
        Err(error) if member.or_any && member.after.is_some() && error.slot_is_taken() => {
            if let Some(worker) = member.worker {
                tracing::warn!(
                    "worker {worker}'s slot was taken meanwhile: asking for another one"
                );
            }
            enlist(contact, within, any, stop).await
        }
        enlisted => enlisted,
    };
    let Enlisted {
        session, worker, ..
    } = enlisted?;
    Ok(Place {
        fingerprint: contact.fingerprint,
        session,
        worker,
        addresses: contact.addresses.clone(),
    })
}

/// Opens an observer's session with every server of a job. `place` says where it runs, for people.
///
/// # Errors
/// [`JoinError`] if a server turns the observer away or cannot be reached within `patience`.
pub async fn observe(
    contact: &Contact,
    limits: FrameLimits,
    place: String,
    patience: Duration,
) -> Result<Enlisted, JoinError> {
    let first = Register {
        protocol: PROTOCOL_VERSIONS,
        role: SessionRole::Observer,
        fingerprint: Some(contact.fingerprint),
        worker: None,
        session: None,
        data: None,
        place,
        lives: vec![],
        clock: None,
        after: None,
    };
    enlist(contact, (limits, patience), first, std::future::pending()).await
}

/// Registers with a server that may have to be waited for, and gives signs of life to those that have the
/// session already.
async fn beside<T>(clients: &[Client], said: &Register, registering: impl Future<Output = T>) -> T {
    let mut registering = std::pin::pin!(registering);
    loop {
        match tokio::time::timeout(SIGN_OF_LIFE, &mut registering).await {
            Ok(registered) => return registered,
            Err(_) => {
                for client in clients {
                    // One that is gone is found out when all have registered.
                    ask(client, said, SIGN_OF_LIFE).await.ok();
                }
            }
        }
    }
}

/// Opens a session at all servers. Where one does not take it, or `stop` comes first, the others are told that it is
/// over: they would wait for it until its lease has run out.
async fn enlist(
    contact: &Contact,
    within: (FrameLimits, Duration),
    mut said: Register,
    stop: impl Future<Output = ()>,
) -> Result<Enlisted, JoinError> {
    let mut clients = Vec::with_capacity(contact.addresses.len());
    let enlisted = tokio::select! {
        enlisted = enlist_with_each(contact, within, &mut said, &mut clients) => enlisted,
        () = stop => Err(JoinError::Stopped),
    };
    let (Some(session), Some(worker)) = (said.session, said.worker) else {
        return Err(enlisted.err().unwrap_or_else(|| JoinError::Malformed {
            address: contact.addresses.join(","),
            found: "no server to register with".to_owned(),
        }));
    };
    if let Err(error) = enlisted {
        let leave = Leave {
            session,
            worker,
            reason: LeaveReason::Stopped,
            cause: match &error {
                JoinError::Stopped => String::new(),
                error => error.to_string(),
            },
        };
        for client in &clients {
            // One that is gone needs no goodbye.
            let told = client.call(Request::Leave(leave.clone()), SIGN_OF_LIFE);
            told.await.ok();
        }
        return Err(error);
    }
    Ok(Enlisted {
        session,
        worker,
        clients,
    })
}

/// Registers with one server after the other: server 0 gives session and slot, the others take
/// them. `clients` are those that have.
async fn enlist_with_each(
    contact: &Contact,
    (limits, patience): (FrameLimits, Duration),
    said: &mut Register,
    clients: &mut Vec<Client>,
) -> Result<(), JoinError> {
    for (server, address) in (0_u32..).map(ServerId).zip(&contact.addresses) {
        let (client, registered) = {
            let registering = register((address, &contact.credentials), limits, said, patience);
            beside(clients, said, registering).await?
        };
        if registered.server != server || registered.fingerprint != contact.fingerprint {
            let found = format!(
                "it is server {} of job {} now",
                registered.server, registered.fingerprint
            );
            return Err(JoinError::Malformed {
                address: address.clone(),
                found,
            });
        }
        (said.session, said.worker) = (Some(registered.session), Some(registered.worker));
        if said.role == SessionRole::Worker {
            // All servers count the iterations of a worker from where server 0 does.
            said.clock.get_or_insert(registered.clock);
        }
        said.lives.push(registered.life);
        clients.push(client);
    }
    if let ([first, _, ..], SessionRole::Worker) = (&clients[..], said.role) {
        // Server 0 is told whom else this worker has met: no server may have been started anew.
        ask(first, said, patience).await?;
    }
    Ok(())
}
