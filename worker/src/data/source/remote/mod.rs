//! Files at addresses: objects of S3, Google Cloud Storage and Azure, and files of web servers.
//!
//! An object is fetched in ranges of 4 MB, four of them ahead of the reader, on a thread of its own. A
//! request is tried four times, with pauses that grow, for a minute at most; a connection may take 10 s to
//! come up, and 30 s to bring the next bytes. A web server that knows no ranges is read in one piece.
//!
//! Credentials come from the environment, under the names that the providers' own tools read: `AWS_…`,
//! `GOOGLE_…`, `AZURE_…`.

#[cfg(feature = "object-store")]
mod ahead;
#[cfg(feature = "object-store")]
mod failure;
#[cfg(feature = "object-store")]
mod store;
#[cfg(test)]
#[cfg(feature = "object-store")]
mod tests;

#[cfg(not(feature = "object-store"))]
mod absent;

#[cfg(not(feature = "object-store"))]
pub(in crate::data) use self::absent::about;
#[cfg(not(feature = "object-store"))]
pub(super) use self::absent::{list, open, problem_of};
#[cfg(feature = "object-store")]
pub(in crate::data) use self::store::about;
#[cfg(feature = "object-store")]
pub(super) use self::{ahead::open, failure::problem_of, store::list};

/// The feature of the crate.
pub(super) const FEATURE: &str = "object-store";

/// What tells one state of an object from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::data) struct About {
    pub(in crate::data) bytes: u64,
    /// Since 1970; 0 where the server does not say.
    pub(in crate::data) modified_nanoseconds: u128,
    pub(in crate::data) etag: Option<String>,
}
