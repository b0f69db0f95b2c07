//! A web server on loopback that answers as a test wants.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// A request: its first line and headers in lower case.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: BTreeMap<String, String>,
}

/// What is sent back.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// Bytes of the body after which the connection breaks.
    pub(super) break_after: Option<usize>,
}

impl Answer {
    pub(super) fn of(status: u16, body: &str) -> Self {
        Self {
            status,
            body: body.into(),
            ..Self::default()
        }
    }
}

impl Request {
    /// The bytes that are wanted of so many; `None` if no range is named.
    fn range(&self, length: usize) -> Option<(usize, usize)> {
        let (start, end) = self
            .headers
            .get("range")?
            .strip_prefix("bytes=")?
            .split_once('-')?;
        let end: usize = end.parse().unwrap();
        Some((start.parse().unwrap(), length.min(end + 1)))
    }

    /// The answer of a server that has a file, and knows ranges.
    pub(super) fn file(&self, bytes: &[u8], etag: &str) -> Answer {
        let tag = ("ETag", format!("\"{etag}\""));
        let time = ("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT".to_owned());
        match self.range(bytes.len()) {
            Some((start, _)) if bytes.len() <= start => Answer::of(416, ""),
            Some((start, end)) => {
                let range = format!("bytes {start}-{}/{}", end - 1, bytes.len());
                Answer {
                    status: 206,
                    headers: vec![tag, time, ("Content-Range", range)],
                    body: bytes[start..end].to_vec(),
                    break_after: None,
                }
            }
            None => Answer {
                status: 200,
                headers: vec![tag, time],
                body: bytes.to_vec(),
                break_after: None,
            },
        }
    }
}

/// Serves until the test ends; returns the address, `127.0.0.1:port`, and the requests so far.
pub(super) fn serve(
    answer: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static,
) -> (String, Arc<Mutex<Vec<Request>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (requests, answer) = (Arc::clone(&seen), Arc::new(answer));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (requests, answer) = (Arc::clone(&requests), Arc::clone(&answer));
            thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while let Some(request) = read(&mut reader) {
                    let number = {
                        let mut requests = requests.lock().unwrap();
                        requests.push(request.clone());
                        requests.len()
                    };
                    if !write(&stream, &request, &answer(&request, number)) {
                        return;
                    }
                }
            });
        }
    });
    (address, seen)
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| 0 < *read)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_lowercase(), value.to_owned()),
            None => break,
        };
    }
    Some(Request {
        method,
        path,
        headers,
    })
}

/// Whether the connection goes on.
fn write(mut stream: &TcpStream, request: &Request, answer: &Answer) -> bool {
    let mut head = format!(
        "HTTP/1.1 {} Word\r\nContent-Length: {}\r\n",
        answer.status,
        answer.body.len()
    );
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    let body = match request.method.as_str() {
        "HEAD" => &[][..],
        _ => &answer.body[..answer.break_after.unwrap_or(answer.body.len())],
    };
    let is_sent =
        stream.write_all((head + "\r\n").as_bytes()).is_ok() && stream.write_all(body).is_ok();
    is_sent && answer.break_after.is_none()
}
