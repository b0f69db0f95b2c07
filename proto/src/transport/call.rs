//! The client's end of a session: opening the stream.

use http::header::{CONTENT_TYPE, HeaderValue, TE};
use http::{Method, Request, StatusCode};
use tokio_stream::{Stream, StreamExt};
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tower::{Service, ServiceExt};

use super::SESSION_PATH;
use super::incoming::FrameReader;
use super::outgoing::{FrameBody, Role};
use crate::v1;

/// Opens a session stream: `frames` go out, the reader yields what comes back.
///
/// Resolves when the server has accepted the stream. `metadata` goes with it.
///
/// # Errors
/// The status with which the server or the transport refused the stream.
pub async fn open_session<Frames>(
    mut channel: Channel,
    frames: Frames,
    metadata: MetadataMap,
    message_bytes_max: usize,
) -> Result<FrameReader<v1::ServerFrame>, Status>
where
    Frames: Stream<Item = v1::ClientFrame> + Send + Unpin + 'static,
{
    let body = Body::new(FrameBody::new(frames.map(Ok), Role::Client));
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = http::Uri::from_static(SESSION_PATH);
    *request.version_mut() = http::Version::HTTP_2;
    *request.headers_mut() = metadata.into_headers();
    let headers = request.headers_mut();
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(super::CONTENT_TYPE_GRPC),
    );
    let ready = channel
        .ready()
        .await
        .map_err(|error| Status::from_error(error.into()))?;
    let response = ready
        .call(request)
        .await
        .map_err(|error| Status::from_error(error.into()))?;
    if let Some(status) = Status::from_header_map(response.headers())
        && status.code() != Code::Ok
    {
        return Err(status);
    }
    if response.status() != StatusCode::OK {
        let text = format!("expected HTTP status 200, found {}", response.status());
        return Err(Status::unavailable(text));
    }
    Ok(FrameReader::new(response.into_body(), message_bytes_max))
}
