//! The server's end of a session: one service for the stream and the unary calls.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Extensions, HeaderMap, Request, Response};
use tokio::sync::OwnedSemaphorePermit;
use tokio_stream::Stream;
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;

use super::SESSION_PATH;
use super::incoming::FrameReader;
use super::outgoing::{FrameBody, Role};
use crate::v1;
use crate::{ParameterServer, ParameterServerServer};

/// What a server does with a session stream.
pub trait SessionService: Send + Sync + 'static {
    /// The frames that go out. The stream ends when they end.
    type Frames: Stream<Item = Result<v1::ServerFrame, Status>> + Send + Unpin + 'static;

    /// Takes a stream: frames come out of `request`, the returned ones go back.
    ///
    /// # Errors
    /// The status with which the stream is refused.
    fn open(
        &self,
        request: tonic::Request<FrameReader<v1::ClientFrame>>,
    ) -> Result<Self::Frames, Status>;

    /// Judges a unary call by its method's name and its head, before anything of its message is kept. What it
    /// learns it leaves in the extensions, where the call finds it; the place that it answers with is kept until the
    /// call is answered. Takes every call unless it is written otherwise.
    ///
    /// # Errors
    /// The status with which the call is refused.
    fn admit(
        &self,
        method: &str,
        headers: &HeaderMap,
        extensions: &mut Extensions,
    ) -> Result<Admission, Status> {
        let _ = (method, headers, extensions);
        Ok(Admission::default())
    }
}

/// A unary call that may be served.
#[derive(Debug, Default)]
pub struct Admission {
    /// Its place among those under way; given back once it is answered.
    pub place: Option<OwnedSemaphorePermit>,
    /// How long it may take from its head to its answer: a message that never comes would keep its place. `None` for
    /// as long as it wants.
    pub within: Option<Duration>,
}

impl Admission {
    /// Waits for the answer, with the place, within the time.
    async fn keep<T>(self, answer: impl Future<Output = T>) -> Result<T, Status> {
        let Some(within) = self.within else {
            return Ok(answer.await);
        };
        // Whether it was served nobody can say here: the status has no word of ours, and the caller sends it again.
        let late = |_| {
            let words = format!("the call was not whole and answered within {within:?}");
            Status::deadline_exceeded(words)
        };
        tokio::time::timeout(within, answer).await.map_err(late)
    }
}

/// The service `thalweg.v1.ParameterServer`: sessions by [`SessionService`], whose frames are read
/// and written without copies, all other calls by [`ParameterServer`].
#[derive(Debug)]
pub struct WireServer<T> {
    inner: Arc<T>,
    unary: ParameterServerServer<T>,
    message_bytes_max: usize,
}

impl<T> Clone for WireServer<T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            unary: self.unary.clone(),
            message_bytes_max: self.message_bytes_max,
        }
    }
}

impl<T: ParameterServer + SessionService> WireServer<T> {
    /// Serves with messages of at most `message_bytes_max` in both directions.
    #[must_use]
    pub fn new(service: T, message_bytes_max: usize) -> Self {
        let inner = Arc::new(service);
        let unary = ParameterServerServer::from_arc(inner.clone())
            .max_decoding_message_size(message_bytes_max)
            .max_encoding_message_size(message_bytes_max);
        Self {
            inner,
            unary,
            message_bytes_max,
        }
    }

    fn session(&self, request: Request<Body>) -> Response<Body> {
        let max = self.message_bytes_max;
        let request = request.map(|body| FrameReader::new(body, max));
        match self.inner.open(tonic::Request::from_http(request)) {
            Err(status) => status.into_http(),
            Ok(frames) => {
                let body = Body::new(FrameBody::new(frames, Role::Server));
                let mut response = Response::new(body);
                let grpc = HeaderValue::from_static(super::CONTENT_TYPE_GRPC);
                response.headers_mut().insert(CONTENT_TYPE, grpc);
                response
            }
        }
    }
}

impl<T, B> Service<Request<B>> for WireServer<T>
where
    T: ParameterServer + SessionService,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if request.uri().path() == SESSION_PATH {
            let response = self.session(request.map(Body::new));
            return Box::pin(std::future::ready(Ok(response)));
        }
        let (mut head, body) = request.into_parts();
        let method = head.uri.path().rsplit('/').next().unwrap_or_default();
        match self
            .inner
            .admit(method, &head.headers, &mut head.extensions)
        {
            Err(status) => Box::pin(std::future::ready(Ok(status.into_http()))),
            Ok(admission) => {
                let answer = self.unary.call(Request::from_parts(head, body));
                Box::pin(async move {
                    match admission.keep(answer).await {
                        Ok(answer) => answer,
                        Err(late) => Ok(late.into_http()),
                    }
                })
            }
        }
    }
}

impl<T> NamedService for WireServer<T> {
    const NAME: &'static str = v1::parameter_server_server::SERVICE_NAME;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn a_call_that_never_becomes_whole_gives_its_place_back_in_time() {
        let places = Arc::new(Semaphore::new(1));
        let admission = || Admission {
            place: Some(places.clone().try_acquire_owned().unwrap()),
            within: Some(Duration::from_millis(20)),
        };
        let late = admission().keep(std::future::pending::<()>()).await;
        let late = late.unwrap_err();
        assert_eq!(late.code(), tonic::Code::DeadlineExceeded);
        assert!(late.message().contains("20ms"), "{late}");
        assert_eq!(places.available_permits(), 1);
        assert_eq!(admission().keep(async { 7 }).await.unwrap(), 7);
        assert_eq!(places.available_permits(), 1);
        assert_eq!(Admission::default().keep(async { 8 }).await.unwrap(), 8);
    }
}
