//! Requests in client frames, both ways.

use std::time::Duration;

use prost::Message;
use thalweg_common::error::RefusalKind;
use thalweg_common::message::{Address, Conclude, Heartbeat, Leave, Offer, Register, Request};

use super::assembly::{Around, Arrival, Arrives, Assembler, Content};
use super::chunks::{Chunks, inline_what_fits};
use super::envelope::RequestEnvelope;
use super::frames::Frames;
use super::gather::Filled;
use super::limits::FrameLimits;
use crate::convert::section::{Opened, Section};
use crate::convert::{ConvertError, pull, push};
use crate::v1;
use crate::v1::client_frame::Body;

/// The frames of a request.
pub type RequestFrames = Frames<RequestEnvelope, v1::ClientFrame>;

/// Cuts a request into frames. Coordinates are written out; values are never copied, unless they
/// lie in segments of less than a few kilobytes.
///
/// # Errors
/// [`ConvertError`] of kind `TooLarge` if the request without its coordinates and values is larger
/// than a message may be.
pub fn request_frames(
    envelope: RequestEnvelope,
    request: &Request,
    limits: &FrameLimits,
) -> Result<RequestFrames, ConvertError> {
    let (body, sections) = split(request);
    let mut head = frame(envelope, body, true);
    let rest = inline_what_fits(
        head.encoded_len(),
        sections,
        limits,
        |section| match &mut head.body {
            Some(Body::Push(head)) => push::inline(head, section),
            Some(Body::Pull(head)) => pull::inline(head, section),
            _ => unreachable!("only pushes and pulls have sections"),
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

fn frame(envelope: RequestEnvelope, body: Body, more: bool) -> v1::ClientFrame {
    v1::ClientFrame {
        request_id: envelope.request_id,
        deadline_ms: envelope.deadline_ms(),
        body: Some(body),
        more,
    }
}

fn split(request: &Request) -> (Body, Vec<Section>) {
    let body = match request {
        Request::Push(whole) => {
            let (head, sections) = push::split(whole);
            return (Body::Push(head), sections);
        }
        Request::Pull(whole) => {
            let (head, sections) = pull::split(whole);
            return (Body::Pull(head), sections);
        }
        Request::Register(register) => Body::Register(register.into()),
        Request::NextRange(asked) => Body::NextRange((*asked).into()),
        Request::Heartbeat(heartbeat) => Body::Heartbeat(heartbeat.into()),
        Request::Status(asked) => Body::Status((*asked).into()),
        Request::Leave(leave) => Body::Leave(leave.into()),
        Request::Conclude(conclude) => Body::Conclude(conclude.into()),
        Request::Offer(offer) => Body::Offer((*offer).into()),
    };
    (body, Vec::new())
}

/// Makes requests of the frames of one session stream.
pub type RequestAssembler = Assembler<v1::ClientFrame>;

impl Arrives for v1::ClientFrame {
    type Envelope = RequestEnvelope;
    type Message = Request;

    fn arrive(self) -> Arrival<RequestEnvelope, Request> {
        let request_id = self.request_id;
        let envelope = RequestEnvelope {
            request_id,
            deadline: (self.deadline_ms > 0)
                .then(|| Duration::from_millis(u64::from(self.deadline_ms))),
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

    fn fill(message: &mut Request, part: usize, section: Filled) -> Result<(), ConvertError> {
        match (message, section) {
            (Request::Push(push), Filled::Values(payload)) => push.parts[part].payload = payload,
            (Request::Push(push), Filled::AtRead(values)) => push.parts[part].at_read = values,
            (Request::Push(push), Filled::Coordinates(segments)) => {
                push.parts[part].address =
                    read(&segments).map_err(|error| error.at("push.parts", part))?;
            }
            (Request::Pull(pull), Filled::Coordinates(segments)) => {
                pull.parts[part].address =
                    read(&segments).map_err(|error| error.at("pull.parts", part))?;
            }
            (other, section) => unreachable!("{other:?} announces no {section:?}"),
        }
        Ok(())
    }
}

fn open(body: Option<Body>) -> Result<Opened<Request>, ConvertError> {
    let message = match body {
        Some(Body::Push(head)) => {
            let Opened { message, missing } =
                push::open(head).map_err(|error| error.within("push"))?;
            return Ok(Opened {
                message: Request::Push(message),
                missing,
            });
        }
        Some(Body::Pull(head)) => {
            let Opened { message, missing } =
                pull::open(head).map_err(|error| error.within("pull"))?;
            return Ok(Opened {
                message: Request::Pull(message),
                missing,
            });
        }
        Some(Body::Register(register)) => Request::Register(
            Register::try_from(register).map_err(|error| error.within("register"))?,
        ),
        Some(Body::NextRange(next)) => Request::NextRange(next.into()),
        Some(Body::Heartbeat(heartbeat)) => Request::Heartbeat(Heartbeat::from(heartbeat)),
        Some(Body::Status(asked)) => Request::Status(asked.into()),
        Some(Body::Leave(leave)) => {
            Request::Leave(Leave::try_from(leave).map_err(|error| error.within("leave"))?)
        }
        Some(Body::Conclude(conclude)) => Request::Conclude(Conclude::from(conclude)),
        Some(Body::Offer(offer)) => Request::Offer(Offer::from(offer)),
        Some(Body::Chunk(_)) => unreachable!("a chunk is no head"),
        None => {
            return Err(ConvertError::invalid(
                "frame.body",
                "a request of thalweg.v1",
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

fn read(segments: &[bytes::Bytes]) -> Result<Address, ConvertError> {
    Filled::coordinates(segments).map(Address::Coordinates)
}
