//! Sending several messages on one stream: a new message goes first, large ones take turns.
//!
//! A message of many chunks does not hold up the small ones behind it: heads go out before any
//! chunk, and the chunks of different messages alternate. So a small push can arrive before a large
//! one that was sent earlier; the sequences tell.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio_stream::Stream;

use super::frames::Frames;

/// The frames of all messages that `messages` yields, as a stream that never fails.
///
/// Ends when `messages` has ended and all frames are out.
#[derive(Debug)]
pub struct Interleave<Messages, Envelope, Frame> {
    messages: Messages,
    ended: bool,
    open_messages_max: usize,
    /// Messages whose heads are out, in turn.
    turns: VecDeque<Frames<Envelope, Frame>>,
}

impl<Messages, Envelope, Frame> Interleave<Messages, Envelope, Frame> {
    /// Takes messages as frames, from a bounded channel or any other source, and opens at most
    /// `open_messages_max` of them at a time: the receiver's bound
    /// ([`super::FrameLimits::open_messages_max`]).
    #[must_use]
    pub fn new(messages: Messages, open_messages_max: usize) -> Self {
        let open_messages_max = open_messages_max.max(1);
        Self {
            messages,
            ended: false,
            open_messages_max,
            turns: VecDeque::new(),
        }
    }
}

impl<Messages, Envelope, Frame> Stream for Interleave<Messages, Envelope, Frame>
where
    Messages: Stream<Item = Frames<Envelope, Frame>> + Unpin,
    Envelope: Copy + Unpin,
    Frame: Unpin,
{
    type Item = Frame;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Frame>> {
        let this = self.get_mut();
        if !this.ended && this.turns.len() < this.open_messages_max {
            match Pin::new(&mut this.messages).poll_next(context) {
                Poll::Ready(Some(message)) => this.turns.push_front(message),
                Poll::Ready(None) => this.ended = true,
                Poll::Pending => {}
            }
        }
        while let Some(mut message) = this.turns.pop_front() {
            if let Some(frame) = message.next() {
                if !message.is_done() {
                    this.turns.push_back(message);
                }
                return Poll::Ready(Some(frame));
            }
        }
        if this.ended {
            Poll::Ready(None)
        } else {
            Poll::Pending
        }
    }
}
