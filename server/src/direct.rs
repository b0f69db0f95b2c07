//! Serving a request to its end on the calling thread: the driver's side of threads in one process
//! and of virtual time. The gRPC driver does the same with sockets and owner threads.

use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::message::{Part, Pull, PullReply, Push, Reply, Request, Status};
use thalweg_common::time::Time;

use crate::admission::{Gate, Ticket};
use crate::server::Server;

/// What became of a request.
#[derive(Debug)]
pub enum Handled {
    /// It is answered.
    Reply(Reply),
    /// It waits at the gate: answer it with [`Server::read_all`] when the ticket is released.
    Parked(Ticket, Pull),
}

impl Server {
    /// Serves a request. Whoever it releases is asked for with [`Server::take_released`].
    #[must_use]
    pub fn handle(&self, now: Time, request: Request) -> Handled {
        let reply = match request {
            Request::Pull(pull) => match self.ask(now, &pull) {
                Ok(Gate::Parked(ticket)) => return Handled::Parked(ticket, pull),
                Ok(Gate::Open) => Ok(self.read_all(&pull)),
                Err(refusal) => Err(refusal),
            },
            Request::Push(push) => self.push_all(now, &push),
            other => return Handled::Reply(self.answer(now, other)),
        };
        Handled::Reply(reply.unwrap_or_else(Reply::Refused))
    }

    /// Answers what needs no shard. Whoever it releases is asked for with
    /// [`Server::take_released`].
    #[must_use]
    pub fn answer(&self, now: Time, request: Request) -> Reply {
        let reply = match request {
            Request::Register(register) => self
                .register(now, &register)
                .map(|registered| Reply::Registered(Box::new(registered))),
            Request::NextRange(asked) => self.next_range(now, &asked).map(Reply::Granted),
            Request::Heartbeat(heartbeat) => self.heartbeat(now, &heartbeat).map(Reply::Heartbeat),
            Request::Status(asked) => {
                self.looked_at(now);
                let history = self.history(&asked);
                let status = self.status(now);
                Ok(Reply::Status(Box::new(Status { history, ..status })))
            }
            Request::Leave(leave) => {
                self.leave(now, &leave);
                Ok(Reply::Left)
            }
            Request::Conclude(conclude) => self.conclude(now, &conclude).map(|()| Reply::Concluded),
            Request::Offer(offer) => self.offer(now, offer).map(Reply::Offered),
            Request::Push(_) | Request::Pull(_) => Err(Refusal::new(
                RefusalKind::Internal,
                "a push or pull was handed to the desk; this is a bug of the server",
            )),
        };
        reply.unwrap_or_else(Reply::Refused)
    }

    /// Reads every part of an admitted pull.
    #[must_use]
    pub fn read_all(&self, pull: &Pull) -> Reply {
        let by = self.reads_by(pull);
        let reads: Result<_, Refusal> = pull.parts.iter().map(|part| self.read(by, part)).collect();
        reads.map_or_else(Reply::Refused, |reads| {
            Reply::Pulled(PullReply::Ready(reads))
        })
    }

    fn push_all(&self, now: Time, push: &Push) -> Result<Reply, Refusal> {
        let mut event = self.judge_push(now, &push.header, push.parts.len())?;
        self.judge_claims(now, push)?;
        let push_part = |part: &Part| {
            let ack = self.push_part(now, &push.header, part);
            event.note(part.address.len(), &ack);
            ack
        };
        let acks = push.parts.iter().map(push_part).collect();
        self.finish_push(now, &push.header, &event);
        Ok(Reply::Pushed(acks))
    }
}
