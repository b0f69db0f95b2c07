//! Watching a run: poll the servers, show progress, evaluate now and then, notice who is gone.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use thalweg_common::error::RefusalKind;
use thalweg_common::message::{Phase, Status, WorkerState};

use super::divergence::DivergenceWatch;
use super::feed::{Arrived, Feeding};
use super::finish::provenance;
use super::incidents::Incidents;
use super::interrupts::Interrupts;
use super::judge::Judge;
use super::options::RunEnd;
use super::run::{now, wall_clock};
use super::seat::Seat;
use super::stopping::Stopping;
use crate::job::ResolvedJob;
use crate::launch::{LocalCluster, Loss, Role};
use crate::observe::ObserveError;
use crate::progress::Display;
use crate::report::{
    ConditionsReport, Diverged, EvaluationPoint, EventLog, MetricsLog, Resumed, RunFolder,
    ServerReturn,
};
use crate::status_page::Told;
use crate::view::ClusterView;
use crate::view::units::grouped;

/// How often the servers are asked.
const POLL: Duration = Duration::from_millis(200);

/// How often the observer gives a sign of life and a line goes to the metrics.
const SAMPLE: Duration = Duration::from_secs(1);

/// A run that is being watched.
pub(super) struct Watch {
    pub(super) started: Instant,
    pub(super) interrupts: Interrupts,
    /// Whether the run was interrupted twice: nothing more is waited for.
    pub(super) at_once: bool,
    pub(super) display: Display,
    pub(super) metrics: MetricsLog,
    pub(super) events: EventLog,
    pub(super) judge: Judge,
    pub(super) stopping: Stopping,
    /// The evaluation whose parameters are kept as the best.
    pub(super) best: Option<EvaluationPoint>,
    pub(super) curve: Vec<EvaluationPoint>,
    /// Where the run went on, if it was interrupted before.
    pub(super) resumed: Option<Resumed>,
    /// Servers that came back, and what they had lost by then.
    pub(super) returns: Vec<ServerReturn>,
    /// Whether the servers have refused to end the job by a rule.
    pub(super) may_not_conclude: bool,
    pub(super) divergence: DivergenceWatch,
    pub(super) folder: RunFolder,
    pub(super) cluster: Option<LocalCluster>,
    /// Workers that have ended and were not looked at yet.
    pub(super) ended_unseen: Vec<Loss>,
    /// What is to happen to its processes.
    pub(super) incidents: Incidents,
    /// What its links and machines take, if that was asked for.
    pub(super) conditions: Option<ConditionsReport>,
    pub(super) seat: Seat,
    /// The stream that is trained on, while it flows.
    pub(super) feeding: Option<Feeding>,
    /// Why it cannot go on, though it was to.
    pub(super) stream_problem: Option<String>,
    pub(super) job: ResolvedJob,
}

/// A run that is over, before its last evaluation.
pub(super) struct Watched {
    pub(super) watch: Watch,
    pub(super) end: RunEnd,
    pub(super) cause: Option<String>,
    pub(super) view: ClusterView,
    /// The final parameters; `None` if a server is gone.
    pub(super) parameters: Option<Vec<f32>>,
}

/// How the watch ended.
pub(super) struct Over {
    pub(super) end: RunEnd,
    pub(super) cause: Option<String>,
}

impl Over {
    /// Of a job that has failed, for the servers' cause.
    pub(super) fn failed(cause: String, diverged: bool) -> Self {
        let end = match diverged {
            true => RunEnd::Diverged,
            false => RunEnd::Failed,
        };
        Self {
            end,
            cause: Some(cause),
        }
    }
}

impl Watch {
    /// Watches until the job is over and every worker has left.
    pub(super) async fn run(mut self) -> Result<Watched> {
        let mut statuses = self.seat.statuses().await?;
        self.go_on(&statuses)?;
        let mut over = self.watch(&mut statuses).await?;
        let live = match over.cause {
            None => Ok(()),
            Some(_) => self.seat.statuses().await.map(drop),
        };
        let mut read = match live {
            Ok(()) => {
                // Those of others go on when this run is interrupted.
                if self.cluster.is_some() || over.end != RunEnd::Interrupted {
                    self.wait_for_workers(&mut statuses).await;
                }
                self.seat.parameters().await
            }
            Err(error) => Err(error),
        };
        if let (RunEnd::Done, Err(error)) = (over.end, &read) {
            let error = format!("{error:#}");
            (over, read) = self.read_again(&statuses, &error).await;
        }
        let parameters = match read {
            Ok(parameters) => {
                // Hung workers may have pushed in between.
                statuses = self.seat.statuses().await.unwrap_or(statuses);
                Some(parameters)
            }
            Err(error) => {
                self.display.message(&format!(
                    "the model cannot be read and is not kept: {error}"
                ));
                None
            }
        };
        let view = ClusterView::from(&statuses[..]);
        self.display.update(&view, self.curve.last());
        // Of a job that is done, the servers' cause is the rule that ended it.
        let told = (!view.cause.is_empty() && over.end != RunEnd::Done).then(|| view.cause.clone());
        let cause = over.cause.or(told);
        Ok(Watched {
            watch: self,
            end: over.end,
            cause,
            view,
            parameters,
        })
    }

    /// A server has died between the end of the job and the reading of its model. Reads it from what returns.
    async fn read_again(&mut self, statuses: &[Status], error: &str) -> (Over, Result<Vec<f32>>) {
        if let Some(over) = self.come_back(statuses, error).await {
            return (over, Err(anyhow!("{error}")));
        }
        let is_done = match self.seat.statuses().await {
            Ok(now) => ClusterView::from(&now[..]).phase == Phase::Done,
            Err(_) => false,
        };
        if is_done {
            let done = Over {
                end: RunEnd::Done,
                cause: None,
            };
            return (done, self.seat.parameters().await);
        }
        let cause = "a server died after the job was done, and has returned from before its end; `--resume` goes on \
                     from there";
        (
            Over::failed(cause.to_owned(), false),
            Err(anyhow!("{error}")),
        )
    }

    async fn watch(&mut self, statuses: &mut Vec<Status>) -> Result<Over> {
        let mut polls = tokio::time::interval(POLL);
        let (mut sampled, mut next) = (None, 0);
        loop {
            let at = self.incidents.next();
            let by = next_poll((&mut polls, at), &self.seat, &mut self.interrupts).await;
            if let Some(by) = by {
                return Ok(self.interrupt(by));
            }
            self.let_happen(now())?;
            if let Some(over) = self.notice_ended(statuses).await {
                return Ok(over);
            }
            match self.seat.statuses().await {
                Ok(now) => *statuses = now,
                Err(error) => match self.come_back(statuses, &error.to_string()).await {
                    Some(over) => return Ok(over),
                    None => continue,
                },
            }
            self.feed().await;
            let view = ClusterView::from(&statuses[..]);
            self.incidents.trained(now(), view.trained);
            let epoch = self.epoch(&view);
            self.divergence
                .look(Diverged::TrainLoss, epoch, view.train_loss);
            self.display.update(&view, self.curve.last());
            if sampled.is_none_or(|at: Instant| at.elapsed_at_least(SAMPLE)) {
                sampled = Some(now());
                self.metrics
                    .status(self.started.since().as_secs_f64(), &view)?;
                self.events.status(wall_clock(), &view)?;
                self.tell(statuses);
                self.keep_in_touch().await;
            }
            if self.is_deserted(&view) {
                let cause = "the servers wait for workers, and all of these have ended; `--resume` \
                             goes on from the last checkpoints";
                return Ok(Over::failed(cause.to_owned(), false));
            }
            match view.phase {
                Phase::Done => {
                    let told = |problem| format!("the stream cannot go on: {problem}");
                    let cause = self.stream_problem.take().map(told);
                    return Ok(Over {
                        end: cause.as_ref().map_or(RunEnd::Done, |_| RunEnd::Failed),
                        cause,
                    });
                }
                Phase::Failed => return Ok(Over::failed(view.cause, view.diverged)),
                Phase::Joining | Phase::Training => {}
            }
            if self.evaluation_is_due(&view, &mut next) {
                self.evaluate().await?;
                self.seat.go_on();
            }
        }
    }

    /// Whether servers that have returned wait for workers of which none lives: nobody could tell them.
    fn is_deserted(&mut self, view: &ClusterView) -> bool {
        let is_open = matches!(view.phase, Phase::Joining | Phase::Training);
        let nobody_came = || {
            let mut workers = view.workers.iter();
            workers.all(|row| row.state == WorkerState::Absent)
        };
        is_open
            && !self.incidents.brings_workers()
            && nobody_came()
            && self
                .cluster
                .as_mut()
                .is_some_and(|cluster| !cluster.has_workers())
    }

    /// Tells server 0 what its page cannot show by itself.
    fn tell(&mut self, statuses: &[Status]) {
        let Some(cluster) = self.cluster.as_mut().filter(|cluster| cluster.has_pages()) else {
            return;
        };
        let told = Told {
            said: self.display.said().cloned().collect(),
            conditions: self.conditions.clone(),
            rows: self.job.blueprint.resolved.rows,
            ..Told::new(statuses, &self.curve)
        };
        cluster.tell(told.to_line());
    }

    /// Tells the servers of rows that have arrived, and when there will be no more.
    async fn feed(&mut self) {
        let Some(feeding) = self.feeding.as_mut().filter(|feeding| !feeding.is_told()) else {
            return;
        };
        let Arrived { rows, end } = feeding.arrived();
        let closed = end.is_some();
        // A server that does not answer is noticed by the next poll.
        if let Ok(used) = self.seat.offer(rows, closed).await {
            feeding.used(used);
            if let Some(end) = end {
                feeding.tell();
                match end {
                    Ok(()) => self.end_of_stream(rows),
                    // What came before is whole, and is trained on first.
                    Err(problem) => self.stream_problem = Some(problem),
                }
            }
        }
    }

    fn end_of_stream(&mut self, rows: u64) {
        let expected = self.job.blueprint.config.train.examples;
        let early = match expected {
            Some(examples) if rows < examples => {
                format!(", before [train] examples = {}", grouped(examples))
            }
            Some(_) | None => String::new(),
        };
        self.display.message(&format!(
            "the stream has ended after {} rows{early}",
            grouped(rows)
        ));
    }

    /// Whether the committed examples have passed the next point of the curve.
    fn evaluation_is_due(&self, view: &ClusterView, next: &mut u64) -> bool {
        if let Some(waits) = self.seat.waits_for_judge() {
            return waits;
        }
        let step = self.job.blueprint.examples_between_evaluations();
        if step == 0 || view.progress < *next {
            return false;
        }
        *next = (view.progress / step + 1) * step;
        true
    }

    async fn evaluate(&mut self) -> Result<()> {
        let Ok(parameters) = self.seat.parameters().await else {
            return Ok(());
        };
        // Training went on meanwhile: the parameters are those of now, not of the last poll.
        let Ok(statuses) = self.seat.statuses().await else {
            return Ok(());
        };
        let view = ClusterView::from(&statuses[..]);
        let point = self.judge.point(self.point(&view), &parameters)?;
        if let Some(why) = self.add_point(point, &parameters, &view)? {
            self.conclude(&why).await;
        }
        Ok(())
    }

    /// Ends the job by a rule; says once that it may not, if it may not.
    async fn conclude(&mut self, why: &str) {
        if self.may_not_conclude {
            return;
        }
        self.display.message(&format!("enough: {why}"));
        // A server that does not answer is noticed by the next poll.
        if let Err(error) = self.seat.conclude(why).await
            && let Some(ObserveError::Refused { refusal, .. }) = error.downcast_ref()
            && refusal.kind == RefusalKind::Forbidden
        {
            self.may_not_conclude = true;
            self.display.message(&format!(
                "the job goes on to its own end, since this trainer may not end it: {error}; join with the \
                 credentials of an admin"
            ));
        }
    }

    /// The examples committed, in passes over the training data.
    #[expect(clippy::cast_precision_loss, reason = "counts of examples")]
    pub(super) fn epoch(&self, view: &ClusterView) -> f64 {
        view.progress as f64 / self.job.blueprint.resolved.rows as f64
    }

    /// The point of the curve at which parameters were just read, unjudged.
    pub(super) fn point(&self, view: &ClusterView) -> EvaluationPoint {
        EvaluationPoint {
            seconds: self.started.since().as_secs_f64(),
            train_seconds: view.trained.as_secs_f64(),
            examples: view.progress,
            epoch: self.epoch(view),
            train_loss: view.train_loss,
            ..EvaluationPoint::default()
        }
    }

    /// Adds a point to the curve, and keeps its parameters if none were better. Answers with the
    /// reason to end the job, if there is one.
    pub(super) fn add_point(
        &mut self,
        point: EvaluationPoint,
        parameters: &[f32],
        view: &ClusterView,
    ) -> Result<Option<String>> {
        let test_loss = point.test.and_then(|test| test.loss);
        self.divergence
            .look(Diverged::TestLoss, point.epoch, test_loss);
        self.metrics.evaluation(&point)?;
        self.events.evaluation(wall_clock(), &point)?;
        self.curve.push(point);
        let seen = self.stopping.look(&point);
        if seen.is_best {
            let layout = self.job.blueprint.model.layout();
            let provenance = provenance(&self.job, view);
            self.folder.write_best(layout, parameters, &provenance)?;
            self.best = Some(point);
        }
        Ok(seen.enough)
    }

    /// Looks for processes that have ended: a server ends the job, a worker is reported to the
    /// servers, so that nobody waits for its lease.
    pub(super) async fn notice_ended(&mut self, statuses: &[Status]) -> Option<Over> {
        let ended = self
            .cluster
            .as_mut()
            .map_or_else(Vec::new, LocalCluster::take_ended);
        let (servers, ended): (Vec<_>, Vec<_>) = std::mem::take(&mut self.ended_unseen)
            .into_iter()
            .chain(ended)
            .partition(|loss| matches!(loss.role, Role::Server(_)));
        if !servers.is_empty()
            && let Some(over) = self.bring_back(servers, statuses).await
        {
            return Some(over);
        }
        for loss in ended {
            let cause = loss.to_string();
            let Loss {
                role,
                end,
                in_order,
                diverged,
                was_killed,
                crashed: _,
            } = loss;
            match role {
                Role::Server(_) => unreachable!("servers were taken out before"),
                Role::Worker(_) if in_order => {}
                // The servers' words say more than a process's end.
                Role::Worker(_) if diverged => {
                    let told = self.told_over().await;
                    return Some(told.unwrap_or_else(|| Over::failed(cause, true)));
                }
                Role::Worker(worker) => {
                    self.display.message(&cause);
                    let row = statuses
                        .first()
                        .and_then(|s| s.workers.get(worker as usize));
                    let session = row.and_then(|row| Some((row.worker, row.session?)));
                    match session {
                        Some((worker, session)) => {
                            // A server that does not answer is noticed by the next poll.
                            self.seat
                                .report_gone((worker, session), &format!("its process {end}"))
                                .await
                                .ok();
                        }
                        // It had not come yet; the servers wait for it as for any that does not.
                        None if was_killed => {}
                        // Nor will it, if the job has failed meanwhile.
                        None => {
                            let told = self.told_over().await;
                            return Some(told.unwrap_or_else(|| Over::failed(cause, false)));
                        }
                    }
                }
            }
        }
        None
    }

    pub(super) fn interrupt(&mut self, by: &str) -> Over {
        self.display
            .message(&format!("{by}: ending in order (once more to end at once)"));
        if let Some(cluster) = &mut self.cluster {
            cluster.stop_workers();
        }
        self.seat.stop();
        Over {
            end: RunEnd::Interrupted,
            cause: Some(by.to_owned()),
        }
    }

    /// Waits until no worker is at work any more, within the job's bound, or until an interruption.
    async fn wait_for_workers(&mut self, statuses: &mut Vec<Status>) {
        let by = now() + self.job.blueprint.config.limits.stop_seconds.duration();
        let mut polls = tokio::time::interval(POLL / 4);
        let mut sampled = now();
        while now() < by {
            let by = next_poll((&mut polls, None), &self.seat, &mut self.interrupts).await;
            if let Some(by) = by {
                self.display.message(&format!("{by}: ending at once"));
                self.at_once = true;
                return;
            }
            let Ok(seen) = self.seat.statuses().await else {
                return;
            };
            *statuses = seen;
            if !statuses.iter().any(has_workers_at_work) {
                return;
            }
            if sampled.elapsed_at_least(SAMPLE) {
                sampled = now();
                self.tell(statuses);
                // Whoever is silent for a lease may read nothing any more.
                self.keep_in_touch().await;
            }
            drop(self.notice_ended(&statuses.clone()).await);
        }
    }
}

fn has_workers_at_work(status: &Status) -> bool {
    let mut workers = status.workers.iter();
    workers.any(|row| row.state == WorkerState::Active)
}

/// Waits for the next poll, or until something is to happen; says by what the run was interrupted, if it
/// was. That it was, its status says.
async fn next_poll(
    (polls, at): (&mut tokio::time::Interval, Option<Instant>),
    seat: &Seat,
    interrupts: &mut Interrupts,
) -> Option<&'static str> {
    tokio::select! {
        biased;
        by = interrupts.next() => Some(by),
        _ = polls.tick() => None,
        () = seat.changed() => None,
        () = until(at) => None,
    }
}

/// Waits until a moment; for ever, if there is none.
async fn until(at: Option<Instant>) {
    let Some(at) = at else {
        return std::future::pending().await;
    };
    let nothing = std::future::pending::<()>();
    tokio::time::timeout_at(at.into(), nothing).await.ok();
}

/// Reading how long ago a moment was, in the one clock of the run.
pub(super) trait Since {
    /// How long ago.
    fn since(&self) -> Duration;

    /// Whether that is at least so long.
    fn elapsed_at_least(&self, least: Duration) -> bool {
        self.since() >= least
    }
}

impl Since for Instant {
    fn since(&self) -> Duration {
        now().duration_since(*self)
    }
}
