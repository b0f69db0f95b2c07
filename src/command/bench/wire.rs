//! `thalweg bench wire`: session stream against unary calls, beside raw TCP in the same run.
//!
//! The other end is a process of its own. All rows are measured in turn in every round, so that a
//! slow moment of the machine falls on all of them; the median over the rounds is printed.

use std::env;
use std::future::Future;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use thalweg_common::message::Request;
use thalweg_proto::security::Credentials;
use thalweg_proto::{ParameterServerClient, v1};
use tokio::task::JoinSet;
use tonic::transport::Channel;

use super::echo::UNARY_BYTES_MAX;
use super::probe::{LARGE_BYTES, SMALL_BYTES, pull, push};
use super::raw::RawClient;
use super::real::RealSession;
use super::report::{self, Row, Unit};
use super::sample::{Latencies, millis_since, now};
use super::session::{FrameCodec, Session, connect};

/// Options of `bench wire`.
#[derive(Args, Debug)]
pub(super) struct WireArgs {
    /// Two rounds instead of nine, and fewer requests in each.
    #[arg(long)]
    quick: bool,
    /// Rounds instead of nine.
    #[arg(long)]
    rounds: Option<usize>,
    /// Measures only these rows.
    #[arg(long)]
    only: Option<Group>,
}

/// A group of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Group {
    /// 4 KB.
    Small,
    /// 64 MB.
    Large,
    /// 4 KB beside 64 MB.
    Beside,
    /// The real server: 4 KB and 64 MB with Adam.
    Real,
}

/// Both directions at once.
const RAW_LARGE: &str = "64 MB raw TCP echo";
/// One direction after the other.
const RAW_TURNS: &str = "64 MB raw TCP there, then back";
const OUTSTANDING: usize = 8;
const CHUNK_BYTES: [usize; 3] = [64 << 10, 256 << 10, 1 << 20];
/// The chunk length of the rows that do not vary it.
const CHUNK: usize = 1 << 20;

/// Runs the measurement and prints its table.
pub(super) fn run(args: &WireArgs) -> anyhow::Result<()> {
    let (rounds, requests) = if args.quick { (2, 500) } else { (9, 4000) };
    let rounds = args.rounds.unwrap_or(rounds);
    let other = OtherEnd::start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let mut bench = Bench {
        rows: Vec::new(),
        requests,
    };
    for _ in 0..rounds {
        runtime.block_on(bench.round(&other, args.only))?;
    }
    other.stop()?;
    report::print(&bench.rows)?;
    Ok(())
}

/// The process that answers.
struct OtherEnd {
    process: Child,
    raw: SocketAddr,
    tonic: SocketAddr,
    ours: SocketAddr,
    real: SocketAddr,
}

impl OtherEnd {
    fn start() -> anyhow::Result<Self> {
        let binary = env::current_exe().context("finding the running binary")?;
        let mut process = Command::new(&binary)
            .args(["bench", "echo"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {} bench echo", binary.display()))?;
        let mut line = String::new();
        let out = process.stdout.take().expect("it is piped");
        BufReader::new(out).read_line(&mut line)?;
        let addresses: Result<Vec<SocketAddr>, _> =
            line.split_whitespace().map(str::parse).collect();
        let Ok([raw, tonic, ours, real]) = addresses.as_deref() else {
            bail!("expected four addresses of the other end, found {line:?}");
        };
        let (raw, tonic, ours, real) = (*raw, *tonic, *ours, *real);
        Ok(Self {
            process,
            raw,
            tonic,
            ours,
            real,
        })
    }

    fn codecs(&self) -> [(SocketAddr, FrameCodec); 2] {
        [
            (self.tonic, FrameCodec::Tonic),
            (self.ours, FrameCodec::Ours),
        ]
    }

    fn stop(mut self) -> anyhow::Result<()> {
        drop(self.process.stdin.take());
        self.process.wait()?;
        Ok(())
    }
}

/// The table as it fills.
struct Bench {
    rows: Vec<Row>,
    requests: usize,
}

impl Bench {
    fn add(&mut self, name: &str, against: Option<&str>, unit: Unit, sample: f64) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.name == name) {
            row.samples.push(sample);
            return;
        }
        self.rows.push(Row {
            name: name.to_owned(),
            unit,
            bytes: (unit == Unit::Millis).then_some(2 * LARGE_BYTES as u64),
            against: against.map(str::to_owned),
            samples: vec![sample],
        });
    }

    async fn round(&mut self, other: &OtherEnd, only: Option<Group>) -> anyhow::Result<()> {
        let wanted = |group| only.is_none_or(|only| only == group);
        if wanted(Group::Small) {
            self.small_raw(other.raw)?;
            self.small_unary(other.tonic).await?;
            for (address, codec) in other.codecs() {
                self.small_stream(address, codec).await?;
            }
        }
        if wanted(Group::Large) {
            self.large_raw(other.raw)?;
            self.large_unary(other.tonic).await?;
            for (address, codec) in other.codecs() {
                for chunk_bytes in CHUNK_BYTES {
                    self.large_raw(other.raw)?;
                    self.large_stream(address, chunk_bytes, codec).await?;
                }
            }
        }
        if wanted(Group::Beside) {
            self.contended(other.ours).await?;
        }
        if wanted(Group::Real) {
            self.real(other).await?;
        }
        Ok(())
    }

    fn large_raw(&mut self, raw: SocketAddr) -> anyhow::Result<()> {
        let mut client = RawClient::echo(raw)?;
        let echo = client.transfer(LARGE_BYTES)?;
        self.add(RAW_LARGE, None, Unit::Millis, echo);
        Ok(())
    }

    fn large_turns(&mut self, raw: SocketAddr) -> anyhow::Result<()> {
        let mut client = RawClient::turns(raw)?;
        let turns = client.take_turns()?;
        self.add(RAW_TURNS, None, Unit::Millis, turns);
        Ok(())
    }

    fn small_raw(&mut self, raw: SocketAddr) -> anyhow::Result<()> {
        let mut client = RawClient::echo(raw)?;
        for outstanding in [1, OUTSTANDING] {
            let sample = client.ping(SMALL_BYTES, outstanding, self.requests)?;
            self.add(
                &format!("4 KB raw TCP echo x{outstanding}"),
                None,
                Unit::MicrosP50,
                sample,
            );
        }
        Ok(())
    }

    async fn small_unary(&mut self, grpc: SocketAddr) -> anyhow::Result<()> {
        let client = unary(connect(grpc).await?);
        let push = push(SMALL_BYTES);
        for outstanding in [1, OUTSTANDING] {
            let echo = |mut client: Unary, request: v1::Push| async move {
                let request = v1::PushPull {
                    push: Some(request),
                    pull: None,
                };
                client.push_pull(request).await.map(drop)
            };
            let call = || echo(client.clone(), v1::Push::from(&push));
            let sample = ping(outstanding, self.requests, call).await?;
            let name = format!("4 KB bare unary echo x{outstanding}");
            let raw = format!("4 KB raw TCP echo x{outstanding}");
            self.add(&name, Some(&raw), Unit::MicrosP50, sample);
            let send = |mut client: Unary, request: v1::Push| async move {
                client.push(request).await.map(drop)
            };
            let call = || send(client.clone(), v1::Push::from(&push));
            let sample = ping(outstanding, self.requests, call).await?;
            let push = format!("4 KB unary push x{outstanding}");
            self.add(&push, Some(&name), Unit::MicrosP50, sample);
        }
        Ok(())
    }

    async fn small_stream(&mut self, grpc: SocketAddr, codec: FrameCodec) -> anyhow::Result<()> {
        let mut session = Session::open(grpc, CHUNK, codec).await?;
        let push = Request::Push(push(SMALL_BYTES));
        for outstanding in [1, OUTSTANDING] {
            let sample = session.ping(&push, outstanding, self.requests).await?;
            let name = format!("4 KB stream push x{outstanding}{}", codec.mark());
            let echo = format!("4 KB bare unary echo x{outstanding}");
            self.add(&name, Some(&echo), Unit::MicrosP50, sample);
        }
        Ok(())
    }

    async fn large_unary(&mut self, grpc: SocketAddr) -> anyhow::Result<()> {
        let mut client = unary(connect(grpc).await?);
        let mut other = client.clone();
        let (push, pull) = (
            v1::Push::from(&push(LARGE_BYTES)),
            v1::Pull::from(&pull(LARGE_BYTES)),
        );
        let start = now();
        tokio::try_join!(client.push(push), other.pull(pull))?;
        let sample = millis_since(start);
        self.add(
            "64 MB unary pull and push",
            Some(RAW_LARGE),
            Unit::Millis,
            sample,
        );
        Ok(())
    }

    async fn large_stream(
        &mut self,
        grpc: SocketAddr,
        chunk_bytes: usize,
        codec: FrameCodec,
    ) -> anyhow::Result<()> {
        let mut session = Session::open(grpc, chunk_bytes, codec).await?;
        let (pull, push) = (
            Request::Pull(pull(LARGE_BYTES)),
            Request::Push(push(LARGE_BYTES)),
        );
        let both = session.transfer(&[pull.clone(), push.clone()]).await?;
        let name = format!(
            "64 MB stream pull and push, {} KiB{}",
            chunk_bytes >> 10,
            codec.mark()
        );
        self.add(&name, Some(RAW_LARGE), Unit::Millis, both);
        let first = session.transfer(&[pull]).await?;
        let then = session.transfer(&[push]).await?;
        let name = format!(
            "64 MB stream pull, then push, {} KiB{}",
            chunk_bytes >> 10,
            codec.mark()
        );
        self.add(&name, Some(RAW_LARGE), Unit::Millis, first + then);
        Ok(())
    }

    /// The real server, with the limits that it is divided by measured in turn with it.
    async fn real(&mut self, other: &OtherEnd) -> anyhow::Result<()> {
        let address = other.real.to_string();
        let mut session = RealSession::open(&address, &Credentials::none()).await?;
        self.large_raw(other.raw)?;
        let both = session.transfer(true).await?;
        let name = "64 MB real server: pull and push + Adam";
        self.add(name, Some(RAW_LARGE), Unit::Millis, both);
        self.large_turns(other.raw)?;
        let apart = session.transfer(false).await?;
        let name = "64 MB real server: pull, then push + Adam";
        self.add(name, Some(RAW_TURNS), Unit::Millis, apart);
        self.small_unary(other.tonic).await?;
        let small = session.ping(self.requests).await?;
        let echo = Some("4 KB bare unary echo x1");
        self.add(
            "4 KB real server: push + Adam x1",
            echo,
            Unit::MicrosP50,
            small,
        );
        Ok(())
    }

    /// Small pushes while large pulls are under way: on the same stream, and on one of their own.
    async fn contended(&mut self, grpc: SocketAddr) -> anyhow::Result<()> {
        let small = Request::Push(push(SMALL_BYTES));
        let large = Request::Pull(pull(LARGE_BYTES));
        let mut session = Session::open(grpc, CHUNK, FrameCodec::Ours).await?;
        let sample = session.ping_beside(&small, &large).await?;
        let alone = Some("4 KB stream push x1");
        self.add(
            "4 KB push beside 64 MB pulls, one stream",
            alone,
            Unit::MicrosP50,
            sample,
        );

        let mut bulk = Session::open(grpc, CHUNK, FrameCodec::Ours).await?;
        let pulling = tokio::spawn(async move {
            for _ in 0..4 {
                bulk.transfer(std::slice::from_ref(&large)).await?;
            }
            anyhow::Ok(())
        });
        let mut latencies = Latencies::default();
        while !pulling.is_finished() {
            let start = now();
            session.transfer(std::slice::from_ref(&small)).await?;
            latencies.record(start);
        }
        pulling.await??;
        let sample = latencies.p50();
        self.add(
            "4 KB push beside 64 MB pulls, two connections",
            alone,
            Unit::MicrosP50,
            sample,
        );
        Ok(())
    }
}

type Unary = ParameterServerClient<Channel>;

fn unary(channel: Channel) -> Unary {
    ParameterServerClient::new(channel)
        .max_decoding_message_size(UNARY_BYTES_MAX)
        .max_encoding_message_size(UNARY_BYTES_MAX)
}

/// The median time of a call with `outstanding` of them under way, µs.
async fn ping<C, F>(outstanding: usize, requests: usize, call: C) -> anyhow::Result<f64>
where
    C: Fn() -> F,
    F: Future<Output = Result<(), tonic::Status>> + Send + 'static,
{
    let mut latencies = Latencies::default();
    let mut calls = JoinSet::new();
    let begin = |calls: &mut JoinSet<_>| {
        let (start, call) = (now(), call());
        calls.spawn(async move { call.await.map(|()| start) });
    };
    for _ in 0..outstanding {
        begin(&mut calls);
    }
    while let Some(done) = calls.join_next().await {
        latencies.record(done??);
        if latencies.len() + calls.len() < requests {
            begin(&mut calls);
        }
    }
    Ok(latencies.p50())
}
