//! The bytes of an object one after the other, fetched ahead of who reads them.

use std::{
    collections::VecDeque,
    io::{self, Read},
    ops::Range,
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::Duration,
};

use bytes::{Buf, Bytes};
use object_store::{Error as StoreError, GetOptions, GetResult, ObjectStore};
use tokio::{task::JoinHandle, time::sleep};
use tokio_stream::StreamExt;

use super::{
    failure::Failure,
    store::{Object, PAUSE, RETRIES, Variables, environment, known, no_runtime, runtime},
};
use crate::data::DataError;

/// Bytes of a request: large against what a request costs.
pub(super) const RANGE_BYTES: u64 = 1 << 22;

/// Requests that are under way at once.
const RANGES_AHEAD: usize = 4;

/// Ranges that wait for the reader.
const WAITING_MAX: usize = 2;

/// Opens the object at an address.
pub(in crate::data::source) fn open(path: &Path) -> Result<Ahead, DataError> {
    open_with(path, &environment())
}

pub(super) fn open_with(path: &Path, variables: &Variables) -> Result<Ahead, DataError> {
    let object = Object::of(&known(path), variables).map_err(|failure| failure.at(path))?;
    let (pieces, waiting) = sync_channel(WAITING_MAX);
    let started = thread::Builder::new()
        .name("fetch".into())
        .spawn(move || fetch_all(&object, &pieces));
    match started {
        Ok(_) => Ok(Ahead {
            waiting,
            piece: Bytes::new(),
        }),
        Err(error) => Err(Failure::new(no_runtime(&error)).at(path)),
    }
}

/// Reads an object. Dropped, it lets the thread end that fetches.
#[derive(Debug)]
pub(in crate::data::source) struct Ahead {
    waiting: Receiver<Result<Bytes, Failure>>,
    piece: Bytes,
}

impl Read for Ahead {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.waiting.recv() {
                Ok(Ok(piece)) => self.piece = piece,
                Ok(Err(failure)) => return Err(io::Error::other(failure)),
                // The thread has ended, and told every failure before.
                Err(_) => return Ok(0),
            }
        }
        let count = bytes.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut bytes[..count]);
        Ok(count)
    }
}

type Pieces = SyncSender<Result<Bytes, Failure>>;

/// Fetches the object from its start to its end, as long as somebody reads.
fn fetch_all(object: &Object, pieces: &Pieces) {
    let result = match runtime() {
        Ok(runtime) => runtime.block_on(fetch_ranges(object, pieces)),
        Err(error) => Err(Failure::new(no_runtime(&error))),
    };
    if let Err(failure) = result {
        // Nobody may be reading any more.
        drop(pieces.send(Err(failure)));
    }
}

async fn fetch_ranges(object: &Object, pieces: &Pieces) -> Result<(), Failure> {
    let first = match get(object, Some(0..RANGE_BYTES)).await {
        Ok(first) => first,
        Err(StoreError::NotSupported { .. }) => return fetch_whole(object, pieces).await,
        Err(error) => {
            let failure = Failure::of(&error, &object.scheme);
            // Nothing has no ranges.
            return match failure.status {
                Some(416) => Ok(()),
                _ => Err(failure),
            };
        }
    };
    let state = State {
        bytes: first.meta.size,
        etag: first.meta.e_tag.clone(),
    };
    let mut opened = Some(first);
    let mut next = 0;
    let mut under_way: VecDeque<JoinHandle<Result<Bytes, Failure>>> = VecDeque::new();
    loop {
        while next < state.bytes && under_way.len() < RANGES_AHEAD {
            let range = next..state.bytes.min(next + RANGE_BYTES);
            next = range.end;
            let (object, state, opened) = (object.clone(), state.clone(), opened.take());
            under_way.push_back(tokio::spawn(async move {
                fetch(&object, range, &state, opened).await
            }));
        }
        let Some(first) = under_way.pop_front() else {
            return Ok(());
        };
        let piece = first.await.expect("a request does not panic")?;
        if pieces.send(Ok(piece)).is_err() {
            return Ok(());
        }
    }
}

/// What all ranges have to be of.
#[derive(Clone, Debug)]
struct State {
    bytes: u64,
    etag: Option<String>,
}

/// Fetches a range. Requests are tried again beneath this; a body that breaks off is, here.
async fn fetch(
    object: &Object,
    range: Range<u64>,
    state: &State,
    mut opened: Option<GetResult>,
) -> Result<Bytes, Failure> {
    let (mut tries, mut pause) = (0, PAUSE);
    loop {
        let failed = |error| Failure::of(&error, &object.scheme);
        let result = match opened.take() {
            Some(result) => result,
            None => get(object, Some(range.clone())).await.map_err(failed)?,
        };
        if result.meta.size != state.bytes || result.meta.e_tag != state.etag {
            return Err(Failure::new(
                "expected the object as it was when it was opened, found another: it was changed; start \
                 again when it is whole"
                    .into(),
            ));
        }
        match result.bytes().await {
            Ok(bytes) if bytes.len() as u64 == range.end - range.start => return Ok(bytes),
            Ok(_) | Err(_) if tries < RETRIES => {}
            Ok(bytes) => {
                return Err(Failure::new(format!(
                    "expected {} bytes from {} on, found {}; try again when the server is well",
                    range.end - range.start,
                    range.start,
                    bytes.len()
                )));
            }
            Err(error) => return Err(failed(error)),
        }
        rest(pause).await;
        (tries, pause) = (tries + 1, 2 * pause);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this thread serves one reader, which waits for these bytes and for nothing else"
)]
async fn rest(pause: Duration) {
    sleep(pause).await;
}

async fn get(object: &Object, range: Option<Range<u64>>) -> object_store::Result<GetResult> {
    let options = GetOptions {
        range: range.map(Into::into),
        ..GetOptions::default()
    };
    object.store.get_opts(&object.path, options).await
}

/// Fetches the object in one piece from a server that knows no ranges.
async fn fetch_whole(object: &Object, pieces: &Pieces) -> Result<(), Failure> {
    let failed = |error| Failure::of(&error, &object.scheme);
    let whole = get(object, None).await.map_err(failed)?;
    let (bytes, mut read) = (whole.meta.size, 0);
    let mut body = whole.into_stream();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(failed)?;
        read += piece.len() as u64;
        if pieces.send(Ok(piece)).is_err() {
            return Ok(());
        }
    }
    if read < bytes {
        return Err(Failure::new(format!(
            "expected {bytes} bytes, found {read}: the connection broke, and the server knows no ranges by \
             which to go on; try again, or copy the file to a folder first"
        )));
    }
    Ok(())
}
