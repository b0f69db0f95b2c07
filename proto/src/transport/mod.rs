//! The numbers of the HTTP/2 connection, in one place for both ends, and what a message weighs on it.
//!
//! Windows, frame size and nodelay decide the transfer rate (`docs/decisions` has the measurement);
//! the other bounds keep a peer from taking memory or time that nobody granted.

mod outgoing;
mod incoming;
mod call;
mod clock;
mod serve;
mod counted;
mod secured;
mod memory;

pub use call::open_session;
pub use clock::Clock;
pub use counted::{Counted, Tally};
pub use incoming::FrameReader;
pub use memory::keep_freed_memory;
pub use outgoing::WireFrame;
pub use secured::{Peer, Secured};
pub use serve::{Admission, SessionService, WireServer};

use std::time::Duration;

/// The path of the session stream.
const SESSION_PATH: &str = "/thalweg.v1.ParameterServer/Session";

/// The content type of gRPC with protobuf.
const CONTENT_TYPE_GRPC: &str = "application/grpc";

/// HTTP/2 window of a stream and of a connection, bytes: what a peer may send unread. More is
/// not faster and lets that much of a pull stand before the next answer.
pub const WINDOW_BYTES: u32 = 4 << 20;

/// HTTP/2 frame size, bytes.
pub const HTTP2_FRAME_BYTES_MAX: u32 = 1 << 20;

/// Streams that a worker's connection may have open: the session and a few calls.
pub const WORKER_STREAMS_MAX: u32 = 8;

/// Header list of a request, bytes.
pub const HEADER_LIST_BYTES_MAX: u32 = 8 << 10;

/// Streams that a peer may have opened and reset before the server got to them; past it the connection ends. Only a
/// flood does that (CVE-2023-44487).
pub const UNSEEN_RESETS_MAX: usize = 20;

/// Streams that the server itself may have reset because of a peer's errors; past it the connection ends
/// (CVE-2025-8671).
pub const PROVOKED_RESETS_MAX: usize = 1_024;

/// Silence after which a ping is sent.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// How long the answer to a ping may take before the connection counts as lost.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may take to open.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes before each gRPC message: a flag and the length.
const GRPC_PREFIX_BYTES: usize = 5;

/// Bytes before each HTTP/2 frame.
const HTTP2_PREFIX_BYTES: usize = 9;

/// The bytes that a message of `message_bytes` takes on a connection without TLS: itself, the gRPC
/// prefix and the prefixes of the HTTP/2 frames that carry it. Headers, window updates and pings
/// are not counted, and small messages that share a frame are counted as if each had its own.
#[must_use]
pub fn framed_bytes(message_bytes: usize) -> usize {
    let body = GRPC_PREFIX_BYTES + message_bytes;
    let frames = body.div_ceil(HTTP2_FRAME_BYTES_MAX as usize);
    body + frames * HTTP2_PREFIX_BYTES
}

/// A client endpoint with these numbers set.
#[must_use]
pub fn tune_client(endpoint: tonic::transport::Endpoint) -> tonic::transport::Endpoint {
    endpoint
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_frame_size(HTTP2_FRAME_BYTES_MAX)
        .http2_max_header_list_size(HEADER_LIST_BYTES_MAX)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
}

/// A server with these numbers set. The listener sets nodelay on what it accepts.
#[must_use]
pub fn tune_server(server: tonic::transport::Server) -> tonic::transport::Server {
    server
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_frame_size(HTTP2_FRAME_BYTES_MAX)
        .max_concurrent_streams(WORKER_STREAMS_MAX)
        // No more than may be open are ever begun, and none of them waits: what is too much is refused at once.
        .concurrency_limit_per_connection(WORKER_STREAMS_MAX as usize)
        .load_shed(true)
        .http2_max_pending_accept_reset_streams(Some(UNSEEN_RESETS_MAX))
        .http2_max_local_error_reset_streams(Some(PROVOKED_RESETS_MAX))
        .http2_max_header_list_size(HEADER_LIST_BYTES_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .tcp_nodelay(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_past_one_http2_frame_pays_for_the_second() {
        let frame = HTTP2_FRAME_BYTES_MAX as usize;
        assert_eq!(framed_bytes(0), 14);
        assert_eq!(framed_bytes(frame - 5), frame + 9);
        assert_eq!(framed_bytes(frame - 4), frame + 1 + 18);
    }
}
