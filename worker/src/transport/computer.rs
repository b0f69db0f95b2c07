//! Where gradients are computed: long ones on a thread of their own, so that the loop gives signs of
//! life, hears that it is to stop and tells of lost servers meanwhile; short ones on the loop's own
//! thread, because handing them over costs more than they do.
//!
//! On two busy cores, handing over every gradient of the flights job (some 50 µs each) took a third
//! of its throughput.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, bounded};
use thalweg_common::message::DataRange;
use tokio::sync::oneshot;
use tracing::Span;

use super::slowness::Slowness;
use crate::model::Model;
use crate::worker::{ComputeDone, ComputeTask};
use thalweg_proto::transport::Clock;

/// A gradient is short if the one before took less. Batches of one job are much alike, and the
/// shortest lease that makes sense is many times longer.
const SHORT: Duration = Duration::from_millis(2);

/// A gradient, and how long it took.
type Timed = (ComputeDone, Duration);

/// A task, and where its result goes.
type Order = (ComputeTask, oneshot::Sender<Timed>);

/// The thread, and the loop's end of it.
#[derive(Debug)]
pub(super) struct Computer {
    model: Arc<dyn Model>,
    orders: Sender<Order>,
    thread: Option<JoinHandle<()>>,
    under_way: Option<oneshot::Receiver<Timed>>,
    /// What the last gradient took.
    last: Option<Duration>,
    /// Whether a slower machine is played, which waits after gradients.
    is_slowed: bool,
}

impl Computer {
    /// Starts the thread, which plays a machine as slow as `slowness` says. It ends after its last gradient once this is dropped; nobody waits for
    /// that, because a worker that is to end does not either.
    ///
    /// # Panics
    /// If the system cannot start a thread.
    pub(super) fn start(model: Arc<dyn Model>, slowness: Option<Slowness>) -> Self {
        let slowness = slowness.filter(|slowness| !slowness.is_none());
        let is_slowed = slowness.is_some();
        // The loop has at most one gradient under way.
        let (orders, incoming) = bounded::<Order>(1);
        let (its_model, inside) = (Arc::clone(&model), Span::current());
        let thread = thread::Builder::new()
            .name("gradients".to_owned())
            .spawn(move || inside.in_scope(|| work(&*its_model, &incoming, slowness)))
            .expect("the system can start a thread");
        Self {
            model,
            orders,
            thread: Some(thread),
            under_way: None,
            last: None,
            is_slowed,
        }
    }

    /// Begins a gradient, and ends it on the spot if it is short.
    pub(super) fn begin(&mut self, task: ComputeTask) {
        let (result, under_way) = oneshot::channel();
        self.under_way = Some(under_way);
        // A wait is none of the loop's.
        if !self.is_slowed && is_short(self.last, task.pause) {
            compute(&*self.model, task, result, None);
        } else {
            // A thread that has ended has panicked, and dropping the order says so to whoever waits.
            self.orders.send((task, result)).ok();
        }
    }

    /// The gradient, once it counts; for ever if none is under way. A call that is given up loses
    /// nothing.
    ///
    /// # Panics
    /// As the computation did, if it did.
    pub(super) async fn done(&mut self) -> ComputeDone {
        let Some(under_way) = &mut self.under_way else {
            return std::future::pending().await;
        };
        let ended = under_way.await;
        self.under_way = None;
        match ended {
            Ok((done, took)) => {
                self.last = Some(took);
                done
            }
            Err(_) => self.pass_on(),
        }
    }

    /// What the last gradient took.
    pub(super) fn took(&self) -> Option<Duration> {
        self.last
    }

    /// Ends as the thread has ended.
    fn pass_on(&mut self) -> ! {
        let thread = self.thread.take().expect("a thread ends once");
        match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => unreachable!("the thread takes orders as long as there can be some"),
        }
    }
}

/// Whether to compute on the loop's own thread. The first gradient may take any time, and a pause
/// is none of the loop's.
fn is_short(last: Option<Duration>, pause: Duration) -> bool {
    pause.is_zero() && last.is_some_and(|last| last < SHORT)
}

fn work(model: &dyn Model, orders: &Receiver<Order>, mut slowness: Option<Slowness>) {
    for (task, result) in orders {
        compute(model, task, result, slowness.as_mut());
    }
}

fn compute(
    model: &dyn Model,
    task: ComputeTask,
    result: oneshot::Sender<Timed>,
    slowness: Option<&mut Slowness>,
) {
    let DataRange {
        epoch, start, end, ..
    } = task.range;
    let _inside = tracing::debug_span!("iteration", epoch, start, end).entered();
    let clock = Clock::start();
    let (begun, pause) = (clock.now(), task.pause);
    let done = task.run(model);
    let took = clock.now().since(begun);
    tracing::debug!(seconds = took.as_secs_f64(), "a gradient is computed");
    if !pause.is_zero() {
        play_slower(pause);
    }
    if let Some(slowness) = slowness {
        play_slower(slowness.wait_after(clock.now().since(begun)));
    }
    // The worker may have ended meanwhile.
    drop(result.send((done, took)));
}

#[expect(
    clippy::disallowed_methods,
    reason = "the driver plays a slower machine, on a thread that has nothing else to do"
)]
fn play_slower(pause: Duration) {
    thread::sleep(pause);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_gradient_that_is_known_to_be_short_holds_the_loop() {
        let (brief, none) = (Duration::from_micros(50), Duration::ZERO);
        assert!(is_short(Some(brief), none));
        assert!(!is_short(None, none), "the first");
        assert!(!is_short(Some(SHORT), none));
        assert!(!is_short(Some(brief), Duration::from_millis(20)));
    }
}
