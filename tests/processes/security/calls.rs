//! The table of who may call what: every call, and every frame of a session stream, with every kind of credential.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use thalweg_common::error::RefusalKind;
use thalweg_common::ids::{
    Clock, Fingerprint, Generation, Sequence, SessionId, ShardId, Version, WorkerId,
};
use thalweg_common::message::{
    Address, Codec, Conclude, DataSummary, Dtype, Heartbeat, Kind, Leave, LeaveReason, NextRange,
    Offer, PROTOCOL_VERSIONS, Part, Payload, Pull, PullPart, Push, PushHeader, Register, Reply,
    Request, SessionRole, StatusRequest,
};
use thalweg_proto::codec::FrameLimits;
use thalweg_proto::security::{Call, Credentials, KeyPair, Pin, Role, Token, authority_digest};
use thalweg_proto::transport::tune_client;
use thalweg_proto::{ParameterServerClient, v1};
use thalweg_worker::transport::channel;
use thalweg_worker::transport::client::{Client, ClientError};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use zeroize::Zeroizing;

use super::{certs, read, server};
use crate::metrics::{get, number};
use crate::support::{Bench, PATIENCE};

/// Whom the table lets do what, written once more, so that neither copy is changed by a slip.
const TABLE: [(Call, &[Role]); 13] = [
    (Call::Session, &[Role::Worker, Role::Observer, Role::Admin]),
    (Call::Register, &[Role::Worker, Role::Observer, Role::Admin]),
    (Call::Push, &[Role::Worker]),
    (Call::Pull, &[Role::Worker, Role::Observer, Role::Admin]),
    (Call::PushPull, &[Role::Worker]),
    (Call::NextRange, &[Role::Worker]),
    (
        Call::Heartbeat,
        &[Role::Worker, Role::Observer, Role::Admin],
    ),
    (
        Call::GetStatus,
        &[Role::Worker, Role::Observer, Role::Admin],
    ),
    (Call::Leave, &[Role::Worker, Role::Observer, Role::Admin]),
    (Call::Conclude, &[Role::Admin]),
    (Call::Offer, &[Role::Admin]),
    (Call::ReadData, &[Role::Worker]),
    (Call::Checkpoint, &[Role::Admin]),
];

#[test]
fn the_documented_table_is_the_one_that_is_used() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/SECURITY.md");
    let text = read(path);
    for call in Call::ALL {
        let begins = format!("| `{}` |", call.name());
        let row = text.lines().find(|line| line.starts_with(&begins));
        let row = row.unwrap_or_else(|| panic!("no row of {} in docs/SECURITY.md", call.name()));
        let documented: Vec<_> = row.split('|').skip(2).take(3).map(str::trim).collect();
        let used = [Role::Worker, Role::Observer, Role::Admin];
        let used = used.map(|role| if call.is_allowed(role) { "yes" } else { "no" });
        assert_eq!(documented, used, "{row}");
    }
}

/// What a folder of certificates holds, as a client shows it.
fn of_folder(authority: &str, folder: &Path) -> Credentials {
    let own = KeyPair {
        certificates: read(folder.join("cert.pem")),
        key: Zeroizing::new(read(folder.join("key.pem"))),
    };
    Credentials::of_authority(authority, Some(&own), None).unwrap()
}

/// Every way to show oneself, and the role that follows; `None` if none does.
fn cases(bench: &Bench) -> Vec<(String, Credentials, Option<Role>)> {
    let folder = bench.path("certs");
    let authority = read(folder.join("ca/ca.pem"));
    let pin = Pin(authority_digest(&authority).unwrap());
    let mut cases = vec![(
        "nothing".to_owned(),
        Credentials::of_authority(&authority, None, None).unwrap(),
        None,
    )];
    let wrong: Token = "0".repeat(64).parse().unwrap();
    let wrong = Credentials::pinned(pin, wrong).unwrap();
    cases.push(("a wrong token".to_owned(), wrong, None));
    for role in Role::ALL {
        let own = folder.join(role.name());
        let shown = of_folder(&authority, &own);
        cases.push((format!("the certificate of {role}"), shown, Some(role)));
        let token = read(own.join("token")).parse().unwrap();
        let shown = Credentials::pinned(pin, token).unwrap();
        cases.push((format!("the token of {role}"), shown, Some(role)));
    }
    cases
}

type Unary = ParameterServerClient<Channel>;

async fn unary(address: &str, shown: &Credentials) -> Unary {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let opened = channel::open(&tune_client(endpoint), address, shown, &Arc::default()).await;
    ParameterServerClient::new(opened.unwrap())
}

/// Makes a call with an empty message. What matters is only whether it is turned away at the door.
async fn call(client: &mut Unary, call: Call, shown: &Credentials) -> Result<(), Status> {
    fn with<T>(message: T, shown: &Credentials) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        *request.metadata_mut() = shown.metadata();
        request
    }
    match call {
        Call::Session => {
            let none = tokio_stream::empty::<v1::ClientFrame>();
            client.session(with(none, shown)).await.map(drop)
        }
        Call::Register => client
            .register(with(v1::Register::default(), shown))
            .await
            .map(drop),
        Call::Push => client
            .push(with(v1::Push::default(), shown))
            .await
            .map(drop),
        Call::Pull => client
            .pull(with(v1::Pull::default(), shown))
            .await
            .map(drop),
        Call::PushPull => client
            .push_pull(with(v1::PushPull::default(), shown))
            .await
            .map(drop),
        Call::NextRange => client
            .next_range(with(v1::NextRange::default(), shown))
            .await
            .map(drop),
        Call::Heartbeat => client
            .heartbeat(with(v1::Heartbeat::default(), shown))
            .await
            .map(drop),
        Call::GetStatus => {
            let asked = v1::StatusRequest::default();
            client.get_status(with(asked, shown)).await.map(drop)
        }
        Call::Leave => client
            .leave(with(v1::Leave::default(), shown))
            .await
            .map(drop),
        Call::Conclude => client
            .conclude(with(v1::Conclude::default(), shown))
            .await
            .map(drop),
        Call::Offer => client
            .offer(with(v1::Offer::default(), shown))
            .await
            .map(drop),
        Call::Checkpoint => {
            let asked = v1::CheckpointRequest::default();
            client.checkpoint(with(asked, shown)).await.map(drop)
        }
        Call::ReadData => {
            let asked = v1::ReadDataRequest::default();
            client.read_data(with(asked, shown)).await.map(drop)
        }
    }
}

fn register(role: SessionRole) -> Request {
    Request::Register(Register {
        protocol: PROTOCOL_VERSIONS,
        role,
        fingerprint: None,
        worker: None,
        session: None,
        after: None,
        clock: None,
        data: None,
        place: "test".to_owned(),
        lives: vec![],
    })
}

/// A push that is whole, and without an element.
fn push(session: SessionId) -> Push {
    let header = PushHeader {
        fingerprint: Fingerprint(1),
        generation: Generation(1),
        session,
        worker: WorkerId(0),
        clock: Clock(0),
        weight: 0,
        loss_sum: 0.0,
        rate_factor: 1.0,
        ranges: vec![],
    };
    let part = Part {
        shard: ShardId(0),
        sequence: Sequence::FIRST,
        version_read: Version(0),
        kind: Kind::Gradient,
        dtype: Dtype::F32,
        codec: Codec::Raw,
        address: Address::Range(0..0),
        payload: Payload::default(),
        at_read: Payload::default(),
    };
    Push {
        header,
        parts: vec![part],
    }
}

/// Requests of every kind, of a session.
fn requests(session: SessionId) -> Vec<Request> {
    let (worker, clock) = (WorkerId(0), Clock(0));
    let (fingerprint, generation) = (Fingerprint(1), Generation(1));
    let wanted = PullPart {
        shard: ShardId(0),
        address: Address::Range(0..1),
    };
    vec![
        Request::Push(push(session)),
        Request::Pull(Pull {
            fingerprint,
            generation,
            session,
            worker,
            clock,
            patience: Duration::ZERO,
            parts: vec![wanted],
        }),
        Request::NextRange(NextRange {
            session,
            worker,
            received: 0,
            wanted: 1,
        }),
        Request::Heartbeat(Heartbeat {
            session,
            worker,
            clock,
            doing: "test".to_owned(),
            idle: false,
            sent_bytes: 0,
            received_bytes: 0,
            compute: Duration::ZERO,
            waited: Duration::ZERO,
            retries: 0,
        }),
        Request::Status(StatusRequest::default()),
        Request::Conclude(Conclude {
            session,
            worker,
            why: "test".to_owned(),
        }),
        Request::Offer(Offer {
            session,
            worker,
            rows: 0,
            closed: false,
        }),
        Request::Leave(Leave {
            session,
            worker,
            reason: LeaveReason::Done,
            cause: String::new(),
        }),
    ]
}

/// What a server refuses a request for, if it does.
async fn refusal(client: &Client, request: Request) -> Option<RefusalKind> {
    match client.call(request, PATIENCE).await.unwrap() {
        Reply::Refused(refusal) => Some(refusal.kind),
        _ => None,
    }
}

#[test]
fn every_call_is_open_to_exactly_the_roles_of_the_table() {
    let bench = Bench::new();
    certs(&bench, &[]);
    let (mut child, address) = server(&bench, "127.0.0.1:0", &["--certs", "certs/server"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut judged = 0;
    for (who, shown, role) in cases(&bench) {
        let mut client = runtime.block_on(unary(&address, &shown));
        for (asked, roles) in TABLE {
            let code = match runtime.block_on(call(&mut client, asked, &shown)) {
                Ok(()) => Code::Ok,
                Err(status) => status.code(),
            };
            let is_denied = matches!(code, Code::Unauthenticated | Code::PermissionDenied);
            let expected = match role {
                None => Some(Code::Unauthenticated),
                Some(role) if roles.contains(&role) => None,
                Some(_) => Some(Code::PermissionDenied),
            };
            let found = is_denied.then_some(code);
            assert_eq!(found, expected, "{} with {who}", asked.name());
            judged += 1;
        }
    }
    assert_eq!(judged, 13 * 8);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_call_is_counted_as_refused_wherever_it_is_refused() {
    let bench = Bench::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let metrics = free.local_addr().unwrap().to_string();
    drop(free);
    let (mut child, address) = server(&bench, "127.0.0.1:0", &["--metrics", &metrics]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let nothing = Credentials::none();
    let mut client = runtime.block_on(unary(&address, &nothing));
    let refused = |reason: &str| {
        let (_, metrics) = get(&metrics, "GET /metrics").unwrap();
        let series = format!("thalweg_requests_refused_total{{server=\"0\",reason=\"{reason}\"}}");
        number(&metrics, &series).unwrap()
    };
    let before = (refused("invalid"), refused("wrong_job"));
    // Empty messages say nothing that could be converted, and name no job.
    let asked = [Call::Register, Call::Push, Call::Pull, Call::PushPull];
    for asked in asked.into_iter().chain([Call::Leave, Call::ReadData]) {
        let answer = runtime.block_on(call(&mut client, asked, &nothing));
        assert!(answer.is_err(), "{}", asked.name());
    }
    let after = (refused("invalid"), refused("wrong_job"));
    assert_eq!((after.0 - before.0, after.1 - before.1), (5.0, 1.0));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn every_frame_is_open_to_exactly_the_roles_of_the_table() {
    let bench = Bench::new();
    certs(&bench, &[]);
    let (mut child, address) = server(&bench, "127.0.0.1:0", &["--certs", "certs/server"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let connect = |shown: &Credentials| {
        let limits = FrameLimits::default();
        runtime.block_on(Client::connect(&address, shown, limits, PATIENCE))
    };
    for (who, shown, role) in cases(&bench) {
        let Some(role) = role else {
            let error = connect(&shown).unwrap_err();
            assert!(
                matches!(error, ClientError::Denied { .. }),
                "{who}: {error}"
            );
            continue;
        };
        let client = connect(&shown).unwrap();
        for request in requests(SessionId(77)) {
            let asked = Call::of(&request);
            let (_, roles) = TABLE.into_iter().find(|(call, _)| *call == asked).unwrap();
            let refused = runtime.block_on(refusal(&client, request));
            let is_denied = matches!(
                refused,
                Some(RefusalKind::Forbidden | RefusalKind::Unauthenticated)
            );
            assert_ne!(
                is_denied,
                roles.contains(&role),
                "{} with {who}",
                asked.name()
            );
        }
        let as_observer = runtime.block_on(refusal(&client, register(SessionRole::Observer)));
        let expected = (role == Role::Worker).then_some(RefusalKind::Forbidden);
        assert_eq!(as_observer, expected, "{who} as an observer");
        let asking = runtime.block_on(refusal(&client, register(SessionRole::Worker)));
        assert_eq!(asking, None, "{who} asks which job it is");
    }
    let in_the_open = connect(&Credentials::none()).unwrap_err();
    assert!(
        matches!(in_the_open, ClientError::Encrypted { .. }),
        "{in_the_open}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_session_is_used_by_nobody_but_whom_it_was_opened_for() {
    let bench = Bench::new();
    certs(&bench, &["--worker", "a", "--worker", "b"]);
    certs(&bench, &["--worker", "c"]);
    let (mut child, address) = server(&bench, "127.0.0.1:0", &["--certs", "certs/server"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let authority = read(bench.path("certs/ca/ca.pem"));
    let connect = |name: &str| {
        let shown = of_folder(&authority, &bench.path("certs").join(name));
        let limits = FrameLimits::default();
        let client = Client::connect(&address, &shown, limits, PATIENCE);
        runtime.block_on(client).unwrap()
    };
    let (a, others) = (
        connect("worker-a"),
        ["worker-b", "worker-c", "worker"].map(connect),
    );
    let Request::Register(asking) = register(SessionRole::Worker) else {
        unreachable!("it is a registration")
    };
    let ask = a.call(Request::Register(asking.clone()), PATIENCE);
    let Reply::Registered(known) = runtime.block_on(ask).unwrap() else {
        panic!("no answer to who serves here")
    };
    let job = thalweg_common::config::Draft::parse("job", &known.job).unwrap();
    let job = job.check(&thalweg::job::REGISTRIES).unwrap();
    let resolved = job.data.resolved.as_ref().unwrap();
    let joins = Register {
        data: Some(DataSummary {
            rows: resolved.rows,
            features: resolved.features,
            hash: resolved.hash,
        }),
        fingerprint: Some(known.fingerprint),
        ..asking
    };
    let joined = runtime.block_on(a.call(Request::Register(joins), PATIENCE));
    let Reply::Registered(registered) = joined.unwrap() else {
        panic!("worker a is not taken")
    };
    let beat = |client: &Client| {
        let heartbeat = requests(registered.session).swap_remove(3);
        runtime.block_on(refusal(client, heartbeat))
    };
    assert_eq!(beat(&a), None);
    for other in &others {
        assert_eq!(beat(other), Some(RefusalKind::Forbidden));
    }
    assert_eq!(beat(&a), None);
    child.kill().unwrap();
    child.wait().unwrap();
}
