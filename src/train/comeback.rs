//! Servers that die and come back: those that this launcher started are started again, those of others are
//! waited for; either way they return from their last checkpoint, and the run is watched anew.

use std::time::Duration;

use anyhow::Error;
use thalweg_common::error::RefusalKind;
use thalweg_common::message::{ShardStatus, Status};

use super::run::now;
use super::watch::{Over, Watch};
use crate::launch::{LocalCluster, Loss, Role};
use crate::observe::ObserveError;
use crate::report::ServerReturn;
use crate::view::units::grouped;

/// How long a server's process may take to be seen to have ended, once its connection has.
const SEEN_WITHIN: Duration = Duration::from_secs(2);

/// How many leases a server without checkpoints is waited for that says nothing.
const SILENT_LEASES: u32 = 3;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// How long one try to be let in by all servers may take.
const TRY: Duration = Duration::from_secs(2);

impl Watch {
    /// Servers have ended. Starts those again that may be, and watches on.
    pub(super) async fn bring_back(
        &mut self,
        losses: Vec<Loss>,
        statuses: &[Status],
    ) -> Option<Over> {
        if let Some(over) = self.told_over().await {
            return Some(over);
        }
        let why: Vec<_> = losses.iter().map(ToString::to_string).collect();
        for loss in losses {
            if let Err(over) = self.start_again(&loss).await {
                return Some(over);
            }
        }
        let patience = self.patience(true);
        self.attend_again(statuses, (&why.join("; "), patience))
            .await
    }

    /// Gives a sign of life. A launcher that was paused for longer than a lease is not known to the servers any
    /// more, which would end without it, and with the model, when the job is done: it comes back.
    pub(super) async fn keep_in_touch(&mut self) {
        // A server that does not answer is noticed by the next poll.
        if let Err(error) = self.seat.heartbeat().await
            && let Some(ObserveError::Refused { refusal, .. }) = error.downcast_ref()
            && refusal.kind == RefusalKind::UnknownSession
            && let Err(error) = self.seat.attend_again(TRY).await
        {
            tracing::warn!("the servers do not know this launcher any more: {error:#}");
        }
    }

    /// A server does not answer. Finds out whether its process has ended, and watches on if it comes back.
    pub(super) async fn come_back(&mut self, statuses: &[Status], error: &str) -> Option<Over> {
        let by = now() + SEEN_WITHIN;
        while self.cluster.is_some() {
            let servers = self.ended_servers();
            if !servers.is_empty() {
                return self.bring_back(servers, statuses).await;
            }
            if by <= now() {
                break;
            }
            if let Some(by) = self.pause().await {
                return Some(self.interrupt(by));
            }
        }
        if statuses.is_empty() {
            return Some(failed(format!("{error}; then start the job anew")));
        }
        let keeps = statuses.iter().all(|status| status.checkpoint.is_some());
        let patience = self.patience(keeps);
        let why = match keeps {
            true => "it keeps checkpoints, and",
            // One that has ended does not come back; one that was paused or cut off has lost nothing.
            false => "it keeps no checkpoints; in case it was only paused or cut off it",
        };
        let seconds = patience.as_secs_f64();
        self.display.message(&format!(
            "{error}; {why} is waited for {seconds} s to come back"
        ));
        self.attend_again(statuses, (error, patience)).await
    }

    /// The end of a job that server 0 still tells of. Another server may have ended because of it, and would be taken for
    /// its cause.
    pub(super) async fn told_over(&self) -> Option<Over> {
        let status = self.seat.failure(TRY).await?;
        Some(Over::failed(status.cause, status.diverged))
    }

    /// How long servers are waited for.
    fn patience(&self, keeps_checkpoints: bool) -> Duration {
        let limits = &self.job.blueprint.config.limits;
        let all = limits.retry_total_seconds.duration();
        match keeps_checkpoints {
            true => all,
            false => all.min(SILENT_LEASES * limits.lease_seconds.duration()),
        }
    }

    /// Starts a server again, if it has not ended by a decision of its own.
    async fn start_again(&mut self, loss: &Loss) -> Result<(), Over> {
        let patience = self.patience(true);
        let (Some(cluster), Role::Server(index)) = (&mut self.cluster, loss.role) else {
            return Ok(());
        };
        let counted = match loss.crashed {
            true => cluster.count_restart(index),
            false => None,
        };
        let Some((turn, max)) = counted else {
            return Err(failed(loss.to_string()));
        };
        self.display.message(&format!(
            "{loss}; it is started again from its last checkpoint ({turn} of {max})"
        ));
        let started = tokio::select! {
            biased;
            by = self.interrupts.next() => return Err(self.interrupt(by)),
            started = cluster.restart_server(index, patience) => started,
        };
        started.map_err(|error| failed(format!("{loss}, and does not start again: {error}")))?;
        let written = self.folder.write_processes(&cluster.processes());
        written.map_err(|error| failed(error.to_string()))
    }

    /// Opens a session with all servers anew, within `patience`, and says what those that returned have lost. `why` they
    /// have to be waited for is the first that was heard of it.
    async fn attend_again(
        &mut self,
        before: &[Status],
        (why, patience): (&str, Duration),
    ) -> Option<Over> {
        let by = now() + patience;
        loop {
            let tried = tokio::select! {
                biased;
                by = self.interrupts.next() => Err(by),
                tried = self.seat.attend_again(TRY) => Ok(tried),
            };
            let error = match tried {
                Err(by) => return Some(self.interrupt(by)),
                Ok(Ok(())) => match self.seat.statuses().await {
                    Ok(after) => {
                        self.tell_losses(before, &after);
                        return None;
                    }
                    Err(error) => error,
                },
                Ok(Err(error)) => error,
            };
            if let Some(over) = self.told_over().await {
                return Some(over);
            }
            // Those that are there wait for whoever reads the model, as long as it gives signs of life.
            self.seat.stay().await;
            for loss in self.ended_servers() {
                if let Err(over) = self.start_again(&loss).await {
                    return Some(over);
                }
            }
            if by <= now() {
                return Some(failed(self.not_back(&error, (why, patience))));
            }
            if let Some(by) = self.pause().await {
                return Some(self.interrupt(by));
            }
        }
    }

    /// The cause of a run whose servers were not all back in time, by what the last try met with.
    fn not_back(&self, error: &Error, (why, patience): (&str, Duration)) -> String {
        let silent = error.downcast_ref().and_then(ObserveError::unanswered);
        let found = silent.and_then(|address| Some((self.seat.server_at(address)?, address)));
        match found {
            Some((server, address)) => {
                let goes_on = match self.cluster.is_some() {
                    true => "go on with `--resume`",
                    false => "start the server again and join anew",
                };
                format!(
                    "server {server} ({address}) did not come back within {} s: {why}; then start the job anew, or \
                     {goes_on} if it kept checkpoints",
                    patience.as_secs_f64()
                )
            }
            // It is there, and says why it cannot be watched.
            None => format!("{error:#}"),
        }
    }

    /// What the shards of a server had when it was last asked, and have no more.
    fn tell_losses(&mut self, before: &[Status], after: &[Status]) {
        let returns = |status: &Status| status.checkpoint.map_or(0, |kept| kept.returns);
        let books_went_back = before.first().map(returns) != after.first().map(returns);
        for (before, after) in before.iter().zip(after) {
            if returns(before) == returns(after) {
                continue;
            }
            let sum = |status: &Status, of: fn(&ShardStatus) -> u64| -> u64 {
                status.shards.iter().map(of).sum()
            };
            let lost = |of| sum(before, of).saturating_sub(sum(after, of));
            let server = after.server;
            // Where the books of server 0 have gone back as well, they are trained on again.
            let examples = match books_went_back && server.0 != 0 {
                true => 0,
                false => before.progress.saturating_sub(after.progress),
            };
            self.returns.push(ServerReturn {
                server: server.0,
                steps: lost(|shard| shard.version.0),
                examples,
            });
            self.display.message(&format!(
                "server {server} is back; of what it had when it was last asked, {} steps of its shards and {} \
                 examples are lost",
                grouped(lost(|shard| shard.version.0)),
                grouped(examples)
            ));
        }
    }

    /// The servers that have ended since anybody looked; workers that have are left for the next poll.
    fn ended_servers(&mut self) -> Vec<Loss> {
        let ended = self.cluster.as_mut().map(LocalCluster::take_ended);
        let (servers, others) = ended
            .unwrap_or_default()
            .into_iter()
            .partition(|loss| matches!(loss.role, Role::Server(_)));
        let others: Vec<Loss> = others;
        self.ended_unseen.extend(others);
        servers
    }

    /// Waits a little; says by what the run was interrupted, if it was.
    async fn pause(&mut self) -> Option<&'static str> {
        let interrupted = tokio::time::timeout(PAUSE, self.interrupts.next());
        interrupted.await.ok()
    }
}

fn failed(cause: String) -> Over {
    Over::failed(cause, false)
}
