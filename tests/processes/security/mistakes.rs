//! Certificates that are no use where they are given: expired, of the other end, of another authority, not all there.

use std::fs;
use std::path::Path;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair,
};
use thalweg_proto::security::{Pin, authority_digest};

use super::{certs, read, server};
use crate::support::{Bench, output_of, start, stderr, stdout};

/// Signs a certificate that ended in 2020 with the authority in `certs/ca`, in a folder of the bench.
fn expired(bench: &Bench, folder: &str, name: &str, usage: ExtendedKeyUsagePurpose) {
    let home = bench.path("certs/ca");
    let mut issuer = CertificateParams::new(vec![]).unwrap();
    issuer.distinguished_name = DistinguishedName::new();
    issuer
        .distinguished_name
        .push(DnType::CommonName, "thalweg authority");
    let key = KeyPair::from_pem(&read(home.join("key.pem"))).unwrap();
    let issuer = Issuer::new(issuer, key);
    let mut own = CertificateParams::new(vec![name.to_owned()]).unwrap();
    own.not_before = rcgen::date_time_ymd(2020, 1, 1);
    own.not_after = rcgen::date_time_ymd(2020, 1, 3);
    own.extended_key_usages = vec![usage];
    let key = KeyPair::generate().unwrap();
    let signed = own.signed_by(&key, &issuer).unwrap();
    let folder = bench.path(folder);
    fs::create_dir(&folder).unwrap();
    fs::copy(home.join("ca.pem"), folder.join("ca.pem")).unwrap();
    fs::write(folder.join("cert.pem"), signed.pem()).unwrap();
    fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
}

/// Runs a command that must fail, and whose error must have all of these words.
fn fails(bench: &Bench, arguments: &[&str], words: &[&str]) -> String {
    let output = output_of(start(&mut bench.command(arguments)));
    assert!(!output.status.success(), "{arguments:?}");
    let text = stderr(&output);
    for word in words {
        assert!(text.contains(word), "{arguments:?}: no `{word}` in: {text}");
    }
    text
}

#[test]
fn certificates_that_are_no_use_are_refused_by_the_one_who_has_them() {
    let bench = Bench::new();
    certs(&bench, &[]);
    expired(
        &bench,
        "old",
        "worker.thalweg",
        ExtendedKeyUsagePurpose::ClientAuth,
    );
    expired(
        &bench,
        "old-server",
        "server.thalweg",
        ExtendedKeyUsagePurpose::ServerAuth,
    );
    // Nobody is there: what is shown is judged first.
    let worker = ["worker", "--join", "127.0.0.1:1", "--certs"];
    let status = ["status", "127.0.0.1:1", "--certs"];
    let serve = ["server", "--listen", "127.0.0.1:0", "--certs"];
    let date = "expired on 3 January 2020, 00:00 UTC";
    let no_caller = "the certificate is not for callers";
    for (command, folder, words) in [
        (&worker[..], "old", [date, "thalweg certs NEW-FOLDER"]),
        (&status, "old", [date, "thalweg certs NEW-FOLDER"]),
        (&worker, "certs/server", [no_caller, "the folder `worker`"]),
        (&serve, "old-server", [date, "thalweg certs NEW-FOLDER"]),
        (
            &serve,
            "certs/worker",
            ["the certificate is not for servers", "the folder `server`"],
        ),
        (
            &serve,
            "nowhere",
            ["nowhere/ca.pem", "`thalweg certs` makes"],
        ),
    ] {
        let arguments = [command, &[folder]].concat();
        fails(&bench, &arguments, &[&words[..], &[folder]].concat());
    }
    let alone = ["train", "steady", "--certs", "certs/admin"];
    fails(&bench, &alone, &["--certs", "--join"]);
}

#[test]
fn what_a_server_does_not_take_is_told_with_where_it_came_from() {
    let bench = Bench::new();
    certs(&bench, &[]);
    assert!(bench.run(&["certs", "other"]).status.success());
    let (mut child, address) = server(&bench, "127.0.0.1:0", &["--certs", "certs/server"]);
    // It trusts the server, and the server does not trust it.
    let both = read(bench.path("certs/ca/ca.pem")) + &read(bench.path("other/ca/ca.pem"));
    fs::write(bench.path("other/worker/ca.pem"), &both).unwrap();
    fs::write(bench.path("other/admin/ca.pem"), &both).unwrap();
    let worker = ["worker", "--join", &address];
    let ask = ["checkpoint", "--join", &address];
    for (command, folder) in [(&worker, "other/worker"), (&ask, "other/admin")] {
        let arguments = [&command[..], &["--certs", folder]].concat();
        let shown = format!("nothing of what was shown, --certs {folder}");
        let text = fails(&bench, &arguments, &[&shown, "another authority"]);
        assert!(!text.contains("give --certs FOLDER"), "{text}");
    }
    let authority = read(bench.path("certs/ca/ca.pem"));
    let digest = Pin(authority_digest(&authority).unwrap()).to_string();
    let token = read(bench.path("other/worker/token"));
    for command in [&worker, &ask] {
        let shown = ["--token", token.trim(), "--ca-sha256", &digest];
        let arguments = [&command[..], &shown].concat();
        let words = "the token shown (--token) is none of this server's";
        let text = fails(&bench, &arguments, &[words]);
        assert!(!text.contains(token.trim()), "{text}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_folder_of_certificates_is_made_whole_or_said_to_be_incomplete() {
    let bench = Bench::new();
    certs(&bench, &["--days", "20"]);
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let made = ["admin", "ca", "observer", "server", "worker"];
    assert_eq!(names(&bench.path("certs")), made);
    let before = read(bench.path("certs/server/cert.pem"));
    let kept = bench.run(&["certs", "--keep"]);
    assert!(kept.status.success(), "{}", stderr(&kept));
    let told = stdout(&kept);
    assert!(
        told.contains("kept as they are, which hold until "),
        "{told}"
    );
    let warned = stderr(&kept);
    assert!(
        warned.contains("warning: certificates in certs expire on "),
        "{warned}"
    );
    assert_eq!(read(bench.path("certs/server/cert.pem")), before);

    let fix = "name another folder";
    for there in ["ca/ca.pem", "ca/key.pem", "worker/cert.pem"] {
        let folder = bench.path("part").join(there);
        fs::create_dir_all(folder.parent().unwrap()).unwrap();
        fs::copy(bench.path("certs").join(there), &folder).unwrap();
        for further in [&[][..], &["--keep"]] {
            let arguments = [&["certs", "part"], further].concat();
            fails(&bench, &arguments, &["part is incomplete, it lacks ", fix]);
        }
        assert_eq!(read(&folder), read(bench.path("certs").join(there)));
        fs::remove_dir_all(bench.path("part")).unwrap();
    }
    // The authority alone signs for further workers, once for each name.
    for role in ["server", "worker", "observer", "admin"] {
        fs::remove_dir_all(bench.path("certs").join(role)).unwrap();
    }
    certs(&bench, &["--worker", "a"]);
    assert_eq!(names(&bench.path("certs")), ["ca", "worker-a"]);
    fails(
        &bench,
        &["certs", "--worker", "a"],
        &["certs/worker-a", fix],
    );
    fails(&bench, &["certs", "--keep"], &["server/ca.pem and 11 more"]);
    fs::write(bench.path("file"), "").unwrap();
    fails(&bench, &["certs", "file/certs"], &["file/certs", fix]);
}
