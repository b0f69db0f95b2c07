//! The members of a cluster, servers and workers, as state machines of one process before anything
//! drives them, and their parameters after it: what threads and virtual time have in common.

use thalweg_common::error::Refusal;
use thalweg_common::ids::{Clock, SessionId, WorkerId};
use thalweg_common::message::{
    Address, Conclude, PROTOCOL_VERSIONS, PullPart, Register, SessionRole,
};
use thalweg_common::optimizer::Reader;
use thalweg_common::registry::SettingError;
use thalweg_common::time::Time;
use thalweg_server::Server;
use thalweg_server::shard::ReadBy;
use thalweg_worker::worker::{Place, Work, Worker};
use thiserror::Error;

use super::{
    Blueprint, PlanError, ResolvedJob, loop_settings, server_plan, training_method, transforms,
};

/// Why a job's members cannot be made.
#[derive(Debug, Error)]
pub enum MemberError {
    /// A server cannot be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A setting is wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A server turned a worker away.
    #[error("worker {worker} was turned away: {refusal}")]
    Refused {
        /// The worker.
        worker: u32,
        /// The server's words.
        refusal: Refusal,
    },
}

/// The servers of a job, at time zero.
///
/// # Errors
/// [`MemberError::Plan`] or [`MemberError::Setting`].
pub(crate) fn servers(job: &ResolvedJob) -> Result<Vec<Server>, MemberError> {
    (0..job.blueprint.map.servers())
        .map(|index| {
            Ok(Server::new(
                server_plan(&job.blueprint, index)?,
                Time::ZERO,
            )?)
        })
        .collect()
}

/// Worker `worker` of a job, registered with every server.
///
/// # Errors
/// [`MemberError::Refused`], or a method that cannot be made.
pub(crate) fn join(
    servers: &[Server],
    job: &ResolvedJob,
    (now, worker): (Time, u32),
) -> Result<Worker, MemberError> {
    let blueprint = &job.blueprint;
    let mut session = None;
    for server in servers {
        let register = Register {
            worker: Some(WorkerId(worker)),
            session,
            ..registration(blueprint, SessionRole::Worker)
        };
        let registered = server
            .register(now, &register)
            .map_err(|refusal| MemberError::Refused { worker, refusal })?;
        session = Some(registered.session);
    }
    let place = Place {
        fingerprint: blueprint.config.fingerprint(),
        session: session.unwrap_or(SessionId(0)),
        worker: WorkerId(worker),
        addresses: vec!["this process".to_owned(); servers.len()],
    };
    let work = Work {
        data: job.data.train.clone(),
        model: blueprint.model.clone(),
        transforms: transforms(blueprint)?,
        method: training_method(blueprint)?,
        map: blueprint.map.clone(),
    };
    Ok(Worker::new(place, loop_settings(&blueprint.config), work))
}

fn registration(blueprint: &Blueprint, role: SessionRole) -> Register {
    Register {
        protocol: PROTOCOL_VERSIONS,
        role,
        fingerprint: Some(blueprint.config.fingerprint()),
        worker: None,
        session: None,
        data: Some(blueprint.data_summary()),
        place: "this process".to_owned(),
        lives: vec![],
        clock: None,
        after: None,
    }
}

/// Tells server 0, as an observer, that the job has reached what it was to reach.
///
/// # Errors
/// [`MemberError::Refused`] by a server that has no room for an observer.
pub(crate) fn conclude(
    servers: &[Server],
    job: &ResolvedJob,
    now: Time,
    why: String,
) -> Result<(), MemberError> {
    let worker = job.blueprint.config.cluster.workers;
    let refused = |refusal| MemberError::Refused { worker, refusal };
    let register = registration(&job.blueprint, SessionRole::Observer);
    let registered = servers[0].register(now, &register).map_err(refused)?;
    let conclude = Conclude {
        session: registered.session,
        worker: registered.worker,
        why,
    };
    servers[0].conclude(now, &conclude).map_err(refused)
}

/// All parameters as an observer sees them, in layout order, straight from the servers' shards.
pub(crate) fn read_everything(servers: &[Server], job: &ResolvedJob) -> Vec<f32> {
    let mut parameters = Vec::new();
    let observer = ReadBy {
        reader: Reader::Observer,
        session: SessionId(0),
        until: Clock(0),
    };
    for (shard, span) in job.blueprint.map.numbered() {
        let length = span.elements.end - span.elements.start;
        let len = u32::try_from(length).expect("a shard has fewer than 2^32 elements");
        let part = PullPart {
            shard,
            address: Address::Range(0..len),
        };
        let read = servers[span.server.0 as usize]
            .read(observer, &part)
            .expect("the map names the shard's holder and its length");
        parameters.extend(read.payload.iter());
    }
    parameters
}
