//! How a command shows servers who it is, and how it knows them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use thalweg_proto::security::{Credentials, KeyPair, Keys, Pin, Role, Token};
use zeroize::Zeroizing;

/// The authority's certificate in a folder of `thalweg certs`.
pub(super) const AUTHORITY: &str = "ca.pem";

/// The certificate of whom the folder is for.
pub(super) const CERTIFICATE: &str = "cert.pem";

/// Its key.
pub(super) const KEY: &str = "key.pem";

/// Its token, if it has one.
pub(super) const TOKEN: &str = "token";

/// Where a token may also come from.
const TOKEN_VARIABLE: &str = "THALWEG_TOKEN";

/// Bytes of a file of keys that are read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The file of a role's token in a server's folder.
pub(super) fn token_file(role: Role) -> String {
    format!("{role}.token")
}

/// What is shown to servers.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Servers on other machines")]
pub(super) struct CredentialOptions {
    /// What to show to servers, and how to know them: the folder of one role that `thalweg certs` made.
    #[arg(long, value_name = "FOLDER")]
    certs: Option<PathBuf>,

    /// A token to show instead of a certificate. Others on this machine can see it on the command line: better is
    /// --token-file, or the variable `THALWEG_TOKEN`.
    #[arg(long, conflicts_with_all = ["certs", "token_file"])]
    token: Option<Token>,

    /// A file with the token.
    #[arg(long, value_name = "FILE", conflicts_with = "certs")]
    token_file: Option<PathBuf>,

    /// With a token: the servers' authority, by the digest that `thalweg certs` and each server print.
    #[arg(long, value_name = "DIGEST", conflicts_with = "certs")]
    ca_sha256: Option<Pin>,

    /// Speak with servers on other machines although nothing is encrypted or authenticated.
    #[arg(long, conflicts_with_all = ["certs", "token", "token_file", "ca_sha256"])]
    insecure: bool,
}

impl CredentialOptions {
    /// The credentials.
    pub(super) fn load(&self) -> Result<Credentials> {
        if self.insecure {
            return Ok(Credentials::insecure());
        }
        if let Some(folder) = &self.certs {
            return shown_by(folder);
        }
        let token = match (&self.token, &self.token_file) {
            (Some(token), _) => Some(token.clone()),
            (None, Some(path)) => Some(read_token(path)?),
            (None, None) => match std::env::var(TOKEN_VARIABLE) {
                // It may be set for other commands than this one.
                Ok(text) if self.ca_sha256.is_some() => Some(text.parse().context(TOKEN_VARIABLE)?),
                _ => None,
            },
        };
        match (self.ca_sha256, token) {
            (Some(pin), Some(token)) => Ok(Credentials::pinned(pin, token)?),
            (None, None) => Ok(Credentials::none()),
            (Some(_), None) => bail!(
                "--ca-sha256 says how servers are known; expected a token to show them as well: --token-file \
                 FILE, or {TOKEN_VARIABLE}"
            ),
            (None, Some(_)) => bail!(
                "a token is shown to no server that is not known; expected --ca-sha256 DIGEST beside it, as \
                 `thalweg certs` and each server print it"
            ),
        }
    }
}

/// What the folder of a role holds.
pub(super) fn shown_by(folder: &Path) -> Result<Credentials> {
    let authority = read(&folder.join(AUTHORITY))?;
    let own = key_pair(folder)?;
    let token = match own {
        // A certificate says more than a token.
        Some(_) => None,
        None => Some(read_token(&folder.join(TOKEN)).with_context(|| {
            format!(
                "--certs {}: expected {CERTIFICATE} and {KEY}, or {TOKEN}",
                folder.display()
            )
        })?),
    };
    Credentials::of_authority(&authority, own.as_ref(), token)
        .with_context(|| format!("--certs {}", folder.display()))
}

/// What a server shows, and whom it knows, from its folder.
pub(super) fn server_keys(folder: &Path) -> Result<Keys> {
    let authority = read(&folder.join(AUTHORITY))?;
    let own = key_pair(folder)?.with_context(|| {
        format!(
            "--certs {}: expected {CERTIFICATE} and {KEY}, found none; `thalweg certs` makes a folder `server`",
            folder.display()
        )
    })?;
    let mut tokens = Vec::new();
    for role in Role::ALL {
        if let Some(token) = server_token(folder, role)? {
            tokens.push((role, token));
        }
    }
    Keys::new(&authority, &own, &tokens).with_context(|| format!("--certs {}", folder.display()))
}

/// The token of a role that a server knows, if it knows one.
pub(super) fn server_token(folder: &Path, role: Role) -> Result<Option<Token>> {
    let path = folder.join(token_file(role));
    match path.try_exists() {
        Ok(false) => Ok(None),
        _ => read_token(&path).map(Some),
    }
}

fn key_pair(folder: &Path) -> Result<Option<KeyPair>> {
    let (certificate, key) = (folder.join(CERTIFICATE), folder.join(KEY));
    // A key alone is the authority's, in its own folder.
    if !certificate.try_exists()? {
        return Ok(None);
    }
    Ok(Some(KeyPair {
        certificates: read(&certificate)?.to_string(),
        key: read(&key)?,
    }))
}

fn read_token(path: &Path) -> Result<Token> {
    let text = read(path)?;
    text.parse().with_context(|| path.display().to_string())
}

fn read(path: &Path) -> Result<Zeroizing<String>> {
    let text = || -> io::Result<String> {
        let bytes = fs::metadata(path)?.len();
        if FILE_BYTES_MAX < bytes {
            let words = format!("expected at most {FILE_BYTES_MAX} bytes, found {bytes}");
            return Err(io::Error::other(words));
        }
        fs::read_to_string(path)
    };
    let text = text().with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Zeroizing::new(text))
}
