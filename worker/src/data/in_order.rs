//! Work on the pieces of a file by as many threads as the machine has, with results in the order of
//! the pieces: so that rows keep their order and the first error of a file is the one that is told.

use std::{collections::VecDeque, thread};

use crossbeam::channel;

use super::DataError;

/// Pieces per thread that are read, in work, or waiting for those before them.
const PIECES_PER_THREAD: usize = 2;

/// Hands out the pieces and takes the results, both on one thread.
pub(super) trait InOrder {
    /// A piece.
    type Job: Send;
    /// What becomes of it.
    type Done: Send;

    /// The next piece; `None` at the end.
    fn next(&mut self) -> Result<Option<Self::Job>, DataError>;

    /// Takes the result of the first piece whose result has not been taken.
    fn take(&mut self, done: Self::Done) -> Result<(), DataError>;
}

/// Does the work on all pieces; the first piece alone, so that what it teaches serves the others.
pub(super) fn in_order<P: InOrder>(
    steps: &mut P,
    work: impl Fn(P::Job) -> P::Done + Sync,
) -> Result<(), DataError> {
    let Some(first) = steps.next()? else {
        return Ok(());
    };
    steps.take(work(first))?;
    let Some(second) = steps.next()? else {
        return Ok(());
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let (jobs, queue) = channel::bounded(PIECES_PER_THREAD * threads);
        for _ in 0..threads {
            let (queue, work) = (queue.clone(), &work);
            scope.spawn(move || {
                for (job, answer) in queue {
                    let answer: channel::Sender<P::Done> = answer;
                    // Nobody waits any more once an error was found.
                    drop(answer.send(work(job)));
                }
            });
        }
        drop(queue);
        let mut waiting = VecDeque::new();
        let (mut next, mut end) = (Some(second), None);
        loop {
            while let Some(job) = next.take() {
                let (answer, done) = channel::bounded(1);
                let is_sent = jobs.send((job, answer)).is_ok();
                assert!(is_sent, "workers take jobs until the last is sent");
                waiting.push_back(done);
                if waiting.len() < PIECES_PER_THREAD * threads && end.is_none() {
                    next = next_or_end(steps, &mut end);
                }
            }
            let Some(first) = waiting.pop_front() else {
                return end.unwrap_or(Ok(()));
            };
            steps.take(first.recv().expect("a worker answers every job"))?;
            if end.is_none() {
                next = next_or_end(steps, &mut end);
            }
        }
    })
}

/// An error of reading is told after those of the pieces before it.
fn next_or_end<P: InOrder>(
    steps: &mut P,
    end: &mut Option<Result<(), DataError>>,
) -> Option<P::Job> {
    match steps.next() {
        Ok(Some(job)) => return Some(job),
        Ok(None) => *end = Some(Ok(())),
        Err(error) => *end = Some(Err(error)),
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{InOrder, in_order};
    use crate::data::DataError;

    struct Numbers {
        next: u32,
        taken: Vec<u32>,
        fail_reading_at: u32,
        fail_taking_at: u32,
    }

    fn failure(problem: &str) -> DataError {
        DataError::Options {
            dataset: "csv",
            problem: problem.into(),
        }
    }

    impl InOrder for Numbers {
        type Job = u32;
        type Done = u32;

        fn next(&mut self) -> Result<Option<u32>, DataError> {
            if self.next == self.fail_reading_at {
                return Err(failure("reading"));
            }
            self.next += 1;
            Ok((self.next <= 1_000).then_some(self.next))
        }

        fn take(&mut self, done: u32) -> Result<(), DataError> {
            if done == 2 * self.fail_taking_at {
                return Err(failure("taking"));
            }
            self.taken.push(done);
            Ok(())
        }
    }

    fn run(fail_reading_at: u32, fail_taking_at: u32) -> (Vec<u32>, Option<String>) {
        let mut numbers = Numbers {
            next: 0,
            taken: Vec::new(),
            fail_reading_at,
            fail_taking_at,
        };
        let result = in_order(&mut numbers, |number| 2 * number);
        (numbers.taken, result.err().map(|error| error.to_string()))
    }

    #[test]
    fn results_come_in_the_order_of_the_pieces_and_so_do_errors() {
        let doubled = |count: u32| (1..=count).map(|number| 2 * number).collect::<Vec<_>>();
        assert_eq!(run(9_999, 9_999), (doubled(1_000), None));
        let (taken, error) = run(500, 9_999);
        assert_eq!(taken, doubled(500));
        assert!(error.is_some_and(|error| error.contains("reading")));
        let (taken, error) = run(500, 499);
        assert_eq!(
            taken,
            doubled(498),
            "the earlier error is the one that is told"
        );
        assert!(error.is_some_and(|error| error.contains("taking")));
    }
}
