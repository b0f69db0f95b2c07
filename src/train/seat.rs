//! Where a run is watched from: beside servers of a cluster, or beside threads of this process.

use std::time::Duration;

use anyhow::Result;
use thalweg_common::ids::{SessionId, WorkerId};
use thalweg_common::message::Status;
use thalweg_worker::hogwild::Counts;

use crate::launch::ThreadRun;
use crate::observe::Observer;

/// The watcher's seat.
#[derive(Debug)]
pub(super) enum Seat {
    /// An observer of all servers.
    Cluster(Box<Observer>),
    /// Threads of this process.
    Threads(ThreadRun),
}

impl Seat {
    /// How things stand, server by server; threads are told of as one.
    pub(super) async fn statuses(&self) -> Result<Vec<Status>> {
        match self {
            Self::Cluster(observer) => Ok(observer.statuses().await?),
            Self::Threads(run) => Ok(vec![run.status()]),
        }
    }

    /// How the job has failed, if the first server still says so where others have gone; nothing of threads.
    pub(super) async fn failure(&self, patience: Duration) -> Option<Status> {
        match self {
            Self::Cluster(observer) => observer.failure(patience).await,
            Self::Threads(_) => None,
        }
    }

    /// The parameters as they are now; of threads, as they were after the last epoch.
    pub(super) async fn parameters(&self) -> Result<Vec<f32>> {
        match self {
            Self::Cluster(observer) => Ok(observer.parameters().await?),
            Self::Threads(run) => Ok(run.parameters()),
        }
    }

    /// What threads did; `None` of a cluster.
    pub(super) fn counts(&self) -> Option<Counts> {
        match self {
            Self::Cluster(_) => None,
            Self::Threads(run) => Some(run.counts()),
        }
    }

    /// Opens another session with all servers, in place of one that is of no use any more.
    pub(super) async fn attend_again(&mut self, patience: Duration) -> Result<()> {
        match self {
            Self::Cluster(observer) => Ok(observer.attend_again(patience).await?),
            Self::Threads(_) => Ok(()),
        }
    }

    /// Which server is at the address; none of them is a thread.
    pub(super) fn server_at(&self, address: &str) -> Option<u32> {
        match self {
            Self::Cluster(observer) => observer.server_at(address),
            Self::Threads(_) => None,
        }
    }

    /// Gives a sign of life to whoever needs one.
    pub(super) async fn heartbeat(&self) -> Result<()> {
        match self {
            Self::Cluster(observer) => Ok(observer.heartbeat().await?),
            Self::Threads(_) => Ok(()),
        }
    }

    /// Gives a sign of life to those that answer, while others are waited for.
    pub(super) async fn stay(&self) {
        if let Self::Cluster(observer) = self {
            observer.stay().await;
        }
    }

    /// Tells servers that may not know it that the job is done.
    pub(super) async fn tell_done(&self) {
        if let Self::Cluster(observer) = self {
            observer.tell_done().await;
        }
    }

    /// Ends the job for this reason, as one that is done.
    pub(super) async fn conclude(&self, why: &str) -> Result<()> {
        match self {
            Self::Cluster(observer) => Ok(observer.conclude(why).await?),
            Self::Threads(run) => {
                run.conclude(why);
                Ok(())
            }
        }
    }

    /// Tells of rows of a stream; answers how many are used up. Threads train on none.
    pub(super) async fn offer(&self, rows: u64, closed: bool) -> Result<u64> {
        match self {
            Self::Cluster(observer) => Ok(observer.offer(rows, closed).await?),
            Self::Threads(_) => Ok(0),
        }
    }

    /// Tells that a worker's process has ended. Threads end with this process alone.
    pub(super) async fn report_gone(
        &self,
        (worker, session): (WorkerId, SessionId),
        cause: &str,
    ) -> Result<()> {
        match self {
            Self::Cluster(observer) => Ok(observer.report_gone(worker, session, cause).await?),
            Self::Threads(_) => Ok(()),
        }
    }

    /// Lets threads end what they have in hand; workers of a cluster are told by their processes.
    pub(super) fn stop(&self) {
        if let Self::Threads(run) = self {
            run.stop();
        }
    }

    /// Leaves.
    pub(super) async fn leave(&self) -> Result<()> {
        match self {
            Self::Cluster(observer) => Ok(observer.leave().await?),
            Self::Threads(run) => {
                run.stop();
                Ok(())
            }
        }
    }

    /// Whether training waits for what was made to be judged; `None` if it never waits for that.
    pub(super) fn waits_for_judge(&self) -> Option<bool> {
        match self {
            Self::Cluster(_) => None,
            Self::Threads(run) => Some(run.waits_for_judge()),
        }
    }

    /// Lets training go on, if it waits.
    pub(super) fn go_on(&self) {
        if let Self::Threads(run) = self {
            run.go_on();
        }
    }

    /// Waits until something is there to be looked at before the next poll; for ever, if nothing ever is.
    pub(super) async fn changed(&self) {
        match self {
            Self::Cluster(_) => std::future::pending().await,
            Self::Threads(run) => run.changed().await,
        }
    }
}
