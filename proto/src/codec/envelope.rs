//! What stands around a request or a reply in its frame.

use std::time::Duration;

/// Around a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestEnvelope {
    /// The request, within its session stream: never 0, rising.
    pub request_id: u64,
    /// How long after its arrival the request may still be begun, in whole milliseconds; `None`
    /// leaves it to the server.
    pub deadline: Option<Duration>,
}

impl RequestEnvelope {
    /// The deadline as it travels: milliseconds, at least 1, 0 for none.
    pub(super) fn deadline_ms(self) -> u32 {
        self.deadline.map_or(0, |deadline| {
            u32::try_from(deadline.as_millis())
                .unwrap_or(u32::MAX)
                .max(1)
        })
    }
}

/// Around a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyEnvelope {
    /// The request that is answered.
    pub request_id: u64,
    /// Requests that the session may have in flight from here on; 0 changes nothing.
    pub credit: u32,
}
