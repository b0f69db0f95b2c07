//! The manifest of a checkpoint: what it is of, and the hash of every file of it, its own included. It
//! is written last, so that a folder with one is whole.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thalweg_common::ids::{Fingerprint, Life, ServerId, ShardId};
use xxhash_rust::xxh3::xxh3_128;

use crate::saved::SavedDesk;

/// The format that this release writes and reads.
pub const FORMAT: u32 = 1;

/// Bytes of the longest manifest that is read.
pub(super) const MANIFEST_BYTES_MAX: u64 = 256 << 20;

/// How every manifest begins: its own hash follows.
const HEAD: &str = "{\"hash\":\"";

/// Digits of a hash.
const HASH_DIGITS: usize = 32;

/// The number of a checkpoint, which is also its folder's name: `save-000000000007`. Of two the greater
/// is the later one, whichever incarnation of the server wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(pub u64);

/// Digits of a number in a folder's name.
const NUMBER_DIGITS: usize = 12;

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "save-{:0width$}", self.0, width = NUMBER_DIGITS)
    }
}

/// A name that is no checkpoint's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotANumber;

impl FromStr for Number {
    type Err = NotANumber;

    fn from_str(name: &str) -> Result<Self, NotANumber> {
        let digits = name.strip_prefix("save-").ok_or(NotANumber)?;
        let is_plain = digits.len() == NUMBER_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
        if !is_plain {
            return Err(NotANumber);
        }
        digits.parse().map(Self).map_err(|_| NotANumber)
    }
}

/// The name of a shard's file, which follows from the shard alone: no name is taken from a manifest.
pub(super) fn shard_file(shard: ShardId) -> String {
    format!("shard-{:07}.safetensors", shard.0)
}

/// What of a part that waited for its round is no array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingEntry {
    /// Whose.
    pub worker: u32,
    /// Examples.
    pub weight: u64,
    /// Bits of the rate's factor.
    pub rate_factor: u64,
    /// Bits of the gradient's factor.
    pub scale: u64,
    /// Staleness, steps.
    pub staleness: u64,
    /// Its elements, if they are a run; else the file has their coordinates.
    pub range: Option<(u32, u32)>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardEntry {
    /// The shard.
    pub shard: u32,
    /// The file's name, for people.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// XXH3 of its bytes, 128 bits, as 32 hexadecimal digits.
    pub hash: String,
    /// Steps taken.
    pub version: u64,
    /// Examples applied.
    pub progress: u64,
    /// Parts that waited for their round.
    pub pending: Vec<PendingEntry>,
}

/// A checkpoint but for its arrays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// XXH3 of the manifest with zeros here.
    pub(super) hash: String,
    /// [`FORMAT`].
    pub format: u32,
    /// Its number.
    pub number: u64,
    /// The job's name, for people.
    pub job: String,
    /// The job's fingerprint, as it is printed.
    pub fingerprint: String,
    /// Which server, and how many the job has.
    pub server: u32,
    /// See above.
    pub servers: u32,
    /// Of the shard map.
    pub generation: u64,
    /// The life that its parameters are of.
    pub life: u64,
    /// How often the server had returned from a checkpoint in that life.
    pub returns: u64,
    /// When it was taken, milliseconds since 1970.
    pub written_unix_ms: u64,
    /// Whether nothing had happened: the parameters are those that the job begins with, and no file
    /// holds them.
    pub is_fresh: bool,
    /// The files.
    pub shards: Vec<ShardEntry>,
    /// What the server knew beside its shards.
    pub desk: SavedDesk,
}

/// What a checkpoint must be of, to be this server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The job's name.
    pub job: String,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Which server.
    pub server: ServerId,
    /// Servers of the job.
    pub servers: u32,
    /// Of the shard map.
    pub generation: u64,
    /// The server's shards.
    pub shards: Vec<ShardId>,
}

impl Manifest {
    /// The life that its parameters are of.
    #[must_use]
    pub fn life(&self) -> Life {
        Life(self.life)
    }

    /// The text with its hash in it.
    pub(super) fn sealed(mut self) -> String {
        self.hash = "0".repeat(HASH_DIGITS);
        let text = serde_json::to_string(&self).expect("plain numbers and words are JSON");
        let rest = &text[HEAD.len() + HASH_DIGITS..];
        format!("{HEAD}{}{rest}", hash_of(text.as_bytes()))
    }

    /// Reads a sealed text.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn unsealed(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is no text".to_owned())?;
        let end = HEAD.len() + HASH_DIGITS;
        let (Some(found), true) = (text.get(HEAD.len()..end), text.starts_with(HEAD)) else {
            return Err("it does not begin with its hash".to_owned());
        };
        let blank = [HEAD, &"0".repeat(HASH_DIGITS), &text[end..]].concat();
        let expected = hash_of(blank.as_bytes());
        if found != expected {
            return Err(format!("its hash is {expected}, but it says {found}"));
        }
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// Whether it has a file for each of the server's shards, or needs none.
    pub(super) fn judge_shards(&self, about: &About) -> Result<(), String> {
        let found: Vec<ShardId> = self.shards.iter().map(|s| ShardId(s.shard)).collect();
        let expected: &[ShardId] = match self.is_fresh {
            true => &[],
            false => &about.shards,
        };
        match found == expected {
            true => Ok(()),
            false => Err(format!(
                "it has {} shards, expected {}",
                found.len(),
                expected.len()
            )),
        }
    }
}

/// XXH3 of bytes, 128 bits, as text.
pub(super) fn hash_of(bytes: &[u8]) -> String {
    format!("{:032x}", xxh3_128(bytes))
}
