//! The types and the service that the build script generates from `schema/thalweg/v1`.
//!
//! Nothing outside this crate builds or reads them field by field: [`crate::convert`] turns them
//! into the domain's types and back.

#![expect(
    missing_docs,
    unused_qualifications,
    clippy::missing_errors_doc,
    clippy::too_many_lines,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::doc_markdown,
    reason = "generated; the comments are in the schema"
)]

tonic::include_proto!("thalweg.v1");
