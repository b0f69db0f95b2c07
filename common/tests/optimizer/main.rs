//! What every optimizer of the registry is held to: the numbers of independent references, the laws
//! of the stores, and descent on two known surfaces. A new line of the registry is tested by being
//! there.
//!
//! One law of the house is held elsewhere: that shared memory on one thread gives the bits of exclusive
//! memory is tested where that memory is, in the worker's `hogwild` folder.

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
