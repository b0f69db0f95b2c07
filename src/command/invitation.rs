//! What a server that listens for other machines says: how a worker there joins, or that it is open to all.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use thalweg_proto::security::{Keys, Role, hex};
use tokio::task::JoinHandle;

use super::credentials::{server_token, token_file};
use crate::launch::host_of_this_process;

/// Between two warnings that everybody may do everything.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// The line that makes a worker on another machine, of a server with this place in the job. The token stands in
/// it on a terminal only: elsewhere this is a log.
pub(super) fn invitation(
    folder: &Path,
    (address, index, servers): (SocketAddr, u32, u32),
    keys: &Keys,
) -> Result<String> {
    let name = |server| match server == index {
        true => reached_at(address),
        false => format!("SERVER-{server}:PORT"),
    };
    let servers: Vec<_> = (0..servers).map(name).collect();
    let shown = match server_token(folder, Role::Worker)? {
        None => "--certs FOLDER".to_owned(),
        Some(token) => {
            let token = match std::io::stdout().is_terminal() {
                true => format!("--token {}", token.secret()),
                false => format!("--token-file {}", token_file(Role::Worker)),
            };
            format!("{token} --ca-sha256 {}", hex(&keys.authority()))
        }
    };
    let note = match address.ip().is_unspecified() {
        true => format!(
            "\n(there the name {} must resolve to this machine; if it does not, put an address of this machine \
             in its place)",
            host_of_this_process()
        ),
        false => String::new(),
    };
    let whose = match address.ip().to_canonical().is_loopback() {
        true => "workers on this machine",
        false => "workers on other machines",
    };
    Ok(format!(
        "{whose}: thalweg worker --join {} {shown}{note}",
        servers.join(",")
    ))
}

/// HOST:PORT with which others reach who listens at `address`: all addresses of a machine are none that could be dialled,
/// and its name stands for them.
pub(super) fn reached_at(address: SocketAddr) -> String {
    match address.ip().is_unspecified() {
        true => format!("{}:{}", host_of_this_process(), address.port()),
        false => address.to_string(),
    }
}

/// Says every minute that the server is open to all, until this is dropped.
#[derive(Debug)]
pub(super) struct Warning(JoinHandle<()>);

impl Warning {
    pub(super) fn start(address: SocketAddr) -> Self {
        Self(tokio::spawn(async move {
            let mut times = tokio::time::interval(WARNING_INTERVAL);
            loop {
                times.tick().await;
                tracing::warn!(
                    "{address} is open to other machines: nothing is encrypted, and whoever reaches it may do \
                     everything; --certs FOLDER would change that"
                );
            }
        }))
    }
}

impl Drop for Warning {
    fn drop(&mut self) {
        self.0.abort();
    }
}
