//! What went through a proxy.

use std::ops::Add;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::{Deserialize, Serialize};
use thalweg_common::physics::Way;

/// What went through one direction.
#[derive(Debug, Default)]
pub(super) struct LaneCounts {
    delivered: AtomicU64,
    delayed: AtomicU64,
    lost: AtomicU64,
    under_way: AtomicU64,
    under_way_max: AtomicU64,
}

impl LaneCounts {
    pub(super) fn sets_out(&self, bytes: u64) {
        let under_way = self.under_way.fetch_add(bytes, Relaxed) + bytes;
        self.under_way_max.fetch_max(under_way, Relaxed);
    }

    /// Whether it was delivered or not.
    pub(super) fn is_over(&self, bytes: u64) {
        self.under_way.fetch_sub(bytes, Relaxed);
    }

    pub(super) fn delivered(&self, bytes: u64) {
        self.delivered.fetch_add(bytes, Relaxed);
    }

    /// They are to arrive later than they were sent.
    pub(super) fn delayed(&self, bytes: u64) {
        self.delayed.fetch_add(bytes, Relaxed);
    }

    pub(super) fn lost(&self, bytes: u64) {
        self.lost.fetch_add(bytes, Relaxed);
    }
}

/// Counters of one proxy.
#[derive(Debug, Default)]
pub(super) struct Counts {
    there: LaneCounts,
    back: LaneCounts,
    pub(super) connections: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) unreachable: AtomicU64,
    pub(super) resets: AtomicU64,
    pub(super) broken: AtomicU64,
    pub(super) held: AtomicU64,
}

impl Counts {
    pub(super) fn of(&self, way: Way) -> &LaneCounts {
        match way {
            Way::There => &self.there,
            Way::Back => &self.back,
        }
    }

    /// What they show now, with messages that the links lost and sent again.
    pub(super) fn read(&self, retransmissions: u64) -> Carried {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        let peak = |lane: &LaneCounts| read(&lane.under_way_max);
        Carried {
            connections: read(&self.connections),
            bytes_there: read(&self.there.delivered),
            bytes_back: read(&self.back.delivered),
            bytes_delayed: read(&self.there.delayed) + read(&self.back.delayed),
            bytes_lost: read(&self.there.lost) + read(&self.back.lost),
            under_way_max_bytes: peak(&self.there).max(peak(&self.back)),
            retransmissions,
            held: read(&self.held),
            resets: read(&self.resets),
            refused: read(&self.refused),
            unreachable: read(&self.unreachable),
            broken: read(&self.broken),
        }
    }
}

/// What went through a proxy, and what happened to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// Connections that were accepted and passed on.
    pub connections: u64,
    /// Bytes delivered to whom it connects with.
    pub bytes_there: u64,
    /// Bytes delivered to who connected.
    pub bytes_back: u64,
    /// Bytes, both ways together, that the link made late.
    pub bytes_delayed: u64,
    /// Bytes that were lost on half-open connections.
    pub bytes_lost: u64,
    /// The most bytes that were under way in one direction, all connections together.
    pub under_way_max_bytes: u64,
    /// Messages that were lost and sent again, which made them late.
    pub retransmissions: u64,
    /// Deliveries that an outage held back.
    pub held: u64,
    /// Connections that were reset as was asked for.
    pub resets: u64,
    /// Connections that were refused as was asked for.
    pub refused: u64,
    /// Connections whose other end could not be reached.
    pub unreachable: u64,
    /// Connections that broke at one of their ends.
    pub broken: u64,
}

impl Add for Carried {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self {
            connections: self.connections + more.connections,
            bytes_there: self.bytes_there + more.bytes_there,
            bytes_back: self.bytes_back + more.bytes_back,
            bytes_delayed: self.bytes_delayed + more.bytes_delayed,
            bytes_lost: self.bytes_lost + more.bytes_lost,
            under_way_max_bytes: self.under_way_max_bytes.max(more.under_way_max_bytes),
            retransmissions: self.retransmissions + more.retransmissions,
            held: self.held + more.held,
            resets: self.resets + more.resets,
            refused: self.refused + more.refused,
            unreachable: self.unreachable + more.unreachable,
            broken: self.broken + more.broken,
        }
    }
}
