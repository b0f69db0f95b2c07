//! A glance at a cluster, or one after the other: how things stand on every server that answers, and why the
//! others do not. It opens no session, so that looking changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg_common::message::{Registered, Reply, Request, Status, StatusRequest};
use thalweg_proto::codec::FrameLimits;
use thalweg_proto::security::Credentials;
use thalweg_worker::transport::client::Client;
use thalweg_worker::transport::introduce;
use tokio::task::JoinSet;

use crate::view::ClusterView;

/// What was seen.
#[derive(Debug, Default)]
pub struct Glance {
    /// What the servers of one job answered.
    pub statuses: Vec<Status>,
    /// The others, in words: who, and why not.
    pub silent: Vec<String>,
}

/// A server that answered.
#[derive(Debug)]
struct Seen {
    address: String,
    introduced: Registered,
    status: Status,
}

/// Asks every address at once how things stand, each for `patience` a question.
pub async fn glance(
    addresses: &[String],
    credentials: &Credentials,
    asked: StatusRequest,
    patience: Duration,
) -> Glance {
    Lookout::new(addresses, credentials)
        .look(asked, patience)
        .await
}

/// Looks at the same servers again and again, over connections that stay.
#[derive(Debug)]
pub struct Lookout {
    posts: Vec<Post>,
}

/// One server that is looked at.
#[derive(Debug)]
struct Post {
    address: String,
    credentials: Credentials,
    link: Option<(Client, Registered)>,
}

impl Lookout {
    /// Looks at the servers at these addresses, in any order; connects at the first look.
    #[must_use]
    pub fn new(addresses: &[String], credentials: &Credentials) -> Self {
        let post = |address: &String| Post {
            address: address.clone(),
            credentials: credentials.clone(),
            link: None,
        };
        Self {
            posts: addresses.iter().map(post).collect(),
        }
    }

    /// Asks every server at once how things stand, each for `patience` a question.
    pub async fn look(&mut self, asked: StatusRequest, patience: Duration) -> Glance {
        let mut questions = JoinSet::new();
        for (place, mut post) in std::mem::take(&mut self.posts).into_iter().enumerate() {
            questions.spawn(async move {
                let answer = post.ask(asked, patience).await;
                (place, (post, answer))
            });
        }
        let mut answers = BTreeMap::new();
        while let Some(question) = questions.join_next().await {
            answers.extend(question.ok());
        }
        let (mut seen, mut silent) = (Vec::new(), Vec::new());
        for (post, answer) in answers.into_values() {
            match answer {
                Ok((introduced, status)) => seen.push(Seen {
                    address: post.address.clone(),
                    introduced,
                    status,
                }),
                Err(why) => silent.push(why),
            }
            self.posts.push(post);
        }
        judge(seen, silent)
    }
}

impl Post {
    /// A connection that fails once is opened anew at the next question.
    async fn ask(
        &mut self,
        asked: StatusRequest,
        patience: Duration,
    ) -> Result<(Registered, Status), String> {
        let address = &self.address;
        let (client, introduced) = match self.link.take() {
            Some(link) => link,
            None => connect(address, &self.credentials, patience).await?,
        };
        match client.call(Request::Status(asked), patience).await {
            Ok(Reply::Status(status)) => {
                self.link = Some((client, introduced.clone()));
                Ok((introduced, *status))
            }
            Ok(Reply::Refused(refusal)) => Err(format!("{address} refuses: {refusal}")),
            Ok(_) => Err(format!("{address} answered what was not asked")),
            Err(error) => Err(error.to_string()),
        }
    }
}

async fn connect(
    address: &str,
    credentials: &Credentials,
    patience: Duration,
) -> Result<(Client, Registered), String> {
    // The job's own bounds are not known, and a status is small.
    let limits = FrameLimits::default();
    let client = Client::connect(address, credentials, limits, patience)
        .await
        .map_err(|error| error.to_string())?;
    let introduced = introduce(&client, patience)
        .await
        .map_err(|error| error.to_string())?;
    Ok((client, introduced))
}

/// Keeps the servers of the first one's job, and names those of it that nobody asked.
fn judge(seen: Vec<Seen>, mut silent: Vec<String>) -> Glance {
    let Some(first) = seen.first() else {
        let statuses = Vec::new();
        return Glance { statuses, silent };
    };
    let (fingerprint, servers) = (first.introduced.fingerprint, first.introduced.servers);
    let (first, name) = (first.address.clone(), first.status.job.clone());
    let asked_in_vain = silent.len();
    let mut found = BTreeMap::new();
    for Seen {
        address,
        introduced,
        status,
    } in seen
    {
        if introduced.fingerprint == fingerprint {
            found.insert(introduced.server.0, status);
        } else {
            silent.push(format!(
                "{address} serves another job ({}) than {first} ({name})",
                status.job
            ));
        }
    }
    let absent: Vec<_> = (0..servers)
        .filter(|server| !found.contains_key(server))
        .collect();
    if asked_in_vain < absent.len() {
        let words: Vec<_> = absent.iter().map(ToString::to_string).collect();
        silent.push(format!(
            "server {} was not asked: the job has {servers} servers; name all of them: thalweg \
             status HOST:PORT,HOST:PORT,…",
            words.join(" or ")
        ));
    }
    let statuses = found.into_values().collect();
    Glance { statuses, silent }
}

impl From<&Glance> for ClusterView {
    fn from(glance: &Glance) -> Self {
        Self {
            unreachable: glance.silent.clone(),
            ..Self::from(&glance.statuses[..])
        }
    }
}

#[cfg(test)]
mod tests {
    use thalweg_common::ids::{
        Clock, Fingerprint, Generation, Life, ServerId, SessionId, WorkerId,
    };

    use super::*;
    use crate::view::fixtures::two_servers;

    fn seen(address: &str, server: u32, job: u128) -> Seen {
        Seen {
            address: address.to_owned(),
            introduced: Registered {
                protocol: 1,
                session: SessionId(0),
                worker: WorkerId(0),
                server: ServerId(server),
                servers: 2,
                fingerprint: Fingerprint(job),
                generation: Generation(1),
                job: String::new(),
                life: Life(7),
                clock: Clock(0),
            },
            status: two_servers().swap_remove(server as usize),
        }
    }

    #[test]
    fn who_answers_is_shown_and_who_does_not_is_named_once() {
        let dead = || vec!["cannot reach a server at b:1".to_owned()];
        let glance = judge(vec![seen("a:1", 0, 7)], dead());
        assert_eq!((glance.statuses.len(), &glance.silent), (1, &dead()));
        assert_eq!(ClusterView::from(&glance).unreachable, dead());
        let glance = judge(Vec::new(), dead());
        assert_eq!((glance.statuses.len(), glance.silent.len()), (0, 1));
    }

    #[test]
    fn a_server_that_nobody_asked_is_named_with_what_to_do() {
        let glance = judge(vec![seen("a:1", 0, 7)], Vec::new());
        assert!(glance.silent[0].starts_with("server 1 was not asked: the job has 2 servers"));
    }

    #[test]
    fn a_server_of_another_job_is_not_mixed_in() {
        let glance = judge(vec![seen("a:1", 0, 7), seen("b:1", 1, 8)], Vec::new());
        assert_eq!(glance.statuses.len(), 1);
        assert_eq!(
            glance.silent[0],
            "b:1 serves another job (flights) than a:1 (flights)"
        );
    }
}
