//! Replies in server frames, both ways.

use prost::Message;
use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::message::{Granted, HeartbeatReply, PullReply, Registered, Reply, Status};

use super::assembly::{Around, Arrival, Arrives, Assembler, Content};
use super::chunks::{Chunks, inline_what_fits};
use super::envelope::ReplyEnvelope;
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
        Reply::Granted(granted) => Body::Granted(granted.into()),
        Reply::Heartbeat(reply) => Body::Heartbeat((*reply).into()),
        Reply::Status(status) => Body::Status(Box::new(status.as_ref().into())),
        Reply::Left => Body::Left(v1::LeaveReply {}),
        Reply::Concluded => Body::Concluded(v1::ConcludeReply {}),
        Reply::Offered(used) => Body::Offered(v1::OfferReply { used: *used }),
        Reply::Refused(refusal) => Body::Refused(refusal.into()),
    };
    (body, Vec::new())
}

/// Makes replies of the frames of one session stream.
pub type ReplyAssembler = Assembler<v1::ServerFrame>;

impl Arrives for v1::ServerFrame {
    type Envelope = ReplyEnvelope;
    type Message = Reply;

    fn arrive(self) -> Arrival<ReplyEnvelope, Reply> {
        let request_id = self.request_id;
        let envelope = ReplyEnvelope {
            request_id,
            credit: self.credit,
        };
        let around = Around {
            envelope,
            request_id,
            more: self.more,
        };
        let content = match self.body {
            Some(Body::Chunk(chunk)) => Content::Chunk(chunk),
            body => Content::Head(open(body)),
        };
        Arrival { around, content }
    }

    fn fill(message: &mut Reply, part: usize, section: Filled) -> Result<(), ConvertError> {
        match (message, section) {
            (Reply::Pulled(PullReply::Ready(reads)), Filled::Values(payload)) => {
                reads[part].payload = payload;
                Ok(())
            }
            (Reply::Pulled(PullReply::Ready(reads)), Filled::AtRead(values)) => {
                reads[part].at_read = values;
                Ok(())
            }
            (other, section) => unreachable!("{other:?} announces no {section:?}"),
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
            Reply::Granted(Granted::try_from(grant).map_err(|error| error.within("granted"))?)
        }
        Some(Body::Heartbeat(reply)) => Reply::Heartbeat(HeartbeatReply::from(reply)),
        Some(Body::Status(status)) => Reply::Status(Box::new(
            Status::try_from(*status).map_err(|error| error.within("status"))?,
        )),
        Some(Body::Left(v1::LeaveReply {})) => Reply::Left,
        Some(Body::Concluded(v1::ConcludeReply {})) => Reply::Concluded,
        Some(Body::Offered(v1::OfferReply { used })) => Reply::Offered(used),
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
