//! `thalweg certs`: an authority of one's own, with certificates and tokens for every role.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use ring::rand::{SecureRandom as _, SystemRandom};
use thalweg_common::name::Name;
use thalweg_proto::security::{Role, SERVER_NAME, authority_digest, hex};

use super::credentials::{AUTHORITY, CERTIFICATE, KEY, TOKEN, token_file};
use super::{Ending, say};
use crate::launch::unix_time;

/// The folder of the authority.
const AUTHORITY_FOLDER: &str = "ca";

/// What the authority is called. Whoever it signs names it so, whatever else it says of itself.
const AUTHORITY_NAME: &str = "thalweg authority";

/// The folder of servers.
const SERVER: &str = "server";

/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;

/// Hours by which a clock of another machine may be behind.
const CLOCK_SLACK: Duration = Duration::from_secs(3_600);

/// Days for which the authority holds: ten years.
const AUTHORITY_DAYS: u32 = 3_650;

/// Arguments of `thalweg certs`.
#[derive(Debug, Args)]
#[command(
    after_help = "FOLDER/server is for servers; FOLDER/worker, FOLDER/observer and FOLDER/admin are for `thalweg \
                  worker`, `thalweg status` and `thalweg train --join`: each is given as --certs, and only it needs \
                  to be where it is used. Whoever has FOLDER/ca makes further certificates: keep it at home."
)]
pub(super) struct Arguments {
    /// Where to write them: a new folder, or with --worker one that is there.
    #[arg(default_value = "certs")]
    folder: PathBuf,

    /// Make a certificate for one worker alone, in FOLDER/worker-NAME: no other can use its sessions. May be given
    /// several times, and later, while FOLDER/ca is there.
    #[arg(long, value_name = "NAME")]
    worker: Vec<Name>,

    /// Leave certificates that are there as they are, instead of saying so as an error.
    #[arg(long)]
    keep: bool,

    /// For how many days certificates hold.
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
}

/// The authority, as it signs.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    digest: String,
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    let folder = &arguments.folder;
    let home = folder.join(AUTHORITY_FOLDER);
    let is_there = home.join(KEY).try_exists()?;
    if is_there && arguments.worker.is_empty() && !arguments.keep {
        bail!(
            "{} has an authority already, and a new one would make its certificates worthless; name another \
             folder, or give --worker NAME for a further certificate",
            folder.display()
        );
    }
    let authority = match is_there {
        true => Authority::read(&home)?,
        false => {
            make_folder(folder)?;
            let authority = Authority::found(&home, arguments.days.max(AUTHORITY_DAYS))?;
            write_roles(folder, &authority, arguments.days)?;
            authority
        }
    };
    for name in &arguments.worker {
        let own = folder.join(format!("{}-{name}", Role::Worker));
        let names = [Role::Worker.certificate_name()];
        authority.sign(&own, (&names, name.as_str()), arguments.days)?;
    }
    say(&format!(
        "certificates in {}, which hold for {} days\nthe authority's digest, for --ca-sha256: {}",
        folder.display(),
        arguments.days,
        authority.digest
    ));
    Ok(Ending::Done)
}

/// Makes a new authority in a folder that is not there yet, with what every role needs.
///
/// # Errors
/// If something cannot be written.
pub(super) fn make_certificates(folder: &Path) -> Result<()> {
    make_folder(folder)?;
    let authority = Authority::found(&folder.join(AUTHORITY_FOLDER), AUTHORITY_DAYS)?;
    write_roles(folder, &authority, 1)
}

/// A folder for servers and one for every role, with a certificate and a token each.
fn write_roles(folder: &Path, authority: &Authority, days: u32) -> Result<()> {
    let server = folder.join(SERVER);
    authority.sign(&server, (&[SERVER_NAME, "localhost"], SERVER), days)?;
    for role in Role::ALL {
        let own = folder.join(role.name());
        authority.sign(&own, (&[role.certificate_name()], role.name()), days)?;
        let mut bytes = [0; TOKEN_BYTES];
        let filled = SystemRandom::new().fill(&mut bytes);
        if filled.is_err() {
            bail!("the system gives no random numbers");
        }
        let token = format!("{}\n", hex(&bytes));
        write(&own.join(TOKEN), &token)?;
        write(&server.join(token_file(role)), &token)?;
    }
    Ok(())
}

impl Authority {
    /// A new one, written to its folder.
    fn found(home: &Path, days: u32) -> Result<Self> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut parameters = parameters(&[], AUTHORITY_NAME, days)?;
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key_pem = key.serialize_pem();
        let signed = CertifiedIssuer::self_signed(parameters, key)?;
        make_folder(home)?;
        write(&home.join(AUTHORITY), &signed.pem())?;
        write(&home.join(KEY), &key_pem)?;
        Self::read(home)
    }

    fn read(home: &Path) -> Result<Self> {
        let text = |name: &str| {
            let path = home.join(name);
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let (pem, key) = (text(AUTHORITY)?, text(KEY)?);
        // What the parser says may quote the key.
        let key = KeyPair::from_pem(&key).map_err(|_| {
            anyhow::anyhow!("{}: expected a private key in it", home.join(KEY).display())
        })?;
        let authority =
            authority_digest(&pem).with_context(|| home.join(AUTHORITY).display().to_string())?;
        Ok(Self {
            issuer: Issuer::new(parameters(&[], AUTHORITY_NAME, 1)?, key),
            pem,
            digest: hex(&authority),
        })
    }

    /// A certificate with these names, with its key and the authority, in a folder of its own.
    fn sign(&self, own: &Path, (names, common): (&[&str], &str), days: u32) -> Result<()> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut parameters = parameters(names, common, days)?;
        let is_server = names.contains(&SERVER_NAME);
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![match is_server {
            true => ExtendedKeyUsagePurpose::ServerAuth,
            false => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        parameters.use_authority_key_identifier_extension = true;
        let signed = parameters.signed_by(&key, &self.issuer)?;
        make_folder(own)?;
        write(&own.join(AUTHORITY), &self.pem)?;
        write(&own.join(CERTIFICATE), &signed.pem())?;
        write(&own.join(KEY), &key.serialize_pem())
    }
}

fn parameters(names: &[&str], common: &str, days: u32) -> Result<CertificateParams> {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut parameters = CertificateParams::new(names)?;
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters
        .distinguished_name
        .push(DnType::CommonName, common);
    let now = rcgen::date_time_ymd(1970, 1, 1) + unix_time();
    parameters.not_before = now - CLOCK_SLACK;
    parameters.not_after = now + Duration::from_secs(u64::from(days) * 86_400);
    Ok(parameters)
}

/// A folder that only its owner opens.
fn make_folder(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot make {}", path.display()))
}

/// A new file that only its owner reads. None is ever written over.
fn write(path: &Path, text: &str) -> Result<()> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}
