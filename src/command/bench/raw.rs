//! The ceiling: blocking TCP with nothing above it.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use super::probe::LARGE_BYTES;
use super::sample::{Latencies, millis_since, now};

/// The buffer of the echo and of both directions of a transfer.
const BUFFER_BYTES: usize = 256 << 10;

/// What the other end does with the bytes of a connection, said by the connection's first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Sends each piece back as it comes.
    Echo = 1,
    /// Takes one message of [`LARGE_BYTES`] whole, then sends as much; again and again.
    Turns = 2,
}

/// Answers every connection, on a thread each, until the process ends.
pub(super) fn serve(listener: TcpListener) {
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut mode = [0];
    stream.read_exact(&mut mode)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    if mode[0] == Mode::Turns as u8 {
        loop {
            receive(&mut stream, LARGE_BYTES, &mut buffer)?;
            send(&mut stream, LARGE_BYTES, &buffer)?;
        }
    }
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            length => stream.write_all(&buffer[..length])?,
        }
    }
}

fn receive(stream: &mut TcpStream, bytes: usize, buffer: &mut [u8]) -> io::Result<()> {
    let mut left = bytes;
    while left > 0 {
        let most = left.min(buffer.len());
        match stream.read(&mut buffer[..most])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => left -= length,
        }
    }
    Ok(())
}

fn send(stream: &mut TcpStream, bytes: usize, buffer: &[u8]) -> io::Result<()> {
    let mut left = bytes;
    while left > 0 {
        let length = left.min(buffer.len());
        stream.write_all(&buffer[..length])?;
        left -= length;
    }
    Ok(())
}

/// A connection to [`serve`].
#[derive(Debug)]
pub(super) struct RawClient {
    stream: TcpStream,
}

impl RawClient {
    /// A connection whose bytes come back as they arrive.
    pub(super) fn echo(address: SocketAddr) -> io::Result<Self> {
        Self::connect(address, Mode::Echo)
    }

    /// A connection on which the two ends take turns.
    pub(super) fn turns(address: SocketAddr) -> io::Result<Self> {
        Self::connect(address, Mode::Turns)
    }

    fn connect(address: SocketAddr, mode: Mode) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.write_all(&[mode as u8])?;
        Ok(Self { stream })
    }

    /// The median time of echoing `bytes`, with `outstanding` of them under way, µs.
    pub(super) fn ping(
        &mut self,
        bytes: usize,
        outstanding: usize,
        requests: usize,
    ) -> io::Result<f64> {
        let message = vec![7; bytes];
        let mut answer = vec![0; bytes];
        let mut started = VecDeque::with_capacity(outstanding);
        let mut latencies = Latencies::default();
        for _ in 0..outstanding {
            started.push_back(now());
            self.stream.write_all(&message)?;
        }
        while let Some(start) = started.pop_front() {
            self.stream.read_exact(&mut answer)?;
            latencies.record(start);
            if latencies.len() + started.len() < requests {
                started.push_back(now());
                self.stream.write_all(&message)?;
            }
        }
        Ok(latencies.p50())
    }

    /// The time of echoing `bytes` in one run, both directions at once, ms.
    pub(super) fn transfer(&mut self, bytes: usize) -> io::Result<f64> {
        let mut writer = self.stream.try_clone()?;
        let start = now();
        let sender = thread::spawn(move || -> io::Result<()> {
            send(&mut writer, bytes, &vec![7; BUFFER_BYTES])
        });
        receive(&mut self.stream, bytes, &mut vec![0; BUFFER_BYTES])?;
        sender.join().expect("the sender does not panic")?;
        Ok(millis_since(start))
    }

    /// The time of sending [`LARGE_BYTES`] and then receiving as many, ms.
    pub(super) fn take_turns(&mut self) -> io::Result<f64> {
        let mut buffer = vec![7; BUFFER_BYTES];
        let start = now();
        send(&mut self.stream, LARGE_BYTES, &buffer)?;
        receive(&mut self.stream, LARGE_BYTES, &mut buffer)?;
        Ok(millis_since(start))
    }
}
