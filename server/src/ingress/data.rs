//! The training rows for workers that have none: one file, made when it is first asked for, handed out
//! in pieces.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use thalweg_common::error::{Refusal, RefusalKind};
use tokio::sync::OnceCell;

/// Bytes of a piece: large against what a call costs, small against every bound of a message.
const PIECE_BYTES: u64 = 1 << 20;

type Make = dyn Fn() -> Result<File, String> + Send + Sync;

/// Makes the file with the training rows of the job; it may take as long as reading the data does.
#[derive(Clone)]
pub struct DataFile(Arc<Make>);

impl DataFile {
    /// `make` is called when a worker first asks, on a thread that may block. Its error is told to the worker,
    /// and the next one that asks has it tried again: what was in the way may have passed.
    #[must_use]
    pub fn new(make: impl Fn() -> Result<File, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }
}

impl fmt::Debug for DataFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataFile")
    }
}

/// The file, once it was asked for.
#[derive(Debug)]
pub(super) struct DataDesk {
    file: Option<DataFile>,
    made: OnceCell<Arc<File>>,
}

/// A piece of the file.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) file_bytes: u64,
    pub(super) data: Vec<u8>,
}

impl DataDesk {
    pub(super) fn new(file: Option<DataFile>) -> Self {
        Self {
            file,
            made: OnceCell::new(),
        }
    }

    /// The piece that begins at `offset`.
    pub(super) async fn piece(&self, offset: u64) -> Result<Piece, Refusal> {
        let internal = |problem: String| Refusal::new(RefusalKind::Internal, problem);
        let Some(DataFile(make)) = self.file.clone() else {
            return Err(Refusal::new(
                RefusalKind::Unsupported,
                "only server 0 of a job hands out training rows; ask it",
            ));
        };
        let made = self.made.get_or_try_init(|| async {
            match tokio::task::spawn_blocking(move || make()).await {
                Ok(file) => file.map(Arc::new),
                Err(error) => Err(format!("making the file of training rows ended: {error}")),
            }
        });
        let file = made.await.map_err(internal)?.clone();
        let read = tokio::task::spawn_blocking(move || read(&file, offset)).await;
        let read = read.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        read.map_err(|error| internal(format!("the training rows cannot be read: {error}")))
    }
}

fn read(file: &File, offset: u64) -> std::io::Result<Piece> {
    let file_bytes = file.metadata()?.len();
    let length = PIECE_BYTES.min(file_bytes.saturating_sub(offset));
    let mut data = vec![0; usize::try_from(length).map_err(std::io::Error::other)?];
    file.read_exact_at(&mut data, offset)?;
    Ok(Piece { file_bytes, data })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_file_that_could_not_be_made_is_tried_again_for_the_next_and_then_made_no_more() {
        let tries = Arc::new(AtomicU64::new(0));
        let count = tries.clone();
        let file = DataFile::new(move || {
            if count.fetch_add(1, Ordering::Relaxed) == 0 {
                return Err("no room".to_owned());
            }
            let made = tempfile::tempfile().and_then(|mut file| {
                file.write_all(b"rows")?;
                Ok(file)
            });
            made.map_err(|error| error.to_string())
        });
        let desk = DataDesk::new(Some(file));
        let refusal = desk.piece(0).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Internal);
        assert_eq!(refusal.message, "no room");
        for (offset, rest) in [(0, &b"rows"[..]), (3, b"s")] {
            let piece = desk.piece(offset).await.unwrap();
            assert_eq!((piece.file_bytes, &piece.data[..]), (4, rest));
        }
        assert_eq!(tries.load(Ordering::Relaxed), 2);
    }
}
