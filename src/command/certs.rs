//! `thalweg certs`: an authority of one's own, with certificates and tokens for every role.

mod files;
mod standing;

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
use thalweg_proto::security::{Role, SERVER_NAME, authority_digest, date, hex};

use super::credentials::{AUTHORITY, CERTIFICATE, KEY, TOKEN, token_file};
use super::{Ending, say, say_error};
use crate::launch::unix_time;
use files::{Unfinished, make_folder, read, write};
use standing::{Standing, first_end, folders};

pub(super) use standing::warning;

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
    let (folder, days) = (&arguments.folder, arguments.days);
    let now = unix_time();
    let end = date(now + days_long(days));
    let is_only_for_workers = !arguments.worker.is_empty() && !arguments.keep;
    let authority = match Standing::of(folder)? {
        Standing::Nothing => {
            let authority = create(folder, days)?;
            say(&format!(
                "certificates in {}, which hold until {end}",
                folder.display()
            ));
            authority
        }
        Standing::Whole
        | Standing::Part {
            authority: true, ..
        } if is_only_for_workers => Authority::read(&folder.join(AUTHORITY_FOLDER))?,
        Standing::Whole if arguments.keep => {
            let first = first_end(folder, now)?;
            say(&format!(
                "certificates in {}, kept as they are, which hold until {}",
                folder.display(),
                date(first)
            ));
            if let Some(words) = warning(folder, first, now) {
                say_error(&words);
            }
            Authority::read(&folder.join(AUTHORITY_FOLDER))?
        }
        Standing::Whole => bail!(
            "{} has an authority already, and a new one would make its certificates worthless; name another \
             folder, or give --worker NAME for a further certificate",
            folder.display()
        ),
        Standing::Part { missing, .. } => bail!(
            "{} is incomplete, it lacks {}: files were moved away, or `thalweg certs` was interrupted there; bring \
             them back, or remove what is left of it, or name another folder",
            folder.display(),
            missing_words(&missing)
        ),
    };
    for name in &arguments.worker {
        let own = authority.sign_worker(folder, name, days)?;
        say(&format!(
            "a certificate for worker {name} in {}, which holds until {end}",
            own.display()
        ));
    }
    say(&format!(
        "the authority's digest, for --ca-sha256: {}",
        authority.digest
    ));
    Ok(Ending::Done)
}

/// The first of the missing files, and how many more there are.
fn missing_words(missing: &[PathBuf]) -> String {
    match missing {
        [] => "nothing".to_owned(),
        [one] => one.display().to_string(),
        [first, others @ ..] => format!("{} and {} more", first.display(), others.len()),
    }
}

/// Makes a new authority in a folder that is not there yet, with what every role needs.
///
/// # Errors
/// If something cannot be written.
pub(super) fn make_certificates(folder: &Path) -> Result<()> {
    // Longer than anybody warns of.
    create(folder, 60).map(drop)
}

/// A new authority with what every role needs, for so many days: all of it or, if that is interrupted, no authority.
fn create(folder: &Path, days: u32) -> Result<Authority> {
    let unfinished = Unfinished::begin(folder)?;
    let home = unfinished.path().join(AUTHORITY_FOLDER);
    let authority = Authority::found(&home, days.max(AUTHORITY_DAYS))?;
    write_roles(unfinished.path(), &authority, days)?;
    // The authority last: where it is, all else is.
    let names: Vec<_> = folders().chain([AUTHORITY_FOLDER]).collect();
    unfinished.finish(&names)?;
    Ok(authority)
}

fn days_long(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 86_400)
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
        let (pem, key) = (read(&home.join(AUTHORITY))?, read(&home.join(KEY))?);
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

    /// A certificate for one worker alone, in a folder of its own, which is told.
    fn sign_worker(&self, folder: &Path, worker: &Name, days: u32) -> Result<PathBuf> {
        let name = format!("{}-{worker}", Role::Worker);
        let unfinished = Unfinished::begin(folder)?;
        let names = [Role::Worker.certificate_name()];
        let own = unfinished.path().join(&name);
        self.sign(&own, (&names, worker.as_str()), days)?;
        unfinished.finish(&[&name])?;
        Ok(folder.join(name))
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
    parameters.not_after = now + days_long(days);
    Ok(parameters)
}
