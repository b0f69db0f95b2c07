//! From an address to the store that has the object, and what a store says of its objects.

use std::{
    env, io,
    path::{Path, PathBuf},
    sync::{Arc, Once},
    thread,
    time::Duration,
};

use glob::{MatchOptions, Pattern};
use object_store::{
    BackoffConfig, ClientOptions, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig,
    aws::AmazonS3Builder, azure::MicrosoftAzureBuilder, gcp::GoogleCloudStorageBuilder,
    http::HttpBuilder, path::Path as ObjectPath,
};
use tokio::runtime::Builder;
use tokio_stream::StreamExt;

use super::{About, failure::Failure};
use crate::data::{
    DataError,
    source::address::{Address, address, shown},
};

/// Requests are tried once, and so many times more.
pub(super) const RETRIES: usize = 3;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);
pub(super) const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Objects that a pattern may have to look through.
const LISTED_MAX: usize = 1_000_000;

/// Variables of the environment, by name.
pub(super) type Variables = [(String, String)];

/// An object and where it is.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) path: ObjectPath,
    pub(super) scheme: String,
}

impl Object {
    /// The object at an address; nothing is asked yet.
    pub(super) fn of(address: &Address<'_>, variables: &Variables) -> Result<Self, Failure> {
        let scheme = address.scheme.to_owned();
        let failed = |error| Failure::of(&error, &scheme);
        let path = match address.is_web() {
            true => ObjectPath::from_url_path(address.path),
            false => ObjectPath::parse(address.path),
        };
        let path = path.map_err(|error| Failure::of(&error.into(), &scheme))?;
        let store = store(address, variables).map_err(failed)?;
        Ok(Self {
            store,
            path,
            scheme,
        })
    }

    async fn about(&self) -> Result<About, Failure> {
        let about = self.store.head(&self.path).await;
        let about = about.map_err(|error| Failure::of(&error, &self.scheme))?;
        let modified = about.last_modified.timestamp_nanos_opt();
        Ok(About {
            bytes: about.size,
            modified_nanoseconds: modified.unwrap_or(0).try_into().unwrap_or(0),
            etag: about.e_tag,
        })
    }
}

/// The environment as it is now.
pub(super) fn environment() -> Vec<(String, String)> {
    let text = |text: std::ffi::OsString| text.into_string().ok();
    let pair = |(name, value)| Some((text(name)?, text(value)?));
    env::vars_os().filter_map(pair).collect()
}

/// The store of an address, told of the variables that begin with its provider's name.
fn store(
    address: &Address<'_>,
    variables: &Variables,
) -> object_store::Result<Arc<dyn ObjectStore>> {
    static PROVIDER: Once = Once::new();
    // An error says that another part of the program has chosen already.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let of = |prefix: &'static str| {
        let named = variables
            .iter()
            .filter(move |(name, _)| name.starts_with(prefix));
        named.map(|(name, value)| (name.to_ascii_lowercase(), value))
    };
    let options = ClientOptions::new()
        .with_timeout_disabled()
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_read_timeout(READ_TIMEOUT);
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: PAUSE,
            max_backoff: PAUSE_MAX,
            base: 2.0,
        },
        max_retries: RETRIES,
        retry_timeout: RETRY_TIMEOUT,
    };
    let Address {
        scheme,
        place,
        query,
        ..
    } = address;
    Ok(match *scheme {
        "s3" => {
            let mut builder = AmazonS3Builder::new().with_client_options(options);
            for (key, value) in of("AWS_") {
                if let Ok(key) = key.parse() {
                    builder = builder.with_config(key, value);
                }
            }
            Arc::new(builder.with_bucket_name(*place).with_retry(retry).build()?)
        }
        "gs" => {
            let mut builder = GoogleCloudStorageBuilder::new().with_client_options(options);
            for (key, value) in of("GOOGLE_") {
                if let Ok(key) = key.parse() {
                    builder = builder.with_config(key, value);
                }
            }
            Arc::new(builder.with_bucket_name(*place).with_retry(retry).build()?)
        }
        "az" => {
            let mut builder = MicrosoftAzureBuilder::new().with_client_options(options);
            for (key, value) in of("AZURE_") {
                if let Ok(key) = key.parse() {
                    builder = builder.with_config(key, value);
                }
            }
            let url = format!("az://{place}");
            Arc::new(builder.with_url(url).with_retry(retry).build()?)
        }
        web => {
            let options = options.with_allow_http(web == "http");
            let builder = HttpBuilder::new().with_url(format!("{web}://{place}/{query}"));
            Arc::new(
                builder
                    .with_client_options(options)
                    .with_retry(retry)
                    .build()?,
            )
        }
    })
}

/// Size, time and tag of the object at an address.
pub(in crate::data) fn about(path: &Path) -> Result<About, DataError> {
    about_with(path, &environment())
}

pub(super) fn about_with(path: &Path, variables: &Variables) -> Result<About, DataError> {
    let address = known(path);
    let object = Object::of(&address, variables);
    let about = object.and_then(|object| on_own_thread(async || object.about().await));
    about.map_err(|failure| failure.at(path))
}

/// The addresses of the objects that a pattern names, sorted.
pub(in crate::data::source) fn list(pattern: &Path) -> Result<Vec<PathBuf>, DataError> {
    list_with(pattern, &environment())
}

pub(super) fn list_with(pattern: &Path, variables: &Variables) -> Result<Vec<PathBuf>, DataError> {
    let address = known(pattern);
    let refused = |problem: String| DataError::Pattern {
        path: shown(pattern),
        problem,
    };
    if address.is_web() {
        let problem = "a web server has no list of its files: name each".to_owned();
        return Err(refused(problem));
    }
    let wanted = Pattern::new(address.path).map_err(|error| refused(error.to_string()))?;
    let plain = address.path.find(['*', '?', '[']).unwrap_or(0);
    let folder = address.path[..plain]
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
    let found = Object::of(
        &Address {
            path: folder,
            ..address
        },
        variables,
    )
    .and_then(|object| on_own_thread(async || listed(&object).await));
    let options = MatchOptions {
        require_literal_separator: true,
        require_literal_leading_dot: true,
        ..MatchOptions::new()
    };
    let mut paths: Vec<String> = found
        .map_err(|failure| failure.at(pattern))?
        .into_iter()
        .map(|object| object.location.to_string())
        .filter(|path| wanted.matches_with(path, options))
        .collect();
    if paths.is_empty() {
        return Err(refused("no object matches it".into()));
    }
    paths.sort();
    let name = |path: String| format!("{}://{}/{path}", address.scheme, address.place).into();
    Ok(paths.into_iter().map(name).collect())
}

/// All objects under a prefix.
async fn listed(folder: &Object) -> Result<Vec<ObjectMeta>, Failure> {
    let prefix = (!folder.path.as_ref().is_empty()).then_some(&folder.path);
    let mut objects = folder.store.list(prefix);
    let mut found = Vec::new();
    while let Some(object) = objects.next().await {
        found.push(object.map_err(|error| Failure::of(&error, &folder.scheme))?);
        if LISTED_MAX < found.len() {
            return Err(Failure::new(format!(
                "expected up to {LISTED_MAX} objects to look through, found more; name a folder nearer to the \
                 files"
            )));
        }
    }
    Ok(found)
}

/// The parts of a path that is known to be an address.
pub(super) fn known(path: &Path) -> Address<'_> {
    address(path).expect("only addresses come here")
}

/// Waits for an answer on a thread of its own: the caller's may have a runtime already.
fn on_own_thread<T: Send>(
    ask: impl AsyncFnOnce() -> Result<T, Failure> + Send,
) -> Result<T, Failure> {
    thread::scope(|scope| {
        let asked = scope.spawn(|| {
            let runtime = runtime().map_err(|error| Failure::new(no_runtime(&error)))?;
            runtime.block_on(ask())
        });
        asked.join().expect("a request does not panic")
    })
}

pub(super) fn runtime() -> io::Result<tokio::runtime::Runtime> {
    Builder::new_current_thread().enable_all().build()
}

pub(super) fn no_runtime(error: &io::Error) -> String {
    format!("expected a thread for requests, found that the machine gives none: {error}")
}
