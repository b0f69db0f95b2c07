//! The wire, and nothing else
