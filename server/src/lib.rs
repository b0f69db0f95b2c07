//! The stations of a push: ingress, admission, shard
