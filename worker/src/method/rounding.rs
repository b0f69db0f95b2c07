//! What the servers will read of a vector that is pushed in fewer bytes than it has.
//!
//! A worker with parameters of its own must know it, or worker and servers drift apart. It is rounded
//! here and written by [`crate::push`] afterwards; a rounded vector is written without a further error,
//! so that what the method counts with is what arrives, bit for bit.

use std::ops::Range;
use std::sync::Arc;

use thalweg_common::push_format::PushFormat;
use thalweg_common::shard_map::ShardMap;

/// How pushed values are rounded.
#[derive(Clone, Debug)]
pub struct Rounding {
    format: PushFormat,
    /// The elements of each shard: every part is written by itself.
    parts: Arc<[Range<usize>]>,
}

impl Rounding {
    /// Of pushes in this format that are cut by this map.
    ///
    /// # Panics
    /// If the map has more elements than memory.
    #[must_use]
    pub fn new(format: PushFormat, map: &ShardMap) -> Self {
        let index = |element| usize::try_from(element).expect("the parameters are in memory");
        let parts = map.shards().iter().map(|span| &span.elements);
        let parts = parts
            .map(|elements| index(elements.start)..index(elements.end))
            .collect();
        Self { format, parts }
    }

    /// Of pushes that are not rounded.
    #[must_use]
    pub fn none() -> Self {
        Self {
            format: PushFormat::F32,
            parts: Arc::new([]),
        }
    }

    /// Replaces a value of every element by what the servers will read.
    ///
    /// # Panics
    /// If there are fewer values than elements.
    pub fn round(&self, values: &mut [f32]) {
        for part in &*self.parts {
            self.format.round(&mut values[part.clone()]);
        }
    }
}

/// What rounding took from a worker's pushes so far: the literature's error feedback.
///
/// ```text
/// v ← v + e;  push ṽ = round(v);  e ← v − ṽ
/// ```
///
/// What rounding takes from one push goes with the next, so that over all pushes nothing is lost but the
/// last e, and a way that is too small beside the rest of its block is not rounded to nothing every time.
/// int8 needs it; bf16, which rounds each value by its own size, does not, and keeps nothing here.
///
/// A vector that is not finite leaves no e behind: the servers judge it.
///
/// Source: Seide, Fu, Droppo, Li, Yu, *1-bit stochastic gradient descent*, Interspeech 2014; Karimireddy,
/// Rebjock, Stich, Jaggi, *Error feedback fixes `SignSGD` and other gradient compression schemes*, ICML 2019,
/// algorithm 2.
#[derive(Debug)]
pub struct Remainder {
    rounding: Rounding,
    /// e; empty before the first push, and where none is kept.
    rest: Vec<f32>,
}

impl Remainder {
    /// Before the first push.
    #[must_use]
    pub fn new(rounding: Rounding) -> Self {
        Self {
            rounding,
            rest: Vec::new(),
        }
    }

    /// Replaces what is meant by what is pushed in its place.
    ///
    /// # Panics
    /// If there are fewer values than elements, or not as many as at the last push.
    pub fn apply(&mut self, values: &mut [f32]) {
        match self.rounding.format {
            PushFormat::F32 => {}
            PushFormat::Bf16 => self.rounding.round(values),
            PushFormat::Int8 => self.round_and_keep(values),
        }
    }

    fn round_and_keep(&mut self, values: &mut [f32]) {
        if self.rest.is_empty() {
            self.rest.resize(values.len(), 0.0);
        }
        assert_eq!(
            self.rest.len(),
            values.len(),
            "every push is of the same model"
        );
        for (value, rest) in values.iter_mut().zip(&mut self.rest) {
            *value += *rest;
            *rest = *value;
        }
        self.rounding.round(values);
        for (rest, pushed) in self.rest.iter_mut().zip(values) {
            let left = *rest - *pushed;
            *rest = if left.is_finite() { left } else { 0.0 };
        }
    }
}
