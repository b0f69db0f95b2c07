//! Which core whom: the server has one to itself, and whoever loads it has another.

use std::io;
use std::thread;

/// How the cores are shared out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cores {
    /// One for the server, one for this process.
    Apart {
        /// The server's.
        server: usize,
        /// This process's.
        generator: usize,
    },
    /// Everybody runs everywhere, and why.
    Shared(String),
}

impl Cores {
    /// Shares them out; binds the calling thread, and those that it will start, to the generator's core.
    pub(super) fn share_out() -> Self {
        let cores = match allowed() {
            Ok(cores) => cores,
            Err(error) => return Self::Shared(format!("the system does not tell cores: {error}")),
        };
        let [server, generator, ..] = cores[..] else {
            return Self::Shared("this process may use one core only".to_owned());
        };
        match bind(generator) {
            Ok(()) => Self::Apart { server, generator },
            Err(error) => Self::Shared(format!("the system binds nothing to a core: {error}")),
        }
    }

    /// Runs `start` so that a process that it starts is on the server's core.
    pub(super) fn on_servers<T: Send>(
        &self,
        start: impl FnOnce() -> io::Result<T> + Send,
    ) -> io::Result<T> {
        let Self::Apart { server, .. } = *self else {
            return start();
        };
        // A child inherits what the thread is bound to that starts it.
        let bound = || {
            bind(server)?;
            start()
        };
        let broke_off = |_| {
            Err(io::Error::other(
                "the thread that starts the server broke off",
            ))
        };
        thread::scope(|scope| scope.spawn(bound).join().unwrap_or_else(broke_off))
    }
}

/// The cores that this process may use.
#[cfg(target_os = "linux")]
fn allowed() -> io::Result<Vec<usize>> {
    use nix::sched::{CpuSet, sched_getaffinity};
    let set = sched_getaffinity(nix::unistd::Pid::from_raw(0))?;
    Ok((0..CpuSet::count())
        .filter(|core| set.is_set(*core).unwrap_or(false))
        .collect())
}

/// Binds the calling thread to a core.
#[cfg(target_os = "linux")]
fn bind(core: usize) -> io::Result<()> {
    use nix::sched::{CpuSet, sched_setaffinity};
    let mut set = CpuSet::new();
    set.set(core)?;
    Ok(sched_setaffinity(nix::unistd::Pid::from_raw(0), &set)?)
}

#[cfg(not(target_os = "linux"))]
fn allowed() -> io::Result<Vec<usize>> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
fn bind(_: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_started_for_the_server_is_on_its_core_and_this_thread_on_another() {
        // On a thread of its own: the others of this process stay where they are.
        thread::spawn(|| {
            let Cores::Apart { server, generator } = Cores::share_out() else {
                let cores = allowed().unwrap();
                assert_eq!(cores.len(), 1, "with two cores they are shared out");
                return;
            };
            assert_ne!(server, generator);
            let cores = Cores::Apart { server, generator };
            assert_eq!(cores.on_servers(allowed).unwrap(), [server]);
            assert_eq!(allowed().unwrap(), [generator]);
        })
        .join()
        .unwrap();
    }
}
