//! Waiting until a moment, more exactly than the runtime's timer, which counts milliseconds: a link of
//! 200 µs would take one to two of them.
//!
//! Linux has timers that the runtime can wait for like for a socket (`timerfd`). Elsewhere the runtime's own
//! must do, and latencies are rounded up to the next millisecond.

use std::io;

use thalweg_common::time::Time;

use thalweg_proto::transport::Clock;

pub(super) use system::Timer;

impl Timer {
    /// Waits until `at`; not at all if that is past.
    pub(super) async fn until(&mut self, clock: Clock, at: Time) -> io::Result<()> {
        loop {
            let left = at.since(clock.now());
            if left.is_zero() {
                return Ok(());
            }
            self.wait(left).await?;
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;
    use std::os::fd::AsFd;
    use std::time::Duration;

    use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
    use tokio::net::unix::pipe::Receiver;

    /// A timer of the system.
    #[derive(Debug)]
    pub(in crate::proxy) struct Timer {
        timer: TimerFd,
        /// The same timer, for the runtime. To read it is to read eight bytes once it has rung, which is all
        /// that the runtime needs to know of a pipe.
        rings: Receiver,
    }

    impl Timer {
        pub(in crate::proxy) fn new() -> io::Result<Self> {
            let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
            let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
            let same = timer.as_fd().try_clone_to_owned()?;
            let rings = Receiver::from_owned_fd_unchecked(same)?;
            Ok(Self { timer, rings })
        }

        /// Waits so long, which is not zero. A call that is given up leaves a timer that the next sets anew.
        pub(super) async fn wait(&mut self, left: Duration) -> io::Result<()> {
            let once = Expiration::OneShot(left.into());
            self.timer.set(once, TimerSetTimeFlags::empty())?;
            loop {
                self.rings.readable().await?;
                match self.rings.try_read(&mut [0; 8]) {
                    // It was set anew after it had rung.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    rung => return rung.map(drop),
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;
    use std::time::Duration;

    /// The runtime's timer.
    #[derive(Debug)]
    pub(in crate::proxy) struct Timer;

    impl Timer {
        #[expect(
            clippy::unnecessary_wraps,
            reason = "where the system has timers, making one can fail"
        )]
        pub(in crate::proxy) fn new() -> io::Result<Self> {
            Ok(Self)
        }

        #[expect(
            clippy::disallowed_methods,
            reason = "the driver delays what it carries"
        )]
        pub(super) async fn wait(&mut self, left: Duration) -> io::Result<()> {
            tokio::time::sleep(left).await;
            Ok(())
        }
    }
}
