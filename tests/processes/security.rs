//! Certificates and tokens: a job over TLS, that no secret is told, and what is shown wrongly. Who may call what is in
//! [`calls`].

mod calls;
mod mistakes;

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command};
use std::thread::JoinHandle;

use thalweg_proto::security::{Pin, authority_digest};

use crate::support::{Bench, SMALL, output_of, start, stderr, stdout};

/// Makes certificates in `folder` of the bench.
fn certs(bench: &Bench, further: &[&str]) {
    let output = bench.run(&[&["certs", "certs"], further].concat());
    assert!(output.status.success(), "{}", stderr(&output));
}

/// Starts server 0 of the small job, and says where it listens.
fn server(bench: &Bench, listen: &str, further: &[&str]) -> (Child, String) {
    let mut command = bench.command(&["server", "--listen", listen]);
    for set in SMALL {
        command.args(["--set", set]);
    }
    command.args(["--set", "cluster.servers=1", "--set", "cluster.workers=1"]);
    let mut server = start(command.args(further));
    let mut line = String::new();
    let mut output = BufReader::new(server.stdout.as_mut().unwrap());
    output.read_line(&mut line).unwrap();
    let address = line.trim().rsplit(' ').next().unwrap_or_default();
    assert!(address.contains(':'), "{line}");
    (server, address.to_owned())
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What a thread has read to the end, or a command has said, and whether it ended well.
type Told = JoinHandle<(bool, String)>;

/// Keeps what comes, beside others.
fn keep(mut output: impl Read + Send + 'static) -> Told {
    std::thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).unwrap();
        (true, text)
    })
}

/// Runs a command to its end, beside others, with logs at their loudest, and keeps all that it says.
fn run_loud(command: &mut Command) -> Told {
    let child = start(command.env("THALWEG_LOG", "trace"));
    std::thread::spawn(move || {
        let output = child.wait_with_output().unwrap();
        let text = format!("{}{}", stdout(&output), stderr(&output));
        (output.status.success(), text)
    })
}

/// Every token, and every line of every key.
fn secrets(bench: &Bench) -> Vec<String> {
    let certs = bench.path("certs");
    let mut secrets = Vec::new();
    for role in ["worker", "observer", "admin"] {
        secrets.push(read(certs.join(role).join("token")).trim().to_owned());
    }
    for folder in ["server", "worker", "observer", "admin"] {
        let key = read(certs.join(folder).join("key.pem"));
        let lines = key.lines().filter(|line| !line.starts_with('-'));
        secrets.extend(lines.map(str::to_owned));
    }
    assert!(6 < secrets.len());
    secrets
}

#[test]
fn a_job_over_tls_is_done_and_nobody_tells_a_secret() {
    let bench = Bench::new();
    certs(&bench, &[]);
    let mut command = bench.command(&["server", "--listen", "127.0.0.1:0"]);
    for set in SMALL
        .iter()
        .chain(&["cluster.servers=1", "cluster.workers=2"])
    {
        command.args(["--set", set]);
    }
    command.args(["--certs", "certs/server", "--metrics", "127.0.0.1:0"]);
    let mut server = start(command.env("THALWEG_LOG", "trace"));
    let mut output = BufReader::new(server.stdout.take().unwrap());
    let mut told = String::new();
    output.read_line(&mut told).unwrap();
    let address = told.trim().rsplit(' ').next().unwrap_or_default();
    let log = keep(server.stderr.take().unwrap());
    let mut kept = vec![keep(output)];

    let authority = read(bench.path("certs/ca/ca.pem"));
    let digest = Pin(authority_digest(&authority).unwrap()).to_string();
    let token = "certs/worker/token";
    let pinned = ["worker", "--join", address, "--ca-sha256", &digest];
    let mut by_token = bench.command(&[&pinned[..], &["--token-file", token]].concat());
    let mut by_variable = bench.command(&pinned);
    by_variable.env("THALWEG_TOKEN", read(bench.path(token)));
    let watcher = ["train", "-q", "--out", "run", "--join", address];
    let mut watcher = bench.command(&[&watcher[..], &["--certs", "certs/admin"]].concat());
    let status = bench.run(&["status", address, "--certs", "certs/observer"]);
    assert!(stdout(&status).contains("joining"), "{}", stderr(&status));
    kept.extend([&mut by_token, &mut by_variable, &mut watcher].map(run_loud));

    let mut texts = vec![told.clone()];
    for process in kept {
        let (is_well, text) = process.join().unwrap();
        assert!(is_well, "{text}");
        texts.push(text);
    }
    assert_eq!(bench.report()["status"], "done");
    assert!(server.wait().unwrap().success());
    let (_, log) = log.join().unwrap();
    assert!(log.contains("TRACE"), "the server's log is at its loudest");
    texts.push(log);
    texts.extend(slips(&bench, address));
    for secret in secrets(&bench) {
        let found = texts.iter().find(|text| text.contains(&secret));
        assert!(found.is_none(), "a secret is told: {found:?}");
    }
}

/// What is said where a token stands wrongly on a command line.
fn slips(bench: &Bench, address: &str) -> Vec<String> {
    let token = read(bench.path("certs/worker/token"));
    let token = token.trim();
    let (quoted, hyphened) = (format!("{token}'"), format!("--{token}"));
    let digest = "0".repeat(64);
    let beside = ["--token", &quoted, "--token-file", "certs/worker/token"];
    let mut said = Vec::new();
    for shown in [
        &["--token", &quoted, "--ca-sha256", &digest][..],
        &["--token", &hyphened, "--ca-sha256", "7"],
        &["--token", token, "--ca-sha256", &quoted],
        &["--token", token],
        &beside,
    ] {
        let output = bench.run(&[&["worker", "--join", address][..], shown].concat());
        assert!(!output.status.success());
        let text = stderr(&output);
        assert!(
            text.contains("--token") || text.contains("--ca-sha256"),
            "{text}"
        );
        said.push(text);
    }
    said
}

#[test]
fn what_is_shown_wrongly_is_named_at_once() {
    let bench = Bench::new();
    certs(&bench, &[]);
    let other = bench.run(&["certs", "other"]);
    assert!(other.status.success());
    let again = bench.run(&["certs", "certs"]);
    assert!(
        stderr(&again).contains("has an authority already"),
        "{}",
        stderr(&again)
    );
    let (mut child, address) = server(&bench, "127.0.0.1:0", &["--certs", "certs/server"]);
    let (mut open, plain) = server(&bench, "127.0.0.1:0", &[]);
    let digest = "0".repeat(64);
    let token = &["--token-file", "certs/worker/token"];
    for (at, shown, words) in [
        (
            &address,
            &["--certs", "other/worker"][..],
            "not one of the authority",
        ),
        (&address, &[], "speaks TLS"),
        (
            &address,
            &["--certs", "certs/observer"],
            "may not register as a worker",
        ),
        (&address, &["--certs", "nowhere"], "nowhere/ca.pem"),
        (
            &address,
            &["--certs", "certs/ca"],
            "expected cert.pem and key.pem, or token",
        ),
        (&address, token, "--ca-sha256"),
        (&address, &["--ca-sha256", &digest], "--token-file"),
        (&address, &["--ca-sha256", "7"], "64 hexadecimal digits"),
        (&address, &["--token", "short"], "found 5 characters"),
        (
            &address,
            &[token[0], token[1], "--ca-sha256", &digest],
            "not one of the authority",
        ),
        (
            &address,
            &["--insecure", "--certs", "certs/worker"],
            "cannot be used with",
        ),
        (&plain, &["--certs", "certs/worker"], "does not speak TLS"),
    ] {
        let arguments = [&["worker", "--join", at, "--patience", "20"][..], shown].concat();
        let output = output_of(start(&mut bench.command(&arguments)));
        assert!(!output.status.success(), "{shown:?}");
        assert!(
            stderr(&output).contains(words),
            "{shown:?}: {}",
            stderr(&output)
        );
    }
    let mut refused = bench.command(&["server", "--listen", "0.0.0.0:0"]);
    let refused = output_of(start(&mut refused));
    for words in ["--certs", "--insecure", "0.0.0.0:0"] {
        assert!(stderr(&refused).contains(words), "{}", stderr(&refused));
    }
    for child in [&mut child, &mut open] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn off_loopback_a_server_is_guarded_or_says_every_minute_that_it_is_not() {
    let bench = Bench::new();
    certs(&bench, &[]);
    let (mut open, address) = server(&bench, "0.0.0.0:0", &["--insecure"]);
    let port = address.rsplit(':').next().unwrap().to_owned();
    let by_loopback = bench.run(&["status", &format!("127.0.0.1:{port}")]);
    assert!(by_loopback.status.success(), "{}", stderr(&by_loopback));
    open.kill().unwrap();
    let output = open.wait_with_output().unwrap();
    assert!(
        stderr(&output).contains("open to other machines"),
        "{}",
        stderr(&output)
    );
    let mut command = bench.command(&["server", "--listen", "0.0.0.0:0"]);
    command.args(["--certs", "certs/server", "--metrics", "0.0.0.0:0"]);
    for set in SMALL.iter().chain(&["cluster.servers=1"]) {
        command.args(["--set", set]);
    }
    let mut guarded = start(&mut command);
    let lines = BufReader::new(guarded.stdout.take().unwrap()).lines();
    let told: Vec<_> = lines.take(4).map(Result::unwrap).collect();
    let told = told.join("\n");
    guarded.kill().unwrap();
    let output = guarded.wait_with_output().unwrap();
    assert!(told.contains("status page is at https://"), "{told}");
    assert!(told.contains("thalweg worker --join "), "{told}");
    assert!(
        !told.contains("//0.0.0.0") && !told.contains("--join 0.0.0.0"),
        "nobody can dial that: {told}"
    );
    assert!(told.contains("must resolve to this machine"), "{told}");
    let token = read(bench.path("certs/worker/token"));
    assert!(
        !told.contains(token.trim()),
        "standard output is no terminal here"
    );
    assert!(!stderr(&output).contains("open to other machines"));
}
