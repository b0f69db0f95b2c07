//! Looking at a running cluster from outside: statuses and parameters of all its servers, through
//! one observer session. Observers never hold a gate and never push.

mod attach;
mod parameters;
mod glance;
mod local;
mod watching;

pub use attach::ObserveError;
pub use glance::{Glance, Lookout, glance};
pub use local::latest_servers;
pub use watching::{Seen, Watching};

use std::time::Duration;

use thalweg_common::ids::{Clock, SessionId, WorkerId};
use thalweg_common::message::{
    Conclude, Heartbeat, HeartbeatReply, Leave, LeaveReason, Offer, Phase, Reply, Request, Status,
    StatusRequest,
};
use thalweg_proto::security::Credentials;
use thalweg_worker::transport::JoinError;
use thalweg_worker::transport::client::Client;

use crate::job::Blueprint;

/// How long an observer waits for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a server may take to let an old session go.
const FAREWELL: Duration = Duration::from_secs(1);

/// An observer of all servers of one job.
#[derive(Debug)]
pub struct Observer {
    clients: Vec<Client>,
    credentials: Credentials,
    blueprint: Blueprint,
    session: SessionId,
    worker: WorkerId,
}

impl Observer {
    /// The job that the servers serve.
    #[must_use]
    pub fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }

    /// Which of the job's servers is at the address, as it was given.
    pub(crate) fn server_at(&self, address: &str) -> Option<u32> {
        let mut servers = (0_u32..).zip(&self.clients);
        servers.find_map(|(server, client)| (client.address() == address).then_some(server))
    }

    /// How the job ended for server 0, if it answers within `patience` and says that the job has failed: the others
    /// may have gone by then.
    pub(crate) async fn failure(&self, patience: Duration) -> Option<Status> {
        let request = Request::Status(StatusRequest::default());
        match attach::ask(self.clients.first()?, request, patience).await {
            Ok(Reply::Status(status)) if status.phase == Phase::Failed => Some(*status),
            Ok(_) | Err(_) => None,
        }
    }

    /// How things stand on every server, in server order.
    ///
    /// # Errors
    /// [`ObserveError`] names the first server that does not answer.
    pub async fn statuses(&self) -> Result<Vec<Status>, ObserveError> {
        let mut statuses = Vec::with_capacity(self.clients.len());
        for (server, client) in (0_u32..).zip(&self.clients) {
            match self
                .ask((server, client), Request::Status(StatusRequest::default()))
                .await?
            {
                Reply::Status(status) => statuses.push(*status),
                other => return Err(ObserveError::unexpected(client, &other)),
            }
        }
        Ok(statuses)
    }

    /// Gives a sign of life to every server.
    ///
    /// # Errors
    /// [`ObserveError`] if a server does not answer or does not know the session.
    pub async fn heartbeat(&self) -> Result<(), ObserveError> {
        for (server, client) in (0_u32..).zip(&self.clients) {
            match self.ask((server, client), self.sign_of_life()).await? {
                Reply::Heartbeat(HeartbeatReply { .. }) => {}
                other => return Err(ObserveError::unexpected(client, &other)),
            }
        }
        Ok(())
    }

    /// Gives a sign of life to those servers that answer: when their job is done they wait for an observer that is
    /// there, and this one may have to wait for another server before it can read.
    pub(crate) async fn stay(&self) {
        for client in &self.clients {
            // One that is gone is found out by whoever waits for it.
            attach::ask(client, self.sign_of_life(), FAREWELL)
                .await
                .ok();
        }
    }

    fn sign_of_life(&self) -> Request {
        Request::Heartbeat(Heartbeat {
            session: self.session,
            worker: self.worker,
            clock: Clock(0),
            doing: "observing".to_owned(),
            idle: false,
            sent_bytes: 0,
            received_bytes: 0,
            compute: Duration::ZERO,
            waited: Duration::ZERO,
            retries: 0,
        })
    }

    /// Tells all servers but server 0, which knows, that the job is done: one that has returned since its workers
    /// left has nobody else to tell it. Whoever may not say so is not believed.
    pub(crate) async fn tell_done(&self) {
        for client in self.clients.iter().skip(1) {
            let conclude =
                Request::Conclude(self.conclusion("the job is done, and its model was read"));
            // One that is gone needs not know.
            attach::ask(client, conclude, FAREWELL).await.ok();
        }
    }

    fn conclusion(&self, why: &str) -> Conclude {
        Conclude {
            session: self.session,
            worker: self.worker,
            why: why.to_owned(),
        }
    }

    /// Tells every server that a worker is gone: its process was seen to end, so nobody needs to
    /// wait for its lease.
    ///
    /// # Errors
    /// [`ObserveError`] if a server does not answer.
    pub async fn report_gone(
        &self,
        worker: WorkerId,
        session: SessionId,
        cause: &str,
    ) -> Result<(), ObserveError> {
        let cause = cause.to_owned();
        self.leave_as(Leave {
            session,
            worker,
            reason: LeaveReason::Failed,
            cause,
        })
        .await
    }

    /// Tells server 0 that the job has reached what it was to reach: it is done as soon as what is on
    /// loan has come back.
    ///
    /// # Errors
    /// [`ObserveError`] if the server does not answer.
    pub async fn conclude(&self, why: &str) -> Result<(), ObserveError> {
        let conclude = Request::Conclude(self.conclusion(why));
        self.ask((0, &self.clients[0]), conclude).await.map(drop)
    }

    /// Tells server 0 that so many rows of the stream have arrived in all, and whether it has ended.
    /// Answers with the row below which all are used.
    ///
    /// # Errors
    /// [`ObserveError`] if the server does not answer, or the job has no stream.
    pub async fn offer(&self, rows: u64, closed: bool) -> Result<u64, ObserveError> {
        let offer = Offer {
            session: self.session,
            worker: self.worker,
            rows,
            closed,
        };
        match self
            .ask((0, &self.clients[0]), Request::Offer(offer))
            .await?
        {
            Reply::Offered(used) => Ok(used),
            _ => Err(JoinError::Malformed {
                address: self.clients[0].address().to_owned(),
                found: "an answer of another kind to an offer of rows".to_owned(),
            }
            .into()),
        }
    }

    /// Opens another session with all servers, at the same addresses, in place of this one. Servers that
    /// still answer are told that this one is over.
    ///
    /// # Errors
    /// [`ObserveError`] if a server does not answer within `patience`; nothing is changed then but that the
    /// old session may be over.
    pub async fn attend_again(&mut self, patience: Duration) -> Result<(), ObserveError> {
        let addresses: Vec<String> = self
            .clients
            .iter()
            .map(|client| client.address().to_owned())
            .collect();
        let leave = Leave {
            session: self.session,
            worker: self.worker,
            reason: LeaveReason::Done,
            cause: String::new(),
        };
        let attached = Self::attach(&addresses, &self.credentials, patience).await?;
        for client in &self.clients {
            let request = Request::Leave(leave.clone());
            // One that has returned does not know the session, and one that is gone needs no goodbye.
            attach::ask(client, request, FAREWELL).await.ok();
        }
        *self = attached;
        Ok(())
    }

    /// Ends the observation. Servers that have nothing left to do end then.
    ///
    /// # Errors
    /// [`ObserveError`] if a server does not answer.
    pub async fn leave(&self) -> Result<(), ObserveError> {
        let (session, worker) = (self.session, self.worker);
        let reason = LeaveReason::Done;
        self.leave_as(Leave {
            session,
            worker,
            reason,
            cause: String::new(),
        })
        .await
    }

    async fn leave_as(&self, leave: Leave) -> Result<(), ObserveError> {
        for (server, client) in (0_u32..).zip(&self.clients) {
            self.ask((server, client), Request::Leave(leave.clone()))
                .await?;
        }
        Ok(())
    }

    async fn ask(
        &self,
        (server, client): (u32, &Client),
        request: Request,
    ) -> Result<Reply, ObserveError> {
        let reply = attach::ask(client, request, PATIENCE).await;
        reply.map_err(|error| error.at_server(server))
    }
}
