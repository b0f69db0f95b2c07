//! The ceiling: blocking TCP with nothing above it.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use super::sample::{Latencies, millis_since, now};

/// The buffer of the echo and of both directions of a transfer.
const BUFFER_BYTES: usize = 256 << 10;

/// Echoes every connection, on a thread each, until the process ends.
pub(super) fn serve(listener: TcpListener) {
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || echo(stream));
        }
    });
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            length => stream.write_all(&buffer[..length])?,
        }
    }
}

/// A connection to [`serve`].
#[derive(Debug)]
pub(super) struct RawClient {
    stream: TcpStream,
}

impl RawClient {
    pub(super) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
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
            let buffer = vec![7; BUFFER_BYTES];
            let mut left = bytes;
            while left > 0 {
                let length = left.min(BUFFER_BYTES);
                writer.write_all(&buffer[..length])?;
                left -= length;
            }
            Ok(())
        });
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut left = bytes;
        while left > 0 {
            match self.stream.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                length => left -= length,
            }
        }
        sender.join().expect("the sender does not panic")?;
        Ok(millis_since(start))
    }
}
