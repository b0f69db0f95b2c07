//! The machines of the methods, without loop and servers.

mod gradients;
mod local;
mod entries;
