//! What becomes of NaN and infinity in a gradient: one word in code, docs and job file.

use serde::{Deserialize, Serialize};

/// The policy for gradient values that are NaN or infinite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NonFinite {
    /// The whole part is refused and counted; nothing of it is applied.
    #[default]
    Reject,
    /// Such a value counts as 0.
    Zero,
    /// Values go through as they are; a parameter that meets one is lost for good.
    Propagate,
}
