//! Where gradients are computed: a thread of its own, so that the loop gives signs of life, hears
//! that it is to stop and tells of lost servers while a gradient takes its time.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam::channel::{Receiver, Sender, bounded};
use tokio::sync::oneshot;

use crate::model::Model;
use crate::worker::{ComputeDone, ComputeTask};

/// A task, and where its result goes.
type Order = (ComputeTask, oneshot::Sender<ComputeDone>);

/// The thread, and the loop's end of it.
#[derive(Debug)]
pub(super) struct Computer {
    orders: Sender<Order>,
    thread: Option<JoinHandle<()>>,
    under_way: Option<oneshot::Receiver<ComputeDone>>,
}

impl Computer {
    /// Starts the thread. It ends after its last gradient once this is dropped; nobody waits for
    /// that, because a worker that is to end does not either.
    ///
    /// # Panics
    /// If the system cannot start a thread.
    pub(super) fn start(model: Arc<dyn Model>) -> Self {
        // The loop has at most one gradient under way.
        let (orders, incoming) = bounded(1);
        let thread = thread::Builder::new()
            .name("gradients".to_owned())
            .spawn(move || work(&*model, &incoming))
            .expect("the system can start a thread");
        Self {
            orders,
            thread: Some(thread),
            under_way: None,
        }
    }

    /// Begins a gradient.
    pub(super) fn begin(&mut self, task: ComputeTask) {
        let (result, under_way) = oneshot::channel();
        self.under_way = Some(under_way);
        // A thread that has ended has panicked, and dropping the order says so to whoever waits.
        self.orders.send((task, result)).ok();
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
        let done = under_way.await;
        self.under_way = None;
        match done {
            Ok(done) => done,
            Err(_) => self.pass_on(),
        }
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

fn work(model: &dyn Model, orders: &Receiver<Order>) {
    for (task, result) in orders {
        let pause = task.pause;
        let done = task.run(model);
        if !pause.is_zero() {
            play_slower(pause);
        }
        // The worker may have ended meanwhile.
        drop(result.send(done));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the driver plays a slower machine, on a thread that has nothing else to do"
)]
fn play_slower(pause: std::time::Duration) {
    thread::sleep(pause);
}
