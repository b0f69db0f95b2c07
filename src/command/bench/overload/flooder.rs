//! Who floods: a thread with connections of its own and a pace, so that it takes a quarter of the generator's core,
//! no more and no less. What the others lose is then the server's doing.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use serde::Serialize;

use super::floods::{Flood, Script};
use crate::command::bench::sample::now;

/// How much longer a flooder rests than it works: it takes at most a quarter of a core.
const REST_FACTOR: u32 = 3;

/// Between two rounds of a flood that works by being there.
const HOLD: Duration = Duration::from_millis(100);

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_millis(50);

/// Connections that are opened in one round.
const OPENED_MAX: usize = 64;

/// Bytes that one connection sends or takes in one round.
const TURN_BYTES: usize = 64 << 10;

/// The shortest time at work before a rest. What the flood does not need of it passes by spinning: a core that falls
/// asleep wakes late, and who was measured beside a spinning thread would seem to lose what nobody took.
const WORK: Duration = Duration::from_micros(200);

/// What a flooder did.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Flooded {
    /// Bytes that the system took of it.
    pub(super) bytes: u64,
    /// Of these, what came after the openings of its connections.
    pub(super) past_opening: u64,
    /// Connections that stood.
    pub(super) connections: u64,
    /// Connections that the server ended.
    pub(super) cut: u64,
    /// The most that were open at once.
    pub(super) open_max: u64,
}

/// A flooder at work.
#[derive(Debug)]
pub(super) struct Flooder {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Flooded>>,
}

impl Flooder {
    /// Floods the server at `address`, which has so many places for connections.
    pub(super) fn start(flood: Flood, address: SocketAddr, places: usize) -> anyhow::Result<Self> {
        Self::run(move |stop| flood_until(flood, (address, places), stop))
    }

    /// Takes the share of the core that a flooder may take, and does nothing with it.
    pub(super) fn burn() -> anyhow::Result<Self> {
        Self::run(|stop| {
            while !stop.load(Ordering::Relaxed) {
                work_and_rest(now());
            }
            Flooded::default()
        })
    }

    fn run(work: impl FnOnce(&AtomicBool) -> Flooded + Send + 'static) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let thread = thread::Builder::new()
            .name("flooder".to_owned())
            .spawn(move || work(&told))
            .context("the system cannot start a thread")?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }

    /// Ends it; says what it did.
    pub(super) fn stop(mut self) -> anyhow::Result<Flooded> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().context("a flooder is stopped once")?;
        thread
            .join()
            .map_err(|_| anyhow!("the flooder broke off; this is a mistake of ours"))
    }
}

impl Drop for Flooder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// One connection of a flood.
struct Line {
    stream: TcpStream,
    script: Script,
    /// What is to be sent, and how much of it has been.
    out: (Vec<u8>, usize),
    /// Bytes of its opening that are still to be sent.
    opening: usize,
}

fn flood_until(flood: Flood, (address, places): (SocketAddr, usize), stop: &AtomicBool) -> Flooded {
    let mut lines: Vec<Option<Line>> = Vec::new();
    lines.resize_with(flood.lines(places), || None);
    let mut did = Flooded::default();
    let mut next = now();
    while !stop.load(Ordering::Relaxed) {
        let begun = now();
        if next <= begun {
            round(flood, address, &mut lines, &mut did);
            if flood.holds() {
                next = begun + HOLD;
            }
        }
        work_and_rest(begun);
    }
    did
}

/// Lets every connection have its turn, and opens those that are not.
fn round(flood: Flood, address: SocketAddr, lines: &mut [Option<Line>], did: &mut Flooded) {
    let mut opened = 0;
    for line in lines.iter_mut() {
        if line.is_none() && opened < OPENED_MAX {
            opened += 1;
            *line = Line::open(flood, address, did.connections);
            did.connections += u64::from(line.is_some());
        }
        let Some(open) = line else { continue };
        if open.turn(flood, did).is_err() {
            did.cut += 1;
            *line = None;
        } else if open.script.is_used_up() {
            *line = None;
        }
    }
    let open = lines.iter().filter(|line| line.is_some()).count() as u64;
    did.open_max = did.open_max.max(open);
}

/// Fills up the time at work that began at `begun`, then rests in proportion.
fn work_and_rest(begun: Instant) {
    while now().duration_since(begun) < WORK {
        std::hint::spin_loop();
    }
    rest(now().duration_since(begun) * REST_FACTOR);
}

impl Line {
    /// A new connection; `None` if the server takes none at present.
    fn open(flood: Flood, address: SocketAddr, number: u64) -> Option<Self> {
        let stream = TcpStream::connect_timeout(&address, CONNECT).ok()?;
        stream.set_nonblocking(true).ok()?;
        let mut script = Script::new(flood, number);
        let out = (script.opening(), 0);
        Some(Self {
            stream,
            script,
            opening: out.0.len(),
            out,
        })
    }

    /// Sends and takes what goes without waiting.
    fn turn(&mut self, flood: Flood, did: &mut Flooded) -> io::Result<()> {
        if self.out.1 == self.out.0.len() {
            self.out = (self.script.more(), 0);
        }
        let mut bytes = 0;
        while self.out.1 < self.out.0.len() && bytes < TURN_BYTES {
            match self.stream.write(&self.out.0[self.out.1..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.out.1 += count;
                    bytes += count;
                    let opening = count.min(self.opening);
                    self.opening -= opening;
                    did.bytes += count as u64;
                    did.past_opening += (count - opening) as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if flood.reads() { self.read() } else { Ok(()) }
    }

    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 << 10];
        let mut bytes = 0;
        while bytes < TURN_BYTES {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    bytes += count;
                    let answer = self.script.answer(&buffer[..count]);
                    // What is half sent goes first: an answer within a frame would be none.
                    self.out.0.extend(answer);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "a flooder has a pace")]
fn rest(time: Duration) {
    thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn what_is_sent_past_the_opening_is_counted_by_itself() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut line = Line::open(Flood::Pings, address, 0).unwrap();
        let _peer = listener.accept().unwrap();
        let opening = Script::new(Flood::Pings, 0).opening().len() as u64;
        let mut did = Flooded::default();
        line.turn(Flood::Pings, &mut did).unwrap();
        assert_eq!((did.bytes, did.past_opening), (opening, 0));
        line.turn(Flood::Pings, &mut did).unwrap();
        assert!(0 < did.past_opening, "{did:?}");
        assert_eq!(did.bytes, opening + did.past_opening);
    }

    #[test]
    fn a_flood_comes_through_and_comes_back_when_it_is_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let flooder = Flooder::start(Flood::Pings, address, 4).unwrap();
        for _ in 0..10 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut begin = [0; 24];
            stream.read_exact(&mut begin).unwrap();
            assert_eq!(begin, *super::super::frames::PREFACE);
        }
        let did = flooder.stop().unwrap();
        assert!(10 <= did.connections, "{did:?}");
        assert!(240 <= did.bytes, "{did:?}");
        assert!(1 <= did.cut && did.cut <= did.connections, "{did:?}");
    }
}
