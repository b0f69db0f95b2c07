//! A proxy over loopback: what goes in comes out, late as asked, whole and in order, within its bound; and
//! what its faults do.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use thalweg_common::physics::LinkPhysics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Carried, Faults, Proxy, ProxyOptions, WINDOW_BYTES_MIN};

/// How long anything here may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// Long enough to show that something does not come.
const WHILE: Duration = Duration::from_millis(150);

struct Bench {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    proxy: JoinHandle<Carried>,
}

impl Bench {
    /// A proxy to a server that echoes.
    async fn echo(options: impl FnOnce(ProxyOptions) -> ProxyOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await.ok();
                    to.shutdown().await.ok();
                });
            }
        });
        Self::to(to, options).await
    }

    async fn to(to: SocketAddr, options: impl FnOnce(ProxyOptions) -> ProxyOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = options(ProxyOptions::plain(to.to_string()));
        let proxy = Proxy::new(listener, options);
        let address = proxy.address().unwrap();
        let (stop, stopped) = oneshot::channel();
        let proxy = tokio::spawn(proxy.serve(async { drop(stopped.await) }));
        Self {
            address,
            stop,
            proxy,
        }
    }

    async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    async fn end(self) -> Carried {
        self.stop.send(()).unwrap();
        soon(self.proxy).await.unwrap()
    }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    let answered = tokio::time::timeout(PATIENCE, future).await;
    answered.expect("an answer within the patience of a test")
}

fn latency(text: &str) -> LinkPhysics {
    LinkPhysics {
        latency: text.parse().unwrap(),
        ..LinkPhysics::default()
    }
}

/// Sends `bytes` and reads as many back.
async fn exchange(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(bytes).await?;
    let mut back = vec![0; bytes.len()];
    soon(stream.read_exact(&mut back)).await?;
    Ok(back)
}

/// Bytes of which every place can be told.
fn pattern(length: usize) -> Vec<u8> {
    let mixed = |i: usize| thalweg_common::seed::mix(i as u64).to_le_bytes()[0];
    (0..length).map(mixed).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test measures what was delayed"
)]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test]
async fn bytes_come_out_whole_and_in_order_however_they_were_delayed() {
    let physics = LinkPhysics {
        jitter: "exponential:300us".parse().unwrap(),
        bandwidth: Some("2gbit".parse().unwrap()),
        loss: "0.5%".parse().unwrap(),
        ..latency("uniform:0ms:2ms")
    };
    let bench = Bench::echo(|plain| ProxyOptions { physics, ..plain }).await;
    let mut stream = bench.connect().await;
    let sent = pattern(3_000_001);
    let (mut from, mut to) = stream.split();
    let write = async {
        for piece in sent.chunks(70_001) {
            to.write_all(piece).await.unwrap();
        }
        to.shutdown().await.unwrap();
    };
    let mut back = Vec::new();
    let read = from.read_to_end(&mut back);
    let ((), read) = soon(async { tokio::join!(write, read) }).await;
    assert_eq!(read.unwrap(), sent.len(), "the end came after all of it");
    assert!(back == sent, "every byte at its place");
    let carried = bench.end().await;
    assert_eq!(
        (carried.bytes_there, carried.bytes_back),
        (3_000_001, 3_000_001)
    );
    assert_eq!((carried.connections, carried.broken), (1, 0));
}

#[tokio::test]
async fn nothing_arrives_before_its_latency() {
    for text in ["200us", "20ms"] {
        let bench = Bench::echo(|plain| ProxyOptions {
            physics: latency(text),
            ..plain
        })
        .await;
        let mut stream = bench.connect().await;
        let one_way: thalweg_common::physics::Span = text.parse().unwrap();
        for _ in 0..5 {
            let begun = now();
            exchange(&mut stream, b"ping").await.unwrap();
            let took = now() - begun;
            assert!(2 * one_way.0 <= took, "{text} each way took {took:?}");
        }
    }
}

#[tokio::test]
async fn connections_of_a_link_share_its_bandwidth() {
    // 100 kB take 200 ms; the two of them 400 ms, and as long on the way back beside it.
    let physics = LinkPhysics {
        bandwidth: Some("4mbit".parse().unwrap()),
        ..LinkPhysics::default()
    };
    let bench = Bench::echo(|plain| ProxyOptions { physics, ..plain }).await;
    let (mut one, mut other) = (bench.connect().await, bench.connect().await);
    let bytes = pattern(100_000);
    let begun = now();
    let (a, b) = tokio::join!(exchange(&mut one, &bytes), exchange(&mut other, &bytes));
    let took = now() - begun;
    assert!(a.unwrap() == bytes && b.unwrap() == bytes);
    assert!(Duration::from_millis(400) <= took, "{took:?}");
}

#[tokio::test]
async fn no_more_is_under_way_than_its_window() {
    let window_bytes = 4 * WINDOW_BYTES_MIN;
    let physics = latency("400ms");
    let bench = Bench::echo(|plain| ProxyOptions {
        physics,
        window_bytes,
        ..plain
    })
    .await;
    let mut stream = bench.connect().await;
    let sent = pattern(8 * window_bytes as usize);
    let (mut from, mut to) = stream.split();
    let mut back = vec![0; sent.len()];
    let both = async {
        let (written, read) = tokio::join!(to.write_all(&sent), from.read_exact(&mut back));
        written.and(read)
    };
    soon(both).await.unwrap();
    assert!(back == sent);
    let carried = bench.end().await;
    let most = carried.under_way_max_bytes;
    assert!(most <= window_bytes.into(), "{most} of {window_bytes}");
    assert!(u64::from(window_bytes / 4) <= most, "it was used: {most}");
}

#[tokio::test]
async fn a_half_that_is_closed_is_closed_after_what_is_under_way() {
    let bench = Bench::echo(|plain| ProxyOptions {
        physics: latency("30ms"),
        ..plain
    })
    .await;
    let mut stream = bench.connect().await;
    stream.write_all(b"last words").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut back = Vec::new();
    soon(stream.read_to_end(&mut back)).await.unwrap();
    assert_eq!(back, b"last words");
}

#[tokio::test]
async fn a_reset_after_so_many_bytes_lets_these_through_and_no_more() {
    let faults = Faults {
        reset_after: Some(1_000),
        ..Faults::default()
    };
    let bench = Bench::echo(|plain| ProxyOptions { faults, ..plain }).await;
    let mut stream = bench.connect().await;
    exchange(&mut stream, &pattern(400)).await.unwrap();
    let error = exchange(&mut stream, &pattern(400)).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    // The next connection has as many bytes again.
    let mut stream = bench.connect().await;
    exchange(&mut stream, &pattern(400)).await.unwrap();
    let carried = bench.end().await;
    assert_eq!((carried.resets, carried.connections), (1, 2));
    assert_eq!(carried.bytes_there + carried.bytes_back, 1_000 + 800);
}

#[tokio::test]
async fn a_reset_at_a_time_ends_the_connections_that_are_open() {
    let faults = Faults {
        resets: vec!["1s".parse().unwrap()],
        ..Faults::default()
    };
    let bench = Bench::echo(|plain| ProxyOptions { faults, ..plain }).await;
    let mut streams = [bench.connect().await, bench.connect().await];
    for stream in &mut streams {
        let error = soon(stream.read(&mut [0])).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    let mut later = bench.connect().await;
    exchange(&mut later, b"still there").await.unwrap();
    assert_eq!(bench.end().await.resets, 2);
}

#[tokio::test]
async fn of_a_half_open_connection_one_way_is_silent_and_later_ones_are_whole() {
    for (spec, lost, there) in [("back@1s", 4, 8), ("there@1s", 4, 4)] {
        let faults = Faults {
            half_open: vec![spec.parse().unwrap()],
            ..Faults::default()
        };
        let bench = Bench::echo(|plain| ProxyOptions { faults, ..plain }).await;
        let mut old = bench.connect().await;
        exchange(&mut old, b"ping").await.unwrap();
        let then = Duration::from_secs(1) + WHILE;
        tokio::time::timeout(then, old.read(&mut [0]))
            .await
            .unwrap_err();
        old.write_all(b"lost").await.unwrap();
        // Neither an answer nor an end: the time is all that is heard.
        tokio::time::timeout(WHILE, old.read(&mut [0]))
            .await
            .unwrap_err();
        let mut new = bench.connect().await;
        exchange(&mut new, b"pong").await.unwrap();
        let carried = bench.end().await;
        assert_eq!(carried.bytes_lost, lost, "{spec}");
        assert_eq!(carried.bytes_there, there + 4, "{spec}");
        assert_eq!((carried.resets, carried.broken), (0, 0), "{spec}");
    }
}

#[tokio::test]
async fn what_is_sent_into_a_black_hole_arrives_after_it() {
    let faults = Faults {
        blackholes: vec!["0ms:300ms".parse().unwrap()],
        ..Faults::default()
    };
    let begun = now();
    let bench = Bench::echo(|plain| ProxyOptions { faults, ..plain }).await;
    let mut stream = bench.connect().await;
    exchange(&mut stream, b"ping").await.unwrap();
    let took = now() - begun;
    // The proxy's time begins after the test's.
    assert!(Duration::from_millis(300) <= took, "{took:?}");
    assert!(1 <= bench.end().await.held);
}

#[tokio::test]
async fn connections_are_refused_while_they_are_to_be() {
    let faults = Faults {
        refusals: vec!["0ms:10s".parse().unwrap()],
        ..Faults::default()
    };
    let bench = Bench::echo(|plain| ProxyOptions { faults, ..plain }).await;
    let mut stream = bench.connect().await;
    let error = soon(stream.read(&mut [0])).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let carried = bench.end().await;
    assert_eq!((carried.refused, carried.connections), (1, 0));
}

#[tokio::test]
async fn who_connects_to_nobody_is_reset() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = free.local_addr().unwrap();
    drop(free);
    let bench = Bench::to(nobody, |plain| plain).await;
    let mut stream = bench.connect().await;
    let error = soon(stream.read(&mut [0])).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(bench.end().await.unreachable, 1);
}

#[tokio::test]
async fn an_end_that_breaks_is_heard_of_at_the_other_as_a_reset() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bench = Bench::to(listener.local_addr().unwrap(), |plain| plain).await;
    let mut stream = bench.connect().await;
    let (mut server, _) = soon(listener.accept()).await.unwrap();
    // Only a connection that stands can break.
    server.write_all(b"!").await.unwrap();
    soon(stream.read_exact(&mut [0])).await.unwrap();
    server.set_zero_linger().unwrap();
    drop(server);
    let error = soon(stream.read(&mut [0])).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(bench.end().await.broken, 1);
}

#[tokio::test]
async fn links_of_a_cluster_lead_each_worker_to_each_server() {
    let mut servers = Vec::new();
    let mut listeners = Vec::new();
    for _ in 0..2 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        servers.push(listener.local_addr().unwrap().to_string());
        listeners.push(listener);
    }
    let links = super::ProxyThread::start(latency("1ms"), 1, 3, &servers).unwrap();
    for worker in 0..3 {
        for (server, listener) in listeners.iter().enumerate() {
            let address = &links.addresses(worker)[server];
            let mut client = TcpStream::connect(address).await.unwrap();
            let (mut accepted, _) = soon(listener.accept()).await.unwrap();
            client.write_all(b"hello").await.unwrap();
            let mut heard = [0; 5];
            soon(accepted.read_exact(&mut heard)).await.unwrap();
            assert_eq!(&heard, b"hello");
        }
    }
    assert!(links.addresses(3).is_empty());
    let carried = links.end();
    assert_eq!((carried.connections, carried.bytes_there), (6, 30));
}
