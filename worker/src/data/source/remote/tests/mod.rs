//! Objects of servers on loopback: whole, in ranges, broken off, refused.

mod server;

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};

use self::server::{Answer, serve};
use super::{
    ahead::{RANGE_BYTES, open_with},
    store::{about_with, list_with},
};
use crate::data::{load, source::Source};

/// Three ranges, the last of them short.
fn long() -> Vec<u8> {
    let bytes = usize::try_from(2 * RANGE_BYTES + 12_345).unwrap();
    (0..bytes)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect()
}

fn web(address: &str, path: &str) -> PathBuf {
    format!("http://{address}/{path}").into()
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    Source::open(path)
        .and_then(|source| source.read_all(u64::MAX))
        .map_err(|error| error.to_string())
}

#[test]
fn object_store_reads_a_file_of_a_web_server_in_ranges() {
    let (address, requests) = serve(|request, _| request.file(&long(), "one"));
    assert!(read(&web(&address, "a.bin")).unwrap() == long());
    let requests = requests.lock().unwrap();
    let ranges: Vec<&str> = requests
        .iter()
        .map(|r| r.headers["range"].as_str())
        .collect();
    assert_eq!(ranges.len(), 3, "{ranges:?}");
    assert!(ranges.contains(&"bytes=0-4194303"), "{ranges:?}");
}

#[test]
fn object_store_goes_on_where_a_connection_broke() {
    for etag in ["one", ""] {
        let (address, requests) = serve(move |request, number| {
            let mut answer = request.file(&long(), etag);
            if etag.is_empty() {
                answer.headers.retain(|(name, _)| *name != "ETag");
            }
            answer.break_after = (number % 2 == 1).then_some(1_000_000.min(answer.body.len() / 2));
            answer
        });
        assert!(read(&web(&address, "a.bin")).unwrap() == long());
        assert!(3 < requests.lock().unwrap().len());
    }
}

#[test]
fn object_store_gives_up_on_a_connection_that_always_breaks() {
    let (address, requests) = serve(|request, _| {
        let mut answer = request.file(&long(), "one");
        answer.headers.retain(|(name, _)| *name != "ETag");
        answer.break_after = Some(10);
        answer
    });
    let error = read(&web(&address, "a.bin")).unwrap_err();
    assert!(
        error.contains("/a.bin: expected an object that can be read, found"),
        "{error}"
    );
    assert!(
        error.contains("look after the network") && !error.contains('\n'),
        "{error}"
    );
    let tries = requests.lock().unwrap().len();
    assert!((4..=12).contains(&tries), "{tries} requests");
}

#[test]
fn object_store_reads_from_a_server_that_knows_no_ranges() {
    let (address, _) = serve(|_, _| Answer::of(200, "1 1:1\n-1 2:1\n"));
    assert_eq!(read(&web(&address, "a.svm")).unwrap(), b"1 1:1\n-1 2:1\n");
    let (address, _) = serve(|_, _| Answer {
        break_after: Some(3),
        ..Answer::of(200, "1 1:1\n-1 2:1\n")
    });
    let error = read(&web(&address, "a.svm")).unwrap_err();
    assert!(
        error.contains("expected an object that can be read"),
        "{error}"
    );
}

#[test]
fn object_store_tells_a_refusal_with_its_status_and_without_secrets() {
    for (status, body, words) in [
        (404, "", "found status 404; mend the address"),
        (
            403,
            "<Error><Code>AccessDenied</Code></Error>",
            "found status 403 (AccessDenied); use an address",
        ),
        (401, "", "found status 401; use an address"),
        (
            503,
            "busy\nvery",
            "found status 503; try again when the server is well",
        ),
    ] {
        let (address, _) = serve(move |_, _| Answer::of(status, body));
        let path = format!("http://me:secret@{address}/d/a.csv?Signature=secret");
        let error = read(Path::new(&path)).unwrap_err();
        assert!(
            error.starts_with(&format!("http://{address}/d/a.csv: expected")),
            "{error}"
        );
        assert!(error.contains(words), "{error}");
        assert!(
            !error.contains("secret") && !error.contains('\n'),
            "{error}"
        );
    }
    let error = read(Path::new("http://127.0.0.1:9/a?secret")).unwrap_err();
    assert!(error.contains("Connection refused"), "{error}");
    assert!(
        !error.contains("secret") && !error.contains('\n'),
        "{error}"
    );
}

#[test]
fn object_store_keeps_the_query_of_an_address_and_sees_a_change() {
    let (address, requests) =
        serve(|request, number| request.file(&long(), if number == 1 { "one" } else { "two" }));
    let error = read(&web(&address, "a%20b?x=1&y=2")).unwrap_err();
    assert!(error.contains("it was changed; start again"), "{error}");
    assert_eq!(requests.lock().unwrap()[0].path, "/a%20b?x=1&y=2");
}

#[test]
fn object_store_unpacks_and_caches_what_a_job_names() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    let rows: String = (0..500).map(|row| format!("{row},{}\n", row % 2)).collect();
    packed.write_all(format!("x,y\n{rows}").as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let (address, requests) = serve(move |request, _| request.file(&packed, "one"));
    let folder = tempfile::tempdir().unwrap();
    let keys = |more: &str| {
        format!("train = 'http://{address}/a.csv.gz'\n{more}")
            .parse()
            .unwrap()
    };
    let plain = load("csv", &keys(""), folder.path()).unwrap();
    assert_eq!(plain.train.rows(), 500);
    let error = load("csv", &keys("cache = true"), folder.path()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("expected `cache` to name a file of this machine")
    );
    let count = || {
        let cached = load("csv", &keys("cache = 'c'"), folder.path()).unwrap();
        assert_eq!(cached.train.content_hash(), plain.train.content_hash());
        let requests = requests.lock().unwrap();
        requests
            .iter()
            .filter(|request| request.method == "GET")
            .count()
    };
    let first = count();
    assert_eq!(
        count(),
        first,
        "an object that is as it was is not read again"
    );
}

/// Variables of an S3 of one's own.
fn variables(address: &str) -> Vec<(String, String)> {
    let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let endpoint = format!("http://{address}");
    [
        ("AWS_ENDPOINT", endpoint.as_str()),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "here"),
        ("HOME", "/"),
    ]
    .map(pair)
    .to_vec()
}

#[test]
fn object_store_lists_and_reads_a_bucket_of_s3() {
    let (address, requests) = serve(|request, _| match request.path.split_once("list-type=2") {
        Some(_) => {
            let object = |name: &str| {
                format!(
                    "<Contents><Key>d/{name}</Key><LastModified>2015-10-21T07:28:00.000Z</LastModified>\
                     <ETag>\"e\"</ETag><Size>3</Size><StorageClass>STANDARD</StorageClass></Contents>"
                )
            };
            let names = ["part-2.csv", "other.csv", "part-1.csv", "part-x/3.csv"];
            let objects: String = names.map(object).concat();
            Answer::of(
                200,
                &format!(
                    "<?xml version=\"1.0\"?><ListBucketResult><Name>b</Name><Prefix>d/</Prefix><KeyCount>4</KeyCount>\
                     <MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{objects}</ListBucketResult>"
                ),
            )
        }
        None => request.file(&long(), "one"),
    });
    let variables = variables(&address);
    let paths = list_with(Path::new("s3://b/d/part-*.csv"), &variables).unwrap();
    assert_eq!(
        paths,
        ["s3://b/d/part-1.csv", "s3://b/d/part-2.csv"].map(PathBuf::from)
    );
    let error = list_with(Path::new("s3://b/d/none-*"), &variables).unwrap_err();
    assert!(
        error.to_string().contains("no object matches it"),
        "{error}"
    );
    let mut bytes = Vec::new();
    let mut object = open_with(&paths[0], &variables).unwrap();
    object.read_to_end(&mut bytes).unwrap();
    assert!(bytes == long());
    let about = about_with(&paths[0], &variables).unwrap();
    assert_eq!(
        (about.bytes, about.etag),
        (long().len() as u64, Some("\"one\"".into()))
    );
    let requests = requests.lock().unwrap();
    let last = requests.last().unwrap();
    assert_eq!(
        (last.method.as_str(), last.path.as_str()),
        ("HEAD", "/b/d/part-1.csv")
    );
    assert!(
        last.headers["authorization"].contains("Credential=key/"),
        "{last:?}"
    );
}
