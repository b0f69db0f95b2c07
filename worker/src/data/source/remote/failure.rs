//! Why an object could not be read, in one line without a secret.

use std::{error::Error, path::Path};

use object_store::Error as StoreError;

use crate::data::{DataError, source::shown};

/// What was expected, what was found, what to do.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{problem}")]
pub(super) struct Failure {
    problem: String,
    /// That of the answer, if there was one.
    pub(super) status: Option<u16>,
}

/// Longest piece of a foreign message that is repeated.
const SHOWN_MAX: usize = 200;

impl Failure {
    pub(super) fn new(problem: String) -> Self {
        Self {
            problem,
            status: None,
        }
    }

    /// That of a request to a store of this scheme.
    pub(super) fn of(error: &StoreError, scheme: &str) -> Self {
        let text = error.to_string();
        let status = status_of(error, &text);
        let found = match (status, cause(&text)) {
            (Some(status), Some(code)) => format!("status {status} ({code})"),
            (Some(status), None) => format!("status {status}"),
            (None, _) => innermost(error),
        };
        let problem = format!(
            "expected an object that can be read, found {found}; {}",
            mend(status, scheme)
        );
        Self { problem, status }
    }

    /// The error of an object at this address.
    pub(super) fn at(self, path: &Path) -> DataError {
        DataError::Remote {
            path: shown(path),
            problem: self.problem,
        }
    }
}

/// The problem of a remote object that lies beneath an error of reading; `None` if none does.
pub(in crate::data::source) fn problem_of(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(failure) = error.downcast_ref::<Failure>() {
            return Some(failure.to_string());
        }
        // An error of reading hides what it was made of from `source`.
        let inner = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The status of the answer. The error that has it is private to the crate, its text is not.
fn status_of(error: &StoreError, text: &str) -> Option<u16> {
    match error {
        StoreError::NotFound { .. } => Some(404),
        StoreError::PermissionDenied { .. } => Some(403),
        StoreError::Unauthenticated { .. } => Some(401),
        StoreError::Precondition { .. } => Some(412),
        _ => {
            let behind = text.split("status code: ").nth(1)?;
            behind.get(..3)?.parse().ok()
        }
    }
}

/// The word for the cause that S3, Google and Azure write into their answers.
fn cause(text: &str) -> Option<&str> {
    let word = text.split("<Code>").nth(1)?.split('<').next()?;
    let is_word = word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_word && word.len() <= SHOWN_MAX).then_some(word)
}

/// The last of the causes, which names no address.
fn innermost(error: &StoreError) -> String {
    let mut last: &dyn Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    let text = last.to_string();
    if text.contains("without LOCATION") {
        return "a redirection to another region".into();
    }
    if text.contains("://") {
        return "no answer".into();
    }
    let words: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(SHOWN_MAX).collect()
}

fn mend(status: Option<u16>, scheme: &str) -> &'static str {
    match (status, scheme) {
        (Some(404), _) => "mend the address",
        (Some(401 | 403), "s3") => {
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a key that may read it (AWS_SKIP_SIGNATURE=true \
             for a public bucket)"
        }
        (Some(401 | 403), "gs") => {
            "set GOOGLE_APPLICATION_CREDENTIALS to the file of an account that may read it \
             (GOOGLE_SKIP_SIGNATURE=true for a public bucket)"
        }
        (Some(401 | 403), "az") => {
            "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY to a key that may read it"
        }
        (Some(401 | 403), _) => "use an address that this machine may read",
        (Some(_), _) => "try again when the server is well",
        (None, "s3") => {
            "look after the network, and set the region and credentials by AWS_REGION, AWS_ACCESS_KEY_ID, …"
        }
        (None, "gs") => {
            "look after the network, and set credentials by GOOGLE_APPLICATION_CREDENTIALS"
        }
        (None, "az") => {
            "look after the network, and set account and credentials by AZURE_STORAGE_ACCOUNT_NAME, …"
        }
        (None, _) => "look after the network and the name of the host",
    }
}
