//! Tokens: secrets that stand for a role.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use zeroize::Zeroizing;

use super::{Digest, digest};

/// Characters of a token, at least: 128 bits, were they hexadecimal digits.
const CHARACTERS_MIN: usize = 32;

/// Characters of a token, at most.
const CHARACTERS_MAX: usize = 256;

/// A secret that a caller shows. It is never printed: `Debug` shows stars, and there is no `Display`.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

/// Why a text is no token. The text itself is not repeated.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "expected a token of {CHARACTERS_MIN} to {CHARACTERS_MAX} letters, digits, `-`, `_`, `.` or `~`, found \
     {found}; `thalweg certs` makes some"
)]
pub struct TokenError {
    found: String,
}

impl Token {
    /// The secret itself, for the one place that sends it and the one that writes it down.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// What a server keeps of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest(self.0.as_bytes())
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
        let found = if text.chars().any(|c| !is_plain(c)) {
            "other characters".to_owned()
        } else if (CHARACTERS_MIN..=CHARACTERS_MAX).contains(&text.len()) {
            return Ok(Self(Zeroizing::new(text.to_owned())));
        } else {
            format!("{} characters", text.len())
        };
        Err(TokenError { found })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_shown() {
        let secret = "c".repeat(CHARACTERS_MIN);
        let token: Token = format!("  {secret}\n").parse().unwrap();
        assert_eq!(token.secret(), secret);
        assert!(!format!("{token:?}").contains('c'));
        for text in [
            "short-and-secret",
            "a secret with blanks in it, which is long enough",
        ] {
            let error = text.parse::<Token>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
    }
}
