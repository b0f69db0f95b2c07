//! `[cluster]`: how many processes, what becomes of the job when one is lost, and who may listen.

use serde::{Deserialize, Serialize};

/// The words that permit a server to listen off loopback without encryption.
pub const INSECURE_LISTEN_WORDS: &str = "i-accept-plaintext-on-this-network";

/// `[cluster]` as it is read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterFile {
    /// See [`Cluster::servers`].
    pub servers: u32,
    /// See [`Cluster::workers`].
    pub workers: u32,
    /// See [`Cluster::on_worker_loss`]; its default depends on the consistency model.
    pub on_worker_loss: Option<OnWorkerLoss>,
    /// See [`Cluster::insecure_listen`].
    pub insecure_listen: String,
}

impl Default for ClusterFile {
    fn default() -> Self {
        Self {
            servers: 2,
            workers: 4,
            on_worker_loss: None,
            insecure_listen: String::new(),
        }
    }
}

/// `[cluster]`, checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cluster {
    /// Server processes, ≥ 1. Default 2.
    pub servers: u32,
    /// Worker processes, ≥ 1. Default 4.
    pub workers: u32,
    /// What becomes of the job when a worker is lost. Default `"stop"` for `"bsp"`, `"continue"`
    /// otherwise.
    pub on_worker_loss: OnWorkerLoss,
    /// [`INSECURE_LISTEN_WORDS`], or empty: then a server listens on loopback only. Default empty.
    pub insecure_listen: String,
}

impl Cluster {
    /// Whether the job's author has permitted plaintext off loopback.
    #[must_use]
    pub fn may_listen_off_loopback(&self) -> bool {
        self.insecure_listen == INSECURE_LISTEN_WORDS
    }
}

/// What becomes of the job when a worker is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnWorkerLoss {
    /// The loss is reported and the others go on, as long as there is one.
    Continue,
    /// The job ends and names the cause.
    Stop,
}
