//! `thalweg proxy`: latency and faults between any two processes.

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;
use thalweg_common::config::INSECURE_LISTEN_WORDS;
use thalweg_common::physics::{HalfOpen, Outage, Span};
use thalweg_server::ingress::{ListenError, Reach, listen};

use super::conditions::LinkFlags;
use super::stop::told_to_stop;
use super::{Ending, say, say_error};
use crate::proxy::{Carried, Faults, Proxy, ProxyOptions, WINDOW_BYTES, WINDOW_BYTES_MIN};
use crate::view::units::{bytes, counted};

/// Arguments of `thalweg proxy`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Whom to connect with: a server of a job, for one.
    #[arg(long, value_name = "HOST:PORT")]
    to: String,

    /// Where to listen. Off loopback this needs --insecure-listen.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    listen: String,

    /// The words of the job's `cluster.insecure_listen`: what it passes on is neither encrypted nor
    /// authenticated.
    #[arg(long, value_name = "WORDS", default_value = "")]
    insecure_listen: String,

    #[command(flatten)]
    link: LinkFlags,

    /// The seed of all draws.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    /// Bytes that may be under way in each direction of each connection; who sends more waits.
    #[arg(long, value_name = "BYTES", default_value_t = WINDOW_BYTES,
          value_parser = clap::value_parser!(u32).range(i64::from(WINDOW_BYTES_MIN)..))]
    window: u32,

    /// Let nothing through for a while: 10s:5s (from 10 s on, for 5 s). What is sent meanwhile arrives after
    /// it, as TCP would send it again. May be given several times.
    #[arg(long, value_name = "AT:LENGTH", help_heading = "Faults")]
    blackhole: Vec<Outage>,

    /// Lose what is sent one way over the connections that are open at a time, and tell nobody: back@10s (what
    /// --to answers) or there@10s. May be given several times.
    #[arg(long, value_name = "WAY@TIME", help_heading = "Faults")]
    half_open: Vec<HalfOpen>,

    /// Reset the connections that are open at a time. May be given several times.
    #[arg(long, value_name = "TIME", help_heading = "Faults")]
    reset_at: Vec<Span>,

    /// Reset each connection once so many bytes went through it, both ways together.
    #[arg(long, value_name = "BYTES", help_heading = "Faults")]
    reset_after: Option<u64>,

    /// Reset new connections at once for a while: 10s:5s. May be given several times.
    #[arg(long, value_name = "AT:LENGTH", help_heading = "Faults")]
    refuse: Vec<Outage>,

    /// For programs: one line of JSON when it listens, another at its end.
    #[arg(long)]
    json: bool,

    /// End when standard input ends: the launcher holds its other end.
    #[arg(long, hide = true)]
    exit_with_parent: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    if !names_a_port(&arguments.to) {
        bail!(
            "--to {}: expected HOST:PORT, for example 127.0.0.1:7700",
            arguments.to
        );
    }
    // One thread carries several gigabits a second, and wakes no other.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(pass_on(arguments))
}

async fn pass_on(arguments: &Arguments) -> Result<Ending> {
    let reach = match arguments.insecure_listen == INSECURE_LISTEN_WORDS {
        true => Reach::Anywhere,
        false => Reach::Loopback,
    };
    let listener = match listen(&arguments.listen, reach).await {
        // The words of a server's job are a flag here.
        Err(ListenError::OffLoopback { address }) => bail!(
            "{address} is reachable from other machines, and what is passed on is neither encrypted nor \
             authenticated; listen on 127.0.0.1, or give --insecure-listen {INSECURE_LISTEN_WORDS}"
        ),
        listening => listening?,
    };
    let proxy = Proxy::new(listener, options(arguments));
    let address = proxy.address()?.to_string();
    say(&match arguments.json {
        true => json!({ "listens": address, "to": arguments.to }).to_string(),
        false => format!("proxy for {} listens on {address}", arguments.to),
    });
    let stop = async {
        if let Err(error) = told_to_stop(arguments.exit_with_parent).await {
            say_error(&format!("signals cannot be heard: {error}"));
            std::future::pending::<()>().await;
        }
    };
    let carried = proxy.serve(stop).await;
    say(&match arguments.json {
        true => serde_json::to_string(&carried)?,
        false => in_words(&carried),
    });
    Ok(Ending::Done)
}

fn options(arguments: &Arguments) -> ProxyOptions {
    ProxyOptions {
        to: arguments.to.clone(),
        physics: arguments.link.physics(),
        seed: arguments.seed,
        link: (0, 0),
        window_bytes: arguments.window,
        faults: Faults {
            blackholes: arguments.blackhole.clone(),
            half_open: arguments.half_open.clone(),
            resets: arguments.reset_at.clone(),
            reset_after: arguments.reset_after,
            refusals: arguments.refuse.clone(),
        },
    }
}

fn names_a_port(to: &str) -> bool {
    to.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

/// What went through; of faults only those that happened.
fn in_words(carried: &Carried) -> String {
    let mut words = vec![
        counted(carried.connections, "connection"),
        format!("{} there", bytes(carried.bytes_there)),
        format!("{} back", bytes(carried.bytes_back)),
    ];
    let faults = [
        (carried.retransmissions, "lost and sent again"),
        (carried.held, "held back by an outage"),
        (carried.resets, "reset"),
        (carried.refused, "refused"),
        (carried.unreachable, "could not be passed on"),
        (carried.broken, "broken at one end"),
    ];
    let happened = faults.into_iter().filter(|(count, _)| 0 < *count);
    words.extend(happened.map(|(count, what)| format!("{count} {what}")));
    if 0 < carried.bytes_lost {
        words.push(format!(
            "{} lost on half-open connections",
            bytes(carried.bytes_lost)
        ));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        assert!(names_a_port("127.0.0.1:7700") && names_a_port("[::1]:1"));
        for text in ["127.0.0.1", ":7700", "host:", "host:70000", ""] {
            assert!(!names_a_port(text), "{text:?}");
        }
    }

    #[test]
    fn only_faults_that_happened_are_told() {
        let carried = Carried {
            connections: 1,
            bytes_there: 1_000,
            bytes_back: 20,
            ..Carried::default()
        };
        assert_eq!(in_words(&carried), "1 connection, 1.00 kB there, 20 B back");
        let words = in_words(&Carried {
            resets: 2,
            bytes_lost: 7,
            ..carried
        });
        assert!(
            words.ends_with("2 reset, 7 B lost on half-open connections"),
            "{words}"
        );
    }
}
