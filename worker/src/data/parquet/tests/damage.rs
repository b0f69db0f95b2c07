//! A damaged file is refused or, where the damage lies in a value, read: it never panics.

use std::fs;

use super::{Data, keys, write};
use crate::data::load;

#[test]
fn a_file_that_breaks_off_is_refused_wherever_it_does() {
    let (folder, bytes) = small();
    let path = folder.path().join("a.parquet");
    for length in 0..bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        let error = load("parquet", &keys("train = 'a.parquet'"), folder.path());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("a.parquet: expected a"), "{length}: {error}");
        assert!(!error.contains('\n'), "{length}: {error}");
    }
}

#[test]
fn bytes_that_were_changed_never_panic() {
    let (folder, bytes) = small();
    let path = folder.path().join("a.parquet");
    let mut refused = 0;
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            fs::write(&path, &damaged).unwrap();
            if let Err(error) = load("parquet", &keys("train = 'a.parquet'"), folder.path()) {
                let error = error.to_string();
                assert!(!error.contains('\n'), "byte {at}: {error}");
                refused += 1;
            }
        }
    }
    assert!(bytes.len() < refused, "{refused} of {}", 3 * bytes.len());
}

fn small() -> (tempfile::TempDir, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let texts = |words: [&'static str; 6]| Data::Texts(words.map(Some).to_vec());
    let columns = [
        (
            "optional int32 n",
            Data::Ints((0..6).map(|n| (n != 2).then_some(n)).collect()),
        ),
        (
            "required boolean b",
            Data::Booleans(vec![true, false, true, true, false, true]),
        ),
        (
            "required double x",
            Data::Doubles(vec![0.5, 1.0, 2.0, 4.0, 8.0, 16.0]),
        ),
        (
            "optional binary label (STRING)",
            texts(["a", "b", "a", "a", "b", "b"]),
        ),
    ];
    write(&path, &columns, 4);
    let bytes = fs::read(&path).unwrap();
    (folder, bytes)
}
