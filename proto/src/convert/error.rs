//! What is wrong with a message: the field, what it should be, what it is.

use thalweg_common::error::{Refusal, RefusalKind};
use thiserror::Error;

/// A field of a message that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field}: expected {expected}, found {found}")]
pub struct ConvertError {
    /// The kind under which the peer is refused.
    pub kind: RefusalKind,
    /// The field, from the message down: `push.parts[3].payload_bytes`.
    pub field: String,
    /// What the schema asks for.
    pub expected: String,
    /// What came.
    pub found: String,
}

impl ConvertError {
    /// A value that can never be right.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "numbers and texts alike, as they come"
    )]
    pub fn invalid(
        field: impl Into<String>,
        expected: impl Into<String>,
        found: impl ToString,
    ) -> Self {
        Self {
            kind: RefusalKind::Invalid,
            field: field.into(),
            expected: expected.into(),
            found: found.to_string(),
        }
    }

    /// The same under another kind.
    #[must_use]
    pub fn of_kind(mut self, kind: RefusalKind) -> Self {
        self.kind = kind;
        self
    }

    /// The same, seen from the message that contains `outer`.
    #[must_use]
    pub fn within(mut self, outer: &str) -> Self {
        self.field = format!("{outer}.{}", self.field);
        self
    }

    /// The same, seen from the message whose list `list` holds it at `index`.
    #[must_use]
    pub fn at(mut self, list: &str, index: usize) -> Self {
        self.field = format!("{list}[{index}].{}", self.field);
        self
    }
}

impl From<ConvertError> for Refusal {
    fn from(error: ConvertError) -> Self {
        Self::new(error.kind, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_walks_from_the_message_to_the_field() {
        let error = ConvertError::invalid("kind", "a named kind", 0)
            .at("parts", 3)
            .within("push");
        assert_eq!(
            error.to_string(),
            "push.parts[3].kind: expected a named kind, found 0"
        );
        assert_eq!(Refusal::from(error).kind, RefusalKind::Invalid);
    }
}
