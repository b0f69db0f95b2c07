//! Sending: the frames of one message, made one at a time as the stream takes them.

use std::fmt::Debug;

use super::chunks::Chunks;
use crate::v1;

/// The frames of one message in order: its head, then its chunks.
#[derive(Debug)]
pub struct Frames<Envelope, Frame> {
    pub(super) head: Option<Frame>,
    pub(super) chunks: Chunks,
    pub(super) envelope: Envelope,
    pub(super) wrap: fn(Envelope, v1::Chunk, more: bool) -> Frame,
}

impl<Envelope, Frame> Frames<Envelope, Frame> {
    /// Whether every frame is out.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.head.is_none() && self.chunks.is_done()
    }
}

impl<Envelope: Copy, Frame> Iterator for Frames<Envelope, Frame> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        if let Some(head) = self.head.take() {
            return Some(head);
        }
        let chunk = self.chunks.next()?;
        Some((self.wrap)(self.envelope, chunk, !self.chunks.is_done()))
    }
}
