//! Replies in server frames, both ways.

use prost::Message;
use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::message::{Grant, HeartbeatReply, PullReply, Registered, Reply, Status};

use super::assembly::{Around, Assembled, Assembly, Fill};
use super::chunks::{Chunks, inline_what_fits};
use super::envelope::ReplyEnvelope;
use super::error::FrameError;
use super::frames::Frames;
use super::gather::Filled;
use super::limits::FrameLimits;
use crate::convert::section::{Opened, Section};
use crate::convert::{ConvertError, pull_reply};
use crate::v1;
use crate::v1::server_frame::Body;

/// The frames of a reply.
pub type ReplyFrames = Frames<ReplyEnvelope, v1::ServerFrame>;

/// Cuts a reply into frames. Values are never copied, unless they lie in segments of less than a
/// few kilobytes.
///
/// # Errors
/// [`ConvertError`] of kind `TooLarge` if the reply without its values is larger than a message may
/// be.
pub fn reply_frames(
    envelope: ReplyEnvelope,
    reply: &Reply,
    limits: &FrameLimits,
) -> Result<ReplyFrames, ConvertError> {
    let (body, sections) = split(reply);
    let mut head = frame(envelope, body, true);
    let rest = inline_what_fits(
        head.encoded_len(),
        sections,
        limits,
        |section| match &mut head.body {
            Some(Body::Pulled(head)) => pull_reply::inline(head, section),
            _ => unreachable!("only answers to pulls have sections"),
        },
    )?;
    head.more = !rest.is_empty();
    let wrap = |envelope, chunk, more| frame(envelope, Body::Chunk(chunk), more);
    Ok(Frames {
        head: Some(head),
        chunks: Chunks::new(rest, limits),
        envelope,
        wrap,
    })
}

fn frame(envelope: ReplyEnvelope, body: Body, more: bool) -> v1::ServerFrame {
    v1::ServerFrame {
        request_id: envelope.request_id,
        credit: envelope.credit,
        body: Some(body),
        more,
    }
}

fn split(reply: &Reply) -> (Body, Vec<Section>) {
    let body = match reply {
        Reply::Pulled(whole) => {
            let (head, sections) = pull_reply::split(whole);
            return (Body::Pulled(head), sections);
        }
        Reply::Registered(registered) => Body::Registered(registered.as_ref().into()),
        Reply::Pushed(acks) => Body::Pushed(acks.as_slice().into()),
        Reply::Granted(grant) => Body::Granted((*grant).into()),
        Reply::Heartbeat(reply) => Body::Heartbeat((*reply).into()),
        Reply::Status(status) => Body::Status(status.as_ref().into()),
        Reply::Left => Body::Left(v1::LeaveReply {}),
        Reply::Refused(refusal) => Body::Refused(refusal.into()),
    };
    (body, Vec::new())
}

/// Makes replies of the frames of one session stream.
#[derive(Debug)]
pub struct ReplyAssembler {
    assembly: Assembly<ReplyEnvelope, Reply>,
}

impl ReplyAssembler {
    /// An assembler without any message open.
    #[must_use]
    pub fn new(limits: FrameLimits) -> Self {
        Self {
            assembly: Assembly::new(limits),
        }
    }

    /// Values that were announced and whose messages are not whole yet, in bytes.
    #[must_use]
    pub fn in_flight_bytes(&self) -> usize {
        self.assembly.in_flight_bytes()
    }

    /// Takes the next frame of the stream.
    ///
    /// # Errors
    /// [`FrameError`] if the stream is broken and is to be closed.
    pub fn accept(
        &mut self,
        frame: v1::ServerFrame,
    ) -> Result<Assembled<ReplyEnvelope, Reply>, FrameError> {
        let request_id = frame.request_id;
        let envelope = ReplyEnvelope {
            request_id,
            credit: frame.credit,
        };
        let around = Around {
            envelope,
            request_id,
            more: frame.more,
        };
        match frame.body {
            Some(Body::Chunk(chunk)) => self.assembly.chunk(around, chunk),
            body => self.assembly.head(around, open(body)),
        }
    }
}

fn open(body: Option<Body>) -> Result<Opened<Reply>, ConvertError> {
    let message = match body {
        Some(Body::Pulled(head)) => {
            let Opened { message, missing } =
                pull_reply::open(head).map_err(|error| error.within("pulled"))?;
            return Ok(Opened {
                message: Reply::Pulled(message),
                missing,
            });
        }
        Some(Body::Registered(registered)) => Reply::Registered(Box::new(
            Registered::try_from(registered).map_err(|error| error.within("registered"))?,
        )),
        Some(Body::Pushed(acks)) => Reply::Pushed(
            acks.try_into()
                .map_err(|error: ConvertError| error.within("pushed"))?,
        ),
        Some(Body::Granted(grant)) => {
            Reply::Granted(Grant::try_from(grant).map_err(|error| error.within("granted"))?)
        }
        Some(Body::Heartbeat(reply)) => Reply::Heartbeat(HeartbeatReply::from(reply)),
        Some(Body::Status(status)) => Reply::Status(Box::new(
            Status::try_from(status).map_err(|error| error.within("status"))?,
        )),
        Some(Body::Left(v1::LeaveReply {})) => Reply::Left,
        Some(Body::Refused(refusal)) => {
            Reply::Refused(Refusal::try_from(refusal).map_err(|error| error.within("refused"))?)
        }
        Some(Body::Chunk(_)) => unreachable!("a chunk is no head"),
        None => {
            return Err(ConvertError::invalid(
                "frame.body",
                "a reply of thalweg.v1",
                "nothing known",
            )
            .of_kind(RefusalKind::Unsupported));
        }
    };
    Ok(Opened {
        message,
        missing: Vec::new(),
    })
}

impl Fill for Reply {
    fn fill(&mut self, part: usize, section: Filled) -> Result<(), ConvertError> {
        match (self, section) {
            (Self::Pulled(PullReply::Ready(reads)), Filled::Values(payload)) => {
                reads[part].payload = payload;
                Ok(())
            }
            (other, section) => unreachable!("{other:?} announces no {section:?}"),
        }
    }
}
