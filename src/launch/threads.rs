//! A job on threads of this process: the run beside its watcher, who is told how things stand, judges what
//! an epoch made, and may end it.
//!
//! ```text
//! training threads ── an epoch is over ─▶ waits, if it is to be judged ◀─ go on ── watcher
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use parking_lot::{Condvar, Mutex};
use rayon::{ThreadPool, ThreadPoolBuilder};
use thalweg_common::ids::{Clock, ServerId, WorkerId};
use thalweg_common::message::{
    PartTally, Phase, StalenessHistogram, Status, WorkerState, WorkerStatus,
};
use thalweg_worker::evaluate::evaluate;
use thalweg_worker::hogwild::{Control, Counts, EpochDone};
use tokio::sync::Notify;

use crate::job::{ResolvedJob, ThreadPlan, thread_plan};

/// Training rows whose loss is computed after an epoch, at most.
const LOSS_ROWS: u64 = 20_000;

/// A job that runs on threads.
#[derive(Debug)]
pub struct ThreadRun {
    hall: Arc<Hall>,
    /// Drives the epochs; gone once it was waited for.
    driver: Mutex<Option<JoinHandle<Result<()>>>>,
}

/// What driver and watcher share.
#[derive(Debug)]
struct Hall {
    job: ResolvedJob,
    threads: u32,
    started: Instant,
    control: Arc<Control>,
    state: Mutex<State>,
    /// The watcher has judged, or the run may begin.
    judged: Condvar,
    /// An epoch waits to be judged, or there is none any more.
    told: Notify,
}

#[derive(Clone, Debug)]
struct State {
    phase: Phase,
    /// Why it ended before its last epoch.
    cause: String,
    /// Rows taken in epochs that are over.
    progress: u64,
    /// What was done in them.
    counts: Counts,
    /// Spent in them.
    trained: Duration,
    /// Since when the present epoch runs.
    running: Option<Instant>,
    /// Mean loss of training rows after the last epoch.
    train_loss: Option<f64>,
    /// After the last epoch, in layout order.
    parameters: Arc<[f32]>,
    waits_for_judge: bool,
    /// Rows after which the next epoch's end is judged.
    judge_at: u64,
    may_begin: bool,
}

impl ThreadRun {
    /// Threads that wait for [`Self::begin`], and for their parameters at the start to be judged.
    ///
    /// # Errors
    /// If the job cannot run on threads.
    pub fn prepare(job: ResolvedJob) -> Result<Self> {
        let plan = thread_plan(&job)?;
        let threads = job.blueprint.config.cluster.workers;
        let elements = elements(&job);
        let state = State {
            phase: Phase::Training,
            cause: String::new(),
            progress: 0,
            counts: Counts::default(),
            trained: Duration::ZERO,
            running: None,
            train_loss: None,
            parameters: plan.start[..elements].into(),
            waits_for_judge: false,
            judge_at: 0,
            may_begin: false,
        };
        let hall = Arc::new(Hall {
            job,
            threads,
            started: now(),
            control: Arc::new(Control::new(plan.settings.threads)),
            state: Mutex::new(state),
            judged: Condvar::new(),
            told: Notify::new(),
        });
        let (begun, begins) = mpsc::sync_channel(1);
        let shared = Arc::clone(&hall);
        let driver = thread::Builder::new()
            .name("epochs".to_owned())
            .spawn(move || shared.drive(&plan, &begun))
            .context("cannot start a thread")?;
        // It refuses what it cannot run before it begins.
        let refused = begins.recv().is_err();
        let run = Self {
            hall,
            driver: Mutex::new(Some(driver)),
        };
        match refused.then(|| run.end()) {
            Some(Err(error)) => Err(error),
            Some(Ok(())) | None => Ok(run),
        }
    }

    /// Trains a job to its end, with nobody who judges; answers its parameters and how it stood then.
    pub(super) fn alone(job: &ResolvedJob) -> Result<(Vec<f32>, Status)> {
        let run = Self::prepare(job.clone())?;
        run.hall.state.lock().judge_at = u64::MAX;
        run.begin();
        run.end()?;
        Ok((run.parameters(), run.status()))
    }

    /// Begins to train.
    pub fn begin(&self) {
        self.hall.state.lock().may_begin = true;
        self.hall.judged.notify_all();
    }

    /// How things stand.
    #[must_use]
    pub fn status(&self) -> Status {
        self.notice_the_end();
        if let Some(why) = self.hall.time_is_up() {
            self.conclude(&why);
        }
        self.hall.status()
    }

    /// The parameters after the last epoch, in layout order.
    #[must_use]
    pub fn parameters(&self) -> Vec<f32> {
        self.hall.state.lock().parameters.to_vec()
    }

    /// What was done in the epochs that are over.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.hall.state.lock().counts
    }

    /// Whether an epoch is over and waits for [`Self::go_on`].
    #[must_use]
    pub fn waits_for_judge(&self) -> bool {
        self.hall.state.lock().waits_for_judge
    }

    /// Lets the next epoch begin.
    pub fn go_on(&self) {
        self.hall.state.lock().waits_for_judge = false;
        self.hall.judged.notify_all();
    }

    /// Ends the job for this reason, as one that is done.
    pub fn conclude(&self, why: &str) {
        why.clone_into(&mut self.hall.state.lock().cause);
        self.stop();
    }

    /// Ends the job as soon as every thread has ended what it has in hand.
    pub fn stop(&self) {
        self.hall.control.stop();
        self.go_on();
    }

    /// Waits until there is something to judge, or the job is over.
    pub async fn changed(&self) {
        self.hall.told.notified().await;
    }

    /// A driver that ended otherwise than by the end of the job has failed.
    fn notice_the_end(&self) {
        let ended = self
            .driver
            .lock()
            .as_ref()
            .is_some_and(JoinHandle::is_finished);
        if ended && let Err(error) = self.end() {
            let mut state = self.hall.state.lock();
            state.phase = Phase::Failed;
            state.cause = format!("{error:#}");
        }
    }

    /// Waits for the driver, once.
    fn end(&self) -> Result<()> {
        match self.driver.lock().take().map(JoinHandle::join) {
            Some(Ok(end)) => end,
            Some(Err(_)) => Err(anyhow!("a training thread panicked")),
            None => Ok(()),
        }
    }
}

impl Drop for ThreadRun {
    fn drop(&mut self) {
        self.stop();
        self.end().ok();
    }
}

impl Hall {
    fn drive(&self, plan: &ThreadPlan, begun: &mpsc::SyncSender<()>) -> Result<()> {
        let mut epochs = plan
            .problem
            .begin(Some(&plan.start), &plan.settings, &self.control)?;
        begun.send(()).ok();
        self.wait_to_begin();
        let elements = elements(&self.job);
        let judges = ThreadPoolBuilder::new().num_threads(self.threads as usize);
        let judges = judges.build().context("cannot start threads")?;
        let mut judging = Duration::ZERO;
        for epoch in 1..=plan.epochs {
            self.wait_for_judge();
            if self.control.is_stopped() {
                break;
            }
            let progress = self.begin_epoch();
            let done = epochs.next((plan.rate)(progress));
            let parameters: Arc<[f32]> = epochs.parameters()[..elements].into();
            let finite = parameters.iter().all(|x| x.is_finite());
            self.end_epoch(&done, parameters.clone());
            // The loss of an epoch of few rows takes longer than the epoch: no more time goes there than into training.
            if epoch == plan.epochs || !finite || judging <= self.trained() || self.is_judged_next()
            {
                let begun = now();
                let loss = self.train_loss(&parameters, &judges)?;
                self.state.lock().train_loss = Some(loss);
                judging += now().duration_since(begun);
            }
            // What is no number becomes none again.
            if !finite {
                break;
            }
        }
        self.state.lock().phase = Phase::Done;
        self.told.notify_one();
        Ok(())
    }

    /// Answers the rows that were taken before it.
    fn begin_epoch(&self) -> u64 {
        let mut state = self.state.lock();
        state.running = Some(now());
        state.progress
    }

    fn end_epoch(&self, done: &EpochDone, parameters: Arc<[f32]>) {
        let mut state = self.state.lock();
        state.running = None;
        state.trained += Duration::from_secs_f64(done.seconds);
        state.progress += done.counts.terms;
        state.counts.add(&done.counts);
        state.parameters = parameters;
    }

    /// Whether somebody is to judge what the epochs so far made.
    fn is_judged_next(&self) -> bool {
        let state = self.state.lock();
        self.job.blueprint.examples_between_evaluations() != 0 && state.judge_at <= state.progress
    }

    /// The mean loss of training rows, without what `[regularizer]` adds.
    fn train_loss(&self, parameters: &[f32], judges: &ThreadPool) -> Result<f64> {
        let (model, rows) = (&self.job.blueprint.model, &self.job.data.train);
        let judged = evaluate(model.as_ref(), rows.as_ref(), LOSS_ROWS, parameters, judges)?;
        Ok(judged.scores.loss.unwrap_or(f64::NAN))
    }

    fn wait_to_begin(&self) {
        let mut state = self.state.lock();
        while !state.may_begin && !self.control.is_stopped() {
            self.judged.wait(&mut state);
        }
    }

    /// Waits, if the epoch is one that is to be judged, until it is.
    fn wait_for_judge(&self) {
        let step = self.job.blueprint.examples_between_evaluations();
        let mut state = self.state.lock();
        if step == 0 || state.progress < state.judge_at {
            return;
        }
        state.judge_at = (state.progress / step + 1) * step;
        state.waits_for_judge = true;
        self.told.notify_one();
        while state.waits_for_judge && !self.control.is_stopped() {
            self.judged.wait(&mut state);
        }
        state.waits_for_judge = false;
    }

    /// The reason to end, if the job may train no longer.
    fn time_is_up(&self) -> Option<String> {
        let limit = self.job.blueprint.config.train.seconds?;
        let is_up =
            self.state.lock().phase == Phase::Training && limit.duration() <= self.trained();
        is_up.then(|| format!("[train] seconds = {} are over", limit.0))
    }

    /// Spent in epochs, the present one among them.
    fn trained(&self) -> Duration {
        let state = self.state.lock();
        let running = state.running.map(|since| now().duration_since(since));
        state.trained + running.unwrap_or_default()
    }

    /// As a server would tell it: of a cluster of one, without a wire.
    fn status(&self) -> Status {
        let (trained, up) = (self.trained(), now().duration_since(self.started));
        let state = self.state.lock().clone();
        let done: Vec<u64> = self.control.done().collect();
        let total = self.job.blueprint.examples_total();
        let progress = match state.running {
            Some(_) => done.iter().sum::<u64>(),
            None => state.progress,
        };
        let threads = (0..).zip(done);
        Status {
            server: ServerId(0),
            job: self.job.blueprint.config.name.clone(),
            phase: state.phase,
            cause: state.cause,
            diverged: false,
            progress,
            examples_total: total,
            up,
            trained,
            loss_sum: state.train_loss.unwrap_or_default(),
            loss_weight: f64::from(u8::from(state.train_loss.is_some())),
            rate_factor: 1.0,
            workers: threads
                .map(|(thread, done)| row(thread, done, (state.phase, trained)))
                .collect(),
            shards: Vec::new(),
            staleness: StalenessHistogram::default(),
            pushed_bytes: 0,
            pulled_bytes: 0,
            received_bytes: 0,
            sent_bytes: 0,
            refusals: BTreeMap::new(),
            epochs: Vec::new(),
            waits: Vec::new(),
            history: Vec::new(),
            checkpoint: None,
        }
    }
}

/// A thread in the place of a worker: every row is an iteration.
fn row(thread: u32, done: u64, (phase, trained): (Phase, Duration)) -> WorkerStatus {
    let (state, doing) = match phase {
        Phase::Joining | Phase::Training => (WorkerState::Active, "training"),
        Phase::Done | Phase::Failed => (WorkerState::Left, "the job is over"),
    };
    WorkerStatus {
        worker: WorkerId(thread),
        session: None,
        state,
        place: format!("thread {thread}"),
        doing: doing.to_owned(),
        clock: Clock(done),
        examples: done,
        parts: PartTally::default(),
        silent: Duration::ZERO,
        sent_bytes: 0,
        received_bytes: 0,
        compute: trained,
        waited: Duration::ZERO,
        retries: 0,
        wait: None,
        lease_left: None,
        staleness: StalenessHistogram::default(),
    }
}

fn elements(job: &ResolvedJob) -> usize {
    let elements = job.blueprint.model.layout().elements();
    usize::try_from(elements).expect("a problem in memory has its parameters there")
}

#[expect(
    clippy::disallowed_methods,
    reason = "a driver of threads reads the clock"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rayon::ThreadPoolBuilder;
    use thalweg_worker::evaluate::evaluate;
    use thalweg_worker::hogwild::{Scheme, Settings};

    use super::*;
    use crate::job::{REGISTRIES, draft_with, resolve};

    const ROWS: u64 = 1_500;

    fn job(sets: &[&str]) -> ResolvedJob {
        let rows = format!("data.rows={ROWS}");
        let usual = [
            "method.name=hogwild",
            rows.as_str(),
            "data.features=60",
            "train.epochs=4",
            "schedule.name=step",
        ];
        let sets = [&usual[..], sets].concat();
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let (draft, _) = draft_with(Some("steady"), &sets).unwrap();
        resolve(draft.check(&REGISTRIES).unwrap(), Path::new(".")).unwrap()
    }

    fn bits(parameters: &[f32]) -> Vec<u32> {
        parameters.iter().map(|x| x.to_bits()).collect()
    }

    #[test]
    fn one_thread_is_the_sequential_loop_bit_for_bit() {
        for sets in [
            &[][..],
            &["optimizer.name=sgd"],
            &["method.updates=lossy"],
            &["method.sampling=with_replacement", "optimizer.lr=0.01"],
            &["method.name=tiered_replicas"],
            &["regularizer.l2=0.001"],
            &["regularizer.terms=[{ name = 'l2', l2 = 1 }]"],
        ] {
            let job = job(&[&["cluster.workers=1"][..], sets].concat());
            let (found, status) = ThreadRun::alone(&job).unwrap();
            let plan = thread_plan(&job).unwrap();
            let sequential = Settings {
                scheme: Scheme::Sequential,
                ..plan.settings
            };
            let control = Arc::default();
            let begun = plan.problem.begin(Some(&plan.start), &sequential, &control);
            let mut epochs = begun.unwrap();
            for epoch in 0..4 {
                epochs.next((plan.rate)(epoch * ROWS));
            }
            assert!(found.iter().any(|x| *x != 0.0), "{sets:?}");
            assert_eq!(bits(&found), bits(epochs.parameters()), "{sets:?}");
            assert_eq!(status.progress, 4 * ROWS, "{sets:?}");
        }
    }

    #[test]
    fn lossy_updates_are_counted_where_there_is_room_for_a_count() {
        let counts = |sets: &[&str]| {
            let job = job(&[&["method.updates=lossy", "cluster.workers=2"][..], sets].concat());
            let run = ThreadRun::prepare(job).unwrap();
            run.hall.state.lock().judge_at = u64::MAX;
            run.begin();
            run.end().unwrap();
            run.counts()
        };
        let counted = counts(&["optimizer.name=sgd"]);
        assert_eq!(counted.terms, 4 * ROWS);
        assert!(counted.terms < counted.updates, "{counted:?}");
        assert!(counted.lost.is_some_and(|lost| lost < counted.updates));
        assert_eq!(counts(&["optimizer.name=adagrad"]).lost, None);
    }

    #[test]
    fn every_row_is_taken_by_some_thread_and_the_loss_falls() {
        for method in ["method.name=hogwild", "method.name=tiered_replicas"] {
            let (_, status) = ThreadRun::alone(&job(&[method, "cluster.workers=3"])).unwrap();
            let rows: u64 = status.workers.iter().map(|row| row.examples).sum();
            assert_eq!((rows, status.workers.len()), (4 * ROWS, 3));
            assert_eq!(status.phase, Phase::Done);
            assert!(status.loss_sum / status.loss_weight < 0.6, "{status:?}");
        }
    }

    #[test]
    fn training_waits_between_epochs_until_it_is_judged_and_ends_when_it_is_told_to() {
        let run = ThreadRun::prepare(job(&["evaluate.every=2"])).unwrap();
        assert!(!run.waits_for_judge(), "nobody said begin");
        run.begin();
        for progress in [0, 2 * ROWS] {
            while !run.waits_for_judge() {
                thread::yield_now();
            }
            assert_eq!(run.status().progress, progress);
            if progress == 0 {
                run.go_on();
            }
        }
        run.conclude("enough");
        run.end().unwrap();
        let status = run.status();
        assert_eq!((status.phase, status.progress), (Phase::Done, 2 * ROWS));
        assert_eq!(status.cause, "enough");
        assert!(
            status
                .workers
                .iter()
                .all(|row| row.state == WorkerState::Left)
        );
    }

    #[test]
    fn numbers_that_are_none_end_the_job_after_their_epoch() {
        let job = job(&[
            "optimizer.name=sgd",
            "optimizer.lr=1e38",
            "model.name=linear_svm",
        ]);
        let (parameters, status) = ThreadRun::alone(&job).unwrap();
        assert!(parameters.iter().any(|x| !x.is_finite()));
        assert_eq!(status.progress, ROWS);
    }

    #[test]
    fn the_sum_of_the_terms_is_the_jobs_objective_times_its_rows() {
        for l2 in [
            "regularizer.l2=0.01",
            "regularizer.terms=[{ name = 'l2', l2 = 1 }]",
        ] {
            is_the_objective(&job(&[l2]));
        }
    }

    fn is_the_objective(job: &ResolvedJob) {
        let plan = thread_plan(job).unwrap();
        let x: Vec<f32> = (0..plan.start.len())
            .map(|v| 0.05 * (v % 7) as f32 - 0.1)
            .collect();
        let pool = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let (model, rows) = (&job.blueprint.model, &job.data.train);
        let judged = evaluate(model.as_ref(), rows.as_ref(), u64::MAX, &x, &pool).unwrap();
        let penalty = job.blueprint.regularization.value(model.layout(), &x);
        let expected = (judged.scores.loss.unwrap() + penalty) * ROWS as f64;
        let found = plan.problem.value(&x);
        // A feature that no row has is not pulled to zero by any.
        assert!((found / expected - 1.0).abs() < 1e-4, "{found}, {expected}");
    }
}
