//! The loop over real sockets on loopback.

mod service;

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use thalweg_common::config::{Overlap, PullExtent};
use thalweg_common::ids::ServerId;
use thalweg_common::message::{DataSummary, Grant, LeaveReason};
use thalweg_common::physics::Share;
use thalweg_proto::codec::FrameLimits;
use thalweg_proto::security::Credentials;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use self::service::{CUTS, Service};
use super::ack_loss::AckLoss;
use super::link::Link;
use super::{Contact, Ended, JoinError, LinkOptions, Links, Member, drive, find_job, join};
use crate::worker::tests::{Cluster, Setup, bits, plain};
use crate::worker::{Event, Outcome, Worker};

const PATIENCE: Duration = Duration::from_secs(10);

/// A cluster behind sockets, and the worker that is to train on it.
struct Bench {
    runtime: Runtime,
    cluster: Arc<Mutex<Cluster>>,
    breaks_after: Arc<AtomicI64>,
    addresses: Vec<String>,
    worker: Worker,
}

impl Bench {
    fn new(setup: &Setup) -> Self {
        let runtime = Runtime::new().unwrap();
        let (worker, cluster) = setup.worker();
        let cluster = Arc::new(Mutex::new(cluster));
        let breaks_after = Arc::new(AtomicI64::new(-1));
        let start = |server| {
            let service = Service {
                server: ServerId(server),
                servers: setup.servers,
                cluster: Arc::clone(&cluster),
                breaks_after: Arc::clone(&breaks_after),
            };
            runtime.block_on(service.start()).to_string()
        };
        let addresses = (0..setup.servers).map(start).collect();
        Self {
            runtime,
            cluster,
            breaks_after,
            addresses,
            worker,
        }
    }

    fn links(&self, addresses: Vec<String>) -> Links {
        let options = LinkOptions {
            addresses,
            credentials: Credentials::none(),
            limits: FrameLimits::default(),
            connect_within: PATIENCE,
            seed: 1,
            drop_acks: Share::default(),
        };
        Links::open(self.runtime.handle().clone(), &options)
    }

    fn run(self) -> (Ended, Arc<Mutex<Cluster>>) {
        let links = self.links(self.addresses.clone());
        (drive(self.worker, links), self.cluster)
    }
}

#[test]
fn over_sockets_as_in_virtual_time_one_worker_is_plain_gradient_descent() {
    for (overlap, extent) in [
        (Overlap::Off, PullExtent::Sparse),
        (Overlap::Full, PullExtent::Whole),
    ] {
        let setup = Setup {
            local_lr: 0.25,
            overlap,
            extent,
            ..Setup::PLAIN
        };
        let (ended, cluster) = Bench::new(&setup).run();
        assert!(
            matches!(ended.outcome, Outcome::Done),
            "{:?}",
            ended.outcome
        );
        assert_eq!(bits(&cluster.lock()), plain(57));
        assert!(1_000 < ended.sent_bytes && 1_000 < ended.received_bytes);
        assert_eq!(cluster.lock().leaves.len(), 2, "it said farewell to both");
    }
}

#[test]
fn a_stream_that_breaks_is_opened_anew_and_every_push_counts_once() {
    for breaks_after in [0, 7, 20, 33] {
        let bench = Bench::new(&Setup::PLAIN);
        bench.breaks_after.store(breaks_after, Ordering::Relaxed);
        // An unanswered request for data is the coordinator's to grant again; here none is lost.
        bench.cluster.lock().regrants = true;
        let (ended, cluster) = bench.run();
        assert!(
            matches!(ended.outcome, Outcome::Done),
            "{:?}",
            ended.outcome
        );
        assert_eq!(bits(&cluster.lock()), plain(57), "after {breaks_after}");
        assert!(1 <= ended.tally.repeats);
    }
}

#[test]
fn a_server_that_takes_streams_and_cuts_them_is_asked_less_and_less_often() {
    let bench = Bench::new(&Setup::PLAIN);
    bench.breaks_after.store(CUTS, Ordering::Relaxed);
    // The loop has not ended, and sends nothing.
    let (_loop, outgoing) = mpsc::channel(1);
    let (inbox, mut events) = mpsc::channel(16);
    let link = Link {
        server: ServerId(0),
        address: bench.addresses[0].clone(),
        credentials: Credentials::none(),
        limits: FrameLimits::default(),
        connect_within: PATIENCE,
        // The pauses of this seed after the first five failures come to 722 ms; to 136 ms if none grew.
        jitter: 1,
        ack_loss: AckLoss::new(Share::default(), 1),
        outgoing,
        events: inbox,
        traffic: Arc::default(),
    };
    bench.runtime.spawn(link.run());
    let mut lose = async |times: u32| {
        let mut lost = 0;
        while lost < times {
            let event = events.recv().await.unwrap();
            lost += u32::from(matches!(event, Event::Lost { .. }));
        }
    };
    bench.runtime.block_on(async {
        lose(1).await;
        let soon = Duration::from_millis(300);
        let more = tokio::time::timeout(soon, lose(5)).await;
        assert!(more.is_err(), "five more tries within {soon:?}");
    });
}

#[test]
fn a_worker_can_be_stopped_while_it_waits() {
    let bench = Bench::new(&Setup::PLAIN);
    bench
        .cluster
        .lock()
        .grants
        .push_front(Grant::Wait(Duration::from_secs(3_600)));
    let links = bench.links(bench.addresses.clone());
    let stopper = links.stopper();
    bench.runtime.spawn(async move { stopper.stop().await });
    let ended = drive(bench.worker, links);
    assert!(
        matches!(ended.outcome, Outcome::Stopped),
        "{:?}",
        ended.outcome
    );
}

#[test]
fn heartbeats_carry_the_bytes_of_the_sockets() {
    let bench = Bench::new(&Setup::PLAIN);
    let wait = Duration::from_millis(1_500);
    bench.cluster.lock().grants.push_back(Grant::Wait(wait));
    let (ended, cluster) = bench.run();
    let beat = cluster.lock().heartbeats.last().cloned().unwrap();
    assert!(0 < beat.sent_bytes && beat.sent_bytes <= ended.sent_bytes);
    assert!(0 < beat.received_bytes && beat.received_bytes <= ended.received_bytes);
}

fn member() -> Member {
    let data = DataSummary {
        rows: 57,
        features: 200,
        hash: 0,
    };
    Member {
        worker: None,
        data,
        place: "test".to_owned(),
        after: None,
        or_any: false,
    }
}

#[test]
fn a_job_is_found_by_the_addresses_of_its_servers_in_any_order() {
    let Bench {
        runtime,
        mut addresses,
        ..
    } = Bench::new(&Setup::PLAIN);
    let expected = addresses.clone();
    addresses.reverse();
    let contact = runtime
        .block_on(find_job(&addresses, &Credentials::none(), PATIENCE))
        .unwrap();
    assert_eq!(contact.addresses, expected);
    assert_eq!(contact.job, "name = \"test\"");
    let joined = join(
        &contact,
        FrameLimits::default(),
        member(),
        PATIENCE,
        pending(),
    );
    let place = runtime.block_on(joined).unwrap();
    assert_eq!((place.session.0, place.addresses), (3, expected));
}

#[test]
fn a_job_is_not_joined_by_half_of_its_servers_or_by_nobody() {
    let Bench {
        runtime, addresses, ..
    } = Bench::new(&Setup::PLAIN);
    let error = runtime
        .block_on(find_job(&addresses[1..], &Credentials::none(), PATIENCE))
        .unwrap_err();
    assert!(matches!(error, JoinError::Missing { .. }), "{error}");
    let nobody = ["127.0.0.1:1".to_owned()];
    let soon = Duration::from_millis(300);
    let error = runtime
        .block_on(find_job(&nobody, &Credentials::none(), soon))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("cannot reach a server at 127.0.0.1:1"),
        "{error}"
    );
    let swapped = Contact {
        addresses: vec![addresses[1].clone(), addresses[0].clone()],
        credentials: Credentials::none(),
        fingerprint: thalweg_common::ids::Fingerprint(1),
        job: String::new(),
    };
    let joined = join(
        &swapped,
        FrameLimits::default(),
        member(),
        PATIENCE,
        pending(),
    );
    let error = runtime.block_on(joined).unwrap_err();
    assert!(matches!(error, JoinError::Malformed { .. }), "{error}");
}

/// Listens where no server is, and says `words` to whoever has spoken.
fn stranger(words: &'static str) -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut heard = [0; 24];
            drop(stream.read(&mut heard));
            drop(stream.write_all(words.as_bytes()));
            kept.push(stream);
        }
    });
    address
}

#[test]
fn whoever_does_not_speak_http2_is_named_in_bounded_time() {
    let runtime = Runtime::new().unwrap();
    let soon = Duration::from_millis(300);
    let refused = |address: &str| {
        let found = runtime.block_on(find_job(&[address.to_owned()], &Credentials::none(), soon));
        found.unwrap_err().to_string()
    };
    let http1 = stranger("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(
        refused(&http1),
        format!(
            "{http1} does not speak gRPC (HTTP/2): it answers `HTTP/1.1 400 Bad Request`; is this \
             the port of a server?"
        )
    );
    let mute = stranger("");
    assert_eq!(
        refused(&mute),
        format!(
            "{mute} does not speak gRPC (HTTP/2), or hangs: it takes connections and says nothing; \
             is this the port of a server?"
        )
    );
}

#[test]
fn a_server_that_comes_late_is_waited_for() {
    let bench = Bench::new(&Setup::PLAIN);
    let late = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = late.local_addr().unwrap();
    // Free again: nobody listens there until the service starts.
    drop(late);
    let service = Service {
        server: ServerId(1),
        servers: 2,
        cluster: Arc::clone(&bench.cluster),
        breaks_after: Arc::clone(&bench.breaks_after),
    };
    bench.runtime.spawn(async move {
        let mut wait = tokio::time::interval(Duration::from_millis(500));
        wait.tick().await;
        wait.tick().await;
        service.start_at(&address.to_string()).await
    });
    let addresses = [bench.addresses[0].clone(), address.to_string()];
    let contact = bench
        .runtime
        .block_on(find_job(&addresses, &Credentials::none(), PATIENCE))
        .unwrap();
    assert_eq!(contact.addresses, addresses);
}

#[test]
fn whoever_is_told_to_stop_before_all_servers_have_its_session_says_goodbye_to_those_that_have() {
    let bench = Bench::new(&Setup::PLAIN);
    let contact = Contact {
        addresses: vec![bench.addresses[0].clone(), "127.0.0.1:1".to_owned()],
        credentials: Credentials::none(),
        fingerprint: thalweg_common::ids::Fingerprint(1),
        job: String::new(),
    };
    let joined = bench.runtime.block_on(async {
        let mut soon = tokio::time::interval(Duration::from_millis(300));
        soon.tick().await;
        let stop = async move {
            soon.tick().await;
        };
        join(&contact, FrameLimits::default(), member(), PATIENCE, stop).await
    });
    assert!(matches!(joined, Err(JoinError::Stopped)), "{joined:?}");
    let cluster = bench.cluster.lock();
    let left: Vec<_> = cluster
        .leaves
        .iter()
        .map(|leave| (leave.reason, &*leave.cause))
        .collect();
    assert_eq!(left, [(LeaveReason::Stopped, "")]);
}
