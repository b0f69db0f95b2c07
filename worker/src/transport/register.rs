//! Joining a job: first contact with every address, then a session with every server.
//!
//! ```text
//! find_job: Register without data ─▶ the job's text, which server each address is
//! (the caller loads the data that the job names)
//! join:     Register with data at server 0 ─▶ session ─▶ the same session at all others
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg_common::ids::{Fingerprint, ServerId, SessionId, WorkerId};
use thalweg_common::message::{
    DataSummary, PROTOCOL_VERSIONS, Register, Registered, Reply, Request, SessionRole,
};
use thalweg_proto::codec::FrameLimits;

use super::client::{Client, ClientError};
use super::join_error::JoinError;
use crate::worker::Place;

/// Between two tries of what a server may do later.
const PAUSE: Duration = Duration::from_millis(200);

/// A job, as its servers tell it.
#[derive(Clone, Debug, PartialEq)]
pub struct Contact {
    /// The servers' addresses, by [`ServerId`]: every server of the job, once.
    pub addresses: Vec<String>,
    /// The resolved job's fingerprint.
    pub fingerprint: Fingerprint,
    /// The resolved job, as the text that `thalweg check` prints.
    pub job: String,
}

/// What a worker says of itself when it joins.
#[derive(Clone, Debug)]
pub struct Member {
    /// The wanted slot; `None` takes the first free one.
    pub worker: Option<WorkerId>,
    /// What it found in its data.
    pub data: DataSummary,
    /// Where it runs, for people.
    pub place: String,
}

/// Asks every address which job and which server it is. Servers that are not up yet are waited for,
/// `patience` in all for each.
///
/// # Errors
/// [`JoinError`] if the addresses are not those of all servers of one job, each once.
pub async fn find_job(addresses: &[String], patience: Duration) -> Result<Contact, JoinError> {
    let register = Register {
        protocol: PROTOCOL_VERSIONS,
        role: SessionRole::Worker,
        fingerprint: None,
        worker: None,
        session: None,
        data: None,
        place: String::new(),
    };
    let mut found = Vec::new();
    for address in addresses {
        // The job's own bounds are not known yet.
        let limits = FrameLimits::default();
        found.push((address, ask(address, limits, &register, patience).await?));
    }
    contact(&found)
}

/// Opens a session with every server of a job.
///
/// # Errors
/// [`JoinError`] if a server turns the worker away or cannot be reached within `patience`.
pub async fn join(
    contact: &Contact,
    limits: FrameLimits,
    member: Member,
    patience: Duration,
) -> Result<Place, JoinError> {
    let mut register = Register {
        protocol: PROTOCOL_VERSIONS,
        role: SessionRole::Worker,
        fingerprint: Some(contact.fingerprint),
        worker: member.worker,
        session: None,
        data: Some(member.data),
        place: member.place,
    };
    let (mut session, mut worker) = (SessionId(0), WorkerId(0));
    for (server, address) in (0_u32..).map(ServerId).zip(&contact.addresses) {
        let registered = ask(address, limits, &register, patience).await?;
        if registered.server != server || registered.fingerprint != contact.fingerprint {
            let found = format!(
                "it is server {} of job {} now",
                registered.server, registered.fingerprint
            );
            return Err(JoinError::Malformed {
                address: address.clone(),
                found,
            });
        }
        // Server 0 gives session and slot; the others take them.
        (session, worker) = (registered.session, registered.worker);
        (register.session, register.worker) = (Some(session), Some(worker));
    }
    let addresses = contact.addresses.clone();
    Ok(Place {
        fingerprint: contact.fingerprint,
        session,
        worker,
        addresses,
    })
}

/// Registers at one address, trying again within `patience` what may go better later.
async fn ask(
    address: &str,
    limits: FrameLimits,
    register: &Register,
    patience: Duration,
) -> Result<Registered, JoinError> {
    let mut last = None;
    let tries = async {
        loop {
            match ask_once(address, limits, register, patience).await {
                Ok(registered) => return Ok(registered),
                Err(error) if error.may_go_better() => last = Some(error),
                Err(error) => return Err(error),
            }
            pause().await;
        }
    };
    match tokio::time::timeout(patience, tries).await {
        Ok(result) => result,
        Err(_) => Err(last.unwrap_or_else(|| {
            JoinError::Client(ClientError::Late {
                address: address.to_owned(),
                waited: patience,
            })
        })),
    }
}

async fn ask_once(
    address: &str,
    limits: FrameLimits,
    register: &Register,
    patience: Duration,
) -> Result<Registered, JoinError> {
    let client = Client::connect(address, limits, patience).await?;
    let address = address.to_owned();
    match client
        .call(Request::Register(register.clone()), patience)
        .await?
    {
        Reply::Registered(registered) => Ok(*registered),
        Reply::Refused(refusal) => Err(JoinError::Refused { address, refusal }),
        Reply::Pushed(_)
        | Reply::Pulled(_)
        | Reply::Granted(_)
        | Reply::Heartbeat(_)
        | Reply::Status(_)
        | Reply::Left => {
            let found = "an answer of another kind to a registration".to_owned();
            Err(JoinError::Malformed { address, found })
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "joining is a driver's work, before any decision"
)]
async fn pause() {
    tokio::time::sleep(PAUSE).await;
}

/// Judges whether the addresses are those of all servers of one job, each once.
fn contact(found: &[(&String, Registered)]) -> Result<Contact, JoinError> {
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
                first: (*first).clone(),
                second: (*address).clone(),
                fingerprints: (one.fingerprint, other.fingerprint),
            });
        }
        if other.servers <= other.server.0 || other.servers != one.servers {
            let found = format!("it is server {} of {}", other.server, other.servers);
            return Err(JoinError::Malformed {
                address: (*address).clone(),
                found,
            });
        }
        if let Some(before) = addresses.insert(other.server, (*address).clone()) {
            return Err(JoinError::Twice {
                server: other.server,
                first: before,
                second: (*address).clone(),
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
        fingerprint: one.fingerprint,
        job: one.job.clone(),
    })
}

#[cfg(test)]
mod tests {
    use thalweg_common::ids::Generation;

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
        }
    }

    fn check(found: &[(&str, u32, u128)]) -> Result<Contact, JoinError> {
        let addresses: Vec<_> = found
            .iter()
            .map(|(address, ..)| (*address).to_owned())
            .collect();
        let answers = found
            .iter()
            .map(|(_, server, job)| registered(*server, *job));
        contact(&addresses.iter().zip(answers).collect::<Vec<_>>())
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
