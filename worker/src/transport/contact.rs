//! First contact with a job, for workers and observers alike: which server is each address, are
//! they all servers of one job, and is none missing. Servers that are not up yet are waited for.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg_common::ids::{Fingerprint, ServerId};
use thalweg_common::message::{
    PROTOCOL_VERSIONS, Register, Registered, Reply, Request, SessionRole,
};
use thalweg_common::time::Time;
use thalweg_proto::codec::FrameLimits;
use thalweg_proto::security::Credentials;
use tokio::task::JoinSet;

use super::client::Client;
use super::join_error::JoinError;
use thalweg_proto::transport::Clock;

/// Between two tries of what a server may do later.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// Between two tries in the end.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How long one try to connect may take.
const TRY_MAX: Duration = Duration::from_secs(3);

/// Waiting for a server is told of after this.
const FIRST_WORD: Duration = Duration::from_secs(1);

/// Of a patience below this nothing is told.
const WORTH_A_WORD: Duration = Duration::from_secs(5);

/// Between two reminders of it.
const REMINDER: Duration = Duration::from_secs(10);

/// A job, as its servers tell it.
#[derive(Clone, Debug)]
pub struct Contact {
    /// The servers' addresses, by [`ServerId`]: every server of the job, once.
    pub addresses: Vec<String>,
    /// What is shown to them, and how they are known.
    pub credentials: Credentials,
    /// The resolved job's fingerprint.
    pub fingerprint: Fingerprint,
    /// The resolved job, as the text that `thalweg check` prints.
    pub job: String,
}

/// Asks every address which job and which server it is, all at once. Servers that are not up yet
/// are waited for, `patience` and one last try in all, and standard error says so.
///
/// # Errors
/// [`JoinError`] if the addresses are not those of all servers of one job, each once.
///
/// # Panics
/// If the task that asks one of them does.
pub async fn find_job(
    addresses: &[String],
    credentials: &Credentials,
    patience: Duration,
) -> Result<Contact, JoinError> {
    let mut questions = JoinSet::new();
    for (place, address) in addresses.iter().cloned().enumerate() {
        let credentials = credentials.clone();
        questions.spawn(async move {
            // The job's own bounds are not known yet.
            let limits = FrameLimits::default();
            let server = (&*address, &credentials);
            let answer = register(server, limits, &introduction(), patience).await;
            (place, address, answer)
        });
    }
    let mut found = BTreeMap::new();
    while let Some(question) = questions.join_next().await {
        let (place, address, answer) = question.expect("a question runs to its end");
        found.insert(place, (address, answer?.1));
    }
    let found: Vec<_> = found.into_values().collect();
    judge(&found, credentials)
}

/// Asks a server once which job and which server it is.
///
/// # Errors
/// [`JoinError`] if it does not answer within `patience`, or turns the question away.
pub async fn introduce(client: &Client, patience: Duration) -> Result<Registered, JoinError> {
    ask(client, &introduction(), patience).await
}

/// A registration that opens no session and learns the job.
fn introduction() -> Register {
    Register {
        protocol: PROTOCOL_VERSIONS,
        role: SessionRole::Worker,
        fingerprint: None,
        worker: None,
        session: None,
        data: None,
        place: String::new(),
        lives: vec![],
        clock: None,
        after: None,
    }
}

/// Registers at one address, trying again within `patience` what may go better later.
pub(super) async fn register(
    server: (&str, &Credentials),
    limits: FrameLimits,
    register: &Register,
    patience: Duration,
) -> Result<(Client, Registered), JoinError> {
    let clock = Clock::start();
    let (mut next_word, mut rest) = (FIRST_WORD, PAUSE);
    loop {
        let error = match register_once(server, limits, register, patience).await {
            // Whoever comes back to a slot that another one has taken meanwhile is not to wait for that one's end.
            Err(error) if error.slot_is_taken() && register.after.is_some() => return Err(error),
            Err(error) if error.may_go_better() => error,
            ended => return ended,
        };
        let waited = clock.now().since(Time::ZERO);
        if patience <= waited {
            return Err(error);
        }
        // Whoever is that impatient tries again by itself, and says for how long.
        if next_word <= waited && WORTH_A_WORD <= patience {
            let left = (patience - waited).as_secs_f64();
            tracing::warn!("{error}; waiting for it {left:.0} s longer");
            next_word = waited + REMINDER;
        }
        pause(rest).await;
        // A slot that is taken is so for long: whoever waits for it is not to keep the server busy.
        rest = (2 * rest).min(PAUSE_MAX);
    }
}

async fn register_once(
    (address, credentials): (&str, &Credentials),
    limits: FrameLimits,
    register: &Register,
    patience: Duration,
) -> Result<(Client, Registered), JoinError> {
    let client = Client::connect(address, credentials, limits, TRY_MAX.min(patience)).await?;
    let registered = ask(&client, register, patience.max(TRY_MAX)).await?;
    Ok((client, registered))
}

/// Registers over a connection that is open.
pub(super) async fn ask(
    client: &Client,
    register: &Register,
    patience: Duration,
) -> Result<Registered, JoinError> {
    let address = client.address().to_owned();
    let request = Request::Register(register.clone());
    match client.call(request, patience).await? {
        Reply::Registered(registered) => Ok(*registered),
        Reply::Refused(refusal) => Err(JoinError::Refused { address, refusal }),
        Reply::Pushed(_)
        | Reply::Pulled(_)
        | Reply::Granted(_)
        | Reply::Heartbeat(_)
        | Reply::Status(_)
        | Reply::Left
        | Reply::Concluded
        | Reply::Offered(_) => {
            let found = "an answer of another kind to a registration".to_owned();
            Err(JoinError::Malformed { address, found })
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "joining is a driver's work, before any decision"
)]
pub(super) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Judges whether the addresses are those of all servers of one job, each once.
fn judge(found: &[(String, Registered)], credentials: &Credentials) -> Result<Contact, JoinError> {
    let Some((first, one)) = found.first() else {
        let (servers, found) = (1, "no address".to_owned());
        return Err(JoinError::Missing {
            servers,
            found,
            missing: vec![0],
        });
    };
    let mut addresses: BTreeMap<ServerId, String> = BTreeMap::new();
    for (address, other) in found {
        if other.fingerprint != one.fingerprint {
            return Err(JoinError::DifferentJobs {
                first: first.clone(),
                second: address.clone(),
                fingerprints: (one.fingerprint, other.fingerprint),
            });
        }
        if other.servers <= other.server.0 || other.servers != one.servers {
            let found = format!("it is server {} of {}", other.server, other.servers);
            return Err(JoinError::Malformed {
                address: address.clone(),
                found,
            });
        }
        if let Some(before) = addresses.insert(other.server, address.clone()) {
            return Err(JoinError::Twice {
                server: other.server,
                first: before,
                second: address.clone(),
                servers: one.servers,
            });
        }
    }
    let missing: Vec<u32> = (0..one.servers)
        .filter(|server| !addresses.contains_key(&ServerId(*server)))
        .collect();
    if !missing.is_empty() {
        let name =
            |(server, address): (&ServerId, &String)| format!("server {server} at {address}");
        let found: Vec<_> = addresses.iter().map(name).collect();
        let found = found.join(", ");
        return Err(JoinError::Missing {
            servers: one.servers,
            found,
            missing,
        });
    }
    Ok(Contact {
        addresses: addresses.into_values().collect(),
        credentials: credentials.clone(),
        fingerprint: one.fingerprint,
        job: one.job.clone(),
    })
}

#[cfg(test)]
mod tests {
    use thalweg_common::ids::{Clock, Generation, Life, SessionId, WorkerId};

    use super::*;

    fn registered(server: u32, fingerprint: u128) -> Registered {
        Registered {
            protocol: 1,
            session: SessionId(0),
            worker: WorkerId(0),
            server: ServerId(server),
            servers: 3,
            fingerprint: Fingerprint(fingerprint),
            generation: Generation(1),
            job: "name = \"job\"".to_owned(),
            life: Life(7),
            clock: Clock(0),
        }
    }

    fn check(found: &[(&str, u32, u128)]) -> Result<Contact, JoinError> {
        let answer = |(address, server, job): &(&str, u32, u128)| {
            ((*address).to_owned(), registered(*server, *job))
        };
        judge(
            &found.iter().map(answer).collect::<Vec<_>>(),
            &Credentials::none(),
        )
    }

    #[test]
    fn addresses_in_any_order_are_put_in_the_servers_order() {
        let contact = check(&[("c:1", 2, 7), ("a:1", 0, 7), ("b:1", 1, 7)]).unwrap();
        assert_eq!(contact.addresses, ["a:1", "b:1", "c:1"]);
    }

    #[test]
    fn addresses_that_are_not_one_job_are_told_what_was_found() {
        let text = |found| check(found).unwrap_err().to_string();
        assert_eq!(
            text(&[("b:1", 1, 7)]),
            "the job has 3 servers, found server 1 at b:1; missing: server 0, 2; name all of them"
        );
        assert_eq!(
            text(&[("a:1", 0, 7), ("x:1", 0, 7)]),
            "a:1 and x:1 are both server 0; name each of the 3 servers once"
        );
        assert!(text(&[("a:1", 0, 7), ("b:1", 1, 8)]).starts_with("a:1 and b:1 serve different"));
        assert!(text(&[]).contains("found no address"));
    }
}
