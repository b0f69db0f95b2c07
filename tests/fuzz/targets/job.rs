//! Job files, tokens, digests, names, certificates: text that somebody wrote or brought.

#![no_main]

use libfuzzer_sys::fuzz_target;
use thalweg_common::config::Draft;
use thalweg_common::name::Name;
use thalweg_proto::security::{Pin, Token, authority_digest};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    drop(Draft::parse("fuzz", &text));
    drop(text.parse::<Name>());
    drop(text.parse::<Pin>());
    drop(authority_digest(&text));
    if let Ok(token) = text.parse::<Token>() {
        assert!(!format!("{token:?}").contains(token.secret()));
    }
});
