//! The pages of a server over HTTP, for those who watch machines: its metrics, its health, and what whoever runs
//! it makes of its status.
//!
//! They are bounded apart from the sessions, so that neither can crowd out the other, and they end with
//! the server. Nothing here changes anything, and nothing of a request is read but its method, its path and
//! who makes it.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName,
    HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::uri::Authority;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use thalweg_common::message::{Phase, Status, StatusRequest};
use thalweg_proto::security::{Caller, CertificateDer, Keys};
use thalweg_proto::transport::Secured;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;

use super::door::Door;
use super::handle::Handler;
use super::places::{Places, Standing};
use super::serve::{ACCEPT_PAUSE, ServeOptions, pause};
use super::watched::Watched;
use crate::observe::metrics;

/// Connections open at once; further ones wait in the system's backlog, until one that asks nothing makes room. A
/// Prometheus needs one.
const CONNECTIONS_MAX: usize = 16;

/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Header fields of a request.
const HEADERS_MAX: usize = 64;

/// How long a request's head may take to come, from the moment at which one could be asked.
const HEAD_TIME_MAX: Duration = Duration::from_secs(2);

/// How long making an answer may take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// How long a connection is kept: then it ends after the answer that is under way, within
/// [`ANSWER_TIME_MAX`], whether or not the other side reads. Whoever scrapes connects anew.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(60);

/// How old the last request may be of a connection that keeps its place when others want it: by then its answer was
/// made.
const QUIET_MAX: Duration = ANSWER_TIME_MAX;

/// How often the status pages are told how things stand.
const SAMPLE: Duration = Duration::from_secs(1);

/// The events that they are told with it.
const EVENTS: StatusRequest = StatusRequest {
    history: 128,
    worker: None,
};

const TEXT: &str = "text/plain; charset=utf-8";

/// What a browser may do with a status page: load what belongs to it from here, and nothing else from anywhere.
/// The connection ends with the answer, so that whoever keeps a page open keeps no place.
const GUARDS: [(HeaderName, &str); 6] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (CACHE_CONTROL, "no-store"),
    (CONNECTION, "close"),
];

/// Pages for people, made of how things stand. Whoever runs the server gives them; what is in them is told to
/// everybody who reaches the port.
pub trait StatusPages: fmt::Debug + Send + Sync {
    /// Takes in how things stand, once a second, with the last events.
    fn take(&self, status: Status);

    /// The page at a path, as it is now; `None` if there is none. It must not wait.
    fn page(&self, path: &str) -> Option<StatusPage>;
}

/// One page for people.
#[derive(Clone, Debug)]
pub struct StatusPage {
    /// Its media type.
    pub media: &'static str,
    /// Its content.
    pub body: Bytes,
}

type Page = Response<Full<Bytes>>;

/// The pages of one server, served until this is dropped.
#[derive(Debug)]
pub(super) struct Pages(Vec<JoinHandle<()>>);

impl Pages {
    /// Loopback is open; elsewhere, if the server has keys, whoever reads must be known by them.
    pub(super) fn serve(
        listener: &Arc<TcpListener>,
        handler: &Arc<Handler>,
        options: &ServeOptions,
    ) -> io::Result<Self> {
        let is_open = listener.local_addr()?.ip().to_canonical().is_loopback();
        let keys = options.keys.clone().filter(|_| !is_open);
        let door = Door::new(keys.as_ref().map(Keys::pages), options.handshake_time_max);
        let desk = Desk {
            handler: handler.clone(),
            scrapes: Arc::new(Semaphore::new(1)),
            keys,
            is_open,
            status: options.status_pages.clone(),
        };
        let sampling = desk.status.clone().map(|pages| sample(desk.clone(), pages));
        let mut tasks: Vec<_> = sampling.map(tokio::spawn).into_iter().collect();
        let places = Places::new(CONNECTIONS_MAX, handler.clock, QUIET_MAX);
        tasks.push(tokio::spawn(accept(listener.clone(), door, places, desk)));
        Ok(Self(tasks))
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Answers requests.
#[derive(Clone, Debug)]
struct Desk {
    handler: Arc<Handler>,
    /// One snapshot at a time: each looks at every shard.
    scrapes: Arc<Semaphore>,
    /// Who may look; without, everybody.
    keys: Option<Keys>,
    /// Whether only programs of this machine can look, which are asked nothing.
    is_open: bool,
    /// Further pages.
    status: Option<Arc<dyn StatusPages>>,
}

/// Tells the status pages how things stand, again and again.
async fn sample(desk: Desk, pages: Arc<dyn StatusPages>) {
    let mut ticks = tokio::time::interval(SAMPLE);
    // A late look makes the next ones no denser.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Ok(place) = desk.scrapes.clone().acquire_owned().await else {
            return;
        };
        let (handler, pages) = (desk.handler.clone(), pages.clone());
        // On a thread that may wait for the locks of shards.
        let look = tokio::task::spawn_blocking(move || {
            let mut status = handler.snapshot().status;
            status.history = handler.server.history(&EVENTS);
            pages.take(status);
            drop(place);
        });
        if let Err(error) = look.await {
            tracing::warn!(%error, "the status page was not told how things stand");
        }
    }
}

/// Accepts connections, as many as there are places and one that waits for its own. Whoever has asked for no page makes
/// room for it, so that silence keeps nobody away.
async fn accept(listener: Arc<TcpListener>, door: Door, places: Arc<Places>, desk: Desk) {
    // Dropped with this task, it ends the connections.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                // Only now: a place is made free for somebody who wants it.
                let (place, is_cut) = places.take().await;
                let standing = place.standing().clone();
                // A stranger who asks for its health alone may stay as well, as long as nobody wants the place.
                let stream = Watched::new(stream, is_cut, (&standing, CONNECTION_TIME_MAX));
                let (desk, door) = (desk.clone(), door.clone());
                connections.spawn(async move {
                    match door.enter(stream).await {
                        Ok(stream) => converse(stream, standing, desk).await,
                        Err(error) => tracing::debug!(%error, "a TLS handshake failed"),
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "no connection for metrics could be accepted");
                pause(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one connection, which ends one way or another.
async fn converse(stream: Secured<Watched<TcpStream>>, standing: Arc<Standing>, desk: Desk) {
    let certificate = stream.certificate();
    let service = service_fn(move |request| {
        let (desk, standing) = (desk.clone(), standing.clone());
        let certificate = certificate.clone();
        async move {
            let caller = (certificate.as_deref(), &*standing);
            Ok::<_, Infallible>(desk.answer(&request, caller).await)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = pause(CONNECTION_TIME_MAX) => {
            connection.as_mut().graceful_shutdown();
            let rest = tokio::time::timeout(ANSWER_TIME_MAX, connection);
            rest.await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection for metrics ended");
    }
}

impl Desk {
    async fn answer(
        &self,
        request: &Request<Incoming>,
        (certificate, standing): (Option<&CertificateDer<'_>>, &Standing),
    ) -> Page {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let words = "only GET and HEAD are served here\n";
            let mut page = text(StatusCode::METHOD_NOT_ALLOWED, words);
            let allowed = HeaderValue::from_static("GET, HEAD");
            page.headers_mut().insert(ALLOW, allowed);
            return page;
        }
        if self.is_open && !names_loopback(request) {
            let words = "expected this server by its address or as localhost, found another name in `Host`\n";
            return text(StatusCode::MISDIRECTED_REQUEST, words);
        }
        let path = request.uri().path();
        let is_known = self.keys.as_ref().is_none_or(|keys| {
            let caller = keys.recognise(certificate, request.headers());
            !matches!(caller, Caller::Stranger(_))
        });
        if is_known {
            standing.note_request();
        } else if !matches!(path, "/healthz" | "/readyz") {
            // Whether it lives is no secret.
            let words = "expected a certificate of this server's authority, or its token as \
                         `Authorization: Bearer TOKEN`\n";
            return text(StatusCode::UNAUTHORIZED, words);
        }
        match path {
            "/metrics" => self.metrics().await,
            "/healthz" => text(StatusCode::OK, format!("{}\n", self.phase().1)),
            "/readyz" => {
                let (phase, word) = self.phase();
                let status = match phase {
                    Phase::Joining | Phase::Training => StatusCode::OK,
                    Phase::Done | Phase::Failed => StatusCode::SERVICE_UNAVAILABLE,
                };
                text(status, format!("{word}\n"))
            }
            path => match self.status.as_ref().and_then(|pages| pages.page(path)) {
                Some(found) => guarded(found),
                None => {
                    let words = match &self.status {
                        Some(_) => {
                            "no such page; there are /, /status.json, /metrics, /healthz and /readyz\n"
                        }
                        None => "no such page; there are /metrics, /healthz and /readyz\n",
                    };
                    text(StatusCode::NOT_FOUND, words)
                }
            },
        }
    }

    fn phase(&self) -> (Phase, &'static str) {
        let (phase, _) = self.handler.server.phase();
        (phase, metrics::word(phase))
    }

    async fn metrics(&self) -> Page {
        match within(ANSWER_TIME_MAX, self.scrape()).await {
            Some(Ok(metrics)) => page(StatusCode::OK, metrics::CONTENT_TYPE, metrics),
            Some(Err(words)) => text(StatusCode::INTERNAL_SERVER_ERROR, words),
            None => {
                let words = format!(
                    "the shards were busy for {} s; scrape again\n",
                    ANSWER_TIME_MAX.as_secs()
                );
                text(StatusCode::SERVICE_UNAVAILABLE, words)
            }
        }
    }

    /// The metrics, made on a thread that may wait for the locks of shards.
    async fn scrape(&self) -> Result<String, String> {
        let place = self.scrapes.clone().acquire_owned().await;
        let handler = self.handler.clone();
        let render = tokio::task::spawn_blocking(move || {
            let rendered = handler.snapshot().render();
            drop(place);
            rendered
        });
        match render.await {
            Ok(Ok(text)) => Ok(text),
            Ok(Err(error)) => Err(format!("the metrics cannot be written: {error}\n")),
            Err(error) => Err(format!("making the metrics ended: {error}\n")),
        }
    }
}

/// Whether a request for loopback was meant for it. A browser asks in the name of a site what that site's script asks for,
/// and a site can let its name stand for loopback: it would read what is for this machine alone. No name of a site is an
/// address.
fn names_loopback<B>(request: &Request<B>) -> bool {
    let told = request.headers().get(HOST).map(HeaderValue::as_bytes);
    let asked = request.uri().authority().map(|it| it.as_str().as_bytes());
    [told, asked].into_iter().flatten().all(|host| {
        let Ok(host) = Authority::try_from(host) else {
            return false;
        };
        let name = host.host().trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
    })
}

async fn within<T>(time: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(time, work).await.ok()
}

fn text(status: StatusCode, words: impl Into<Bytes>) -> Page {
    page(status, TEXT, words)
}

fn guarded(StatusPage { media, body }: StatusPage) -> Page {
    let mut page = page(StatusCode::OK, media, body);
    for (name, value) in GUARDS {
        page.headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    page
}

fn page(status: StatusCode, media: &'static str, body: impl Into<Bytes>) -> Page {
    let mut page = Response::new(Full::new(body.into()));
    *page.status_mut() = status;
    let media = HeaderValue::from_static(media);
    page.headers_mut().insert(CONTENT_TYPE, media);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_for_loopback_names_an_address_or_localhost() {
        let names = |uri: &str, host: Option<&str>| {
            let mut request = Request::builder().uri(uri);
            if let Some(host) = host {
                request = request.header(HOST, host);
            }
            names_loopback(&request.body(()).unwrap())
        };
        for host in [
            "127.0.0.1:9600",
            "localhost",
            "LocalHost:9600",
            "[::1]:9600",
        ] {
            assert!(names("/", Some(host)), "{host}");
        }
        assert!(names("/", None), "HTTP/1.0 names none");
        let wrong = [
            "site.example",
            "site.example:9600",
            "localhost.site.example",
            "",
            "a b",
        ];
        for host in wrong {
            assert!(!names("/", Some(host)), "{host:?}");
        }
        assert!(!names("http://site.example/metrics", Some("127.0.0.1")));
    }
}
