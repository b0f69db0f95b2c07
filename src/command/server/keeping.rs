//! The checkpoints of a server's process: where they lie, what it returned from, and who asks for more.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use thalweg_common::time::Time;
use thalweg_proto::transport::Clock;
use thalweg_server::checkpoint::{
    self, About, Begun, CheckpointError, Checkpoints, Keeper, KeeperOptions, PASSED_OVER, RealDisk,
    Returned, begin, folder_of, hold, unix_ms,
};
use thalweg_server::{Plan, SavedCoordinator, Server};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::command::{say, say_error};
use crate::job::Blueprint;
use crate::view::units::{counted, grouped};

/// A server that keeps checkpoints.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) server: Arc<Server>,
    pub(super) keeper: Arc<Keeper>,
    /// Held for as long as the process lives: nobody else writes there.
    _folder: File,
}

/// In words, that the job of the checkpoints has failed, if it has. It is not served then: whoever starts processes again
/// that ended with an error, and workers that come again, would train it on with nobody there who wants it.
pub(super) fn failure(
    checkpoints_of_all: &Path,
    blueprint: &Blueprint,
    plan: &Plan,
) -> Option<String> {
    let checkpoints = checkpoints_of(checkpoints_of_all, blueprint, plan);
    let cause = checkpoints.failure()?;
    Some(format!(
        "the job of {} has failed: {cause}; --despite-failure, or thalweg train --resume, goes on with it all the \
         same, thalweg checkpoint --forget {} removes it",
        checkpoints.folder().display(),
        checkpoints_of_all.display()
    ))
}

fn checkpoints_of(checkpoints_of_all: &Path, blueprint: &Blueprint, plan: &Plan) -> Checkpoints {
    let about = About {
        job: plan.job.clone(),
        fingerprint: plan.fingerprint,
        server: plan.server,
        servers: plan.map.servers(),
        generation: plan.map.generation().0,
        shards: plan.map.of_server(plan.server).map(|(id, _)| id).collect(),
    };
    let folder = folder_of(checkpoints_of_all, plan.server);
    let keep = blueprint.config.checkpoint.keep;
    Checkpoints::new(folder, Arc::new(RealDisk), about, keep)
}

/// Makes the server of a plan, from its newest checkpoint below `folder` if there is one, and starts to
/// keep checkpoints of it. Those of another job are removed if `forget_others` says so, and else an error.
pub(super) fn keep(
    (checkpoints_of_all, forget_others): (&Path, bool),
    blueprint: &Blueprint,
    plan: Plan,
) -> Result<Kept> {
    let checkpoints = checkpoints_of(checkpoints_of_all, blueprint, &plan);
    let held = hold(checkpoints.folder())?;
    let found = match checkpoints.newest() {
        Err(CheckpointError::Foreign { path, found, .. }) if forget_others => {
            let removed = checkpoints.forget_all()?;
            say_error(&format!(
                "{} held checkpoints of {found}; {removed} of another job are removed, and this one begins anew",
                path.display()
            ));
            None
        }
        found => found?,
    };
    let life = found
        .as_ref()
        .map_or(plan.life, |found| found.manifest.life());
    let server = Arc::new(Server::new(Plan { life, ..plan }, Time::ZERO)?);
    let begun = begin(
        &server,
        (&checkpoints, found.as_ref()),
        (Time::ZERO, unix_ms()),
    )?;
    if let Some(returned) = &begun.returned {
        tell(&server, &begun, returned);
        let coordinator = found
            .as_ref()
            .and_then(|found| found.manifest.desk.coordinator.as_ref());
        if let Some(coordinator) = coordinator {
            tell_end(coordinator, checkpoints_of_all);
        }
    }
    drop(found);
    let every = blueprint.config.checkpoint.every_seconds.duration();
    let options = KeeperOptions {
        checkpoints,
        every: (!every.is_zero()).then_some(every),
        begun,
    };
    let keeper = Keeper::start(server.clone(), options, Clock::start());
    Ok(Kept {
        server,
        keeper: Arc::new(keeper.context("no thread writes checkpoints")?),
        _folder: held,
    })
}

/// Says where the server goes on, and what is lost: everything since the checkpoint.
fn tell(server: &Server, begun: &Begun, returned: &Returned) {
    for skipped in &returned.skipped {
        say_error(&format!("warning: {PASSED_OVER}: {skipped}"));
    }
    let age = unix_ms().saturating_sub(returned.written_unix_ms);
    let Returned {
        path,
        progress,
        steps,
        ..
    } = returned;
    say_error(&format!(
        "server {} returns ({}) from {}: {} examples, {} steps, taken {:.1} s ago; what came after it is lost here",
        server.plan().server,
        counted(begun.identity.returns, "return"),
        path.display(),
        grouped(*progress),
        grouped(*steps),
        Duration::from_millis(age).as_secs_f64(),
    ));
}

/// The signal USR1, if it can be heard; else that is said.
fn asked_by_signal() -> Option<Signal> {
    let asked = signal(SignalKind::user_defined1());
    asked
        .inspect_err(|error| say_error(&format!("the signal USR1 cannot be heard: {error}")))
        .ok()
}

/// Says at the signal USR1 that nothing is kept here: nobody who asks for a checkpoint means to end the server.
pub(super) async fn refuse_signal() {
    let Some(mut asked) = asked_by_signal() else {
        return;
    };
    while asked.recv().await.is_some() {
        say_error(
            "no checkpoint is written: this server keeps none; start it with --checkpoints DIR",
        );
    }
}

/// Says of a job that had come to an end what becomes of it.
fn tell_end(coordinator: &SavedCoordinator, checkpoints_of_all: &Path) {
    if coordinator.done.is_some() {
        say_error(&format!(
            "warning: its job was done, and nothing is left to train; `thalweg checkpoint --forget {}` lets the \
             servers start it anew",
            checkpoints_of_all.display()
        ));
    }
    if let Some(cause) = &coordinator.failed {
        say_error(&format!(
            "warning: its job had failed, and goes on all the same, as is wanted: {cause}"
        ));
    }
}

/// Writes a checkpoint whenever the process gets the signal USR1.
pub(super) async fn on_signal(keeper: Arc<Keeper>) {
    let Some(mut asked) = asked_by_signal() else {
        return;
    };
    while asked.recv().await.is_some() {
        let request: checkpoint::Request = Box::new(|written| match written {
            Ok(kept) => say(&format!(
                "{} is written, as asked",
                checkpoint::Number(kept.number)
            )),
            Err(why) => say_error(&format!("no checkpoint is written: {why}")),
        });
        if keeper.ask(request).is_err() {
            say_error("no checkpoint is written: too many are asked for");
        }
    }
}
