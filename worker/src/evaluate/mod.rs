//! Evaluation.
pub mod auc;
pub use self::auc::auc;
