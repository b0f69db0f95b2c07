//! Both directions between the domain's types and the wire's, one file per topic.
//!
//! Writing cannot fail. Reading judges every field: a message that comes out is one that the domain
//! can hold, a message that does not names the field, what was expected and what was found. Nothing
//! that a peer sends panics here.

mod error;
mod field;
pub(crate) mod section;
pub(crate) mod address;
mod form;
pub(crate) mod push;
mod acks;
pub(crate) mod pull;
pub(crate) mod pull_reply;
mod session;
mod grant;
mod worker_status;
mod status;
mod history;
mod refusal;

pub use error::ConvertError;
pub(crate) use refusal::retry_millis;
