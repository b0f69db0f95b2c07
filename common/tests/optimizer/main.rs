//! What every optimizer of the registry is held to: the numbers of independent references, the laws
//! of the stores, and descent on two known surfaces. A new line of the registry is tested by being
//! there.
//!
//! One law of the house waits for what it is about: that shared memory on one thread gives the bits of
//! exclusive memory comes with the lock-free method.

mod support;
mod settings;
mod store;
mod laws;
mod baseline;
mod tensor_laws;
mod retune;
mod regularizers;
mod projections;
mod identities;
mod at_read;
mod descent;
