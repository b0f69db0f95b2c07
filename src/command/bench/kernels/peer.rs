//! The other side of the comparison with torch: a Python process that steps on command.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

/// What the process runs.
const SCRIPT: &str = include_str!("torch_steps.py");

/// Importing torch reads some gigabytes the first time.
const START_WAIT: Duration = Duration::from_secs(120);

/// One step, or building the forms of an optimizer.
const ANSWER_WAIT: Duration = Duration::from_secs(60);

/// A process that answers each line with a line, within a bounded time.
#[derive(Debug)]
pub(super) struct Peer {
    process: Child,
    requests: ChildStdin,
    answers: Receiver<std::io::Result<String>>,
    /// The version of torch.
    pub(super) version: String,
}

impl Peer {
    /// Starts `python` for so many parameters in so many shards.
    ///
    /// # Errors
    /// If there is no such program, or it has no torch, or none that loads.
    pub(super) fn start(python: &str, parameters: usize, shards: usize) -> Result<Self> {
        let mut process = Command::new(python)
            .args(["-c", SCRIPT])
            .args([parameters, shards].map(|count| count.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting `{python}`"))?;
        let requests = process.stdin.take().context("standard input is piped")?;
        let answers = process.stdout.take().context("standard output is piped")?;
        let mut peer = Self {
            process,
            requests,
            answers: read(answers),
            version: String::new(),
        };
        peer.version = peer.answer(START_WAIT)?;
        Ok(peer)
    }

    /// Builds an optimizer; the forms of it that work.
    ///
    /// # Errors
    /// If the process has ended or does not answer in time.
    pub(super) fn begin(&mut self, name: &str, threads: usize) -> Result<Vec<String>> {
        let forms = self.ask(&format!("begin {name} {threads}"))?;
        Ok(forms.split_whitespace().map(str::to_owned).collect())
    }

    /// Takes a step; its time, ms.
    ///
    /// # Errors
    /// As [`Peer::begin`].
    pub(super) fn step(&mut self, form: &str) -> Result<f64> {
        let answer = self.ask(&format!("step {form}"))?;
        answer
            .parse()
            .with_context(|| format!("expected a time in milliseconds, found {answer:?}"))
    }

    /// Frees the memory of all forms.
    ///
    /// # Errors
    /// As [`Peer::begin`].
    pub(super) fn end(&mut self) -> Result<()> {
        self.ask("end").map(drop)
    }

    fn ask(&mut self, request: &str) -> Result<String> {
        if writeln!(self.requests, "{request}").is_err() {
            return Err(self.last_words());
        }
        self.answer(ANSWER_WAIT)
    }

    fn answer(&mut self, wait: Duration) -> Result<String> {
        match self.answers.recv_timeout(wait) {
            Ok(line) => Ok(line?),
            Err(RecvTimeoutError::Timeout) => bail!("no answer in {} s", wait.as_secs()),
            Err(RecvTimeoutError::Disconnected) => Err(self.last_words()),
        }
    }

    /// What the process said before it ended.
    fn last_words(&mut self) -> anyhow::Error {
        self.kill();
        let mut text = String::new();
        if let Some(mut said) = self.process.stderr.take()
            && said.read_to_string(&mut text).is_err()
        {
            return anyhow!("it ended, and what it said is no text");
        }
        match text.lines().rfind(|line| !line.trim().is_empty()) {
            Some(line) => anyhow!("{}", line.trim()),
            None => anyhow!("it ended without a word"),
        }
    }

    fn kill(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Lines as they come, read on a thread of their own so that waiting for one has a bound.
fn read(from: ChildStdout) -> Receiver<std::io::Result<String>> {
    let (to, answers) = sync_channel(1);
    thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            if to.send(line).is_err() {
                break;
            }
        }
    });
    answers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_python_that_is_missing_is_named() {
        let refused = Peer::start("no-such-python", 1 << 20, 1).unwrap_err();
        assert!(refused.to_string().contains("no-such-python"), "{refused}");
    }

    #[test]
    fn a_program_that_ends_at_once_is_no_peer() {
        let refused = Peer::start("false", 1 << 20, 1).unwrap_err();
        assert_eq!(refused.to_string(), "it ended without a word");
    }
}
