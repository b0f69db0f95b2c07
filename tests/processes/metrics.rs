//! `--metrics`: a job is scraped while it trains, and what is asked for wrongly is told so.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Bench, SMALL, output_of, signal, start, stderr, stdout, wait_for};

/// What a server answers over HTTP: status line and head, and body. `None` if nobody listens.
pub(crate) fn get(address: &str, request: &str) -> Option<(String, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let patience = Duration::from_secs(10);
    stream.set_read_timeout(Some(patience)).unwrap();
    let request = format!("{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.to_owned(), body.to_owned()))
}

/// The number of the first series that begins like this.
pub(crate) fn number(metrics: &str, series: &str) -> Option<f64> {
    let line = metrics.lines().find(|line| line.starts_with(series))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// A port that was free a moment ago, and the one after it.
fn two_free_ports() -> u16 {
    (0..100)
        .find_map(|_| {
            let first = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = first.local_addr().unwrap().port();
            let next = port.checked_add(1)?;
            TcpListener::bind(("127.0.0.1", next)).ok().map(|_| port)
        })
        .expect("two ports in a row are free")
}

#[test]
fn a_job_is_scraped_while_it_trains() {
    let bench = Bench::new();
    let port = two_free_ports();
    let [first, second] = [port, port + 1].map(|port| format!("127.0.0.1:{port}"));
    let sets = [
        "cluster.servers=2",
        "cluster.workers=2",
        "train.compute=5ms",
        "train.epochs=100",
    ];
    let mut run = start(&mut bench.train(&sets, &["--metrics", &first]));
    let committed = |address: &str| {
        let (head, metrics) = get(address, "GET /metrics")?;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains("application/openmetrics-text"), "{head}");
        assert!(metrics.ends_with("# EOF\n"), "{metrics}");
        let server = u8::from(address == second);
        let series = format!("thalweg_examples_committed_total{{server=\"{server}\"}}");
        number(&metrics, &series)
    };
    for address in [&first, &second] {
        wait_for("a first example", || {
            0.0 < committed(address).unwrap_or(0.0)
        });
        let before = committed(address).unwrap();
        wait_for("further examples", || before < committed(address).unwrap());
    }
    let (head, phase) = get(&first, "GET /healthz").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(phase, "training\n");
    let (head, _) = get(&first, "GET /readyz").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let (_, metrics) = get(&first, "GET /metrics").unwrap();
    for series in [
        "thalweg_worker_up{server=\"0\",worker=\"1\"} 1",
        "thalweg_requests_total{server=\"0\",kind=\"push\"}",
        "thalweg_apply_seconds_count{server=\"0\"}",
        "thalweg_loss{server=\"0\"}",
        "thalweg_connections{server=\"0\"}",
        "thalweg_pushed_bytes_total{server=\"0\"}",
    ] {
        assert!(0.0 < number(&metrics, series).unwrap(), "{series}");
    }
    for (request, status) in [
        ("GET /page", "404"),
        ("POST /status.json", "405"),
        ("GET /metrics/../job", "404"),
        ("POST /metrics", "405"),
        (&format!("GET /{}", "a".repeat(40_000)), "4"),
    ] {
        if let Some((head, _)) = get(&first, request) {
            let expected = format!("HTTP/1.1 {status}");
            assert!(head.starts_with(&expected), "{head}");
        }
    }
    status_page(&first, &second);
    run.kill().unwrap();
    run.wait().unwrap();
    wait_for("the end of the servers", || {
        get(&first, "GET /healthz").is_none()
    });
}

/// The page of server 0 shows the whole job, that of server 1 its own part, and both are guarded.
fn status_page(first: &str, second: &str) {
    let document = |address: &str| -> Value {
        let (head, body) = get(address, "GET /status.json").unwrap();
        assert!(head.contains("application/json"), "{head}");
        serde_json::from_str(&body).unwrap()
    };
    let length = |value: &Value| value.as_array().unwrap().len();
    wait_for("the launcher's word", || {
        length(&document(first)["cluster"]["servers"]) == 2
    });
    let whole = document(first);
    assert!(whole["told_seconds"].as_f64().unwrap() < 10.0, "{whole}");
    assert_eq!(length(&whole["unknown"]), 0);
    assert_eq!(length(&whole["cluster"]["workers"]), 2);
    let points = |page: &Value| length(&page["curve"]["train_loss"]);
    wait_for("a longer curve", || {
        points(&whole) < points(&document(first))
    });
    let part = document(second);
    assert_eq!(part["told_seconds"], Value::Null);
    assert_eq!(
        (length(&part["unknown"]), &part["server"]),
        (3, &Value::from(1))
    );
    for (path, media) in [
        ("/", "text/html"),
        ("/page.css", "text/css"),
        ("/page.js", "text/javascript"),
    ] {
        let (head, body) = get(first, &format!("GET {path}")).unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
        for word in [
            media,
            "default-src 'none'",
            "nosniff",
            "no-store",
            "connection: close",
        ] {
            assert!(head.contains(word), "{path}: {word} in {head}");
        }
        assert!(1_000 < body.len(), "{path}: {} bytes", body.len());
    }
}

/// A server with metrics at this place.
fn server(bench: &Bench, metrics: &str) -> Child {
    let mut command = bench.command(&["server", "--listen", "127.0.0.1:0", "--metrics", metrics]);
    for set in SMALL {
        command.args(["--set", set]);
    }
    start(&mut command)
}

#[test]
fn a_server_says_where_its_metrics_are_and_waits_for_workers() {
    let bench = Bench::new();
    let mut child = server(&bench, "127.0.0.1:0");
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let lines: Vec<_> = lines.take(2).map(Result::unwrap).collect();
    let (_, address) = lines[1].split_once("http://").unwrap();
    let (address, metrics) = address.split_once("/, its metrics at http://").unwrap();
    assert_eq!(metrics, format!("{address}/metrics"));
    assert_eq!(get(address, "GET /healthz").unwrap().1, "joining\n");
    assert_eq!(get(address, "GET /readyz").unwrap().1, "joining\n");
    // One that says nothing keeps nobody away.
    let silent: Vec<_> = (0..8)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let (_, metrics) = get(address, "GET /metrics").unwrap();
    let absent = "thalweg_workers{server=\"0\",state=\"absent\"} 4";
    assert!(metrics.contains(absent), "{metrics}");
    drop(silent);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_server_that_invites_nobody_says_where_it_listens_and_no_more() {
    let bench = Bench::new();
    let place = format!("127.0.0.1:{}", two_free_ports());
    let mut command = bench.command(&["server", "--listen", "127.0.0.1:0", "--no-invitation"]);
    command.args(["--metrics", &place]);
    for set in SMALL {
        command.args(["--set", set]);
    }
    let mut child = start(&mut command);
    wait_for("its pages", || get(&place, "GET /healthz").is_some());
    child.kill().unwrap();
    let said = stdout(&child.wait_with_output().unwrap());
    assert!(said.contains(" listens on 127.0.0.1:"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn a_server_that_returns_counts_anew_and_says_where_the_job_stands() {
    let bench = Bench::new();
    let place = format!("127.0.0.1:{}", two_free_ports());
    let sets = [
        "cluster.servers=2",
        "train.compute=5ms",
        "train.epochs=100",
        "checkpoint.every_seconds=0.2",
    ];
    let mut run = start(&mut bench.train(&sets, &["--metrics", &place]));
    let told = |names: [&str; 2]| {
        let (_, metrics) = get(&place, "GET /metrics")?;
        let [first, second] = names.map(|name| format!("{name}{{server=\"0\"}}"));
        Some((number(&metrics, &first)?, number(&metrics, &second)?))
    };
    let kept = ["thalweg_examples_reached", "thalweg_checkpoint_number"];
    wait_for("some examples", || {
        told(kept).is_some_and(|(reached, _)| 64.0 <= reached)
    });
    let (_, made) = told(kept).unwrap();
    wait_for("a checkpoint with these", || {
        told(kept).is_some_and(|(_, now)| made + 2.0 <= now)
    });
    signal(bench.pid("server", 0), Signal::SIGKILL);
    let returned = ["thalweg_checkpoint_returns", "thalweg_uptime_seconds"];
    wait_for("its return", || {
        told(returned).is_some_and(|(returns, _)| 1.0 <= returns)
    });
    let counts = [
        "thalweg_examples_committed_total",
        "thalweg_examples_reached",
    ];
    let (counted, reached) = told(counts).unwrap();
    assert!(counted + 64.0 <= reached, "{counted} of {reached}");
    wait_for("further examples", || {
        told(counts).is_some_and(|(now, _)| counted < now)
    });
    run.kill().unwrap();
    run.wait().unwrap();
    wait_for("the end of the servers", || {
        get(&place, "GET /healthz").is_none()
    });
}

/// Sends half a request's head again and again, each time on a connection of its own, until nobody listens.
fn half_heads(address: &str, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(address) else {
            return;
        };
        let patience = Duration::from_secs(10);
        stream.set_read_timeout(Some(patience)).unwrap();
        let sent = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: ");
        // Until it is cut.
        if sent.is_ok() {
            stream.read_exact(&mut [0]).ok();
        }
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test measures how long it waits"
)]
fn those_who_send_half_a_request_keep_nobody_away() {
    let bench = Bench::new();
    let mut child = server(&bench, "127.0.0.1:0");
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let line = lines.map(Result::unwrap).nth(1).unwrap();
    let (_, address) = line.rsplit_once("http://").unwrap();
    let address = address.trim_end_matches("/metrics");
    let is_over = AtomicBool::new(false);
    let answers = std::thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| half_heads(address, &is_over));
        }
        let answers: Vec<_> = (0..5)
            .map(|_| {
                let begun = Instant::now();
                let answer = get(address, "GET /healthz");
                (answer.map(|(_, body)| body), begun.elapsed())
            })
            .collect();
        // First of all the threads have to end, whatever was answered.
        is_over.store(true, Ordering::Relaxed);
        child.kill().unwrap();
        child.wait().unwrap();
        answers
    });
    for (answer, took) in answers {
        assert_eq!(answer.as_deref(), Some("joining\n"), "after {took:?}");
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}

#[test]
fn a_port_that_cannot_be_had_is_one_line() {
    let bench = Bench::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (place, words) in [
        (taken.as_str(), "another process has the port"),
        ("0.0.0.0:0", "insecure_listen"),
        ("nowhere", "expected HOST:PORT"),
    ] {
        let output = output_of(server(&bench, place));
        let complaint = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{complaint}");
        let lines: Vec<_> = complaint.lines().collect();
        let [.., error] = lines[..] else {
            panic!("{place}: nothing was said");
        };
        assert!(error.starts_with("error: --metrics: "), "{complaint}");
        assert!(error.contains(words), "{place}: {complaint}");
        let others = lines.iter().filter(|line| !line.starts_with("note: "));
        assert_eq!(others.count(), 1, "{complaint}");
    }
    let one = ["--listen", "127.0.0.1:7700", "--metrics", "127.0.0.1:7700"];
    let output = bench.run(&[&["server", "steady"], &one[..]].concat());
    let complaint = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    assert!(complaint.contains("found that of --listen"), "{complaint}");
    for (further, words) in [
        (["--metrics", "127.0.0.1:65535"], "65536"),
        (["--metrics", &taken], "another process has the port"),
    ] {
        let output = bench
            .train(&["cluster.servers=2"], &further)
            .output()
            .unwrap();
        let complaint = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{complaint}");
        assert!(complaint.contains(words), "{complaint}");
    }
}
