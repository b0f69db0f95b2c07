//! The start of a server that keeps checkpoints: it returns from the newest, or begins a life, and keeps
//! that on disk before anybody is served.
//!
//! So there is never a moment at which a server that somebody knows cannot return, and no session's number
//! is given twice: those of an incarnation begin above the number of its first checkpoint, which no earlier
//! incarnation had.

use std::path::PathBuf;

use thalweg_common::time::Time;

use super::CheckpointError;
use super::keep::{Checkpoints, Identity, Kept};
use super::manifest::Number;
use super::read::{Found, Skipped};
use crate::server::Server;

/// Sessions that one incarnation of a server has numbers for.
const SESSIONS_BITS: u32 = 24;

/// How a server began.
#[derive(Clone, Debug)]
pub struct Begun {
    /// The checkpoint that it keeps of its beginning.
    pub kept: Kept,
    /// Whose parameters it has.
    pub identity: Identity,
    /// The checkpoint that it returned from, if it did.
    pub returned: Option<Returned>,
}

/// A checkpoint that a server returned from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    /// Which.
    pub number: Number,
    /// Where it lies.
    pub path: PathBuf,
    /// When it was taken, milliseconds since 1970.
    pub written_unix_ms: u64,
    /// Examples that its first shard had applied.
    pub progress: u64,
    /// Steps of all its shards.
    pub steps: u64,
    /// Newer ones that did not verify.
    pub skipped: Vec<Skipped>,
}

/// Lets a server, before its first session, go on from the newest checkpoint, which was found and whose
/// life its plan has; where there is none, it begins as it is. Either way the beginning is kept. `unix_ms`
/// is the time, milliseconds since 1970.
///
/// # Errors
/// [`CheckpointError`] if the server cannot take what was found, or none can be written.
pub fn begin(
    server: &Server,
    (checkpoints, found): (&Checkpoints, Option<&Found<'_>>),
    (now, unix_ms): (Time, u64),
) -> Result<Begun, CheckpointError> {
    let returned = match found {
        None => None,
        Some(found) => {
            checkpoints.forget_unfinished();
            let last = checkpoints.numbers()?.last().map_or(0, |number| number.0);
            go_on(
                server,
                found,
                (now, last.saturating_add(1) << SESSIONS_BITS),
            )?;
            let shards = &found.manifest.shards;
            Some(Returned {
                number: found.number,
                path: found.path(),
                written_unix_ms: found.manifest.written_unix_ms,
                progress: shards.first().map_or(0, |shard| shard.progress),
                steps: shards.iter().map(|shard| shard.version).sum(),
                skipped: found.skipped.clone(),
            })
        }
    };
    let identity = Identity {
        life: server.plan().life,
        returns: found.map_or(0, |found| found.manifest.returns + 1),
    };
    let kept = match found.is_none_or(|found| found.manifest.is_fresh) {
        // The job says what the parameters are.
        true => {
            let desk = server.save_desk(now);
            checkpoints.begin()?.finish(identity, desk, unix_ms)?
        }
        false => write(server, checkpoints, identity, (now, unix_ms))?,
    };
    Ok(Begun {
        kept,
        identity,
        returned,
    })
}

/// Gives a server what a checkpoint holds.
fn go_on(
    server: &Server,
    found: &Found<'_>,
    (now, sessions_after): (Time, u64),
) -> Result<(), CheckpointError> {
    let unfit = |words: String| CheckpointError::Unfit {
        path: found.path(),
        found: words,
    };
    let desk = &found.manifest.desk;
    server
        .restore_desk(now, desk, sessions_after)
        .map_err(unfit)?;
    for shard in found.shards() {
        let shard = shard?;
        let loaded = server.restore_shard(&shard);
        loaded.map_err(|error| unfit(format!("shard {}: {error}", shard.shard)))?;
    }
    Ok(())
}

/// Writes a checkpoint of what the newest one holds, with the word that the job has failed: for a server whose own
/// parameters cannot be kept any more, as they have diverged.
pub(super) fn write_failure(
    checkpoints: &Checkpoints,
    cause: String,
    (identity, unix_ms): (Identity, u64),
) -> Result<(), CheckpointError> {
    let Some(found) = checkpoints.newest()? else {
        return Ok(());
    };
    let mut desk = found.manifest.desk.clone();
    desk.fail(cause);
    let mut attempt = checkpoints.begin()?;
    for shard in found.shards() {
        attempt.write(&shard?)?;
    }
    attempt.finish(identity, desk, unix_ms)?;
    Ok(())
}

/// Writes a checkpoint: copies shard after shard, each under its lock, and writes the copies.
pub(super) fn write(
    server: &Server,
    checkpoints: &Checkpoints,
    identity: Identity,
    (now, unix_ms): (Time, u64),
) -> Result<Kept, CheckpointError> {
    let mut attempt = checkpoints.begin()?;
    tracing::Span::current().record("number", attempt.number().0);
    let mut kept = None;
    for shard in server.shard_ids() {
        if let Some((saved, desk)) = server.save(now, shard) {
            attempt.write(&saved)?;
            kept = kept.or(desk);
        }
    }
    let desk = kept.unwrap_or_else(|| server.save_desk(now));
    attempt.finish(identity, desk, unix_ms)
}
