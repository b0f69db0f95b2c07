//! The table against the schema, and both ends of a handshake with certificates made for the test.

use std::collections::BTreeSet;
use std::time::Duration;

use http::HeaderMap;
use prost::Message as _;
use prost_types::{FieldDescriptorProto, FileDescriptorSet};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa,
    KeyPair as Signer,
};
use thalweg_common::message::{DataSummary, PROTOCOL_VERSIONS, Register, Request, SessionRole};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use zeroize::Zeroizing;

use super::*;
use crate::FILE_DESCRIPTOR_SET;

/// An authority that signs.
struct Authority(CertifiedIssuer<'static, Signer>);

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new(vec![]).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let signer = Signer::generate().unwrap();
        Self(CertifiedIssuer::self_signed(parameters, signer).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn sign(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> KeyPair {
        let parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        self.sign_as(parameters, usage)
    }

    /// Of the first two days of 2020.
    fn sign_expired(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> KeyPair {
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2020, 1, 3);
        self.sign_as(parameters, usage)
    }

    fn sign_as(
        &self,
        mut parameters: CertificateParams,
        usage: ExtendedKeyUsagePurpose,
    ) -> KeyPair {
        parameters.extended_key_usages = vec![usage];
        let signer = Signer::generate().unwrap();
        let certificates = parameters.signed_by(&signer, &self.0).unwrap().pem();
        let key = Zeroizing::new(signer.serialize_pem());
        KeyPair { certificates, key }
    }

    fn server(&self) -> KeyPair {
        self.sign(SERVER_NAME, ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn client(&self, role: Role) -> KeyPair {
        self.sign(role.certificate_name(), ExtendedKeyUsagePurpose::ClientAuth)
    }
}

fn token(letter: char) -> Token {
    letter.to_string().repeat(40).parse().unwrap()
}

/// Whom the server takes a client for that dials with these credentials; else what the client is told.
async fn meet(keys: &Keys, credentials: &Credentials) -> Result<Caller, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (acceptor, own) = (keys.calls(), keys.clone());
    let metadata: HeaderMap = credentials.metadata().into_headers();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = acceptor.accept(stream).await.ok()?;
        let mut stream = crate::transport::Secured::tls(stream.into());
        stream.write_all(b"!").await.ok()?;
        Some(own.recognise(stream.certificate().as_deref(), &metadata))
    });
    let dialled = dial(&address, credentials, |stream| stream).await;
    let words = |error: &std::io::Error| match DialError::behind(error) {
        Some(denied) => denied.to_string(),
        None => error.to_string(),
    };
    let mut stream = dialled.map_err(|error| words(&error))?;
    // A server's refusal of a certificate comes after the client's handshake.
    let mut byte = [0];
    let read = stream.read_exact(&mut byte).await;
    read.map_err(|error| error.to_string())?;
    Ok(server.await.unwrap().expect("the server has spoken"))
}

#[test]
fn every_call_and_every_frame_of_the_schema_is_in_the_table() {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let methods: Vec<_> = set.file.iter().flat_map(|file| &file.service).collect();
    let methods: Vec<_> = methods.iter().flat_map(|service| &service.method).collect();
    let names: Vec<_> = methods.iter().map(|method| method.name()).collect();
    assert_eq!(names, Call::ALL.map(Call::name));
    let frame = set
        .file
        .iter()
        .flat_map(|file| &file.message_type)
        .find(|message| message.name() == "ClientFrame")
        .unwrap();
    let bodies = frame
        .field
        .iter()
        .filter(|field| field.oneof_index.is_some());
    let bodies: BTreeSet<_> = bodies.map(FieldDescriptorProto::type_name).collect();
    assert!(9 < bodies.len(), "{bodies:?}");
    for body in bodies {
        let call = methods.iter().find(|method| method.input_type() == body);
        assert!(
            call.is_some() || body.ends_with(".Chunk"),
            "{body} comes on the session stream, and no call of the table takes it"
        );
    }
}

#[test]
fn a_registration_needs_the_role_that_it_asks_for() {
    let register = |role, data: bool| {
        let data = data.then_some(DataSummary {
            rows: 1,
            features: 1,
            hash: 1,
        });
        Request::Register(Register {
            protocol: PROTOCOL_VERSIONS,
            role,
            fingerprint: None,
            worker: None,
            session: None,
            after: None,
            clock: None,
            data,
            place: String::new(),
            lives: vec![],
        })
    };
    let (worker, observer) = (SessionRole::Worker, SessionRole::Observer);
    for (role, request, may) in [
        (Role::Worker, register(worker, true), true),
        (Role::Worker, register(observer, false), false),
        (Role::Observer, register(observer, false), true),
        (Role::Observer, register(worker, true), false),
        (Role::Observer, register(worker, false), true),
        (Role::Admin, register(observer, false), true),
        (Role::Admin, register(worker, true), false),
    ] {
        let who = [0; 32];
        let judged = Call::judge_request(&Caller::Known { role, who }, &request);
        assert_eq!(judged.is_ok(), may, "{role} {request:?}");
    }
}

#[tokio::test]
async fn a_caller_is_known_by_a_certificate_or_a_token_of_its_role() {
    let authority = Authority::new();
    let (pem, pin) = (authority.pem(), authority_digest(&authority.pem()).unwrap());
    let tokens = [(Role::Observer, token('o')), (Role::Worker, token('w'))];
    let keys = Keys::new(&pem, &authority.server(), &tokens).unwrap();
    assert_eq!(keys.authority(), pin);
    let twice = [(Role::Worker, token('w')), (Role::Admin, token('w'))];
    let told = Keys::new(&pem, &authority.server(), &twice).unwrap_err();
    assert!(
        told.to_string()
            .contains("the token of admin is that of worker, too"),
        "{told}"
    );
    for role in Role::ALL {
        let own = authority.client(role);
        let credentials = Credentials::of_authority(&pem, Some(&own), None).unwrap();
        let caller = meet(&keys, &credentials).await.unwrap();
        assert!(matches!(caller, Caller::Known { role: found, .. } if found == role));
    }
    for (role, token) in &tokens {
        let credentials = Credentials::pinned(Pin(pin), token.clone()).unwrap();
        let caller = meet(&keys, &credentials).await.unwrap();
        assert!(matches!(caller, Caller::Known { role: found, .. } if found == *role));
    }
    let credentials = Credentials::pinned(Pin(pin), token('x')).unwrap();
    assert_eq!(
        meet(&keys, &credentials).await,
        Ok(Caller::Stranger(Shown::Token))
    );
    let credentials = Credentials::of_authority(&pem, None, None).unwrap();
    assert_eq!(
        meet(&keys, &credentials).await,
        Ok(Caller::Stranger(Shown::Nothing))
    );
    // A certificate of ours without a role that there is.
    let own = authority.sign("boss.thalweg", ExtendedKeyUsagePurpose::ClientAuth);
    let credentials = Credentials::of_authority(&pem, Some(&own), None).unwrap();
    assert_eq!(
        meet(&keys, &credentials).await,
        Ok(Caller::Stranger(Shown::NoRole))
    );
}

#[tokio::test]
async fn who_is_of_another_authority_is_not_spoken_with() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let (pem, foreign) = (ours.pem(), theirs.pem());
    let keys = Keys::new(&pem, &ours.server(), &[]).unwrap();
    let unknown = |told: Result<Caller, String>| {
        let told = told.unwrap_err();
        assert!(told.contains("not one of the authority"), "{told}");
    };
    let credentials = Credentials::of_authority(&foreign, None, None).unwrap();
    unknown(meet(&keys, &credentials).await);
    let pin = Pin(authority_digest(&foreign).unwrap());
    let credentials = Credentials::pinned(pin, token('w')).unwrap();
    unknown(meet(&keys, &credentials).await);
    // A worker of ours stands for a server.
    let worker = ours.sign("worker.thalweg", ExtendedKeyUsagePurpose::ServerAuth);
    let imposter = Keys::new(&pem, &worker, &[]).unwrap();
    let credentials = Credentials::of_authority(&pem, None, None).unwrap();
    unknown(meet(&imposter, &credentials).await);
    let pin = Pin(authority_digest(&pem).unwrap());
    let credentials = Credentials::pinned(pin, token('w')).unwrap();
    unknown(meet(&imposter, &credentials).await);
    // A client's certificate of another authority, whose role we would know.
    let own = theirs.client(Role::Admin);
    let credentials = Credentials::of_authority(&pem, Some(&own), None).unwrap();
    let told = meet(&keys, &credentials).await.unwrap_err();
    assert!(told.contains("alert"), "{told}");
}

#[test]
fn a_certificate_of_ones_own_is_judged_as_the_other_end_would() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let pem = ours.pem();
    let at = |seconds| Duration::from_secs(seconds);
    let day = 86_400;
    let (server, client) = (Purpose::Server, Purpose::Client);
    let of_2020 = ours.sign_expired("worker.thalweg", ExtendedKeyUsagePurpose::ClientAuth);
    let (from, end) = (at(1_577_836_800), at(1_577_836_800 + 2 * day));
    let boss = ours.sign("boss.thalweg", ExtendedKeyUsagePurpose::ClientAuth);
    let now = at(1_800_000_000);
    for (own, purpose, now, flaw) in [
        (&ours.server(), server, now, None),
        (&ours.client(Role::Worker), client, now, None),
        (&ours.server(), client, now, Some(Flaw::Purpose(client))),
        (
            &ours.client(Role::Admin),
            server,
            now,
            Some(Flaw::Purpose(server)),
        ),
        (
            &theirs.client(Role::Admin),
            client,
            now,
            Some(Flaw::Authority),
        ),
        (&boss, client, now, Some(Flaw::NoRole)),
        (&of_2020, client, end - at(1), None),
        (
            &of_2020,
            client,
            end + at(1),
            Some(Flaw::Expired { at: end }),
        ),
        (&of_2020, client, from - at(1), Some(Flaw::Early { from })),
    ] {
        let expected = flaw.map_or(Ok(()), |flaw| Err(TlsError::Flawed(flaw)));
        assert_eq!(own.judge(&pem, purpose, now), expected);
    }
    assert_eq!(of_2020.holds_until(&pem), Ok(end));
    let server = ours.sign_expired(SERVER_NAME, ExtendedKeyUsagePurpose::ServerAuth);
    assert_eq!(server.holds_until(&pem), Ok(end));
    assert_eq!(date(end + at(754)), "3 January 2020, 00:12 UTC");
    let told = of_2020.judge(&pem, client, now).unwrap_err().to_string();
    assert!(
        told.contains("expired on 3 January 2020, 00:00 UTC; make new"),
        "{told}"
    );
}

#[tokio::test]
async fn a_server_whose_certificate_has_expired_is_told_by_its_date() {
    let authority = Authority::new();
    let pem = authority.pem();
    let own = authority.sign_expired(SERVER_NAME, ExtendedKeyUsagePurpose::ServerAuth);
    let keys = Keys::new(&pem, &own, &[]).unwrap();
    let pin = Pin(authority_digest(&pem).unwrap());
    for credentials in [
        Credentials::of_authority(&pem, None, None).unwrap(),
        Credentials::pinned(pin, token('w')).unwrap(),
    ] {
        let told = meet(&keys, &credentials).await.unwrap_err();
        let words = "the server's certificate expired on 3 January 2020, 00:00 UTC; make new";
        assert!(told.starts_with(words), "{told}");
    }
}

#[tokio::test]
async fn what_a_server_does_not_take_is_found_out_after_the_handshake() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let pem = ours.pem();
    let keys = Keys::new(&pem, &ours.server(), &[]).unwrap();
    let expired = ours.sign_expired("worker.thalweg", ExtendedKeyUsagePurpose::ClientAuth);
    for (own, found) in [
        (&ours.client(Role::Worker), None),
        (&expired, Some("at the time of the server's clock")),
        (&theirs.client(Role::Worker), Some("another authority")),
        (&ours.server(), Some("not for callers")),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let acceptor = keys.calls();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(stream).await.ok()?;
            stream.write_all(b"!").await.ok()?;
            Some(stream)
        });
        let credentials = Credentials::of_authority(&pem, Some(own), None).unwrap();
        let credentials = credentials.from_source("--certs mine");
        let refused = refusal(&address, &credentials).await;
        match (refused, found) {
            (None, None) => {}
            (Some(refused), Some(found)) => {
                let words = refused.to_string();
                for part in ["nothing of what was shown, --certs mine (", found] {
                    assert!(words.contains(part), "{words}");
                }
            }
            (refused, found) => panic!("{refused:?} instead of {found:?}"),
        }
        drop(server.await.unwrap());
    }
}

#[tokio::test]
async fn a_client_with_credentials_speaks_with_no_server_in_the_open() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let settings = b"\0\0\0\x04\0\0\0\0\0";
        stream.write_all(settings).await.ok();
        stream.read_exact(&mut [0; 1]).await.ok();
    });
    let pem = Authority::new().pem();
    let credentials = Credentials::of_authority(&pem, None, Some(token('w'))).unwrap();
    let error = dial(&address, &credentials, |stream| stream)
        .await
        .unwrap_err();
    assert_eq!(DialError::behind(&error), Some(&DialError::NoTls));
}

#[test]
fn what_cannot_be_read_is_named_and_no_secret_is_shown() {
    let authority = Authority::new();
    let own = authority.server();
    let broken = KeyPair {
        key: Zeroizing::new("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n".to_owned()),
        ..own.clone()
    };
    let error = Keys::new(&authority.pem(), &broken, &[]).unwrap_err();
    let text = format!("{error} {error:?} {broken:?}");
    assert!(text.contains("the private key"), "{text}");
    assert!(
        !text.contains("c2VjcmV0") && !text.contains("secret"),
        "{text}"
    );
    let other = KeyPair {
        key: authority.server().key,
        ..own.clone()
    };
    let error = Keys::new(&authority.pem(), &other, &[]).unwrap_err();
    assert!(matches!(error, TlsError::Unfit(_)), "{error}");
    assert!(Keys::new("", &own, &[]).is_err());
    let credentials = Credentials::pinned(Pin([7; 32]), token('s')).unwrap();
    let shown = format!("{credentials:?} {:?}", credentials.metadata());
    assert!(!shown.contains("ssss"), "{shown}");
    for text in ["", "sha256:", "7f", &"g".repeat(64), &"é".repeat(32)] {
        assert!(text.parse::<Pin>().is_err(), "{text}");
    }
    let pin = Pin([0xa7; 32]);
    assert_eq!(format!("sha256:{pin}").parse(), Ok(pin));
}
