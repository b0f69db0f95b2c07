//! How a command shows servers who it is, and how it knows them.

use std::convert::Infallible;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use thalweg_proto::security::{Credentials, KeyPair, Keys, Pin, Purpose, Role, Token};
use zeroize::Zeroizing;

use super::certs::warning;
use super::say_error;
use crate::launch::unix_time;

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

/// A text of the command line that may be secret, and is read later than by the parser of the command line: that one
/// quotes what it cannot read.
#[derive(Clone)]
struct Unread(Zeroizing<String>);

impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unread(***)")
    }
}

fn unread(text: &str) -> Result<Unread, Infallible> {
    Ok(Unread(Zeroizing::new(text.to_owned())))
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
    // Hyphens may begin a token, and what is no argument would be quoted.
    #[arg(long, conflicts_with_all = ["certs", "token_file"], allow_hyphen_values = true, value_parser = unread)]
    token: Option<Unread>,

    /// A file with the token.
    #[arg(long, value_name = "FILE", conflicts_with = "certs")]
    token_file: Option<PathBuf>,

    /// With a token: the servers' authority, by the digest that `thalweg certs` and each server print.
    // A token may be pasted there by mistake.
    #[arg(long, value_name = "DIGEST", conflicts_with = "certs", allow_hyphen_values = true, value_parser = unread)]
    ca_sha256: Option<Unread>,

    /// Speak with servers on other machines although nothing is encrypted or authenticated.
    #[arg(long, conflicts_with_all = ["certs", "token", "token_file", "ca_sha256"])]
    insecure: bool,
}

impl CredentialOptions {
    /// The flags of these that were given and are of use only where servers run already.
    pub(super) fn given(&self) -> Vec<&'static str> {
        let given = [
            ("--certs", self.certs.is_some()),
            ("--token", self.token.is_some()),
            ("--token-file", self.token_file.is_some()),
            ("--ca-sha256", self.ca_sha256.is_some()),
        ];
        let given = given
            .into_iter()
            .filter_map(|(word, is_given)| is_given.then_some(word));
        given.collect()
    }

    /// The credentials.
    pub(super) fn load(&self) -> Result<Credentials> {
        if self.insecure {
            return Ok(Credentials::insecure());
        }
        if let Some(folder) = &self.certs {
            return shown_by(folder);
        }
        let pin: Option<Pin> = match &self.ca_sha256 {
            None => None,
            Some(text) => Some(
                text.0
                    .parse::<Pin>()
                    .map_err(|words| anyhow!("--ca-sha256: {words}"))?,
            ),
        };
        let token = match (&self.token, &self.token_file) {
            (Some(text), _) => Some(("--token".to_owned(), text.0.parse().context("--token")?)),
            (None, Some(path)) => {
                let source = format!("--token-file {}", path.display());
                Some((source, read_token(path)?))
            }
            (None, None) => match std::env::var(TOKEN_VARIABLE).map(Zeroizing::new) {
                // It may be set for other commands than this one.
                Ok(text) if pin.is_some() => {
                    let token = text.parse().context(TOKEN_VARIABLE)?;
                    Some((TOKEN_VARIABLE.to_owned(), token))
                }
                _ => None,
            },
        };
        match (pin, token) {
            (Some(pin), Some((source, token))) => {
                Ok(Credentials::pinned(pin, token)?.from_source(source))
            }
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
    let source = format!("--certs {}", folder.display());
    let judged = own
        .as_ref()
        .map(|own| own.judge(&authority, Purpose::Client, unix_time()));
    judged.transpose().with_context(|| source.clone())?;
    if let Some(own) = &own {
        warn_of_its_end(folder, own, &authority);
    }
    let credentials = Credentials::of_authority(&authority, own.as_ref(), token)
        .with_context(|| source.clone())?;
    Ok(credentials.from_source(source))
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
    let source = || format!("--certs {}", folder.display());
    own.judge(&authority, Purpose::Server, unix_time())
        .with_context(source)?;
    warn_of_its_end(folder, &own, &authority);
    Keys::new(&authority, &own, &tokens).with_context(source)
}

/// Says it of a certificate that ends soon: a job may outlive it, and whoever comes again after its end is refused.
fn warn_of_its_end(folder: &Path, own: &KeyPair, authority: &str) {
    if let Ok(end) = own.holds_until(authority)
        && let Some(words) = warning(folder, end, unix_time())
    {
        say_error(&words);
    }
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
    let is_there = certificate.try_exists();
    if !is_there.with_context(|| format!("cannot read {}", certificate.display()))? {
        return Ok(None);
    }
    warn_if_others_read(&key);
    Ok(Some(KeyPair {
        certificates: read(&certificate)?.to_string(),
        key: read(&key)?,
    }))
}

/// Whoever can read a key can stand for its owner.
fn warn_if_others_read(key: &Path) {
    let mode = fs::metadata(key).map_or(0, |file| file.permissions().mode());
    if mode & 0o077 != 0 {
        say_error(&format!(
            "warning: {} can be read by other users of this machine (mode {:o}); `chmod 600` it",
            key.display(),
            mode & 0o777
        ));
    }
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
    let text = text().map_err(|error| {
        let fix = match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                "; `thalweg certs` makes such files, a folder for each role"
            }
            ErrorKind::InvalidData => "; expected text (PEM, or a token), found other bytes",
            _ => "",
        };
        anyhow!("cannot read {}: {error}{fix}", path.display())
    })?;
    Ok(Zeroizing::new(text))
}
