//! Keeping the memory of received frames in the process.
//!
//! Every received frame lies in memory of its own until it is applied. glibc gives such memory back
//! to the system when it is freed and takes it again, page by page, for the next frame: on loopback
//! that is a third of the time of a transfer (`docs/decisions`).

use std::hint::black_box;

/// Below glibc's greatest threshold of 32 MiB, with room for its own words.
const BLOCK_BYTES: usize = (32 << 20) - (64 << 10);

/// Makes glibc keep up to 64 MiB of freed memory per arena; other allocators are not affected. To
/// be called once, when the process starts.
///
/// glibc raises its thresholds by itself when a block that came straight from the system is freed:
/// blocks of that size are from then on kept, and twice that size before memory is given back. So
/// freeing one large block says it without unsafe calls and without environment variables. See
/// `M_MMAP_THRESHOLD` in mallopt(3).
pub fn keep_freed_memory() {
    drop(black_box(Vec::<u8>::with_capacity(BLOCK_BYTES)));
}
