//! Receiving: the messages of one stream whose chunks have not all come.
//!
//! Written once for both directions. What a peer announces is counted against the bounds before a
//! byte of it has come. A message that is refused at its head leaves a mark, so that its chunks,
//! already under way, are dropped and not taken for a broken stream.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use thalweg_common::error::{Refusal, RefusalKind};

use super::error::FrameError;
use super::gather::{Filled, Gather};
use super::limits::FrameLimits;
use super::pool::Pool;
use crate::convert::ConvertError;
use crate::convert::section::{Missing, Opened};
use crate::v1;

/// What a frame brought.
#[derive(Debug)]
pub enum Assembled<Envelope, Message> {
    /// A message is not whole yet, or a chunk of a refused one was dropped.
    Pending,
    /// A message is whole.
    Whole(Envelope, Message),
    /// A message cannot be taken; its sender is told so, and the stream goes on.
    Refused(Envelope, Refusal),
}

/// A frame of one direction, with what is said in that direction.
pub trait Arrives: Sized {
    /// What stands around a message.
    type Envelope: Copy + Debug;
    /// What frames make up.
    type Message: Debug;

    /// Takes the frame apart.
    fn arrive(self) -> Arrival<Self::Envelope, Self::Message>;

    /// Puts a section of part `part`, which the head announced as missing, into its message.
    fn fill(message: &mut Self::Message, part: usize, section: Filled) -> Result<(), ConvertError>;
}

/// A frame that was taken apart.
#[derive(Debug)]
pub struct Arrival<Envelope, Message> {
    pub(super) around: Around<Envelope>,
    pub(super) content: Content<Message>,
}

/// A frame's envelope, its request id, and whether chunks follow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around<Envelope> {
    pub(super) envelope: Envelope,
    pub(super) request_id: u64,
    pub(super) more: bool,
}

/// What a frame carries.
#[derive(Debug)]
pub(super) enum Content<Message> {
    /// The beginning of a message, judged.
    Head(Result<Opened<Message>, ConvertError>),
    /// More of a message.
    Chunk(v1::Chunk),
}

#[derive(Debug)]
struct Open<Envelope, Message> {
    envelope: Envelope,
    message: Message,
    gather: Gather,
    bytes: usize,
    wrong: Option<ConvertError>,
}

/// Makes messages of the frames of one session stream.
#[derive(Debug)]
pub struct Assembler<F: Arrives> {
    limits: FrameLimits,
    open: BTreeMap<u64, Open<F::Envelope, F::Message>>,
    dropping: BTreeSet<u64>,
    in_flight_bytes: usize,
    /// Where the bytes in flight are taken from, if other streams take theirs there, too.
    pool: Option<Pool>,
}

type Outcome<F> = Result<Assembled<<F as Arrives>::Envelope, <F as Arrives>::Message>, FrameError>;

impl<F: Arrives> Assembler<F> {
    /// An assembler without any message open.
    #[must_use]
    pub fn new(limits: FrameLimits) -> Self {
        Self {
            limits,
            open: BTreeMap::new(),
            dropping: BTreeSet::new(),
            in_flight_bytes: 0,
            pool: None,
        }
    }

    /// The same, with room of a pool that other streams share.
    #[must_use]
    pub fn within(mut self, pool: Pool) -> Self {
        self.pool = Some(pool);
        self
    }

    /// Coordinates and values that were announced and whose messages are not whole yet, in bytes.
    #[must_use]
    pub fn in_flight_bytes(&self) -> usize {
        self.in_flight_bytes
    }

    /// Takes the next frame of the stream.
    ///
    /// # Errors
    /// [`FrameError`] if the stream is broken and is to be closed.
    pub fn accept(&mut self, frame: F) -> Outcome<F> {
        let Arrival { around, content } = frame.arrive();
        match content {
            Content::Head(opened) => self.head(around, opened),
            Content::Chunk(chunk) => self.chunk(around, chunk),
        }
    }

    fn head(
        &mut self,
        around: Around<F::Envelope>,
        opened: Result<Opened<F::Message>, ConvertError>,
    ) -> Outcome<F> {
        let request_id = around.request_id;
        if request_id == 0 {
            return Err(FrameError::NoRequestId);
        }
        if self.open.contains_key(&request_id) || self.dropping.contains(&request_id) {
            return Err(FrameError::Reused(request_id));
        }
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => return self.refuse(around, error.into()),
        };
        let expected = !opened.missing.is_empty();
        if around.more != expected {
            return Err(FrameError::More {
                request_id,
                expected,
                found: around.more,
            });
        }
        if !expected {
            return Ok(Assembled::Whole(around.envelope, opened.message));
        }
        match self.admit(&opened.missing) {
            Ok(bytes) => {
                self.in_flight_bytes += bytes;
                let gather = Gather::new(request_id, opened.missing);
                let (envelope, message) = (around.envelope, opened.message);
                self.open.insert(
                    request_id,
                    Open {
                        envelope,
                        message,
                        gather,
                        bytes,
                        wrong: None,
                    },
                );
                Ok(Assembled::Pending)
            }
            Err(refusal) => self.refuse(around, refusal),
        }
    }

    fn chunk(&mut self, around: Around<F::Envelope>, chunk: v1::Chunk) -> Outcome<F> {
        let request_id = around.request_id;
        if self.dropping.contains(&request_id) {
            if !around.more {
                self.dropping.remove(&request_id);
            }
            return Ok(Assembled::Pending);
        }
        let open = self
            .open
            .get_mut(&request_id)
            .ok_or(FrameError::Unannounced(request_id))?;
        if let Some((part, section)) = open.gather.take(chunk)?
            && let Err(error) = F::fill(&mut open.message, part, section)
        {
            open.wrong.get_or_insert(error);
        }
        let expected = !open.gather.is_done();
        if around.more != expected {
            return Err(FrameError::More {
                request_id,
                expected,
                found: around.more,
            });
        }
        if expected {
            return Ok(Assembled::Pending);
        }
        let open = self.open.remove(&request_id).expect("it was just found");
        self.in_flight_bytes -= open.bytes;
        if let Some(pool) = &self.pool {
            pool.give(open.bytes);
        }
        Ok(match open.wrong {
            None => Assembled::Whole(open.envelope, open.message),
            Some(error) => Assembled::Refused(open.envelope, error.into()),
        })
    }

    /// The bytes announced, if they are within every bound.
    fn admit(&self, missing: &[Missing]) -> Result<usize, Refusal> {
        let mut announced = 0_usize;
        for section in missing {
            let bytes = usize::try_from(section.bytes).unwrap_or(usize::MAX);
            if bytes > self.limits.part_bytes_max {
                let max = self.limits.part_bytes_max;
                let expected = format!("at most {max} bytes (part_bytes_max)");
                let error = ConvertError::invalid(section.kind.name(), expected, section.bytes);
                return Err(error
                    .at("parts", section.part)
                    .of_kind(RefusalKind::TooLarge)
                    .into());
            }
            announced = announced.saturating_add(bytes);
        }
        let max = self.limits.in_flight_bytes_max;
        if announced > max {
            let message = format!(
                "expected at most {max} bytes in one message (in_flight_bytes_max), found \
                 {announced}; send fewer parts at a time"
            );
            return Err(Refusal::new(RefusalKind::TooLarge, message));
        }
        if self.in_flight_bytes + announced > max
            || self.open.len() >= self.limits.open_messages_max
        {
            let message = format!(
                "expected at most {max} bytes in {} messages in flight, found {} in {}; wait for \
                 answers",
                self.limits.open_messages_max,
                self.in_flight_bytes + announced,
                self.open.len() + 1,
            );
            return Err(Refusal::new(RefusalKind::Overloaded, message));
        }
        if let Some(pool) = self.pool.as_ref().filter(|pool| !pool.take(announced)) {
            let message = format!(
                "the messages of all sessions that are on their way hold {} bytes, as many as they may; send again \
                 later",
                pool.max()
            );
            return Err(Refusal::new(RefusalKind::Overloaded, message));
        }
        Ok(announced)
    }

    fn refuse(&mut self, around: Around<F::Envelope>, refusal: Refusal) -> Outcome<F> {
        if around.more {
            let max = self.limits.open_messages_max;
            if self.dropping.len() >= max {
                return Err(FrameError::TooManyOpen { max });
            }
            self.dropping.insert(around.request_id);
        }
        Ok(Assembled::Refused(around.envelope, refusal))
    }
}

impl<F: Arrives> Drop for Assembler<F> {
    fn drop(&mut self) {
        if let Some(pool) = &self.pool {
            pool.give(self.in_flight_bytes);
        }
    }
}
